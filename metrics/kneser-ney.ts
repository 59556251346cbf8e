/**
 * Interpolated modified Kneser-Ney smoothing over numbered tokens.
 *
 * p(w | h) = (c(hw) - D(c(hw))) / c(h.) + gamma(h) p(w | h shorter by its first word), down to 1 / |vocabulary|. Counts are
 * occurrences at the highest order and behind a document's begin, else the number of different words before the n-gram. Three
 * discounts an order, of counts 1, 2, and 3 and more, from Y = n1 / (n1 + 2 n2): 1 - 2Y n2/n1, 2 - 3Y n3/n2, 3 - 4Y n4/n3.
 *
 * Reference: Chen & Goodman, "An empirical study of smoothing techniques for language modeling" (1998); begin of documents,
 * unknown words and the fallback of discounts as in KenLM (Heafield et al., ACL 2013). Complexity: fitting and reading are
 * linear in the tokens; memory 32 to 64 bytes per different n-gram of the highest order, twice as many per shorter one.
 */
import { NumberTable } from './number-table.ts'
import { WeightTable } from './weight-table.ts'

/** Name and version of the model of a human reference, of order 3. */
export const kneserNeyId = 'kneser-ney-3-1'

/** Token numbers that are no words. */
export const unknown = 0
export const begin = 1
export const end = 2
/** Number of the first word. */
export const firstWord = 3

/** A fitted model of numbered tokens. It is closed: nothing changes it. */
export type KneserNey = {
  /** Per order from 1: D of count 1, of count 2, of count 3 and more. */
  readonly discounts: readonly Discounts[]
  /**
   * A place to read from: the contexts behind a document's begin, or behind nothing that is known.
   * @param into overwritten, of length order - 1
   */
  start(whole: boolean, into?: Int32Array): Int32Array
  /** p of a token behind the contexts, which it moves on. */
  step(id: number, contexts: Int32Array): number
  /**
   * The sum of the natural logarithms of p of a document's words and of its end: what `step` says of them, added up, several
   * times as fast. One order is looked up after the other, each word without waiting for the one before.
   * @param ids of the words
   * @param length how many of them there are
   */
  logProbability(ids: Int32Array, length: number): number
}

/** Discounts of one order. `estimated` is false where counts of counts give none in range: then .5, 1 and 1.5. */
export type Discounts = { readonly values: readonly [number, number, number]; readonly estimated: boolean }

/** The n-grams of one order. Those of order 1 are numbered by their token. */
type Level = {
  readonly table: NumberTable
  readonly counts: number[]
}

/** What is added up to a probability: nothing is left to be divided when it is read. */
type Weights = {
  /** By n-gram, its share of what follows its context. */
  readonly shares: Float64Array
  /** By context, what the discounts leave to the shorter one; 0 for what was never followed. */
  readonly left: Float64Array
}

/** Tokens there is kept room for between documents. */
const largestKept = 2 ** 17
// For all models, used while a document is read: by token what p is so far, and the n-gram that ends there.
let found = new Float64Array(0)
let endings = new Int32Array(0)

/**
 * Fits a model.
 * @param streams documents of at least one word each, between `begin` and `end`; words are numbered from `firstWord`
 * @param order tokens of context plus one
 * @param types different words, and the `firstWord` numbers before them
 */
