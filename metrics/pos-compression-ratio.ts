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
 * POS compression ratio: the compression ratio of the texts' part-of-speech tags in the place of their words, high when
 * sentences are built alike whatever words they use.
 *
 * Reference: Shaib et al., "Detection and Measurement of Syntactic Templates in Generated Text", EMNLP 2024. Complexity: linear
 * in the tags. It grows with the length and depends on the tagger: compare at one size and with one tagger.
 * @param tags of each document
 * @returns undefined without tags
 */
export function posCompressionRatio(tags: readonly (readonly string[])[]): Measured {
  return compressionRatio(tags.filter(({ length }) => length > 0).map(document => document.join(' ')))
}
