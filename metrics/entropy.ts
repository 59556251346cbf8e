import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Plug-in Shannon entropy in bits. Of word counts it is H1, of word bigram counts H2 (the joint entropy of neighbours). Biased
 * low, and the more so the rarer the types: see the corrected forms.
 *
 * Keys: entropy_1, entropy_2.
 * Formula: -sum over types of p log2 p, p = f / N.
 * Reference: Shannon (1948).
 * Complexity: linear in the distinct counts.
 * Range: [0, log2 V].
 * Sees: a distribution that sharpens: cold or truncated decoding, one subject for many.
 * Does not see: neutral drift: rare types carry little of the sum, which barely moves while the tail dies. It grows with N.
 * @param spectrum word or n-gram counts
 * @returns undefined without tokens
 */
export function entropy({ tokens, frequencies }: Pick<Spectrum, 'tokens' | 'frequencies'>): Measured {
  if (tokens === 0) return undefinedBecause('no tokens')
  let sum = 0
  for (const [count, types] of frequencies) {
    const p = count / tokens
    sum -= types * p * Math.log2(p)
  }
  // One type alone gives -0.
  return measured(sum + 0)
}
