import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Good-Turing missing mass: the chance that the next token is of a type not seen yet.
 *
 * Keys: missing_mass.
 * Formula: f1 / N.
 * Reference: Good, Biometrika 40 (1953).
 * Complexity: O(1) on a spectrum.
 * Range: [0, 1].
 * Sees: a generator that loses its tail, among the earliest to fall: words that come once go first.
 * Does not see: why: recursion and cold decoding both lower it. It falls with N, and a text of many misspellings keeps it
 * high.
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function missingMass({ tokens, f1 }: Pick<Spectrum, 'tokens' | 'f1'>): Measured {
  return tokens === 0 ? undefinedBecause('no tokens') : measured(f1 / tokens)
}
