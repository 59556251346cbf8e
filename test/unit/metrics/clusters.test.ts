import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { corpusLines } from '../../../infra/demo/demo.ts'
import { clusterHits, clusterSpread } from '../../../metrics/cluster-hits.ts'
import {
  type Clusters,
  fitClusters,
  leastDocuments,
  mostClusters,
  createNearest
} from '../../../metrics/clusters.ts'
import { dimensions } from '../../../metrics/features.ts'
import { hashWords } from '../../../metrics/hash-text.ts'
import { createHashedReference } from '../../../metrics/hashed-reference.ts'
import { createHashes } from '../../../metrics/hashes.ts'
import { random } from '../../../metrics/random.ts'
import { createTopicFeatures } from '../../../metrics/topic-features.ts'
import { close, reason } from '../../helpers/measured.ts'

const nearestCluster = (features: ArrayLike<number>, clusters: Clusters): number =>
  createNearest(clusters)(features)

/** Documents of several kinds, so many of each: something of all, something of the kind, and chance. */
function planted(sizes: readonly number[], seed = 1): { kind: number; features: Int32Array }[] {
  const draws = random(seed)
  const base = Int32Array.from({ length: dimensions }, () => draws.below(9) - 4)
  const kinds = sizes.map(() => Int32Array.from({ length: dimensions }, () => draws.below(9) - 4))
  const documents = sizes.flatMap((size, kind) =>
    Array.from({ length: size }, () => ({
      kind,
      at: draws.float(),
      features: Int32Array.from(base, (value, at) => 3 * value + 2 * kinds[kind]![at]! + draws.below(5) - 2)
    }))
  )
  return documents.toSorted((a, b) => a.at - b.at)
}
const fitted = (documents: readonly { features: Int32Array }[]): Clusters =>
  fitClusters(documents.map(({ features }) => features)) ?? assert.fail('no clusters')

describe('clusters', () => {
  test('are the kinds there are, the largest first, and new documents of a kind fall into its own', () => {
    const sizes = [90, 40, 30]
    const documents = planted([...sizes, ...sizes])
    const clusters = fitted(documents.slice(0, 300))
    assert.equal(clusters.count, mostClusters)
    const kindsOf = Map.groupBy(documents, ({ features }) => nearestCluster(features, clusters))
    for (const [cluster, list] of kindsOf)
      assert.equal(new Set(list.map(({ kind }) => kind)).size, 1, `cluster ${cluster} is of one kind`)
    const counts = clusterHits(
      documents.slice(0, 300).map(({ features }) => nearestCluster(features, clusters)),
      clusters
    )
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      300
    )
  })

  test('of three kinds are three where there is text for no more', () => {
    const documents = planted([12, 11, 10])
    const clusters = fitted(documents)
    assert.equal(clusters.count, 3)
    const found = documents.map(({ kind, features }) => `${kind} in ${nearestCluster(features, clusters)}`)
    assert.deepEqual([...new Set(found)].toSorted(), ['0 in 0', '1 in 1', '2 in 2'])
  })

  test('are looked at from the mean text: what all texts have says nothing', () => {
    const centres = new Float32Array(2 * dimensions)
    centres[0] = 1
    centres[dimensions + 1] = 1
    const features = new Int32Array(dimensions)
    features.set([2, 1])
    const nearest = (first: number): number =>
      nearestCluster(features, { count: 2, centres, offsets: Float32Array.from([first, 0]) })
    assert.equal(nearest(0), 0)
    // 2 / √5 - 0.9 is less than 1 / √5.
    assert.equal(nearest(0.9), 1)
  })

  test('are none for too few documents, nor for those about nothing', () => {
    const documents = planted([2 * leastDocuments - 1]).map(({ features }) => features)
    assert.equal(fitClusters(documents), undefined)
    assert.equal(fitClusters([]), undefined)
    assert.equal(fitClusters(Array.from({ length: 50 }, () => new Int32Array(dimensions))), undefined)
    const same = Array.from({ length: 50 }, () => new Int32Array(dimensions).fill(3))
    assert.equal(fitClusters(same), undefined, 'all the same: nothing is left when the mean is taken off')
    assert.equal(nearestCluster(new Int32Array(dimensions), fitted(planted([30, 30]))), -1)
  })

  test('are the same again, have centres of length 1, and do not look at how long a document is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 2, max: 50 }), (seed, times) => {
        const documents = planted([25, 25, 30], seed)
        const clusters = fitted(documents)
        assert.deepEqual(fitted(documents), clusters)
        for (let cluster = 0; cluster < clusters.count; cluster++) {
          const centre = clusters.centres.subarray(cluster * dimensions, (cluster + 1) * dimensions)
          assert.ok(Math.abs(Math.hypot(...centre) - 1) < 1e-5)
        }
        for (const { features } of documents.slice(0, 10))
          assert.equal(
            nearestCluster(
              features.map(count => count * times),
              clusters
            ),
            nearestCluster(features, clusters)
          )
      }),
      { numRuns: 15 }
    )
  })

  test('of the bundled corpus share information with its topics, four times what all words would', () => {
    const documents = corpusLines().map(line => JSON.parse(line) as { topic: string; text: string })
    const human = documents.filter((_, index) => index % 2 === 0)
    const { clusters } = createHashedReference(human.map(({ text }) => text))!
    const words = createHashes()
    const pairs = documents.flatMap(({ topic, text }, index) => {
      if (index % 2 === 0) return []
      hashWords(text, words)
      return [[topic, clusters!.nearest(words)] as const]
    })
    const share = (list: readonly unknown[]): number => list.length / pairs.length
    let information = 0
    const byTopic = Map.groupBy(pairs, ([topic]) => topic)
    const byCluster = Map.groupBy(pairs, ([, cluster]) => cluster)
    for (const together of Map.groupBy(pairs, pair => pair.join()).values()) {
      const [topic, cluster] = together[0]!
      const alone = share(byTopic.get(topic)!) * share(byCluster.get(cluster)!)
      information += share(together) * Math.log2(share(together) / alone)
    }
    assert.ok(information > 0.8, `${information} bits of about 3.3`)
  })
})

