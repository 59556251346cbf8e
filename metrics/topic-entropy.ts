import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Topic entropy: the Shannon entropy of the hits over that of equal hits. 1 when all declared cells are hit alike.
 *
 * Formula: -sum over cells of p ln p / ln K, p the share of the hits, K the cells.
 * Reference: Pielou, "The measurement of diversity", J. Theor. Biol. 13 (1966), evenness.
 * Complexity: linear in the cells.
 * Range: [0, 1].
 * Sees: a few cells that take most of the samples.
 * Does not see: which cells, and whether people fill them evenly: they seldom do.
 * @param hits samples per declared cell, zeros included
 * @returns undefined below two cells and without hits
 */
export function topicEntropy(hits: readonly number[]): Measured {
  if (hits.length < 2) return undefinedBecause('fewer than two cells are declared')
  const total = hits.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefinedBecause('no cell was hit')
  let entropy = 0
  for (const count of hits) if (count > 0) entropy -= (count / total) * Math.log(count / total)
  return measured(Math.min(1, Math.max(0, entropy / Math.log(hits.length))))
}
