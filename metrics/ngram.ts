/**
 * An n-gram language model that writes: maximum likelihood counts, interpolated with every shorter context by a fixed
 * weight (Jelinek and Mercer 1980, with one weight for all contexts). A small honest generator: it invents no token,
 * so fed on its own output it forgets the rare ones, generation by generation.
 *
 * Nothing is counted beforehand: the positions of the text lie sorted by the tokens before them, so the occurrences of
 * a context of any length are one range, and a uniform pick from the range is a draw from its maximum likelihood
 * distribution. Complexity: fitting O(order * tokens); a token O(order * log tokens) at temperature 1, else also
 * linear in the occurrences of its context, remembered for frequent ones. Memory: 12 bytes a token, and the types.
 */
import { random, type Random } from './random.ts'
import { surfaceText, surfaceTokens } from './surface.ts'
import { createTempering, type Temper } from './tempering.ts'

/** A text to fit on. */
export type NgramDocument = { readonly topic: string; readonly text: string }

/** Shape of a model. */
export type NgramOptions = {
  /** Tokens of context plus one, at least 2. */
  readonly order: number
  /** Weight of the shorter context, 0 to 1: 0 leaves a context only when it was never seen. */
  readonly smoothing: number
  /** How often an occurrence counts that stands in a document of the topic asked for; 1 ignores topics but at the start. */
  readonly topicWeight?: number
}

/** What is asked of a model. */
export type NgramRequest = {
  /** Texts start as its documents do; of an unknown topic as any. */
  readonly topic?: string
  /**
   * Flattens (above 1) or sharpens (below 1) every choice: between contexts and, within one, between tokens. 0 takes
   * the most frequent.
   */
  readonly temperature: number
  /** Of the tokens of a context, the most frequent that hold this share are chosen from; absent or 1: all. */
  readonly topP?: number
  /** An integer from 0 to 2^53 - 1. */
  readonly seed: number
  /** Surface tokens after which the text is cut. */
  readonly maxTokens: number
}

/** A fitted model. */
export type NgramModel = {
  readonly documents: number
  /** Surface tokens it was fitted on. */
  readonly tokens: number
  readonly types: number
  /** Draws a text. The same model and request give the same text. `finished`: it ended by itself. */
  sample(request: NgramRequest): { text: string; tokens: number; finished: boolean }
}

/** Marks the end of a document, and what stands before its first token. */
const end = 0
const begin = 1

/** Positions sorted by context, and where a topic's begin and end. */
type Index = { readonly positions: Int32Array; readonly from: number; readonly to: number }

/**
 * Fits a model.
 * @param documents texts with a topic each; texts without tokens are left out
 * @throws RangeError when no text is left or an option is out of range
 */
