import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Yule's K: 10^4 (sum of f^2 - N) / N^2 over the counts f of the types. High when few words carry the text. Governed by
 * the frequent words: it hardly moves while the tail dies.
 *
 * Reference: Yule, "The Statistical Study of Literary Vocabulary" (1944); equal to `yulek` of PyPI `lexicalrichness` 0.5.1.
 * Complexity: linear in the distinct counts. Range [0, 10^4 (1 - 1/N)].
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function yuleK({ tokens, frequencies }: Pick<Spectrum, 'tokens' | 'frequencies'>): Measured {
  if (tokens === 0) return undefinedBecause('no tokens')
  let squares = 0
  for (const [count, types] of frequencies) squares += types * count * count
  return measured(1e4 * ((squares - tokens) / (tokens * tokens)))
}
