import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Yule's K: high when few words carry the text. Governed by the frequent words.
 *
 * Keys: yule_k.
 * Formula: 10^4 (sum of f^2 - N) / N^2, over the counts f of the types.
 * Reference: Yule, "The Statistical Study of Literary Vocabulary" (1944); equal to `yulek` of PyPI `lexicalrichness` 0.5.1.
 * Complexity: linear in the distinct counts.
 * Range: [0, 10^4 (1 - 1/N)].
 * Sees: frequent words that get more frequent: cold decoding, one subject. Hardly bound to the length.
 * Does not see: the tail: it barely moves while rare words die.
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function yuleK({ tokens, frequencies }: Pick<Spectrum, 'tokens' | 'frequencies'>): Measured {
  if (tokens === 0) return undefinedBecause('no tokens')
  let squares = 0
  for (const [count, types] of frequencies) squares += types * count * count
  return measured(1e4 * ((squares - tokens) / (tokens * tokens)))
}
