import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Heaps exponent between a tenth of the window and the window: how fast new words still come. Depends on the order of the
 * documents and on N: compare whole windows only.
 *
 * Keys: heaps_beta.
 * Formula: log10(V(N) / V(N/10)), V(n) being the types of the first n tokens.
 * Reference: Heaps, Information Retrieval (1978); V(N) = K N^beta.
 * Complexity: logarithmic in the types.
 * Range: [0, ...): 1 where every word is new; above it where new words come faster than at the start, as after an opening that
 * repeats itself, up to log10(9 N / 10 + 1).
 * Sees: that new words stop coming, among the earliest to fall in a collapse.
 * Does not see: why they do. Two points of the curve alone: a first tenth of an unusual subject moves it.
 * @param firsts for each type the position of its first token, from 0, ascending
 * @param tokens N
 * @returns undefined below ten tokens
 */
export function heapsBeta(firsts: ArrayLike<number>, tokens: number): Measured {
  const tenth = Math.floor(tokens / 10)
  if (tenth === 0) return undefinedBecause('fewer than ten tokens')
  let low = 0
  let high = firsts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (firsts[middle]! < tenth) low = middle + 1
    else high = middle
  }
  return measured(Math.log10(firsts.length / low))
}
