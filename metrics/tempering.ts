/** Draws from the tokens that follow a context, their frequencies raised to 1 / temperature and cut at a mass. */
import type { Random } from './random.ts'

/** Draws the token at one of `positions[low..high)`, high above low. */
export type Temper = (positions: Int32Array, low: number, high: number, draws: Random) => number

type Weights = { readonly tokens: Int32Array; readonly sums: Float64Array; readonly size: number }

/** Occurrences from which the weights of a context are kept. */
const frequent = 64
/** Weights kept at most, over all contexts. */
const kept = 1_000_000

/**
 * A way to draw at one temperature and mass.
 *
 * Weight of a token = count^(1/temperature); temperature 0 takes the most frequent, of several the one met first. Of
 * the tokens by falling weight, the fewest that hold `topP` are left (nucleus sampling, Holtzman et al. 2020).
 * @param stream the tokens of the text
 * @param types token numbers are below this
 * @param temperature at least 0
 * @param topP above 0, at most 1
 */
export function createTempering(
  stream: Int32Array,
  types: number,
  temperature: number,
  topP: number
): Temper {
  const counts = new Int32Array(types)
  const scratch = { tokens: new Int32Array(frequent), sums: new Float64Array(frequent) }
  const caches = new Map<Int32Array, Map<number, Weights>>()
  let held = 0

  function weigh(positions: Int32Array, low: number, high: number): Weights {
    const small = high - low < frequent
    const met: number[] = []
    for (let at = low; at < high; at += 1) {
      const token = stream[positions[at]!]!
      const before = counts[token]!
      if (before === 0) met.push(token)
      counts[token] = before + 1
    }
    let most = 0
    for (const token of met) most = Math.max(most, counts[token]!)
    let order = met
    if (temperature === 0) order = [met.find(token => counts[token] === most)!]
    else if (topP < 1) order = met.toSorted((a, b) => counts[b]! - counts[a]!)
    const tokens = small ? scratch.tokens : new Int32Array(order.length)
    const sums = small ? scratch.sums : new Float64Array(order.length)
    let sum = 0
    for (const [at, token] of order.entries()) {
      // By the largest, so that a low temperature does not overflow.
      sum += temperature === 0 ? 1 : (counts[token]! / most) ** (1 / temperature)
      tokens[at] = token
      sums[at] = sum
    }
    for (const token of met) counts[token] = 0
    let size = order.length
    if (topP < 1) {
      size = 1
      while (size < order.length && sums[size - 1]! < topP * sum) size += 1
    }
    return { tokens, sums, size }
  }

  function weightsOf(positions: Int32Array, low: number, high: number): Weights {
    if (high - low < frequent) return weigh(positions, low, high)
    let cache = caches.get(positions)
    if (!cache) {
      cache = new Map()
      caches.set(positions, cache)
    }
    // Two contexts that start at the same place differ in where they end.
    const key = low * 2 ** 26 + (high - low)
    let weights = cache.get(key)
    if (!weights) {
      weights = weigh(positions, low, high)
      if (held > kept) {
        caches.clear()
        held = 0
      }
      caches.set(positions, cache.set(key, weights))
      held += weights.size
    }
    return weights
  }

  return (positions, low, high, draws) => {
    if (high - low === 1) return stream[positions[low]!]!
    const { tokens, sums, size } = weightsOf(positions, low, high)
    const mark = draws.float() * sums[size - 1]!
    let below = 0
    let above = size - 1
    while (below < above) {
      const middle = (below + above) >>> 1
      if (sums[middle]! <= mark) below = middle + 1
      else above = middle
    }
    return tokens[below]!
  }
}
