/** The panel: every metric of a window in one pass over its documents, without comparing documents in pairs. */
import { chao1 } from './chao1.ts'
import { compressionBudget, compressionRatio } from './compression-ratio.ts'
import { coverage } from './coverage.ts'
import { distinctInter, distinctIntra } from './distinct.ts'
import { entropyChaoShen } from './entropy-chao-shen.ts'
import { entropyMillerMadow } from './entropy-miller-madow.ts'
import { entropy } from './entropy.ts'
import { embeddingDimensions } from './embedding.ts'
import { dimensions } from './features.ts'
import { type Fingerprint, createFingerprinter } from './fingerprint.ts'
import { GramTable, type TypeCounts, createTypeCounts } from './gram-table.ts'
import { type Hashes, appendHashes, createHashes, lengthenGrams } from './hashes.ts'
import { hdd } from './hdd.ts'
import { heapsFit } from './heaps-fit.ts'
import { heapsBeta } from './heaps.ts'
import { herdanC } from './herdan-c.ts'
import { meanCosine } from './mean-cosine.ts'
import { missingMass } from './missing-mass.ts'
import type { GlancePanelKey, PanelKey } from './keys.ts'
import { meanSquaredCosine } from './mean-squared-cosine.ts'
import { mean, standardDeviation } from './moments.ts'
import { movingRatios } from './moving-ratios.ts'
import { occurrencesOfIds } from './occurrences.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'
import { createRepeatFilter } from './repeats.ts'
import { othersHolding, selfRepetition } from './self-repetition.ts'
import { simpsonD } from './simpson.ts'
import { type Spectrum, withSingletons } from './spectrum.ts'
import { symmetricEigenvalues } from './eigenvalues.ts'
import { ttr } from './ttr.ts'
import {
  type VectorSums,
  addVector,
  clearVectorSums,
  createVectorSums,
  squaredProducts,
  squaredSum
} from './vector-sums.ts'
import { vendi } from './vendi.ts'
import { vendiQ2 } from './vendi-q2.ts'
import { yuleK } from './yule-k.ts'

/** Accumulates the documents of a window. */
export type Panel = {
  /** Adds the next document. A fingerprint is copied, not kept. */
  add(document: string | Fingerprint): void
  /** Documents so far. */
  readonly documents: number
  /** Places of those that models looked at. */
  readonly looked: readonly number[]
  /** Words so far. */
  readonly tokens: number
  /** The words of what was added; valid until more is. */
  readonly words: Pool
  /** Its different words and how often each occurs, as `values` or `glance` last counted them, of whatever panel. */
  readonly types: TypeCounts
  /** Sums over the sentence embeddings of what was added; valid until more is. */
  readonly embeddings: VectorSums
  /** The first documents, as much of them as the compression ratio is taken of; valid until the panel is emptied. */
  readonly opening: readonly string[]
  /** Every metric of what was added, or why it has none. The window may go on afterwards. */
  values(): Record<PanelKey, Measured>
  /** The metrics of a glance, the same numbers in a fraction of the time. */
  glance(): Record<GlancePanelKey, Measured>
  /** Empties the window and keeps its memory for the next. */
  clear(): void
}

/** Hashes of one tokenizer over the documents of a window, one document after the other. */
export type Pool = {
  readonly tokens: Hashes
  /** Where each document's tokens end. */
  readonly ends: number[]
}

const createPool = (): Pool => ({ tokens: createHashes(), ends: [] })

function addTo({ tokens, ends }: Pool, document: Hashes): void {
  appendHashes(tokens, document)
  ends.push(tokens.length)
}

/** Tokens a pool keeps room for when it is emptied. */
const largestKept = 2 ** 17

function empty({ tokens, ends }: Pool): void {
  if (tokens.lo.length > largestKept) Object.assign(tokens, createHashes())
  tokens.length = 0
  ends.length = 0
}

// One table and a few lists for all panels, used while values are taken: counting a whole window at once, one order
// after the other, stays in the processor's cache, where a table per window and order would not.
const table = new GramTable()
const repeats = createRepeatFilter()
const grams = createHashes()
const candidates = createHashes()
const types = createTypeCounts()

/** Replaces what `grams` holds by the n-grams of a pool; to be called for n = 1, 2, ... in turn. */
function toOrder({ tokens, ends }: Pool, n: number): void {
  if (n === 1) {
    grams.length = 0
    appendHashes(grams, tokens)
  } else lengthenGrams(grams, tokens, ends, n)
}

