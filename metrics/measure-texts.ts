/** Every metric of a list of texts, by one call. */
import { clusterSpread } from './cluster-hits.ts'
import { compressionRatio } from './compression-ratio.ts'
import { expectationAdjustedDistinct } from './expectation-adjusted.ts'
import { embeddingId } from './embedding.ts'
import { dimensions, featuresId } from './features.ts'
import { frechetDistance } from './frechet.ts'
import { createHashes, hashTokens } from './hashes.ts'
import { humanRatio } from './human-ratio.ts'
import { interquartileRange } from './interquartile-range.ts'
import { jsDivergence } from './js-divergence.ts'
import { klDivergence } from './kl-divergence.ts'
import { logPerplexity } from './log-perplexity.ts'
import { meanCosine } from './mean-cosine.ts'
import { mean, standardDeviation } from './moments.ts'
import { ngramDiversity } from './ngram-diversity.ts'
import { ngramKernel, ngramKernelId } from './ngram-kernel.ts'
import { novelTypeShare } from './novel-type-share.ts'
import { createPanel } from './panel.ts'
import { type Tagger, posCompressionRatio } from './pos-compression-ratio.ts'
import { posPatterns } from './pos-patterns.ts'
import { type Reference, createReference, toVectors } from './reference.ts'
import { type Measured, measured, undefinedBecause, valueOf } from './result.ts'
import { rougeL, rougeLength, rougeTokens } from './rouge-l.ts'
import { selfBleu } from './self-bleu.ts'
import { addCounts, countsOf, totalOf } from './spectrum.ts'
import { symmetricEigenvalues } from './eigenvalues.ts'
import { tailMass } from './tail-mass.ts'
import { tailTypesKept } from './tail-types-kept.ts'
import { templateRate } from './template-rate.ts'
import { type TextKey, textKeys } from './text-keys.ts'
import { assertTexts } from './text-list.ts'
import { tokenWindows } from './token-windows.ts'
import { tokenizers, words } from './tokenize.ts'
import { trimmed } from './trimmed.ts'
import { addVector, createVectorSums } from './vector-sums.ts'
import { vendi } from './vendi.ts'
import { vendiQ2 } from './vendi-q2.ts'

/** What texts are compared with, and how many of them the metrics take that compare documents. */
export type TextOptions = {
  /** Held-out human texts; made a `Reference` beforehand they serve many calls. */
  readonly reference?: readonly string[] | Reference
  /** Texts the generators were fitted on. */
  readonly seed?: readonly string[]
  /** Human texts that are neither, for windows of as many tokens: what the ratios divide by. */
  readonly band?: readonly string[]
  /** What tells parts of speech; absent: those metrics have no value. */
  readonly tagger?: Tagger
  /** Documents self-BLEU takes, from the first. */
  readonly selfBleuSample?: number
  /** Documents ROUGE-L takes, of each its first 2,000 tokens. */
  readonly rougeSample?: number
  /** Documents the kernel of Vendi and of the mean cosine takes. */
  readonly kernelSample?: number
}

/** What values depend on, by name and version: two of another name are not to be compared. */
const madeWith = {
  tokenizer: tokenizers.words,
  tokenizers: {
    self_repetition_4: tokenizers.whitespace,
    ngram_diversity_4: tokenizers.whitespace,
    rouge_l: tokenizers.rouge
  },
  kernel: ngramKernelId,
  features: featuresId,
  embedding: embeddingId
} as const

/** Every key is in one of the two: `metrics`, or `undefined` with its reason. */
export type TextMetrics = {
  readonly tokenizer: string
  /** Of those metrics that have another one. */
  readonly tokenizers: Readonly<Partial<Record<TextKey, string>>>
  /** Of Vendi and of the mean cosine. */
  readonly kernel: string
  /** Of the mean cosine by hashed features and of the Fréchet distance. */
  readonly features: string
  /** Of the mean cosine, the Vendi score and the Fréchet distance by sentence embeddings. */
  readonly embedding: string
  /** Of the parts of speech, where they were asked for. */
  readonly tagger?: string
  readonly metrics: Partial<Record<TextKey, number>>
  readonly undefined: Partial<Record<TextKey, string>>
}

