import { entropy } from './entropy.ts'
import { type Measured, measured, valueOf } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Entropy in bits with Miller's first-order bias correction: plug-in + (V - 1) / (2 N ln 2).
 *
 * Reference: Miller, "Note on the bias of information estimates" (1955). Complexity: as the plug-in.
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function entropyMillerMadow(spectrum: Pick<Spectrum, 'tokens' | 'types' | 'frequencies'>): Measured {
  const plugIn = entropy(spectrum)
  const bits = valueOf(plugIn)
  if (bits === undefined) return plugIn
  return measured(bits + (spectrum.types - 1) / (2 * spectrum.tokens * Math.LN2))
}
