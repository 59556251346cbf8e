import { type Measured, measured, undefinedBecause } from './result.ts'
import type { VectorSums } from './vector-sums.ts'

/**
 * Mean cosine between the documents of two sources. Beside the mean cosine within each it says whether two names stand for two
 * sources.
 *
 * Formula: sum1 . sum2 / (m1 m2), of unit vectors.
 * Reference: as `mean-cosine.ts`, over pairs of which one is of each.
 * Complexity: linear in the dimensions, on sums that merge.
 * Range: [-1, 1].
 * Sees: two sources that write about the same things in the same words.
 * Does not see: which of the two copies, and what either leaves out.
 * @param first sums over the unit vectors of the first source
 * @param second sums over those of the second
 * @returns undefined when one has no documents
 */
export function sourceSimilarity(
  first: Pick<VectorSums, 'count' | 'sum'>,
  second: Pick<VectorSums, 'count' | 'sum'>
): Measured {
  if (first.count === 0 || second.count === 0) return undefinedBecause('a source without documents')
  let dot = 0
  for (const [at, value] of first.sum.entries()) dot += value * second.sum[at]!
  return measured(dot / (first.count * second.count))
}
