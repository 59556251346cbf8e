import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * POS template rate: the share of documents that hold at least one of the frequent human patterns. Compare with the same share
 * of human documents of like length.
 *
 * Keys: pos_template_rate.
 * Formula: documents with a pattern of the list / documents; the list: the 100 most frequent patterns of 5 tags in the
 * reference.
 * Reference: Shaib et al., "Detection and Measurement of Syntactic Templates in Generated Text", EMNLP 2024.
 * Complexity: linear in the tags.
 * Range: [0, 1].
 * Sees: documents that follow common patterns more often than people do.
 * Does not see: patterns of the model's own that people do not have. Driven by length: a long document holds a pattern nearly
 * always.
 * @param tags part-of-speech tags of each document, of the patterns' tagger
 * @param patterns as `pos-patterns.ts` lists them, all of one length
 * @returns undefined without documents or without patterns
 */
export function templateRate(tags: readonly (readonly string[])[], patterns: readonly string[]): Measured {
  if (tags.length === 0) return undefinedBecause('no documents')
  const n = patterns[0]?.split(' ').length
  if (n === undefined) return undefinedBecause('no patterns')
  const known = new Set(patterns)
  let holding = 0
  for (const document of tags) {
    for (let at = 0; at + n <= document.length; at++) {
      if (!known.has(document.slice(at, at + n).join(' '))) continue
      holding += 1
      break
    }
  }
  return measured(holding / tags.length)
}
