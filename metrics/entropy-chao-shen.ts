import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Entropy in bits, corrected for types not seen: -sum q log2 q / (1 - (1 - q)^N) with q = C p and Good-Turing
 * coverage C = 1 - f1/N. The one to alarm on: it hardly depends on the sample size.
 *
 * Reference: Chao & Shen, "Nonparametric estimation of Shannon's index of diversity", Environ. Ecol. Stat. 10 (2003).
 * Complexity: linear in the distinct counts.
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
