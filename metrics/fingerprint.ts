/** A document as the panel takes it: cut and hashed once, added to as many windows as it belongs to. */
import { hashWhitespace, hashWords } from './hash-text.ts'
import { type Hashes, createHashes } from './hashes.ts'

/** Hashes of one document's tokens. */
export type Fingerprint = {
  /** By the `words` tokenizer. */
  readonly words: Hashes
  /** By the `whitespace` tokenizer. */
  readonly whitespace: Hashes
}

/**
 * Makes fingerprints, about 4 microseconds for 200 words. Buffers are reused: a fingerprint is valid until the next call.
 */
export function createFingerprinter(): (text: string) => Fingerprint {
  const fingerprint = { words: createHashes(), whitespace: createHashes() }
  return text => {
    hashWords(text, fingerprint.words)
    hashWhitespace(text, fingerprint.whitespace)
    return fingerprint
  }
}
