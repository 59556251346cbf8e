import { type Grams, encode, lengthen } from './grams.ts'

/** Name and version of the kernel, stored beside the values it led to. */
export const ngramKernelId = 'ngram-1'

/** A kernel matrix with ones on its diagonal, rows one after the other. */
export type Kernel = { readonly items: number; readonly entries: Float64Array }

/**
 * The `ngram` kernel: the mean of the cosines of two documents' word unigram and word bigram counts. A document of one word
 * has no bigrams: its unigrams stand for both. One without words is left out.
 *
 * Reference: `ngram_vendi_score(ns=[1, 2])` of PyPI `vendi-score` 0.0.3. The kernel is a product of unit vectors, so no
 * eigenvalue is below 0. Complexity: per n-gram, the square of the documents that hold it: take a sample.
 * @param documents words of each
 */
export function ngramKernel(documents: readonly (readonly string[])[]): Kernel {
  const tokens = encode(documents.filter(words => words.length > 0))
  const items = tokens.documents.length
  const entries = new Float64Array(items * items)
  const alone = tokens.documents.map(ids => ids.length === 1)
  addCosines(
    entries,
    tokens,
    alone.map(one => (one ? 1 : 0.5))
  )
  addCosines(
    entries,
    lengthen(tokens, tokens, 2),
    alone.map(one => (one ? 0 : 0.5))
  )
  for (let row = 0; row < items; row++) {
    entries[row * items + row] = 1
    for (let column = 0; column < row; column++)
      entries[column * items + row] = entries[row * items + column]!
  }
  return { items, entries }
}

/** Adds the cosines of the n-gram counts, each document's unit vector times the root of its weight, below the diagonal. */
function addCosines(entries: Float64Array, { documents, types }: Grams, weights: readonly number[]): void {
  const items = documents.length
  const holders: { readonly document: number; readonly weight: number }[][] = Array.from({ length: types })
  for (const [document, ids] of documents.entries()) {
    const counts = new Map<number, number>()
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
    let squares = 0
    for (const count of counts.values()) squares += count * count
    const scale = Math.sqrt(weights[document]! / squares)
    for (const [id, count] of counts) {
      const weight = count * scale
      const before = (holders[id] ??= [])
      for (const other of before) {
        const at = document * items + other.document
        entries[at] = entries[at]! + weight * other.weight
      }
      before.push({ document, weight })
    }
  }
}
