/** Documents as numbers: every different token, or n-gram, has one, from 0 in the order of first appearance. */
import { NumberTable } from './number-table.ts'

/** The n-grams of a list of documents; a document of fewer than n tokens has none. */
export type Grams = {
  /** Per document, the number of the n-gram that begins at each token. */
  readonly documents: readonly Int32Array[]
  /** Different n-grams. */
  readonly types: number
}

/** The tokens themselves. */
export type Encoded = Grams & {
  /** All documents, one after the other. */
  readonly pooled: Int32Array
  /** The token of each number. */
  readonly surfaces: readonly string[]
}

/**
 * Numbers tokens. Complexity: linear.
 * @param documents tokens of each
 */
export function encode(documents: readonly (readonly string[])[]): Encoded {
  const numbers = new Map<string, number>()
  const pooled = new Int32Array(documents.reduce((sum, tokens) => sum + tokens.length, 0))
  const views: Int32Array[] = []
  let at = 0
  for (const tokens of documents) {
    const from = at
    for (const token of tokens) {
      let id = numbers.get(token)
      if (id === undefined) {
        id = numbers.size
        numbers.set(token, id)
      }
      pooled[at++] = id
    }
    views.push(pooled.subarray(from, at))
  }
  return { documents: views, types: numbers.size, pooled, surfaces: [...numbers.keys()] }
}

/**
 * The n-grams, from the (n-1)-grams and the tokens. Complexity: linear.
 * @param shorter the (n-1)-grams of the same documents
 * @param tokens the tokens of the documents
 * @param n at least 2
 */
export function lengthen(shorter: Grams, tokens: Grams, n: number): Grams {
  const table = new NumberTable()
  const documents = tokens.documents.map((ids, index) => {
    const before = shorter.documents[index]!
    const grams = new Int32Array(Math.max(0, ids.length - n + 1))
    for (let at = 0; at < grams.length; at++) {
      grams[at] = table.add(before[at]! * tokens.types + ids[at + n - 1]!)
    }
    return grams
  })
  return { documents, types: table.size }
}

/**
 * How often each number occurs. Complexity: linear.
 * @param types numbers are below this
 */
export function countsOfIds(ids: Int32Array, types: number): Int32Array {
  const counts = new Int32Array(types)
  for (const id of ids) counts[id] = counts[id]! + 1
  return counts
}
