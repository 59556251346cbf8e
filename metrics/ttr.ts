import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Type-token ratio V / N. Falls with length: compare at one window size only.
 *
 * Reference: Templin (1957). Complexity: O(1) on a spectrum. Range (0, 1].
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function ttr({ tokens, types }: Pick<Spectrum, 'tokens' | 'types'>): Measured {
  return tokens === 0 ? undefinedBecause('no tokens') : measured(types / tokens)
}