export function fitNgram(documents: readonly NgramDocument[], options: NgramOptions): NgramModel {
  const { order, smoothing, topicWeight = 4 } = options
  if (!Number.isInteger(order) || order < 2) throw new RangeError(`order ${order} is not an integer above 1`)
  if (!(smoothing >= 0 && smoothing <= 1)) throw new RangeError(`smoothing ${smoothing} is outside 0 to 1`)
  if (!(topicWeight >= 1)) throw new RangeError(`topicWeight ${topicWeight} is below 1`)
  const context = order - 1

  // Every document as token numbers, behind as many beginnings as there is context and before its end.
  const surfaces = ['', '']
  const numbers = new Map<string, number>()
  const topics = new Map<string, number>()
  const coded: { readonly topic: number; readonly ids: readonly number[] }[] = []
  let tokens = 0
  for (const { topic, text } of documents) {
    const ids = surfaceTokens(text).map(surface => {
      let id = numbers.get(surface)
      if (id === undefined) {
        id = surfaces.length
        numbers.set(surface, id)
        surfaces.push(surface)
      }
      return id
    })
    if (ids.length === 0) continue
    if (!topics.has(topic)) topics.set(topic, topics.size)
    coded.push({ topic: topics.get(topic)!, ids })
    tokens += ids.length
  }
  if (coded.length === 0) throw new RangeError('no document has a token')

  const stream = new Int32Array(tokens + coded.length * (context + 1))
  const positions = new Int32Array(tokens + coded.length)
  const topicAt = new Int32Array(stream.length)
  let length = 0
  let at = 0
  for (const { topic, ids } of coded) {
    topicAt.fill(topic, length, length + context + ids.length + 1)
    stream.fill(begin, length, length + context)
    length += context
    stream.set(ids, length)
    for (let one = 0; one <= ids.length; one += 1) positions[at++] = length + one
    length += ids.length
    stream[length++] = end
  }

  // Stable sorts from the farthest token of the context to the nearest: the nearest decides first.
  let sorted = positions
  for (let back = context; back >= 1; back -= 1) {
    sorted = sortBy(sorted, surfaces.length, position => stream[position - back]!)
  }
  const all: Index = { positions: sorted, from: 0, to: sorted.length }
  const byTopic = sortBy(sorted, topics.size, position => topicAt[position]!)
  const ofTopic = new Map<string, Index>()
  let from = 0
  for (const [topic, number] of topics) {
    let to = from
    while (to < byTopic.length && topicAt[byTopic[to]!] === number) to += 1
    ofTopic.set(topic, { positions: byTopic, from, to })
    from = to
  }

  const temperings = new Map<string, Temper>()
  const temperingOf = (temperature: number, topP: number): Temper => {
    const key = `${temperature}/${topP}`
    let tempering = temperings.get(key)
    if (!tempering) {
      // Control moves temperatures in steps; a process meets few of them, but not for ever the same.
      if (temperings.size >= 8) temperings.clear()
      tempering = createTempering(stream, surfaces.length, temperature, topP)
      temperings.set(key, tempering)
    }
    return tempering
  }

  function sample(request: NgramRequest): { text: string; tokens: number; finished: boolean } {
    const { topic, temperature, topP = 1, seed, maxTokens } = request
    if (!(temperature >= 0)) throw new RangeError(`temperature ${temperature} is below 0`)
    if (!(topP > 0 && topP <= 1)) throw new RangeError(`topP ${topP} is outside 0 to 1`)
    const draws = random(seed)
    const back = temper(smoothing, temperature)
    const plain = temperature === 1 && topP === 1
    const pick = plain ? undefined : temperingOf(temperature, topP)
    const own = topic === undefined ? undefined : ofTopic.get(topic)
    const written = Array.from({ length: context }, () => begin)
    const wide = ranges(all)
    const narrow = own && ranges(own)
    const texts: string[] = []
    const ended = (finished: boolean): ReturnType<typeof sample> => ({
      text: surfaceText(texts),
      tokens: texts.length,
      finished
    })
    while (texts.length < maxTokens) {
      let level = wide.narrow(written)
      narrow?.narrow(written)
      // A text starts as texts start; after that each shorter context gets its share.
      const start = texts.length === 0
      if (!start) while (level > 0 && draws.float() < back) level -= 1
      const range = start && narrow ? narrow : choose(wide, narrow, level, draws)
      const low = range.low(level)
      const high = range.high(level)
      const next = pick
        ? pick(range.index.positions, low, high, draws)
        : stream[range.index.positions[low + draws.below(high - low)]!]!
      if (next === end) return ended(true)
      texts.push(surfaces[next]!)
      written.push(next)
    }
    return ended(false)
  }

  /** The ranges of ever longer contexts in an index: level k is the range of the last k tokens. */
  function ranges(index: Index): Ranges {
    const lows = new Int32Array(context + 1).fill(index.from)
    const highs = new Int32Array(context + 1).fill(index.to)
    const { positions: list } = index
    let deepest = 0
    /** First place in [low, high) whose token `distance` back is not below `token`. */
    const bound = (low: number, high: number, distance: number, token: number): number => {
      let [below, above] = [low, high]
      while (below < above) {
        const middle = (below + above) >>> 1
        if (stream[list[middle]! - distance]! < token) below = middle + 1
        else above = middle
      }
      return below
    }
    return {
      index,
      narrow(written) {
        deepest = 0
        for (let level = 1; level <= context; level += 1) {
          const token = written[written.length - level]!
          const low = bound(lows[level - 1]!, highs[level - 1]!, level, token)
          const high = bound(low, highs[level - 1]!, level, token + 1)
          if (low === high) break
          lows[level] = low
          highs[level] = high
          deepest = level
        }
        return deepest
      },
      low: level => lows[level]!,
      high: level => highs[level]!,
      size: level => (level > deepest ? 0 : highs[level]! - lows[level]!)
    }
  }

  /** Occurrences of the topic count `topicWeight` times: once among all, and the rest of the times by themselves. */
  function choose(wide: Ranges, narrow: Ranges | undefined, level: number, draws: Random): Ranges {
    const extra = narrow ? (topicWeight - 1) * narrow.size(level) : 0
    if (!narrow || extra === 0) return wide
    return draws.float() * (extra + wide.size(level)) < extra ? narrow : wide
  }

  return { documents: coded.length, tokens, types: numbers.size, sample }
}

type Ranges = {
  readonly index: Index
  /** Finds the ranges of what was written last; returns the longest context seen. */
  narrow(written: readonly number[]): number
  low(level: number): number
  high(level: number): number
  size(level: number): number
}

/** A stable counting sort. */
function sortBy(list: Int32Array, keys: number, keyOf: (value: number) => number): Int32Array<ArrayBuffer> {
  const starts = new Int32Array(keys + 1)
  for (const value of list) starts[keyOf(value) + 1]! += 1
  for (let key = 0; key < keys; key += 1) starts[key + 1]! += starts[key]!
  const sorted = new Int32Array(list.length)
  for (const value of list) sorted[starts[keyOf(value)]!++] = value
  return sorted
}

/** A probability p under a temperature, in a choice between p and 1 - p. */
function temper(p: number, temperature: number): number {
  if (temperature === 1 || p === 0 || p === 1) return p
  if (temperature === 0) return p > 0.5 ? 1 : 0
  return 1 / (1 + ((1 - p) / p) ** (1 / temperature))
}
