/**
 * A frozen n-gram language model with interpolated modified Kneser-Ney smoothing (`kneser-ney.ts`): what log-perplexity is
 * measured under.
 */
import { type Discounts, begin, end, firstWord, fitKneserNey, unknown } from './kneser-ney.ts'

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
        id = words.size + firstWord
        words.set(word, id)
      }
      stream[at + 1] = id
    }
    stream[document.length + 1] = end
    streams.push(stream)
  }
  if (tokens === 0) throw new RangeError('no document has a token')
  const types = words.size + firstWord
  const { discounts, start, step } = fitKneserNey(streams, order, types)
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
