import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Sample coverage: the share of the source's probability mass on types already seen,
 * 1 - f1/N * (N-1) f1 / ((N-1) f1 + 2 f2). A collapsing generator drives it to 1 over its own shrinking support:
 * never read it alone.
 *
 * Reference: Chao & Jost, Ecology 93 (2012), as in iNEXT. Complexity: O(1) on a spectrum. Range [0, 1].
 * @param spectrum word counts
 * @returns undefined below two tokens
 */
export function coverage({ tokens, f1, f2 }: Pick<Spectrum, 'tokens' | 'f1' | 'f2'>): Measured {
  if (tokens < 2) return undefinedBecause('fewer than two tokens')
  if (f1 === 0) return measured(1)
  const singles = (tokens - 1) * f1
  return measured(1 - (f1 / tokens) * (singles / (singles + 2 * f2)))
}
