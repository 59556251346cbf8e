import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Mean squared cosine of all pairs of m unit vectors, from the sum of the squares of X^T X: one over the Vendi score of order 2
 * that endless text of the same kind would have. Unlike the score of m documents it does not depend on m.
 *
 * Keys: embedding_cosine_squared.
 * Formula: (||X^T X||^2 - m) / (m (m - 1)), X the vectors, one a row, ||.|| the Frobenius norm.
 * Reference: Pasarkar & Dieng, "Cousins of the Vendi Score" (2024), without the pairs of a document with itself.
 * Complexity: O(1) on the sum.
 * Range: [-1 / (m - 1), 1].
 * Sees: texts that crowd on fewer subjects, on several as well as on one.
 * Does not see: the tail, and what is said of a subject.
 * @param squares sum of the squares of the entries of X^T X, or of the kernel matrix
 * @param items m
 * @returns undefined below two vectors
 */
export function meanSquaredCosine(squares: number, items: number): Measured {
  if (items < 2) return undefinedBecause('fewer than two documents with words')
  return measured(Math.min(1, (squares - items) / (items * (items - 1))))
}