/**
 * Measures texts: every metric there is, or why it has none. The order of the texts counts for the pooled moving ratios,
 * MTLD, Heaps and compression, and for which texts the samples take. Complexity: linear in the texts and in their lengths;
 * ROUGE-L, of the first 2,000 tokens of each, and the kernel are quadratic in the number of texts of their samples.
 * @param texts any strings
 * @throws RangeError when texts are no list of strings, or a sample is not a positive integer
 */
export function measureTexts(texts: readonly string[], options: TextOptions = {}): TextMetrics {
  return createMeasure(options)(texts)
}

/**
 * The same for many lists of texts, windows for instance: what is compared with is read once.
 * @throws RangeError when texts are no list of strings, or a sample is not a positive integer
 */
export function createMeasure(options: TextOptions = {}): (texts: readonly string[]) => TextMetrics {
  const { reference, seed, band, tagger } = options
  const { selfBleuSample = 200, rougeSample = 100, kernelSample = 200 } = options
  for (const size of [selfBleuSample, rougeSample, kernelSample]) {
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`a sample of ${size} is not a positive integer`)
  }
  if (seed !== undefined) assertTexts('seed texts', seed)
  if (band !== undefined) assertTexts('band texts', band)
  const human = reference === undefined || isReference(reference) ? reference : createReference(reference)
  const others: Others = { human, seed: seed && new Set(seed.flatMap(words)), band: band?.map(words) }
  let patterns: readonly string[] | undefined
  const patternsOf = ({ documents }: Reference, { tags }: Tagger): readonly string[] =>
    (patterns ??= posPatterns(documents.map(tags)))
  return texts => {
    assertTexts('texts', texts)
    const counts = new Map<string, number>()
    const perplexities: number[] = []
    const nearest: number[] = []
    const hashes = createHashes()
    // Words as strings are kept of the samples alone: those of a whole file would be larger than the file.
    const sample: string[][] = []
    for (const text of texts) {
      const tokens = words(text)
      addCounts(counts, tokens)
      if (sample.length < Math.max(selfBleuSample, kernelSample)) sample.push(tokens)
      const value = human?.model && valueOf(logPerplexity(human.model, tokens))
      if (value !== undefined) perplexities.push(value)
      if (!human?.clusters) continue
      hashTokens(tokens, hashes)
      nearest.push(human.clusters.nearest(hashes))
    }
    const panel = createPanel()
    for (const text of texts) panel.add(text)
    const results: Record<TextKey, Measured> = {
      ...panel.values(),
      ead_1: human
        ? expectationAdjustedDistinct(counts.size, totalOf(counts), human.counts.size)
        : undefinedBecause(noReference),
      ngram_diversity_4: ngramDiversity(texts),
      compression_ratio: compressionRatio(texts),
      self_bleu_4: selfBleu(sample.slice(0, selfBleuSample)),
      rouge_l: rougeL(texts.slice(0, rougeSample).map(text => rougeTokens(text).slice(0, rougeLength))),
      ...diversity(sample.slice(0, kernelSample)),
      ...comparison(counts, others),
      frechet_distance: frechet(texts, human),
      embedding_frechet: human ? human.frechet(panel) : undefinedBecause(noReference),
      ...perplexity(perplexities, human),
      ...(human ? clusterSpread(nearest, human.clusters) : noClusters),
      ...(tagger ? speech(texts.map(tagger.tags), human && patternsOf(human, tagger)) : noSpeech)
    }
    const metrics: Partial<Record<TextKey, number>> = {}
    const missing: Partial<Record<TextKey, string>> = {}
    for (const key of textKeys) {
      const result = results[key]
      if ('value' in result) metrics[key] = result.value
      else missing[key] = result.undefined
    }
    return { ...madeWith, ...(tagger && { tagger: tagger.id }), metrics, undefined: missing }
  }
}

const isReference = (value: readonly string[] | Reference): value is Reference =>
  typeof value === 'object' && value !== null && 'counts' in value

/** What texts are compared with, made ready. */
type Others = {
  readonly human: Reference | undefined
  /** Types of the seed texts. */
  readonly seed: ReadonlySet<string> | undefined
  /** Words of the band's documents. */
  readonly band: readonly (readonly string[])[] | undefined
}

