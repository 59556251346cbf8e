/** A document as the panel takes it: cut and hashed once, added to as many windows as it belongs to. */
import { createEmbedding } from './embedding.ts'
import { createUnitFeatures } from './features.ts'
import { hashWhitespace, hashWords } from './hash-text.ts'
import { type Hashes, createHashes } from './hashes.ts'

/** Hashes of one document's tokens. */
export type Fingerprint = {
  readonly text: string
  /** By the `words` tokenizer. */
  readonly words: Hashes
  /** By the `whitespace` tokenizer. */
  readonly whitespace: Hashes
  /** Whether it is of the sample that is looked into at a glance. */
  readonly sampled: boolean
  /** Hashed features of the words, of length 1; undefined where there are none, and at a glance outside of the sample. */
  readonly features: Float64Array | undefined
  /** Sentence embedding, of length 1; undefined where no word is known, and at a glance outside of the sample. */
  readonly embedding: Float64Array | undefined
}

/** At a glance models look at one document in so many. */
export const sampledOf = 4

/**
 * Whether a document is of the sample that models look at when windows are measured at a glance: by a hash of all its words, the
 * same wherever it stands.
 * @param from where its words begin
 * @param to where they end
 */
export function isSampled({ lo, length }: Hashes, from = 0, to = length): boolean {
  let mixed = 0
  for (let at = from; at < to; at++) mixed = Math.imul(mixed ^ lo[at]!, 0x9e3779b1)
  return to > from && (mixed >>> 16) % sampledOf === 0
}

/**
 * Makes fingerprints. Buffers are reused: a fingerprint is valid until the next call.
 */
export function createFingerprinter(): (text: string, atAGlance?: boolean) => Fingerprint {
  const [words, whitespace] = [createHashes(), createHashes()]
  const features = createUnitFeatures()
  const embedding = createEmbedding()
  return (text, atAGlance = false) => {
    hashWords(text, words)
    hashWhitespace(text, whitespace)
    const sampled = isSampled(words)
    return {
      text,
      words,
      whitespace,
      sampled,
      ...(atAGlance && !sampled
        ? { features: undefined, embedding: undefined }
        : { features: features(words), embedding: embedding(words) })
    }
  }
}