test('features are of the words that are neither rare nor common', () => {
  const words = createHashes()
  const counts = Int32Array.from([1, 2, 50, 51])
  const reference = { find: (lo: number) => lo, counts, tokens: 34_000 }
  const features = createTopicFeatures(reference)
  const of = (...ids: number[]): number[] => {
    words.lo.set(ids)
    words.hi.fill(0)
    words.length = ids.length
    return [...features(words)].filter(value => value !== 0).map(Math.abs)
  }
  assert.deepEqual(of(0), [], 'once in the reference')
  assert.deepEqual(of(1), [1])
  assert.deepEqual(of(2, 2, 2), [3])
  assert.deepEqual(of(3, 3), [2], '51 of 34,000 are as many as may be')
  assert.deepEqual(of(-1, -1), [], 'not in the reference')
  words.lo.set([2, 1, 1])
  words.length = 3
  assert.deepEqual([...features(words, 1, 2)].filter(value => value !== 0).length, 1, 'of a part')
})

describe('the spread over clusters', () => {
  const four = { count: 4 }
  test('is the share that is hit, and the evenness of the hits', () => {
    const even = clusterSpread([0, 1, 2, 3, -1], four)
    close(even.cluster_coverage, 1)
    close(even.cluster_entropy, 1)
    const half = clusterSpread([0, 0, 1, 1], four)
    close(half.cluster_coverage, 0.5)
    // Half, and Miller's correction: one more cluster than one, of four documents.
    close(half.cluster_entropy, 0.5 + 1 / (2 * 4 * Math.log(4)))
    const many = clusterSpread(
      Array.from({ length: 4000 }, (_, at) => at % 2),
      four
    )
    close(many.cluster_entropy, 0.5 + 1 / (2 * 4000 * Math.log(4)))
    close(clusterSpread([2, 2, -1], four).cluster_entropy, 0)
  })

  test('is undefined without clusters and without documents in any', () => {
    for (const value of Object.values(clusterSpread([1], undefined)))
      assert.match(reason(value), /too few documents/)
    for (const list of [[], [-1, -1]])
      for (const value of Object.values(clusterSpread(list, four)))
        assert.match(reason(value), /about anything/)
  })
})
