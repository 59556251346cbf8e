import { symmetricEigenvalues } from './eigenvalues.ts'

/**
 * Eigenvalues of K / m for items that are unit vectors, K their products: of the m rows of K, or of the d rows of X^T X when
 * there are more items than dimensions; both have the same ones but for zeros.
 *
 * Reference: the dual form of Friedman & Dieng, "The Vendi Score", TMLR 2023. Complexity: the cube of the smaller of m and d.
 * @param vectors unit vectors of one length
 * @returns none without vectors
 */
export function similarityEigenvalues(vectors: readonly Float64Array[]): Float64Array {
  const items = vectors.length
  const dimensions = vectors[0]?.length ?? 0
  const size = Math.min(items, dimensions)
  const matrix = new Float64Array(size * size)
  if (items <= dimensions) {
    for (const [row, one] of vectors.entries()) {
      for (let column = 0; column <= row; column++) {
        const other = vectors[column]!
        let sum = 0
        for (let at = 0; at < dimensions; at++) sum += one[at]! * other[at]!
        matrix[row * size + column] = sum / items
      }
    }
  } else {
    for (const vector of vectors) {
      for (let row = 0; row < size; row++) {
        const value = vector[row]! / items
        for (let column = 0; column <= row; column++) {
          const at = row * size + column
          matrix[at] = matrix[at]! + value * vector[column]!
        }
      }
    }
  }
  return symmetricEigenvalues(matrix, size)
}
