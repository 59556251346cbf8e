import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Herdan's C, less bound to the length of the text than V / N but not free of it.
 *
 * Keys: herdan_c.
 * Formula: log V / log N.
 * Reference: Herdan, "Type-token mathematics" (1960); equal to `Herdan` of PyPI `lexicalrichness` 0.5.1.
 * Complexity: O(1) on a spectrum.
 * Range: [0, 1].
 * Sees: at a fixed N what the number of types sees, squeezed by the logarithm.
 * Does not see: more than V does. Texts of different length, if less so than by V / N.
 * @param spectrum word counts
 * @returns undefined below two tokens: the logarithm of one is nil
 */
export function herdanC({ tokens, types }: Pick<Spectrum, 'tokens' | 'types'>): Measured {
  if (tokens < 2) return undefinedBecause('fewer than two tokens')
  return measured(Math.log(types) / Math.log(tokens))
}
