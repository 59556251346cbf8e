import { createEmbedding } from './embedding.ts'
import { createFrechet } from './frechet.ts'
import type { Hashes } from './hashes.ts'
import { type Measured, undefinedBecause } from './result.ts'
import { type VectorSums, addVector, createVectorSums } from './vector-sums.ts'
import { dimensions } from './word-vectors.ts'

/** What is compared, as a panel holds it. */
type Window = {
  readonly embeddings: VectorSums
  readonly words: { readonly tokens: Hashes; readonly ends: readonly number[] }
}

/** Numbers of documents whose side of the reference is kept: 0.1 MB each. */
const mostKept = 4

/**
 * Fréchet distance of the sentence embeddings of texts from those of as many documents of a reference, from its first on: the
 * distance grows as either has fewer, so that only equal numbers are compared. Of more texts than the reference has documents
 * the first count.
 *
 * Complexity: half the square of the dimensions per document, and their cube; the side of the reference is kept for the last few
 * numbers of documents. Memory: 0.5 kB per document of the reference.
 * @param vectors embeddings of the documents of the reference that have one, in their order
 * @returns a function from texts to their distance, undefined with fewer than two embeddings on a side
 */
export function createEmbeddingFrechet(vectors: readonly Float64Array[]): (window: Window) => Measured {
  const kept = new Map<number, (sums: VectorSums) => Measured>()
  return ({ embeddings, words }) => {
    const size = Math.min(embeddings.count, vectors.length)
    if (size < 2) return undefinedBecause('fewer than two documents with known words on one side')
    let distance = kept.get(size)
    if (distance) kept.delete(size)
    else {
      const sums = createVectorSums(dimensions)
      for (const vector of vectors.slice(0, size)) addVector(sums, vector)
      distance = createFrechet(sums)
    }
    // The one asked for last comes last.
    kept.set(size, distance)
    for (const [oldest] of kept) {
      if (kept.size <= mostKept) break
      kept.delete(oldest)
    }
    return distance(embeddings.count === size ? embeddings : sumsOfFirst(words, size))
  }
}

/** Sums over the first so many embeddings of texts. */
function sumsOfFirst({ tokens: { lo, hi }, ends }: Window['words'], size: number): VectorSums {
  const embed = createEmbedding()
  const sums = createVectorSums(dimensions)
  let from = 0
  for (const to of ends) {
    if (sums.count === size) break
    const vector = embed({ lo: lo.subarray(from, to), hi: hi.subarray(from, to), length: to - from })
    if (vector) addVector(sums, vector)
    from = to
  }
  return sums
}
