import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Types to be expected among the next `more` tokens that were not seen yet. For few tokens about more * f1 / N.
 *
 * Formula: -sum over j of (-t)^j f_j, t = more / N.
 * Reference: Good & Toulmin, "The number of new species", Biometrika 43 (1956).
 * Complexity: linear in the distinct counts.
 * Range: unbiased, so a value a little below 0 can occur.
 * Sees: how much new a source still has to give, in its own words.
 * Does not see: anything beyond twice the sample, and whether what is new is wanted.
 * @param spectrum word counts
 * @param more further tokens, 0 to N: beyond, the sum does not converge
 * @returns undefined without tokens and beyond N
 */
export function goodToulmin(
  { tokens, frequencies }: Pick<Spectrum, 'tokens' | 'frequencies'>,
  more: number
): Measured {
  if (tokens === 0) return undefinedBecause('no tokens')
  if (!(more >= 0 && more <= tokens)) return undefinedBecause('extrapolation beyond twice the sample')
  const growth = more / tokens
  let sum = 0
  for (const [count, types] of frequencies) sum += (count % 2 === 1 ? types : -types) * growth ** count
  return measured(sum)
}
