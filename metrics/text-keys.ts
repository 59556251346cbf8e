import { panelKeys } from './keys.ts'

/** Keys of everything `measureTexts` reports, in the order of reporting: those of the panel, then the others. */
export const textKeys = [
  ...panelKeys,
  'ngram_diversity_4',
  'self_bleu_4',
  'rouge_l',
  'vendi_q1',
  'vendi_q2',
  'vendi_qinf',
  'mean_cosine',
  'dispersion',
  'ead_1',
  'kl_to_human',
  'js_to_human',
  'tail_types_kept',
  'tail_types_kept_ratio',
  'tail_mass',
  'tail_mass_ratio',
  'novel_type_share',
  'novel_type_share_ratio',
  'frechet_distance',
  'log_ppl_mean',
  'log_ppl_sd',
  'log_ppl_iqr',
  'log_ppl_mean_trimmed',
  'log_ppl_sd_trimmed',
  'cluster_coverage',
  'cluster_entropy',
  'embedding_frechet',
  'pos_compression_ratio',
  'pos_template_rate'
] as const

/** Key of a metric of texts. */
export type TextKey = (typeof textKeys)[number]

/** Those to look at first, in this order: they move early in a collapse, or say what moved. */
export const glanceKeys = [
  'types',
  'missing_mass',
  'heaps_beta',
  'tail_types_kept',
  'tail_mass',
  'novel_type_share',
  'distinct_2_inter',
  'entropy_1',
  'compression_ratio',
  'self_repetition_4',
  'mean_cosine',
  'vendi_q2',
  'cluster_entropy',
  'log_ppl_sd',
  'length_mean'
] as const satisfies readonly TextKey[]

/** All of them, those to look at first in front. */
export const orderedKeys: readonly TextKey[] = [
  ...glanceKeys,
  ...textKeys.filter(key => !(glanceKeys as readonly TextKey[]).includes(key))
]
