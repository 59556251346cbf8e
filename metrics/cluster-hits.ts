import type { HumanClusters } from './human-clusters.ts'
import { type Measured, measured, undefinedBecause, valueOf } from './result.ts'
import { topicCoverage } from './topic-coverage.ts'
import { topicEntropy } from './topic-entropy.ts'

/** Documents per cluster of the human reference. */
export function clusterHits(nearest: Iterable<number>, { count }: Pick<HumanClusters, 'count'>): number[] {
  const hits = Array.from({ length: count }, () => 0)
  for (const cluster of nearest) if (cluster >= 0) hits[cluster]! += 1
  return hits
}

/**
 * How widely documents are spread over what people write about: `topicCoverage` and `topicEntropy` over the clusters of the
 * human reference instead of declared cells, the entropy with Miller's correction: windows of long texts have few of them.
 *
 * Keys: cluster_coverage, cluster_entropy.
 * Formula: coverage = clusters with a document / K; entropy = (-sum over clusters of p ln p + (k - 1) / (2 m)) / ln K, p
 * the share of the m documents, k the clusters hit, K all of them; at most 1.
 * Reference: Pielou, J. Theor. Biol. 13 (1966), evenness; Miller (1955), the correction; clusters as `clusters.ts` has them.
 * Complexity: linear in the documents.
 * Range: [0, 1].
 * Sees: a source that narrows to some subjects, where nobody labels any.
 * Does not see: subjects the reference has not: every text is nearest to some cluster. Diversity within a cluster, and the
 * tail of words.
 * @param nearest cluster of each document, -1 for one that is about nothing
 * @param clusters of the reference; undefined where it is too small
 * @returns undefined without clusters, and without a document that is about anything
 */
export function clusterSpread(
  nearest: Iterable<number>,
  clusters: Pick<HumanClusters, 'count'> | undefined
): Record<'cluster_coverage' | 'cluster_entropy', Measured> {
  const both = (value: Measured) => ({ cluster_coverage: value, cluster_entropy: value })
  if (!clusters) return both(undefinedBecause('the reference has too few documents for clusters'))
  const hits = clusterHits(nearest, clusters)
  if (hits.every(count => count === 0)) return both(undefinedBecause('no document is about anything'))
  return { cluster_coverage: topicCoverage(hits), cluster_entropy: corrected(hits) }
}

function corrected(hits: readonly number[]): Measured {
  const evenness = topicEntropy(hits)
  const value = valueOf(evenness)
  if (value === undefined) return evenness
  const documents = hits.reduce((sum, count) => sum + count, 0)
  const missing = (hits.filter(count => count > 0).length - 1) / (2 * documents * Math.log(hits.length))
  return measured(Math.min(1, value + missing))
}