/**
 * Counts the n-grams of a pool into the emptied table. From n = 2 on those that stand alone in the window, which are
 * most, are only counted.
 * @param counted is told of every document, one after the other: how many n-grams, and how many distinct
 * @param ids receives the ids of each document's distinct n-grams that are in the table
 * @returns how many n-grams stand alone and are not in the table
 */
function count(
  { ends }: Pool,
  n: number,
  counted: (all: number, distinct: number) => void,
  ids?: number[]
): number {
  table.clear()
  if (n > 1) repeats.look(grams)
  let alone = 0
  let from = 0
  for (const [index, end] of ends.entries()) {
    const to = Math.max(from, end - n + 1)
    if (n === 1) counted(to - from, table.add(grams, index + 1, ids, from, to))
    else {
      repeats.select(grams, from, to, candidates)
      const others = to - from - candidates.length
      alone += others
      counted(to - from, others + table.add(candidates, index + 1, ids))
    }
    from = end
  }
  return alone
}

/** What is known of the n-grams of one order over a pool. */
type Order = { readonly inter: Measured; readonly intra: Measured; readonly alone: number }

/** Distinct-n of the order `grams` holds. What else is wanted of the table is there until the next count. */
function distinct(pool: Pool, n: number): Order {
  let total = 0
  let ratios = 0
  let documents = 0
  const alone = count(pool, n, (all, different) => {
    if (all === 0) return
    total += all
    ratios += different / all
    documents += 1
  })
  return {
    inter: distinctInter(table.size + alone, total),
    intra: distinctIntra(ratios, documents),
    alone
  }
}

/** Self-repetition of the order `grams` holds; what stands alone is held by no other document. */
function repeated(pool: Pool, n: number): Measured {
  const ids: number[] = []
  const ends: number[] = []
  count(pool, n, () => ends.push(ids.length), ids)
  return selfRepetition(othersHolding(ids, ends, table.size))
}

/** What is read off the words in their order; the table holds them. */
function lexical({ tokens, ends }: Pool, spectrum: Spectrum) {
  const ids = new Int32Array(tokens.length)
  for (let at = 0; at < ids.length; at++) ids[at] = table.find(tokens.lo[at]!, tokens.hi[at]!)
  const fit = heapsFit(table.firsts, ids.length)
  return {
    heaps_fit_k: fit.k,
    heaps_fit_beta: fit.beta,
    herdan_c: herdanC(spectrum),
    yule_k: yuleK(spectrum),
    simpson_d: simpsonD(spectrum),
    hdd_42: hdd(spectrum),
    ...movingRatios(occurrencesOfIds(ids, table.size), ends)
  }
}

/** Of all texts where they are few, of their first 80,000 bytes where there are as many. */
function compressionRatios(opening: readonly string[], whole: boolean) {
  return {
    compression_ratio: whole
      ? compressionRatio(opening)
      : undefinedBecause(`more than ${compressionBudget} bytes: see compression_ratio_80k`),
    compression_ratio_80k: compressionRatio(opening, compressionBudget)
  }
}

/** Vendi scores that need eigenvalues: those of X^T X are those of the kernel matrix, but for zeros. */
function vendiScores(sums: VectorSums) {
  if (sums.count === 0) return { embedding_vendi_q1: noneKnown, embedding_vendi_qinf: noneKnown }
  const eigenvalues = symmetricEigenvalues(sums.products, sums.sum.length).map(value => value / sums.count)
  return { embedding_vendi_q1: vendi(eigenvalues), embedding_vendi_qinf: vendi(eigenvalues, Infinity) }
}

// A document may have words, none of which the embeddings know.
const noneKnown = undefinedBecause('no documents with known words')
const oneKnown = undefinedBecause('fewer than two documents with known words')

/**
 * An empty panel. Pooled values run over the documents in the order they are added; n-grams never cross documents.
 * Complexity: adding copies the hashes; `values` is linear in the tokens. Memory: 16 to 32 bytes a token, that is at
 * most 0.6 MB for a window of 20,000, 33 kB for the embeddings, and the texts that the compression ratio is taken of.
 */