export function fitKneserNey(streams: readonly Int32Array[], order: number, types: number): KneserNey {
  const levels = count(streams, order, types)
  const discounts = levels.map(({ counts }) => discountsOf(counts))
  const unigrams = levels[0]!.counts
  const first = discounts[0]!.values
  const total = unigrams.reduce((sum, counted) => sum + counted, 0)
  const left = unigrams.reduce((sum, counted) => sum + discount(counted, first), 0)
  const uniform = left / total / (types - 1)
  const shares = Float64Array.from(
    unigrams,
    counted => uniform + (counted - discount(counted, first)) / total
  )

  const weights = levels.slice(1).map((level, below) => {
    const size = below === 0 ? types : levels[below]!.table.size
    return weigh(level, size, types, discounts[below + 1]!.values)
  })
  // What a token adds, and what it leaves as a context, by turns.
  const single = new Float64Array(2 * types)
  for (let id = 0; id < types; id++) {
    single[2 * id] = shares[id]!
    single[2 * id + 1] = weights[0]?.left[id] ?? 0
  }
  const tables: WeightTable[] = []
  // Contexts are named by their place in the table of the shorter n-grams; single tokens are their own place.
  let places: Int32Array | undefined
  for (const [below, { shares: added }] of weights.entries()) {
    const { table } = levels[below + 1]!
    const [contexts, last] = [new Int32Array(table.size), new Int32Array(table.size)]
    for (let number = 0; number < last.length; number++) {
      const key = table.keyOf(number)
      const context = Math.floor(key / types)
      contexts[number] = places ? places[context]! : context
      last[number] = key % types
    }
    const made = new WeightTable(contexts, last, types, added, weights[below + 1]?.left)
    places = contexts.map((context, number) => made.find(context, last[number]!))
    tables.push(made)
  }

  /** What a context of that many tokens leaves to the one without its first; 0 for what was never seen, or never followed. */
  function leftOf(known: number, context: number): number {
    if (context < 0) return 0
    return known === 0 ? single[2 * context + 1]! : tables[known - 1]!.leftOf(context)
  }

  /** Contexts are the places of the last 1, 2, ... tokens, -1 where never seen. */
  function step(id: number, contexts: Int32Array): number {
    let p = single[2 * id]!
    let longer = id
    for (let known = 0; known < tables.length; known++) {
      const context = contexts[known]!
      const shorter = leftOf(known, context)
      contexts[known] = longer
      // What was never followed has no say, nor has any longer context then.
      if (shorter === 0) {
        for (let rest = known + 1; rest < contexts.length; rest++) contexts[rest] = -1
        break
      }
      p *= shorter
      longer = tables[known]!.find(context, id)
      if (longer >= 0) p += tables[known]!.shareOf(longer)
    }
    return p
  }

  function logProbability(ids: Int32Array, length: number): number {
    if (found.length <= length) {
      found = new Float64Array(2 * length + 2)
      endings = new Int32Array(2 * length + 2)
    }
    for (let at = 0; at <= length; at++) {
      const id = at < length ? ids[at]! : end
      found[at] = single[2 * id]!
      endings[at] = id
    }
    for (let known = 0; known < tables.length; known++) {
      const table = tables[known]!
      let context = known === 0 ? begin : -1
      for (let at = 0; at <= length; at++) {
        const id = at < length ? ids[at]! : end
        const next = endings[at]!
        const shorter = leftOf(known, context)
        let gram = -1
        if (shorter > 0) {
          found[at]! *= shorter
          gram = table.find(context, id)
          if (gram >= 0) found[at]! += table.shareOf(gram)
        }
        endings[at] = gram
        context = next
      }
    }
    let sum = 0
    for (let at = 0; at <= length; at++) sum += Math.log(found[at]!)
    if (found.length > largestKept) {
      found = new Float64Array(0)
      endings = new Int32Array(0)
    }
    return sum
  }

  return {
    discounts,
    start(whole, into = new Int32Array(order - 1)) {
      into.fill(-1)
      if (whole && order > 1) into[0] = begin
      return into
    },
    step,
    logProbability
  }
}

/** Counts the n-grams of every order. */
function count(streams: readonly Int32Array[], order: number, types: number): Level[] {
  const levels: Level[] = Array.from({ length: order }, () => ({ table: new NumberTable(), counts: [] }))
  const unigrams = levels[0]!.counts
  for (let id = 0; id < types; id++) unigrams.push(0)
  const grams = new Int32Array(order)
  for (const stream of streams) {
    grams[0] = begin
    for (let at = 1; at < stream.length; at++) {
      const id = stream[at]!
      let before = grams[0]
      grams[0] = id
      if (order === 1) unigrams[id]! += 1
      for (let known = 1; known < order && known <= at; known++) {
        const { table, counts } = levels[known]!
        const size = table.size
        const gram = table.add(before * types + id)
        before = grams[known]!
        grams[known] = gram
        if (gram === size) {
          counts.push(0)
          // One more word before the n-gram that is shorter by its first.
          levels[known - 1]!.counts[grams[known - 1]!]! += 1
        }
        if (known === order - 1 || known === at) counts[gram]! += 1
      }
    }
  }
  return levels
}

/** What the n-grams of one order say, and their contexts leave. */
function weigh({ table, counts }: Level, size: number, types: number, values: Discounts['values']): Weights {
  const sums = new Float64Array(size)
  const left = new Float64Array(size)
  const contextOf = (gram: number): number => Math.floor(table.keyOf(gram) / types)
  for (const [gram, counted] of counts.entries()) {
    sums[contextOf(gram)]! += counted
    left[contextOf(gram)]! += discount(counted, values)
  }
  return {
    shares: Float64Array.from(
      counts,
      (counted, gram) => (counted - discount(counted, values)) / sums[contextOf(gram)]!
    ),
    left: left.map((mass, context) => (mass === 0 ? 0 : mass / sums[context]!))
  }
}

function discount(counted: number, [one, two, more]: Discounts['values']): number {
  if (counted === 0) return 0
  return counted === 1 ? one : counted === 2 ? two : more
}

function discountsOf(counts: readonly number[]): Discounts {
  const n = [0, 0, 0, 0, 0]
  for (const counted of counts) if (counted <= 4) n[counted]! += 1
  const [, n1 = 0, n2 = 0, n3 = 0, n4 = 0] = n
  const y = n1 / (n1 + 2 * n2)
  const values = [1 - (2 * y * n2) / n1, 2 - (3 * y * n3) / n2, 3 - (4 * y * n4) / n3] as const
  // Not a number when a count of counts is nil.
  const estimated = values.every((value, index) => value > 0 && value <= index + 1)
  return estimated ? { values, estimated } : { values: [0.5, 1, 1.5], estimated }
}
