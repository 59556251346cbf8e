/** What every key of `measureTexts` means, in a line: for tables and reference pages. */
import type { TextKey } from './text-keys.ts'

/** A key's meaning. */
export type KeyDoc = {
  readonly doc: string
  /** What it does when texts narrow; `size` where it says more about the number of tokens than about diversity. */
  readonly narrow: 'falls' | 'rises' | 'either' | 'size'
}

/** By key. */
export const textDocs: Readonly<Record<TextKey, KeyDoc>> = {
  documents: { doc: 'documents', narrow: 'size' },
  tokens: { doc: 'words of all of them', narrow: 'size' },
  types: { doc: 'different words', narrow: 'falls' },
  length_mean: { doc: 'words per document', narrow: 'either' },
  length_sd: { doc: 'their standard deviation, n - 1', narrow: 'falls' },
  ttr: { doc: 'types / tokens', narrow: 'falls' },
  distinct_1_inter: { doc: 'unique words / words over all documents; the same as `ttr`', narrow: 'falls' },
  distinct_2_inter: { doc: 'unique bigrams / bigrams over all documents', narrow: 'falls' },
  distinct_3_inter: { doc: 'unique trigrams / trigrams over all documents', narrow: 'falls' },
  distinct_4_inter: { doc: 'unique 4-grams / 4-grams over all documents', narrow: 'falls' },
  distinct_1_intra: { doc: 'unique words / words within a document, mean over documents', narrow: 'either' },
  distinct_2_intra: { doc: 'the same for bigrams', narrow: 'either' },
  distinct_3_intra: { doc: 'the same for trigrams', narrow: 'either' },
  distinct_4_intra: { doc: 'the same for 4-grams', narrow: 'either' },
  self_repetition_4: {
    doc: 'mean over documents of ln(1 + occurrences of its 4-grams in other documents), split at white space',
    narrow: 'rises'
  },
  f1: { doc: 'types seen once', narrow: 'falls' },
  f2: { doc: 'types seen twice', narrow: 'either' },
  missing_mass: { doc: 'f1 / tokens: Good-Turing, the chance that the next word is new', narrow: 'falls' },
  coverage: {
    doc: '1 - missing mass, improved (Chao & Jost 2012); rises in a collapse too',
    narrow: 'rises'
  },
  chao1: { doc: 'lower bound of the types there are, seen or not', narrow: 'falls' },
  entropy_1: { doc: 'entropy of words, bits, plug-in', narrow: 'falls' },
  entropy_1_miller_madow: { doc: 'the same, corrected by (types - 1) / 2 tokens', narrow: 'falls' },
  entropy_1_chao_shen: { doc: 'the same, corrected by coverage: the one to alarm on', narrow: 'falls' },
  entropy_2: { doc: 'entropy of bigrams, bits, plug-in', narrow: 'falls' },
  entropy_2_chao_shen: { doc: 'the same, corrected by coverage', narrow: 'falls' },
  heaps_beta: { doc: 'log10 of V(N) / V(N/10): how fast new words still come', narrow: 'falls' },
  feature_cosine: {
    doc: 'mean cosine of all pairs of documents by hashed features (hashed-256-1) of words and pairs of words',
    narrow: 'rises'
  },
  embedding_cosine: {
    doc: 'mean cosine of all pairs of documents by sentence embeddings (all-minilm-l6-v2-words-64-1): how much alike what they are about is',
    narrow: 'rises'
  },
  embedding_cosine_squared: {
    doc: 'mean squared cosine of the same pairs: 1 over the Vendi score of order 2 of endless text of the kind',
    narrow: 'rises'
  },
  embedding_vendi_q1: {
    doc: 'Vendi score of order 1 of the same: as that of order 2, rare things count for more',
    narrow: 'either'
  },
  embedding_vendi_q2: {
    doc: 'Vendi score of order 2 of the same: about how many different things they are, in effect; falls with one subject, rises where texts are put together from pieces of others',
    narrow: 'either'
  },
  embedding_vendi_qinf: {
    doc: 'the same of order infinity: 1 / largest eigenvalue',
    narrow: 'either'
  },
  heaps_fit_k: { doc: 'K of the fit V = K N^beta', narrow: 'either' },
  heaps_fit_beta: { doc: 'beta of the fit', narrow: 'falls' },
  herdan_c: { doc: 'log types / log tokens', narrow: 'falls' },
  yule_k: { doc: "Yule's K: how much frequent words repeat", narrow: 'rises' },
  simpson_d: { doc: 'chance that two words are the same', narrow: 'rises' },
  hdd_42: { doc: 'HD-D: expected share of types among 42 words', narrow: 'falls' },
  mattr_50: { doc: 'moving TTR over 50 words, per document, mean', narrow: 'either' },
  mattr_100: { doc: 'moving TTR over 100 words, per document, mean', narrow: 'either' },
  mattr_50_pooled: { doc: 'moving TTR over 50 words of all documents in a row', narrow: 'either' },
  mattr_100_pooled: { doc: 'moving TTR over 100 words of all documents in a row', narrow: 'either' },
  mtld: { doc: 'MTLD of documents of at least 100 words, mean; rises while the tail dies', narrow: 'either' },
  mtld_pooled: { doc: 'MTLD of all documents in a row', narrow: 'either' },
  ead_1: { doc: 'expectation-adjusted distinct-1, against the vocabulary of the reference', narrow: 'falls' },
  ngram_diversity_4: {
    doc: 'sum of distinct-1 to distinct-4 over the joined texts, as PyPI diversity',
    narrow: 'falls'
  },
  compression_ratio: { doc: 'bytes of the joined texts / bytes of one gzip', narrow: 'rises' },
  compression_ratio_80k: { doc: 'the same of the first 80,000 bytes, for comparisons', narrow: 'rises' },
  self_bleu_4: { doc: 'BLEU-4 of each document against the others, first 200 documents', narrow: 'rises' },
  rouge_l: {
    doc: 'mean ROUGE-L F1 over pairs, first 100 documents, of each its first 2,000 tokens',
    narrow: 'rises'
  },
  vendi_q1: {
    doc: 'Vendi score, q = 1: effective number of documents under the n-gram kernel, first 200',
    narrow: 'falls'
  },
  vendi_q2: { doc: 'the same, q = 2', narrow: 'falls' },
  vendi_qinf: { doc: 'the same, q = infinity: 1 / largest eigenvalue', narrow: 'falls' },
  mean_cosine: { doc: 'mean similarity of pairs under the same kernel', narrow: 'rises' },
  dispersion: { doc: '1 - mean_cosine (remote clique)', narrow: 'falls' },
  kl_to_human: { doc: 'KL(texts, human), bits, 0.5 added to every count', narrow: 'rises' },
  js_to_human: { doc: 'Jensen-Shannon divergence to human, bits', narrow: 'rises' },
  tail_types_kept: {
    doc: 'share of the rare human types (at most two in the reference) that occur',
    narrow: 'falls'
  },
  tail_types_kept_ratio: { doc: 'the same over its mean in human windows of that size', narrow: 'falls' },
  tail_mass: { doc: 'share of tokens that are rare human types', narrow: 'falls' },
  tail_mass_ratio: { doc: 'the same over its mean in human windows of that size', narrow: 'falls' },
  novel_type_share: {
    doc: 'share of tokens the seed texts do not hold: 0 of a closed model',
    narrow: 'falls'
  },
  novel_type_share_ratio: { doc: 'the same over its mean in human windows of that size', narrow: 'falls' },
  frechet_distance: {
    doc: 'distance of hashed features from those of as many human documents',
    narrow: 'rises'
  },
  log_ppl_mean: {
    doc: 'mean log-perplexity of documents under a Kneser-Ney trigram model of the reference, nats',
    narrow: 'falls'
  },
  log_ppl_sd: { doc: 'its standard deviation over documents', narrow: 'falls' },
  log_ppl_iqr: { doc: 'its interquartile range', narrow: 'falls' },
  log_ppl_mean_trimmed: { doc: 'mean without values beyond 1.5 IQR', narrow: 'falls' },
  log_ppl_sd_trimmed: { doc: 'standard deviation without them', narrow: 'falls' },
  cluster_coverage: {
    doc: 'share of the clusters of the reference (at most 16, of what its documents are about) that some document falls into',
    narrow: 'falls'
  },
  cluster_entropy: {
    doc: 'entropy of the documents over these clusters / log of their number: 1 when all are written about alike',
    narrow: 'falls'
  },
  embedding_frechet: {
    doc: 'Fréchet distance of the sentence embeddings from those of as many human documents',
    narrow: 'rises'
  },
  pos_compression_ratio: {
    doc: 'the compression ratio of part-of-speech tags in the place of words; with `--pos`',
    narrow: 'rises'
  },
  pos_template_rate: {
    doc: 'share of documents with one of the 100 most frequent human patterns of 5 tags; with `--pos`',
    narrow: 'rises'
  }
}
