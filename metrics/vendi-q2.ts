import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Vendi score of order 2 without eigenvalues. The sums of parts add up: exact and mergeable.
 *
 * Keys: vendi_q2, embedding_vendi_q2.
 * Formula: m^2 / sum of the squares of the entries of K, or of X^T X for items that are the unit rows of X.
 * Reference: Pasarkar & Dieng, "Cousins of the Vendi Score" (2024).
 * Complexity: O(1) on the sum.
 * Range: [1, m].
 * Sees: how many different kinds of text there are in effect, the frequent ones above all; falls with one subject.
 * Does not see: rare kinds, whose squares are small, and a dying tail of words. It rises where texts are put together from
 * pieces of others.
 * @param squares sum of the squares of the entries of K, or of X^T X
 * @param items m
 * @returns undefined without items
 */
export function vendiQ2(squares: number, items: number): Measured {
  return items === 0 ? undefinedBecause('no items') : measured((items * items) / squares)
}
