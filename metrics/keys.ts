/** Keys of the panel, in the order they are reported. */
export const panelKeys = [
  'documents',
  'tokens',
  'types',
  'length_mean',
  'length_sd',
  'ttr',
  'distinct_1_inter',
  'distinct_2_inter',
  'distinct_3_inter',
  'distinct_4_inter',
  'distinct_1_intra',
  'distinct_2_intra',
  'distinct_3_intra',
  'distinct_4_intra',
  'self_repetition_4',
  'f1',
  'f2',
  'missing_mass',
  'coverage',
  'chao1',
  'entropy_1',
  'entropy_1_miller_madow',
  'entropy_1_chao_shen',
  'entropy_2',
  'entropy_2_chao_shen',
  'heaps_beta',
  'heaps_fit_k',
  'heaps_fit_beta',
  'herdan_c',
  'yule_k',
  'simpson_d',
  'hdd_42',
  'mattr_50',
  'mattr_100',
  'mattr_50_pooled',
  'mattr_100_pooled',
  'mtld',
  'mtld_pooled',
  'compression_ratio',
  'compression_ratio_80k',
  'feature_cosine',
  'embedding_cosine',
  'embedding_cosine_squared',
  'embedding_vendi_q1',
  'embedding_vendi_q2',
  'embedding_vendi_qinf'
] as const

/** Key of a metric of the panel. */
export type PanelKey = (typeof panelKeys)[number]

/** Keys of what a window is beside a human reference, in the order they are reported. */
export const referenceKeys = [
  'ead_1',
  'kl_to_human',
  'js_to_human',
  'tail_types_kept',
  'tail_mass',
  'log_ppl_mean',
  'log_ppl_sd',
  'log_ppl_iqr',
  'log_ppl_mean_trimmed',
  'log_ppl_sd_trimmed',
  'cluster_coverage',
  'cluster_entropy',
  'embedding_frechet'
] as const

/** Key of a metric of a window beside a human reference. */
export type ReferenceKey = (typeof referenceKeys)[number]

/** Those that are computed at a glance. */
export const glanceReferenceKeys = [
  'tail_types_kept',
  'tail_mass',
  'log_ppl_mean',
  'log_ppl_sd',
  'log_ppl_iqr',
  'log_ppl_mean_trimmed',
  'log_ppl_sd_trimmed',
  'cluster_coverage',
  'cluster_entropy'
] as const satisfies readonly ReferenceKey[]

/** Keys of how alike sentences are built, which a tagger is needed for. */
export const speechKeys = ['pos_compression_ratio', 'pos_template_rate'] as const

/** Key of a metric of parts of speech. */
export type SpeechKey = (typeof speechKeys)[number]

/** Keys of what a provider says of the probability of its own tokens, in nats a token; by each model's own tokens, and so of one source alone. */
export const providerKeys = ['provider_log_ppl_mean', 'provider_log_ppl_sd'] as const

/** Keys of a window of the pipeline. */
export const windowKeys = [
  ...panelKeys,
  ...referenceKeys,
  'novel_type_share',
  ...providerKeys,
  ...speechKeys
] as const

/** Key of a metric of a window of the pipeline. */
export type WindowKey = (typeof windowKeys)[number]

/** Keys of the panel that are computed where a window is looked at only at a glance: what moves early, at a fraction of the time. */
export const glancePanelKeys = [
  'documents',
  'tokens',
  'types',
  'length_mean',
  'length_sd',
  'ttr',
  'distinct_1_inter',
  'distinct_2_inter',
  'distinct_1_intra',
  'distinct_2_intra',
  'self_repetition_4',
  'f1',
  'f2',
  'missing_mass',
  'coverage',
  'chao1',
  'entropy_1',
  'entropy_1_miller_madow',
  'entropy_1_chao_shen',
  'entropy_2',
  'entropy_2_chao_shen',
  'heaps_beta',
  'feature_cosine',
  'embedding_cosine',
  'embedding_cosine_squared',
  'embedding_vendi_q2'
] as const satisfies readonly PanelKey[]

/** Key of the panel at a glance. */
export type GlancePanelKey = (typeof glancePanelKeys)[number]