export function createPanel(): Panel {
  const fingerprint = createFingerprinter()
  const words = createPool()
  const whitespace = createPool()
  const features = { count: 0, sum: new Float64Array(dimensions) }
  const embeddings = createVectorSums(embeddingDimensions)
  const opening: string[] = []
  /** Bytes of the opening, without end where something was left out. */
  let openingBytes = 0
  const looked: number[] = []

  function values(atAGlance: true): Record<GlancePanelKey, Measured>
  function values(atAGlance: false): Record<PanelKey, Measured>
  function values(atAGlance: boolean): Record<GlancePanelKey, Measured> | Record<PanelKey, Measured> {
    const lengths = words.ends.map((end, index) => end - (words.ends[index - 1] ?? 0))
    for (const n of [1, 2, 3, 4]) toOrder(whitespace, n)
    const self = repeated(whitespace, 4)
    toOrder(words, 1)
    const one = distinct(words, 1)
    table.copyTo(types)
    const spectrum = table.spectrum()
    const heaps = heapsBeta(table.firsts, spectrum.tokens)
    const inOrder = atAGlance ? undefined : lexical(words, spectrum)
    toOrder(words, 2)
    const two = distinct(words, 2)
    const pairs = withSingletons(table.spectrum(), two.alone)
    const { tokens, f1, f2 } = spectrum
    const some = (value: number): Measured => (tokens === 0 ? undefinedBecause('no tokens') : measured(value))
    const glance = {
      documents: measured(lengths.length),
      tokens: measured(tokens),
      types: some(spectrum.types),
      length_mean: mean(lengths),
      length_sd: standardDeviation(lengths),
      ttr: ttr(spectrum),
      distinct_1_inter: one.inter,
      distinct_2_inter: two.inter,
      distinct_1_intra: one.intra,
      distinct_2_intra: two.intra,
      self_repetition_4: self,
      f1: some(f1),
      f2: some(f2),
      missing_mass: missingMass(spectrum),
      coverage: coverage(spectrum),
      chao1: chao1(spectrum),
      entropy_1: entropy(spectrum),
      entropy_1_miller_madow: entropyMillerMadow(spectrum),
      entropy_1_chao_shen: entropyChaoShen(spectrum),
      entropy_2: entropy(pairs),
      entropy_2_chao_shen: entropyChaoShen(pairs),
      heaps_beta: heaps,
      feature_cosine: meanCosine(squaredSum(features), features.count),
      embedding_cosine:
        embeddings.count < 2 ? oneKnown : meanCosine(squaredSum(embeddings), embeddings.count),
      embedding_cosine_squared:
        embeddings.count < 2 ? oneKnown : meanSquaredCosine(squaredProducts(embeddings), embeddings.count),
      embedding_vendi_q2:
        embeddings.count === 0 ? noneKnown : vendiQ2(squaredProducts(embeddings), embeddings.count)
    }
    if (inOrder === undefined) return glance
    toOrder(words, 3)
    const three = distinct(words, 3)
    toOrder(words, 4)
    const four = distinct(words, 4)
    return {
      ...glance,
      ...inOrder,
      ...vendiScores(embeddings),
      distinct_3_inter: three.inter,
      distinct_4_inter: four.inter,
      distinct_3_intra: three.intra,
      distinct_4_intra: four.intra,
      ...compressionRatios(opening, openingBytes <= compressionBudget)
    }
  }

  function forgetCounts(): void {
    table.clear()
    if (grams.lo.length > largestKept) Object.assign(grams, createHashes())
  }

  return {
    add(document) {
      const hashes = typeof document === 'string' ? fingerprint(document) : document
      addTo(words, hashes.words)
      if (hashes.looked) looked.push(words.ends.length - 1)
      addTo(whitespace, hashes.whitespace)
      if (openingBytes < compressionBudget) {
        // A UTF-16 unit is at least a byte: of a long text no more is kept.
        const text =
          hashes.text.length > compressionBudget ? hashes.text.slice(0, compressionBudget) : hashes.text
        openingBytes += Buffer.byteLength(text) + (opening.length > 0 ? 1 : 0)
        opening.push(text)
        if (text.length < hashes.text.length) openingBytes = Infinity
      } else openingBytes = Infinity
      if (hashes.embedding) addVector(embeddings, hashes.embedding)
      if (!hashes.features) return
      features.count += 1
      for (let at = 0; at < dimensions; at++) features.sum[at]! += hashes.features[at]!
    },
    words,
    types,
    embeddings,
    opening,
    values() {
      const all = values(false)
      forgetCounts()
      return all
    },
    glance() {
      const some = values(true)
      forgetCounts()
      return some
    },
    get documents() {
      return words.ends.length
    },
    looked,
    get tokens() {
      return words.tokens.length
    },
    clear() {
      empty(words)
      empty(whitespace)
      features.count = 0
      features.sum.fill(0)
      clearVectorSums(embeddings)
      opening.length = 0
      openingBytes = 0
      looked.length = 0
    }
  }
}
