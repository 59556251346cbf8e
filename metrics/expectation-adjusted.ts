import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Expectation-adjusted distinct: the types seen over the types to be expected of as many uniform draws from the vocabulary.
 * Unlike distinct-n it does not fall with length alone.
 *
 * Keys: ead_1.
 * Formula: D / (V (1 - ((V - 1) / V)^C)).
 * Reference: Liu et al., "Rethinking and Refining the Distinct Metric", ACL 2022.
 * Complexity: O(1) on counts.
 * Range: (0, ...): at most V when every type is of the vocabulary.
 * Sees: what distinct-1 sees, less bound to the number of tokens.
 * Does not see: which types they are: words people never write count as much. Words are no uniform draws, so some of the
 * length is left in it.
 * @param distinct D, types seen
 * @param total C, tokens
 * @param vocabulary V, types there are, for instance those of the human reference
 * @returns undefined without tokens or vocabulary
 */
export function expectationAdjustedDistinct(distinct: number, total: number, vocabulary: number): Measured {
  if (total === 0) return undefinedBecause('no tokens')
  if (!(vocabulary > 0)) return undefinedBecause('no vocabulary')
  // 1 - (1 - 1/V)^C without losing the digits of a small 1/V.
  const expected = -vocabulary * Math.expm1(total * Math.log1p(-1 / vocabulary))
  return measured(distinct / expected)
}
