import { type Measured, measured, undefinedBecause } from './result.ts'

/** Points a decade is cut into. */
const points = 10

/**
 * Heaps' law fitted to the last decade of a text: least squares at N, N / 10^0.1, ... N / 10. Steadier than the two ends that
 * `heaps_beta` takes.
 *
 * Keys: heaps_fit_k, heaps_fit_beta.
 * Formula: V(n) = K n^beta: log V on log n by least squares, V(n) being the types of the first n tokens.
 * Reference: Heaps, Information Retrieval (1978).
 * Complexity: linear in the types. Depends on the order of the documents.
 * Range: beta [0, 1] but for rounding, K above 0.
 * Sees: beta that new words come slower.
 * Does not see: why they do. K by itself: it is what beta leaves over, and may go either way.
 * @param firsts for each type the position of its first token, from 0, ascending
 * @param tokens N
 * @returns undefined below ten tokens
 */
export function heapsFit(firsts: ArrayLike<number>, tokens: number): { k: Measured; beta: Measured } {
  if (tokens < 10) {
    const none = undefinedBecause('fewer than ten tokens')
    return { k: none, beta: none }
  }
  const x: number[] = []
  const y: number[] = []
  let seen = 0
  for (let point = points; point >= 0; point--) {
    const size = Math.floor(tokens * 10 ** (-point / points))
    while (seen < firsts.length && firsts[seen]! < size) seen += 1
    x.push(Math.log(size))
    y.push(Math.log(seen))
  }
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length
  const [centreX, centreY] = [mean(x), mean(y)]
  let squares = 0
  let products = 0
  for (const [index, value] of x.entries()) {
    squares += (value - centreX) ** 2
    products += (value - centreX) * (y[index]! - centreY)
  }
  const beta = products / squares
  return { k: measured(Math.exp(centreY - beta * centreX)), beta: measured(beta) }
}