const noReference = 'no reference texts'
const noSpeech = {
  pos_compression_ratio: undefinedBecause('parts of speech were not asked for'),
  pos_template_rate: undefinedBecause('parts of speech were not asked for')
} as const
const noClusters = {
  cluster_coverage: undefinedBecause(noReference),
  cluster_entropy: undefinedBecause(noReference)
} as const
/** How unlike one another the documents are, under the n-gram kernel. */
function diversity(documents: readonly (readonly string[])[]) {
  const { items, entries } = ngramKernel(documents)
  const eigenvalues = symmetricEigenvalues(entries, items).map(value => value / items)
  const cosine = meanCosine(
    entries.reduce((sum, entry) => sum + entry, 0),
    items
  )
  return {
    vendi_q1: vendi(eigenvalues),
    vendi_q2: vendiQ2(
      entries.reduce((sum, entry) => sum + entry * entry, 0),
      items
    ),
    vendi_qinf: vendi(eigenvalues, Infinity),
    mean_cosine: cosine,
    dispersion: 'value' in cosine ? measured(1 - cosine.value) : cosine
  }
}

/** How the words compare with those of human texts. */
function comparison(counts: ReadonlyMap<string, number>, { human, seed, band }: Others) {
  type Metric = (of: ReadonlyMap<string, number>) => Measured
  const kept: Metric = of => (human ? tailTypesKept(of, human.tail) : undefinedBecause(noReference))
  const mass: Metric = of => (human ? tailMass(of, human.tail) : undefinedBecause(noReference))
  const novel: Metric = of => (seed ? novelTypeShare(of, seed) : undefinedBecause('no seed texts'))
  const windows = humanWindows(band ?? [], totalOf(counts))
  const ratio = (metric: Metric): Measured =>
    band ? humanRatio(metric(counts), windows.map(metric)) : undefinedBecause('no human band texts')
  return {
    kl_to_human: human ? klDivergence(counts, human.counts) : undefinedBecause(noReference),
    js_to_human: human ? jsDivergence(counts, human.counts) : undefinedBecause(noReference),
    tail_types_kept: kept(counts),
    tail_types_kept_ratio: ratio(kept),
    tail_mass: mass(counts),
    tail_mass_ratio: ratio(mass),
    novel_type_share: novel(counts),
    novel_type_share_ratio: ratio(novel)
  }
}

/** Counts of human windows of that many tokens. */
function humanWindows(band: readonly (readonly string[])[], tokens: number): Map<string, number>[] {
  if (tokens === 0) return []
  const lengths = band.map(({ length }) => length)
  return tokenWindows(lengths, tokens).map(({ from, to }) => countsOf(band.slice(from, to).flat()))
}

/** Distance of the hashed features from those of as many human documents. */
function frechet(texts: readonly string[], human: Reference | undefined): Measured {
  if (!human) return undefinedBecause(noReference)
  const vectorsOf = toVectors()
  const sums = createVectorSums(dimensions)
  for (const text of texts) {
    if (sums.count === human.features.length) break
    for (const vector of vectorsOf(text)) addVector(sums, vector)
  }
  return frechetDistance(sums, human.sums(sums.count))
}

/** How alike sentences are built, whatever words they use. */
function speech(tags: readonly (readonly string[])[], patterns: readonly string[] | undefined) {
  return {
    pos_compression_ratio: posCompressionRatio(tags),
    pos_template_rate: patterns ? templateRate(tags, patterns) : undefinedBecause(noReference)
  }
}

/** How probable the documents are under the model of the human texts. */
function perplexity(values: readonly number[], human: Reference | undefined) {
  const kept = trimmed(values)
  const some = (metric: Measured): Measured => {
    if (!human) return undefinedBecause(noReference)
    return human.model ? metric : undefinedBecause('the reference has no words')
  }
  return {
    log_ppl_mean: some(mean(values)),
    log_ppl_sd: some(standardDeviation(values)),
    log_ppl_iqr: some(interquartileRange(values)),
    log_ppl_mean_trimmed: some(mean(kept)),
    log_ppl_sd_trimmed: some(standardDeviation(kept))
  }
}
