import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Sample coverage: the share of the source's probability mass on types already seen. A false friend: a collapsing generator
 * drives it to 1 over its own shrinking support.
 *
 * Keys: coverage.
 * Formula: 1 - f1/N * (N-1) f1 / ((N-1) f1 + 2 f2).
 * Reference: Chao & Jost, Ecology 93 (2012), as in iNEXT.
 * Complexity: O(1) on a spectrum.
 * Range: [0, 1].
 * Sees: how much of what this source would write is in the window: that more of it would bring little new.
 * Does not see: how little the source writes of. It rises in a collapse: read it only while tail types kept hold.
 * @param spectrum word counts
 * @returns undefined below two tokens
 */
export function coverage({ tokens, f1, f2 }: Pick<Spectrum, 'tokens' | 'f1' | 'f2'>): Measured {
  if (tokens < 2) return undefinedBecause('fewer than two tokens')
  if (f1 === 0) return measured(1)
  const singles = (tokens - 1) * f1
  return measured(1 - (f1 / tokens) * (singles / (singles + 2 * f2)))
}
