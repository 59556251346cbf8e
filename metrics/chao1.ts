import { type Measured, measured, undefinedBecause } from './result.ts'
import type { Spectrum } from './spectrum.ts'

/**
 * Chao1, a lower bound of the number of types the source can write.
 *
 * Keys: chao1.
 * Formula: V + (N-1)/N * f1^2 / (2 f2); where f2 = 0: V + (N-1)/N * f1 (f1 - 1) / 2.
 * Reference: Chao, Scand. J. Stat. 11 (1984), bias-corrected form Chao (1987).
 * Complexity: O(1) on a spectrum.
 * Range: [V, ...).
 * Sees: a vocabulary that shrinks, words that were not seen yet included.
 * Does not see: an upper bound: with many rare types it is far below their number. Its spread from window to window is wide,
 * since f1 is squared.
 * @param spectrum word counts
 * @returns undefined without tokens
 */
export function chao1({ tokens, types, f1, f2 }: Omit<Spectrum, 'frequencies'>): Measured {
  if (tokens === 0) return undefinedBecause('no tokens')
  const unseen = f2 > 0 ? (f1 * f1) / (2 * f2) : (f1 * (f1 - 1)) / 2
  return measured(types + ((tokens - 1) / tokens) * unseen)
}
