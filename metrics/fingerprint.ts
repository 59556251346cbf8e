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
  /** Hashed features of the words, of length 1; undefined where there are none. */
  readonly features: Float64Array | undefined
  /** Sentence embedding, of length 1; undefined where no word is known. */
  readonly embedding: Float64Array | undefined
}

/**
 * Makes fingerprints. Buffers are reused: a fingerprint is valid until the next call.
 */
export function createFingerprinter(): (text: string) => Fingerprint {
  const [words, whitespace] = [createHashes(), createHashes()]
  const features = createUnitFeatures()
  const embedding = createEmbedding()
  return text => {
    hashWords(text, words)
    hashWhitespace(text, whitespace)
    return { text, words, whitespace, features: features(words), embedding: embedding(words) }
  }
}
