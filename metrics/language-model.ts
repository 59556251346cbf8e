/**
 * A frozen n-gram language model with interpolated modified Kneser-Ney smoothing: what log-perplexity is measured under.
 *
 * p(w | h) = (c(hw) - D(c(hw))) / c(h.) + gamma(h) p(w | h shorter by its first word), down to 1 / |vocabulary|. Counts are
 * occurrences at the highest order and behind a document's begin, else the number of different words before the n-gram. Three
 * discounts an order, of counts 1, 2, and 3 and more, from Y = n1 / (n1 + 2 n2): 1 - 2Y n2/n1, 2 - 3Y n3/n2, 3 - 4Y n4/n3.
 *
 * Reference: Chen & Goodman, "An empirical study of smoothing techniques for language modeling" (1998); begin of documents,
 * unknown words and the fallback of discounts as in KenLM (Heafield et al., ACL 2013). Complexity: fitting and reading are
 * linear in the tokens; memory about 60 bytes per different n-gram.
 */
import { NumberTable } from './number-table.ts'

/** Token numbers that are no words. */
const unknown = 0
const begin = 1
const end = 2

/** A fitted model. It is closed: nothing changes it. */
export type LanguageModel = {
  readonly order: number
  readonly documents: number
  /** Tokens it was fitted on. */
  readonly tokens: number
  /** What it gives probability to: the words, the end of a document, and one class of all unknown words. */
  readonly vocabulary: number
  /** Per order from 1: D of count 1, of count 2, of count 3 and more. */
  readonly discounts: readonly Discounts[]
  /**
   * The natural logarithm of the probability of each token and then of the document's end.
   * @param tokens of a document
   */
  score(tokens: readonly string[]): Float64Array
  /**
   * p(token | tokens before it in the document).
   * @param token undefined asks for the end of the document
   * @param before all tokens from the document's begin; `whole` false: an excerpt, with nothing known before it
   */
  probability(token: string | undefined, before: readonly string[], whole?: boolean): number
}

/** Discounts of one order. `estimated` is false where counts of counts give none in range: then .5, 1 and 1.5. */
export type Discounts = { readonly values: readonly [number, number, number]; readonly estimated: boolean }

/** The n-grams of one order. Those of order 1 are numbered by their token. */
type Level = {
  readonly table: NumberTable
  readonly counts: number[]
}

/** What n-grams are as contexts of the next order. */
type Contexts = {
  /** Sum of the counts of what follows. */
  readonly sums: Float64Array
  /** Share of it that the discounts leave to the shorter context. */
  readonly left: Float64Array
}

/**
 * Fits a model.
 * @param documents tokens of each; those without any are left out
 * @param order tokens of context plus one, 1 to 5
 * @throws RangeError when no document has a token or the order is out of range
 */
export function fitLanguageModel(documents: readonly (readonly string[])[], order = 3): LanguageModel {
  if (!Number.isInteger(order) || order < 1 || order > 5) throw new RangeError(`order ${order} is not 1 to 5`)
  const words = new Map<string, number>()
  const streams: Int32Array[] = []
  let tokens = 0
  for (const document of documents) {
    if (document.length === 0) continue
    tokens += document.length
    const stream = new Int32Array(document.length + 2)
    stream[0] = begin
    for (const [at, word] of document.entries()) {
      let id = words.get(word)
      if (id === undefined) {
        id = words.size + 3
        words.set(word, id)
      }
      stream[at + 1] = id
    }
    stream[document.length + 1] = end
    streams.push(stream)
  }
  if (tokens === 0) throw new RangeError('no document has a token')
  const types = words.size + 3
  const levels = count(streams, order, types)
  const discounts = levels.map(({ counts }) => discountsOf(counts))
  const contextsOf = levels.slice(1).map((level, below) => {
    const size = below === 0 ? types : levels[below]!.table.size
    return weigh(level, size, types, discounts[below + 1]!.values)
  })

  const unigrams = levels[0]!.counts
  const first = discounts[0]!.values
  const total = unigrams.reduce((sum, counted) => sum + counted, 0)
  const left = unigrams.reduce((sum, counted) => sum + discount(counted, first), 0)
  const uniform = left / total / (types - 1)

  /** p of a token behind `contexts`: the n-grams of the last 1, 2, ... tokens, -1 where never seen. Moves them on. */
  function step(id: number, contexts: Int32Array): number {
    const counted = unigrams[id]!
    let p = uniform + (counted - discount(counted, first)) / total
    let longer = id
    for (let known = 1; known < order; known++) {
      const context = contexts[known - 1]!
      contexts[known - 1] = longer
      longer = -1
      const sum = context < 0 ? 0 : contextsOf[known - 1]!.sums[context]!
      // What was never followed has no say; nor has any longer context then.
      if (sum === 0) {
        contexts.fill(-1, known)
        break
      }
      p *= contextsOf[known - 1]!.left[context]!
      const { table, counts } = levels[known]!
      longer = table.find(context * types + id)
      if (longer < 0) continue
      p += (counts[longer]! - discount(counts[longer]!, discounts[known]!.values)) / sum
    }
    return p
  }

  const start = (whole: boolean): Int32Array => {
    const contexts = new Int32Array(order - 1).fill(-1)
    if (whole && order > 1) contexts[0] = begin
    return contexts
  }
  return {
    order,
    documents: streams.length,
    tokens,
    vocabulary: types - 1,
    discounts,
    score(document) {
      const contexts = start(true)
      const logs = new Float64Array(document.length + 1)
      for (const [at, word] of document.entries()) {
        logs[at] = Math.log(step(words.get(word) ?? unknown, contexts))
      }
      logs[document.length] = Math.log(step(end, contexts))
      return logs
    },
    probability(token, before, whole = true) {
      const contexts = start(whole)
      for (const word of before) step(words.get(word) ?? unknown, contexts)
      return step(token === undefined ? end : (words.get(token) ?? unknown), contexts)
    }
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

/** What the n-grams of one order say of their contexts. */
function weigh({ table, counts }: Level, size: number, types: number, values: Discounts['values']): Contexts {
  const sums = new Float64Array(size)
  const left = new Float64Array(size)
  for (const [gram, counted] of counts.entries()) {
    const context = Math.floor(table.keyOf(gram) / types)
    sums[context]! += counted
    left[context]! += discount(counted, values)
  }
  return { sums, left: left.map((mass, context) => (mass === 0 ? 0 : mass / sums[context]!)) }
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
