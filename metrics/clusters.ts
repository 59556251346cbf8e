import { dimensions } from './features.ts'
import { random } from './random.ts'

/** Groups of texts that are alike, fixed once: what later texts are counted into. */
export type Clusters = {
  /** How many; they are numbered from 0, the largest first. */
  readonly count: number
  /** Their centres, each of length 1, one after the other: `count` times {@link dimensions}. */
  readonly centres: Float32Array
  /** Of each centre its product with the mean text, which is taken off every text. */
  readonly offsets: Float32Array
}

/** Clusters at most: a window of a hundred documents hits each of them. */
export const mostClusters = 16
/** Documents there are to a cluster at least. */
export const leastDocuments = 10
/** Documents that are looked at: fewer make other clusters of other documents. */
const mostDocuments = 2000
/** Rounds after which few documents still change sides. */
const mostRounds = 10
/** The same documents give the same clusters. */
const seed = 20260301

/**
 * Spherical k-means. What all texts have in common is taken off first: centres are compared by the cosine of the features less
 * their mean. Centres are begun as k-means++ does, with a fixed seed;
 * one that loses all its documents begins again at the document that fits worst.
 *
 * References: Dhillon and Modha, "Concept decompositions for large sparse text data using clustering", Machine Learning 42
 * (2001); Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007. Complexity: documents, at most
 * two thousand of them, times clusters times features, ten times: a tenth of a second.
 * @param features of the documents, of any length; the order counts
 * @returns at most 16 clusters, one for ten documents; undefined where that makes fewer than two
 */
export function fitClusters(features: readonly ArrayLike<number>[]): Clusters | undefined {
  const vectors = features.flatMap(counts => unit(Float32Array.from(counts)))
  const taken = Math.min(vectors.length, mostDocuments)
  const sample = Array.from({ length: taken }, (_, at) => vectors[Math.floor((at * vectors.length) / taken)]!)
  const mean = new Float64Array(dimensions)
  for (const vector of sample) for (let at = 0; at < dimensions; at++) mean[at]! += vector[at]! / taken
  const points = sample.flatMap(vector => unit(Float32Array.from(mean, (of, at) => vector[at]! - of)))
  const count = Math.min(mostClusters, Math.floor(points.length / leastDocuments))
  if (count < 2) return undefined
  const centres = begin(points, count)
  const homes = new Int32Array(points.length).fill(-1)
  for (let round = 0; round < mostRounds; round++) if (!settle(points, centres, homes)) break
  const sizes = new Int32Array(count)
  for (const home of homes) sizes[home]! += 1
  const order = [...centres.keys()].toSorted((a, b) => sizes[b]! - sizes[a]! || a - b)
  const sorted = new Float32Array(count * dimensions)
  for (const [place, home] of order.entries()) sorted.set(centres[home]!, place * dimensions)
  const offsets = Float32Array.from({ length: count }, (_, cluster) =>
    dot(sorted, mean, cluster * dimensions)
  )
  return { count, centres: sorted, offsets }
}

/**
 * Tells the cluster a text is nearest to. Complexity: clusters times the features the text has, a microsecond.
 * @returns a function from the features of a text, of any length, to its cluster, -1 for a text without features
 */
export function createNearest({
  count,
  centres,
  offsets
}: Clusters): (features: ArrayLike<number>) => number {
  // Of each feature what it adds to each cluster: most texts have few.
  const added = new Float64Array(dimensions * count)
  for (let cluster = 0; cluster < count; cluster++)
    for (let at = 0; at < dimensions; at++) added[at * count + cluster] = centres[cluster * dimensions + at]!
  const scores = new Float64Array(count)
  return features => {
    scores.fill(0)
    let squares = 0
    for (let at = 0; at < dimensions; at++) {
      const value = features[at]!
      if (value === 0) continue
      squares += value * value
      const from = at * count
      for (let cluster = 0; cluster < count; cluster++) scores[cluster]! += value * added[from + cluster]!
    }
    if (squares === 0) return -1
    const length = Math.sqrt(squares)
    let nearest = 0
    let best = -Infinity
    for (let cluster = 0; cluster < count; cluster++) {
      const score = scores[cluster]! - length * offsets[cluster]!
      if (score <= best) continue
      best = score
      nearest = cluster
    }
    return nearest
  }
}

/** Product of one of the rows of a matrix with a vector. */
function dot(rows: ArrayLike<number>, vector: ArrayLike<number>, from = 0): number {
  // Four sums at a time: one addition need not wait for the one before.
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let at = 0; at < dimensions; at += 4) {
    a += rows[from + at]! * vector[at]!
    b += rows[from + at + 1]! * vector[at + 1]!
    c += rows[from + at + 2]! * vector[at + 2]!
    d += rows[from + at + 3]! * vector[at + 3]!
  }
  return a + b + (c + d)
}

/** What is shorter is what rounding left. */
const shortest = 1e-6

/** Scaled to length 1, in place; none for one without length. */
function unit(vector: Float32Array): Float32Array[] {
  const length = Math.sqrt(dot(vector, vector))
  if (length < shortest) return []
  for (let at = 0; at < dimensions; at++) vector[at]! /= length
  return [vector]
}

/** Centres to begin with: documents, each the likelier the worse those before it fit it. */
function begin(points: readonly Float32Array[], count: number): Float32Array[] {
  const numbers = random(seed)
  const centres: Float32Array[] = []
  const distances = new Float64Array(points.length).fill(1)
  while (centres.length < count) {
    let left = numbers.float() * distances.reduce((sum, distance) => sum + distance, 0)
    let chosen = 0
    for (; chosen < points.length - 1; chosen++) {
      left -= distances[chosen]!
      if (left < 0) break
    }
    const centre = points[chosen]!.slice()
    centres.push(centre)
    for (const [at, point] of points.entries())
      distances[at] = Math.min(distances[at]!, Math.max(0, 1 - dot(centre, point)))
  }
  return centres
}

/** Gives each document to its nearest centre and moves the centres there; whether any changed sides. */
function settle(points: readonly Float32Array[], centres: Float32Array[], homes: Int32Array): boolean {
  let changed = false
  const fits = new Float64Array(points.length)
  for (const [at, point] of points.entries()) {
    let best = -Infinity
    let home = 0
    for (const [cluster, centre] of centres.entries()) {
      const score = dot(centre, point)
      if (score <= best) continue
      best = score
      home = cluster
    }
    fits[at] = best
    if (homes[at] === home) continue
    homes[at] = home
    changed = true
  }
  for (const cluster of centres.keys()) {
    const sum = new Float32Array(dimensions)
    let size = 0
    for (const [at, point] of points.entries()) {
      if (homes[at] !== cluster) continue
      size++
      for (let of = 0; of < dimensions; of++) sum[of]! += point[of]!
    }
    const [centre] = unit(sum)
    if (size > 0 && centre) {
      centres[cluster] = centre
      continue
    }
    const worst = fits.reduce((least, fit, at) => (fit < fits[least]! ? at : least), 0)
    fits[worst] = Infinity
    centres[cluster] = points[worst]!.slice()
    changed = true
  }
  return changed
}
