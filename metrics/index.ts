/** Every metric as a function of its own, what they are called with, and all of them at once: what the package exports of this folder. */
export { createMeasure, measureTexts } from './measure-texts.ts'
export type { TextMetrics, TextOptions } from './measure-texts.ts'
export { createPanel } from './panel.ts'
export type { Panel } from './panel.ts'
export { createReference } from './reference.ts'
export type { Reference } from './reference.ts'
export { glancePanelKeys, panelKeys } from './keys.ts'
export type { GlancePanelKey, PanelKey } from './keys.ts'
export { glanceKeys, textKeys } from './text-keys.ts'
export type { TextKey } from './text-keys.ts'
export { textDocs } from './text-docs.ts'
export type { KeyDoc } from './text-docs.ts'

// What they answer.
export { measured, undefinedBecause, valueOf } from './result.ts'
export type { Measured } from './result.ts'

// Texts as tokens, and how often they occur.
export { tokenizers, whitespace, words } from './tokenize.ts'
export { addCounts, countsOf, mergeCounts, spectrumOf, totalOf, withSingletons } from './spectrum.ts'
export type { Spectrum } from './spectrum.ts'
export { occurrencesOf, occurrencesOfIds } from './occurrences.ts'
export type { Occurrences } from './occurrences.ts'
export { tokenWindows } from './token-windows.ts'

// Of the spectrum of counts.
export { chao1 } from './chao1.ts'
export { coverage } from './coverage.ts'
export { entropy } from './entropy.ts'
export { entropyChaoShen } from './entropy-chao-shen.ts'
export { entropyMillerMadow } from './entropy-miller-madow.ts'
export { goodToulmin } from './good-toulmin.ts'
export { hdd } from './hdd.ts'
export { herdanC } from './herdan-c.ts'
export { missingMass } from './missing-mass.ts'
export { simpsonD } from './simpson.ts'
export { ttr } from './ttr.ts'
export { yuleK } from './yule-k.ts'

// Of tokens in their order, of n-grams and of texts.
export { compressionBudget, compressionRatio } from './compression-ratio.ts'
export { distinctInter, distinctIntra } from './distinct.ts'
export { expectationAdjustedDistinct } from './expectation-adjusted.ts'
export { heapsBeta } from './heaps.ts'
export { heapsFit } from './heaps-fit.ts'
export { mattr } from './mattr.ts'
export { mtld, mtldFactors } from './mtld.ts'
export { ngramDiversity } from './ngram-diversity.ts'
export { posCompressionRatio } from './pos-compression-ratio.ts'
export type { Tagger } from './pos-compression-ratio.ts'
export { posPatterns } from './pos-patterns.ts'
export { rougeL, rougeLength, rougeTokens } from './rouge-l.ts'
export { selfBleu } from './self-bleu.ts'
export { othersHolding, selfRepetition } from './self-repetition.ts'
export { templateRate } from './template-rate.ts'

// Of how alike documents and sources are.
export { effectiveSources } from './effective-sources.ts'
export { symmetricEigenvalues } from './eigenvalues.ts'
export { createEmbedding, embeddingDimensions, embeddingId } from './embedding.ts'
export { createFeatures, featuresId } from './features.ts'
export { createFrechet, frechetDistance } from './frechet.ts'
export { createHashes, hashTokens } from './hashes.ts'
export type { Hashes } from './hashes.ts'
export { meanCosine } from './mean-cosine.ts'
export { meanSquaredCosine } from './mean-squared-cosine.ts'
export { ngramKernel, ngramKernelId } from './ngram-kernel.ts'
export type { Kernel } from './ngram-kernel.ts'
export { similarityEigenvalues } from './similarity.ts'
export { sourceSimilarity } from './source-similarity.ts'
export {
  addVector,
  createVectorSums,
  mergeVectorSums,
  packSums,
  squaredProducts,
  squaredSum,
  unpackSums
} from './vector-sums.ts'
export type { PackedSums, VectorSums } from './vector-sums.ts'
export { vendi } from './vendi.ts'
export { vendiQ2 } from './vendi-q2.ts'

// Beside human text.
export { clusterHits, clusterSpread } from './cluster-hits.ts'
export { humanRatio } from './human-ratio.ts'
export { jsDivergence } from './js-divergence.ts'
export { klDivergence } from './kl-divergence.ts'
export { fitLanguageModel } from './language-model.ts'
export type { LanguageModel } from './language-model.ts'
export { logPerplexity } from './log-perplexity.ts'
export { providerLogPerplexity } from './provider-log-perplexity.ts'
export { novelTypeShare } from './novel-type-share.ts'
export { stabilityIndex } from './stability-index.ts'
export { tailMass } from './tail-mass.ts'
export { tailSurvival } from './tail-survival.ts'
export { tailTypes } from './tail-types.ts'
export { tailTypesKept } from './tail-types-kept.ts'
export { topicCoverage } from './topic-coverage.ts'
export { topicEntropy } from './topic-entropy.ts'

// Statistics of values.
export { interquartileRange } from './interquartile-range.ts'
export { mean, standardDeviation } from './moments.ts'
export { quantile } from './quantile.ts'
export { trimmed } from './trimmed.ts'
