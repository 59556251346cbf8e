/** The views of ClickHouse that people are told of; their columns are documented where they are made. */
export const views = [
  'collapse',
  'sources',
  'funnel',
  'mix_ratio',
  'mix_ratio_windows',
  'spend',
  'coverage',
  'contamination',
  'lineage',
  'texts',
  'ngrams',
  'ngrams_sampled',
  'text_sums',
  'text_states',
  'source_pairs',
  'diversity',
  'generation_trends',
  'diagnosis',
  'coverage_gaps',
  'cluster_gaps',
  'collapse_days'
] as const
