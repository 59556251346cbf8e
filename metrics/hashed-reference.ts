/**
 * Human text in the form that windows of hashes compare with: what `reference.ts` is to texts. Words are numbered by their
 * hashes, so that a window is read without a string.
 */
import { GramTable } from './gram-table.ts'
import type { Clusters } from './clusters.ts'
import { createEmbedding } from './embedding.ts'
import { createEmbeddingFrechet } from './embedding-frechet.ts'
import { hashWords } from './hash-text.ts'
import { createHashes } from './hashes.ts'
import { type HumanClusters, createHumanClusters } from './human-clusters.ts'
import { type KneserNey, begin, end, firstWord, fitKneserNey } from './kneser-ney.ts'
import type { WordCounts } from './topic-features.ts'

/** The order of the language model, as in `reference.ts`. */
export const modelOrder = 3
/** A type seen at most so often is of the tail. */
export const mostOfTail = 2
/** Added to every count by KL. */
export const addedCount = 0.5

/** A frozen human reference. */
export type HashedReference = WordCounts & {
  readonly documents: number
  /** Types it holds at most twice. */
  readonly tail: number
  /** Sum over the types of the logarithm, base 2, of count and {@link addedCount}. */
  readonly logs: number
  /** Of its words' numbers and `firstWord`. */
  readonly model: KneserNey
  /** What its documents are about; undefined where they are too few. */
  readonly clusters: HumanClusters | undefined
  /** Fréchet distance of sentence embeddings from those of as many of its documents. */
  readonly frechet: ReturnType<typeof createEmbeddingFrechet>
}

/**
 * Makes a reference. Complexity: linear in the tokens. Memory: about 60 bytes per different n-gram of the model, 0.5 kB per document.
 * @param texts human texts that no generator has seen
 * @param clusters that were made of them before
 * @returns undefined without words
 */
export function createHashedReference(
  texts: readonly string[],
  clusters?: Clusters
): HashedReference | undefined {
  const table = new GramTable()
  const words = createHashes()
  const streams: Int32Array[] = []
  const embed = createEmbedding()
  const embeddings: Float64Array[] = []
  for (const [index, text] of texts.entries()) {
    hashWords(text, words)
    if (words.length === 0) continue
    table.add(words, index + 1)
    const embedding = embed(words)
    if (embedding) embeddings.push(embedding.slice())
    const stream = new Int32Array(words.length + 2)
    stream[0] = begin
    for (let at = 0; at < words.length; at++) {
      stream[at + 1] = table.find(words.lo[at]!, words.hi[at]!) + firstWord
    }
    stream[words.length + 1] = end
    streams.push(stream)
  }
  if (streams.length === 0) return undefined
  const counts = table.counts()
  let tail = 0
  let logs = 0
  for (const count of counts) {
    if (count <= mostOfTail) tail += 1
    logs += Math.log2(count + addedCount)
  }
  const known: WordCounts = { find: (lo, hi) => table.find(lo, hi), counts, tokens: table.total }
  return {
    ...known,
    documents: streams.length,
    tail,
    logs,
    model: fitKneserNey(streams, modelOrder, table.size + firstWord),
    clusters: createHumanClusters(texts, known, clusters),
    frechet: createEmbeddingFrechet(embeddings)
  }
}
