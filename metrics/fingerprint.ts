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
  /** Whether models look at it. */
  readonly looked: boolean
  /** Hashed features of the words, of length 1; undefined where there are none, or models do not look. */
  readonly features: Float64Array | undefined
  /** Sentence embedding, of length 1; undefined where no word is known, or models do not look. */
  readonly embedding: Float64Array | undefined
}

/** At a glance models look at one document in so many. */
export const sampledOf = 4

/**
 * Whether a record is of the sample that models look at when windows are measured at a glance: by where it is, not by what it
 * says, so that what is said twice is no more and no less likely to be in it.
 * @param place a whole number that is the record's own
 */
export function isSampled(place: number): boolean {
  return (Math.imul(place + 1, 0x9e3779b1) >>> 16) % sampledOf === 0
}

/**
 * Makes fingerprints: of a text, and whether models look at it, which is left out where windows are measured at a glance. Buffers
 * are reused: a fingerprint is valid until the next call.
 */
export function createFingerprinter(): (text: string, looked?: boolean) => Fingerprint {
  const [words, whitespace] = [createHashes(), createHashes()]
  const features = createUnitFeatures()
  const embedding = createEmbedding()
  return (text, looked = true) => {
    hashWords(text, words)
    hashWhitespace(text, whitespace)
    return {
      text,
      words,
      whitespace,
      looked,
      ...(looked
        ? { features: features(words), embedding: embedding(words) }
        : { features: undefined, embedding: undefined })
    }
  }
}
