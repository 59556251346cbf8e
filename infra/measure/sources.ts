/** Groups of texts as sources: how many they are in effect, whatever they are called, and how alike any two of them are. */
import { effectiveSources } from '../../metrics/effective-sources.ts'
import { createUnitFeatures, dimensions, featuresId } from '../../metrics/features.ts'
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes } from '../../metrics/hashes.ts'
import { meanCosine } from '../../metrics/mean-cosine.ts'
import { valueOf } from '../../metrics/result.ts'
import { sourceSimilarity } from '../../metrics/source-similarity.ts'
import { type VectorSums, squaredSum } from '../../metrics/vector-sums.ts'
import type { Text } from './texts.ts'

/**
 * Groups beside one another, by hashed features as in the pipeline. Not by sentence embeddings: those of different texts are
 * so far from one another that means of a hundred of them are mostly chance, and one source cut in three would count as 2.7.
 */
export type Sources = {
  /** What cosines are of. */
  readonly features: string
  /** Groups with words. */
  readonly count: number
  /** How many of them there are in effect: from 1, where all write alike, to their number. Null without words. */
  readonly effective: number | null
  /** Mean cosine of any two documents of a group; null below two. */
  readonly within: Readonly<Record<string, number | null>>
  /** Mean cosine between the documents of two groups: of the largest fifty groups. */
  readonly pairs: readonly { readonly a: string; readonly b: string; readonly cosine: number }[]
}

/** Groups that are paired: of a thousand there would be half a million pairs. */
const mostPaired = 50

type Sums = Pick<VectorSums, 'count' | 'sum'>

/** Compares groups. Complexity: linear in the texts, then quadratic in the groups. */
export function sourcesOf(groups: ReadonlyMap<string, readonly Text[]>): Sources {
  const words = createHashes()
  const featuresOf = createUnitFeatures()
  const sumsOf = (texts: readonly Text[]): Sums => {
    const sum = new Float64Array(dimensions)
    let count = 0
    for (const { text } of texts) {
      hashWords(text, words)
      const vector = featuresOf(words)
      if (!vector) continue
      count += 1
      for (let at = 0; at < dimensions; at++) sum[at]! += vector[at]!
    }
    return { count, sum }
  }
  const summed = Array.from(groups, ([name, texts]) => [name, sumsOf(texts)] as const).filter(
    ([, { count }]) => count > 0
  )
  const largest = new Set(summed.toSorted(([, a], [, b]) => b.count - a.count).slice(0, mostPaired))
  const paired = summed.filter(one => largest.has(one))
  return {
    features: featuresId,
    count: summed.length,
    effective: valueOf(effectiveSources(summed.map(([, { sum }]) => sum))) ?? null,
    within: Object.fromEntries(
      summed.map(([name, sums]) => [name, valueOf(meanCosine(squaredSum(sums), sums.count)) ?? null])
    ),
    pairs: paired.flatMap(([a, first], index) =>
      paired
        .slice(index + 1)
        .map(([b, second]) => ({ a, b, cosine: valueOf(sourceSimilarity(first, second))! }))
    )
  }
}
