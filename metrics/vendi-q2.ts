import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Vendi score of order 2 without eigenvalues: m^2 over the sum of the squares of the kernel matrix, or of the entries of
 * X^T X for items that are the unit rows of X. The sums of parts add up: exact and mergeable.
 *
 * Reference: Pasarkar & Dieng, "Cousins of the Vendi Score" (2024). Complexity: O(1) on the sum. Range [1, m].
 * @param squares sum of the squares of the entries of K, or of X^T X
 * @param items m
 * @returns undefined without items
 */
export function vendiQ2(squares: number, items: number): Measured {
  return items === 0 ? undefinedBecause('no items') : measured((items * items) / squares)
}
