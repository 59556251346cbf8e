import { type Measured, measured, undefinedBecause } from './result.ts'
import { totalOf } from './spectrum.ts'

/**
 * Jensen-Shannon divergence in bits of two counts: the mean of the divergences of both from their middle. Nothing is added to
 * the counts. This is the divergence, the square of the distance of that name.
 *
 * Keys: js_to_human.
 * Formula: (sum of p log2(2 p / (p + q)) + sum of q log2(2 q / (p + q))) / 2.
 * Reference: Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37 (1991); equal to the square
 * of `scipy.spatial.distance.jensenshannon(p, q, base=2)`.
 * Complexity: linear in the types.
 * Range: [0, 1], symmetric.
 * Sees: words on either side that the other has not, frequent ones most: another subject as well as a narrower one.
 * Does not see: whether it is diversity or subject that differs. What is rare counts little, and chance alone gives much of
 * it.
 * @param first counts, by type
 * @param second counts
 * @returns undefined when one has no tokens
 */
export function jsDivergence(
  first: ReadonlyMap<string, number>,
  second: ReadonlyMap<string, number>
): Measured {
  const [ofFirst, ofSecond] = [totalOf(first), totalOf(second)]
  if (ofFirst === 0 || ofSecond === 0) return undefinedBecause('no tokens on one side')
  let sum = 0
  for (const [type, count] of first) {
    const p = count / ofFirst
    const q = (second.get(type) ?? 0) / ofSecond
    sum += p * Math.log2((2 * p) / (p + q))
    if (q > 0) sum += q * Math.log2((2 * q) / (p + q))
  }
  // What the second alone holds costs a whole bit.
  for (const [type, count] of second) if (!first.has(type)) sum += count / ofSecond
  return measured(Math.min(1, Math.max(0, sum / 2)))
}
