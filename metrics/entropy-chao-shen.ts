import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Entropy in bits, corrected for types not seen by Good-Turing coverage. Of the entropies the one to alarm on: it hardly
 * depends on the sample size.
 *
 * Keys: entropy_1_chao_shen, entropy_2_chao_shen.
 * Formula: -sum over types of q log2 q / (1 - (1 - q)^N), q = C f / N, C = 1 - f1/N.
 * Reference: Chao & Shen, "Nonparametric estimation of Shannon's index of diversity", Environ. Ecol. Stat. 10 (2003).
 * Complexity: linear in the distinct counts.
 * Range: [0, ...).
 * Sees: a distribution that sharpens, and by its coverage a tail that goes; windows of different size compare best by it.
 * Does not see: which types go. Of bigrams most stand alone: C is small, and its spread from window to window wide.
 * @param spectrum word or n-gram counts
 * @returns undefined without tokens, and when every type was seen once: then the estimated coverage is nil
 */
export function entropyChaoShen({
  tokens,
  f1,
  frequencies
}: Pick<Spectrum, 'tokens' | 'f1' | 'frequencies'>): Measured {
  if (tokens === 0) return undefinedBecause('no tokens')
  if (f1 === tokens) return undefinedBecause('every type was seen once')
  const coverage = 1 - f1 / tokens
  let sum = 0
  for (const [count, types] of frequencies) {
    const q = (coverage * count) / tokens
    // 1 - (1 - q)^N without losing the digits of a small q.
    const seen = -Math.expm1(tokens * Math.log1p(-q))
    sum -= (types * q * Math.log2(q)) / seen
  }
  return measured(sum + 0)
}
