import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Type-token ratio. Falls with length: compare at one window size only.
 *
 * Keys: ttr.
 * Formula: V / N.
 * Reference: Templin (1957).
 * Complexity: O(1) on a spectrum.
 * Range: (0, 1].
 * Sees: at a fixed N what the number of types sees: rare words that are not written any more.
 * Does not see: anything where N differs: it falls with every further token, of people too.
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function ttr({ tokens, types }: Pick<Spectrum, 'tokens' | 'types'>): Measured {
  return tokens === 0 ? undefinedBecause('no tokens') : measured(types / tokens)
}
