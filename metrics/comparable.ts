/** Which metrics of two windows of as many tokens can be compared where they have not as many documents. */

/** Metrics whose expected value moves with the number of documents. */
const byDocuments: ReadonlySet<string> = new Set([
  'cluster_coverage',
  'embedding_vendi_q1',
  'embedding_vendi_q2',
  'embedding_vendi_qinf',
  'embedding_frechet',
  'frechet_distance',
  'vendi_q1',
  'vendi_q2',
  'vendi_qinf'
])

/**
 * Whether a value can be held against those of human windows. A window of long texts has few: a Vendi score of fewer documents
 * is lower, a Fréchet distance larger, whatever they say.
 * @param key of the metric
 * @param documents of the window
 * @param people fewest and most documents of a human window
 */
export function isComparable(
  key: string,
  documents: number,
  people: { readonly least: number; readonly most: number } | undefined
): boolean {
  if (!people) return true
  // Its correction holds down to half as many, not for a handful.
  if (key === 'cluster_entropy') return documents >= people.least / 2
  return !byDocuments.has(key) || (documents >= people.least && documents <= people.most)
}
