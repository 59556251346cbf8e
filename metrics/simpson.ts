import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Simpson's D: the chance that two tokens drawn without replacement are of one type. 1 - D is the unbiased Simpson diversity.
 * Governed by the frequent words.
 *
 * Keys: simpson_d.
 * Formula: sum of f (f - 1) / (N (N - 1)), over the counts f of the types.
 * Reference: Simpson, "Measurement of diversity", Nature 163 (1949); equal to `simpsond` of PyPI `lexicalrichness` 0.5.1.
 * Complexity: linear in the distinct counts.
 * Range: [0, 1].
 * Sees: what Yule's K sees, of which it is the unbiased form: frequent words that get more frequent.
 * Does not see: the tail: a word that comes once adds nothing to the sum.
 * @param spectrum word counts
 * @returns undefined below two tokens
 */
export function simpsonD({ tokens, frequencies }: Pick<Spectrum, 'tokens' | 'frequencies'>): Measured {
  if (tokens < 2) return undefinedBecause('fewer than two tokens')
  let pairs = 0
  for (const [count, types] of frequencies) pairs += types * count * (count - 1)
  return measured(pairs / (tokens * (tokens - 1)))
}
