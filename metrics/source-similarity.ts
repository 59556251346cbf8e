import { type Measured, measured, undefinedBecause } from './result.ts'
import type { VectorSums } from './vector-sums.ts'

/**
 * Mean cosine between the documents of two sources: sum1 . sum2 / (m1 m2). Beside the mean cosine within each it says
 * whether two names stand for two sources.
 *
 * Complexity: linear in the dimensions, on sums that merge. Range [-1, 1].
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
