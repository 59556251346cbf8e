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
  'heaps_beta'
] as const

/** Key of a metric of the panel. */
export type PanelKey = (typeof panelKeys)[number]
