import { entropy } from './entropy.ts'
import { type Measured, measured, valueOf } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Entropy in bits with Miller's first-order bias correction.
 *
 * Keys: entropy_1_miller_madow.
 * Formula: -sum over types of p log2 p + (V - 1) / (2 N ln 2), p = f / N.
 * Reference: Miller, "Note on the bias of information estimates" (1955).
 * Complexity: as the plug-in.
 * Range: [0, log2 V + (V - 1) / (2 N ln 2)].
 * Sees: what the plug-in sees, less bound to N; through V a little more of the tail.
 * Does not see: most of the bias where words are rarer than one in N, as in all text: the Chao-Shen form is nearer.
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function entropyMillerMadow(spectrum: Pick<Spectrum, 'tokens' | 'types' | 'frequencies'>): Measured {
  const plugIn = entropy(spectrum)
  const bits = valueOf(plugIn)
  if (bits === undefined) return plugIn
  return measured(bits + (spectrum.types - 1) / (2 * spectrum.tokens * Math.LN2))
}
