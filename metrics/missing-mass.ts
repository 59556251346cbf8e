import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Good-Turing missing mass f1 / N: the chance that the next token is of a type not seen yet. Among the earliest to
 * fall when a generator loses its tail.
 *
 * Reference: Good, Biometrika 40 (1953). Complexity: O(1) on a spectrum. Range [0, 1].
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function missingMass({ tokens, f1 }: Pick<Spectrum, 'tokens' | 'f1'>): Measured {
  return tokens === 0 ? undefinedBecause('no tokens') : measured(f1 / tokens)
}
