import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * HD-D: the type-token ratio to be expected of `draws` tokens drawn without replacement.
 *
 * Keys: hdd_42.
 * Formula: sum over types of (1 - C(N - f, 42) / C(N, 42)) / 42, C(n, k) being n over k.
 * Reference: McCarthy & Jarvis, "vocd: a theoretical and empirical evaluation", Language Testing 24 (2007); equal to `hdd` of
 * PyPI `lexicalrichness` 0.5.1. The ratio of binomials is a product of `draws` factors, which loses fewer digits than
 * log-gamma.
 * Complexity: draws times the distinct counts.
 * Range: (0, 1].
 * Sees: frequent words that get more frequent, at any length of the text.
 * Does not see: the tail: among 42 words hardly one is rare.
 * @param spectrum word counts
 * @param draws tokens drawn, a positive integer
 * @returns undefined with fewer tokens than draws
 */
export function hdd({ tokens, frequencies }: Pick<Spectrum, 'tokens' | 'frequencies'>, draws = 42): Measured {
  if (tokens < draws) return undefinedBecause(`fewer than ${draws} tokens`)
  let sum = 0
  for (const [count, types] of frequencies) {
    let absent = 1
    for (let drawn = 0; drawn < draws && absent > 0; drawn++) {
      absent *= Math.max(0, tokens - count - drawn) / (tokens - drawn)
    }
    sum += types * (1 - absent)
  }
  return measured(sum / draws)
}
