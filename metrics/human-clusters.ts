/** What human texts are about, as clusters of them, and which one another text is nearest to. */
import { type Clusters, fitClusters, createNearest } from './clusters.ts'
import { hashWords } from './hash-text.ts'
import { type Hashes, createHashes } from './hashes.ts'
import { type WordCounts, createTopicFeatures } from './topic-features.ts'

/** Name and version of the clusters, stored beside every value they led to. */
export const clustersId = 'clusters-16-1'

/** Clusters of a human reference. */
export type HumanClusters = Clusters & {
  /** The cluster a document is nearest to: words by their hashes, from where to where; -1 for one that is about nothing. */
  nearest(words: Hashes, from?: number, to?: number): number
}

/**
 * Clusters of human texts. Complexity: linear in their words, and that of `fitClusters`.
 * @param texts of the reference
 * @param counts of its words
 * @param fixed clusters that were made of it before: those are taken, and none are made
 * @returns undefined for too few texts
 */
export function createHumanClusters(
  texts: readonly string[],
  counts: WordCounts,
  fixed?: Clusters
): HumanClusters | undefined {
  const featuresOf = createTopicFeatures(counts)
  const words = createHashes()
  const made = (): Clusters | undefined =>
    fitClusters(
      texts.map(text => {
        hashWords(text, words)
        return featuresOf(words).slice()
      })
    )
  const clusters = fixed ?? made()
  if (!clusters) return undefined
  const nearest = createNearest(clusters)
  return { ...clusters, nearest: (tokens, from, to) => nearest(featuresOf(tokens, from, to)) }
}
