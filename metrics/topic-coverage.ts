import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Topic coverage: the share of the declared cells that were hit at least `least` times.
 *
 * Formula: cells with at least r hits / cells, r = 1 where nothing is said.
 * Reference: species richness over a known list (Magurran, "Measuring Biological Diversity", 2004).
 * Complexity: linear in the cells.
 * Range: [0, 1].
 * Sees: cells nothing is written for.
 * Does not see: how unevenly the others are filled, and cells nobody declared.
 * @param hits samples per declared cell, zeros included
 * @param least hits that count as covered, 1 or more
 * @returns undefined without cells
 */
export function topicCoverage(hits: readonly number[], least = 1): Measured {
  if (hits.length === 0) return undefinedBecause('no cells are declared')
  return measured(hits.filter(count => count >= least).length / hits.length)
}
