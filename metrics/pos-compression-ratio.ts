import { compressionRatio } from './compression-ratio.ts'
import type { Measured } from './result.ts'

/** A part-of-speech tagger. */
export type Tagger = {
  /** Name and version, stored beside every value it led to. */
  readonly id: string
  /** A tag for each token of a text. */
  tags(text: string): string[]
}

/**
 * POS compression ratio: the compression ratio of the texts' part-of-speech tags in the place of their words. It grows with
 * the length and depends on the tagger: compare at one size and with one tagger.
 *
 * Keys: pos_compression_ratio.
 * Formula: bytes of the tags joined by spaces / bytes of their gzip.
 * Reference: Shaib et al., "Detection and Measurement of Syntactic Templates in Generated Text", EMNLP 2024.
 * Complexity: linear in the tags.
 * Range: (0, 1032].
 * Sees: sentences that are built alike, whatever words they use.
 * Does not see: words at all, and their tail. Languages other than the tagger's, which is English.
 * @param tags of each document
 * @returns undefined without tags
 */
export function posCompressionRatio(tags: readonly (readonly string[])[]): Measured {
  return compressionRatio(tags.filter(({ length }) => length > 0).map(document => document.join(' ')))
}
