/** Human text in the form that metrics compare with: counted, fitted and embedded once. */
import { createFeatures, dimensions } from './features.ts'
import { createEmbedding } from './embedding.ts'
import { createEmbeddingFrechet } from './embedding-frechet.ts'
import { GramTable } from './gram-table.ts'
import { createHashes, hashTokens } from './hashes.ts'
import { type HumanClusters, createHumanClusters } from './human-clusters.ts'
import { type LanguageModel, fitLanguageModel } from './language-model.ts'
import { countsOf } from './spectrum.ts'
import { tailTypes } from './tail-types.ts'
import { assertTexts } from './text-list.ts'
import { words } from './tokenize.ts'
import { type VectorSums, addVector, createVectorSums } from './vector-sums.ts'

/** A held-out human reference. What costs time is made when first asked for, and kept. */
export type Reference = {
  readonly documents: readonly string[]
  /** Counts of its words. */
  readonly counts: ReadonlyMap<string, number>
  /** Types it holds at most twice. */
  readonly tail: ReadonlySet<string>
  /** The frozen model of order 3; undefined without words. */
  readonly model: LanguageModel | undefined
  /** Hashed features of its documents with words, in their order. */
  readonly features: readonly Float64Array[]
  /** What its documents are about; undefined where they are too few. */
  readonly clusters: HumanClusters | undefined
  /** Fréchet distance of sentence embeddings from those of as many of its documents. */
  readonly frechet: ReturnType<typeof createEmbeddingFrechet>
  /** Sums over the first so many of them; those asked for last are kept. */
  sums(size: number): VectorSums
}

/**
 * Makes a reference. Complexity: linear in the tokens.
 * @param documents human texts that no generator has seen
 * @throws RangeError when they are no list of strings
 */
export function createReference(documents: readonly string[]): Reference {
  assertTexts('reference texts', documents)
  const tokens = documents.map(words)
  const counts = countsOf(tokens.flat())
  let tail: ReadonlySet<string> | undefined
  let model: LanguageModel | undefined
  let features: readonly Float64Array[] | undefined
  let sums: VectorSums | undefined
  let clusters: HumanClusters | undefined
  let clustered = false
  let frechet: ReturnType<typeof createEmbeddingFrechet> | undefined
  return {
    documents,
    counts,
    get tail() {
      tail ??= tailTypes(counts)
      return tail
    },
    get model() {
      if (counts.size > 0) model ??= fitLanguageModel(tokens)
      return model
    },
    get features() {
      features ??= documents.flatMap(toVectors())
      return features
    },
    get clusters() {
      if (!clustered) clusters = clustersOf(documents, tokens)
      clustered = true
      return clusters
    },
    get frechet() {
      frechet ??= createEmbeddingFrechet(embeddingsOf(tokens))
      return frechet
    },
    sums(size) {
      if (sums?.count === size) return sums
      sums = createVectorSums(dimensions)
      for (const vector of this.features.slice(0, size)) addVector(sums, vector)
      return sums
    }
  }
}

function clustersOf(
  documents: readonly string[],
  tokens: readonly (readonly string[])[]
): HumanClusters | undefined {
  const table = new GramTable()
  const hashes = createHashes()
  for (const [index, document] of tokens.entries()) {
    hashTokens(document, hashes)
    table.add(hashes, index + 1)
  }
  const counts = { find: table.find.bind(table), counts: table.counts(), tokens: table.total }
  return createHumanClusters(documents, counts)
}

function embeddingsOf(tokens: readonly (readonly string[])[]): Float64Array[] {
  const hashes = createHashes()
  const embed = createEmbedding()
  return tokens.flatMap(document => {
    hashTokens(document, hashes)
    return embed(hashes)?.slice() ?? []
  })
}

/** The vector of a text as a list of one, or of none. */
export function toVectors(): (text: string) => Float64Array[] {
  const vectorOf = createFeatures()
  return text => {
    const vector = vectorOf(text)
    return vector ? [vector] : []
  }
}
