import type { Occurrences } from './occurrences.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * MTLD: the mean length of runs that keep a type-token ratio above the threshold, read forward and backward and averaged. A
 * run closes at a ratio of at most the threshold; the last, open run counts as the share of the way it went from 1 to the
 * threshold. Short texts give wild values: take 100 tokens or more.
 *
 * Keys: mtld, mtld_pooled.
 * Formula: (N / factors forward + N / factors backward) / 2, factors = closed runs + (1 - ratio of the open run) / (1 - 0.72).
 * Reference: McCarthy & Jarvis, "MTLD, vocd-D, and HD-D", Behav. Res. Methods 42 (2010); equal to `mtld` of PyPI
 * `lexicalrichness` 0.5.1, which for a text that repeats nothing gives N, as is done here. (`lexical-diversity` 0.1.1 differs:
 * strictly below the threshold, and no run shorter than ten.)
 * Complexity: linear in the tokens.
 * Range: [1, ...).
 * Sees: repetition among neighbouring words.
 * Does not see: a dying tail. It *rises* under recursive training, by half in one generation of a trigram model: never alarm
 * on its fall.
 * @param occurrences of the text
 * @param threshold above 0, below 1
 * @param from where the part of the text that counts begins
 * @param to where it ends
 * @returns undefined without tokens
 */
export function mtld(
  occurrences: Occurrences,
  threshold = 0.72,
  from = 0,
  to = occurrences.previous.length
): Measured {
  if (to <= from) return undefinedBecause('no tokens')
  const tokens = to - from
  const forward = tokens / mtldFactors(occurrences.previous, threshold, from, to)
  const backward = tokens / mtldFactors(occurrences.next, threshold, from, to, true)
  return measured((forward + backward) / 2)
}

/**
 * Factors of one direction. Complexity: linear.
 * @param neighbours previous occurrences when read forward, next ones when read backward
 */
export function mtldFactors(
  neighbours: Int32Array,
  threshold: number,
  from: number,
  to: number,
  backward = false
): number {
  let factors = 0
  let types = 0
  let tokens = 0
  // A token is new to its run when its neighbour lies outside of it.
  let start = backward ? to - 1 : from
  const step = backward ? -1 : 1
  for (let at = start; at >= from && at < to; at += step) {
    tokens += 1
    if (backward ? neighbours[at]! > start : neighbours[at]! < start) types += 1
    if (types / tokens > threshold) continue
    factors += 1
    types = 0
    tokens = 0
    start = at + step
  }
  if (tokens > 0) factors += (1 - types / tokens) / (1 - threshold)
  return factors === 0 ? 1 : factors
}
