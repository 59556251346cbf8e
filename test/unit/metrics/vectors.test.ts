import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { effectiveSources } from '../../../metrics/effective-sources.ts'
import { symmetricEigenvalues } from '../../../metrics/eigenvalues.ts'
import { createFeatures, dimensions } from '../../../metrics/features.ts'
import { frechetDistance } from '../../../metrics/frechet.ts'
import { meanCosine } from '../../../metrics/mean-cosine.ts'
import { ngramKernel } from '../../../metrics/ngram-kernel.ts'
import { random } from '../../../metrics/random.ts'
import { similarityEigenvalues } from '../../../metrics/similarity.ts'
import { sourceSimilarity } from '../../../metrics/source-similarity.ts'
import {
  type VectorSums,
  addVector,
  covariance,
  createVectorSums,
  mergeVectorSums,
  packSums,
  squaredProducts,
  squaredSum,
  unpackSums
} from '../../../metrics/vector-sums.ts'
import { vendiQ2 } from '../../../metrics/vendi-q2.ts'
import { vendi } from '../../../metrics/vendi.ts'
import { close, defined, reason, within } from '../../helpers/measured.ts'

const draws = random(17)
const vector = (size: number): Float64Array =>
  Float64Array.from({ length: size }, () => draws.float() * 2 - 1)
const unit = (one: Float64Array): Float64Array => one.map(value => value / Math.hypot(...one))
const units = (count: number, size: number): Float64Array[] =>
  Array.from({ length: count }, () => unit(vector(size)))
const dot = (one: Float64Array, two: Float64Array): number =>
  one.reduce((sum, value, at) => sum + value * two[at]!, 0)
const sumsOf = (vectors: readonly Float64Array[]): VectorSums => {
  const sums = createVectorSums(vectors[0]!.length)
  for (const one of vectors) addVector(sums, one)
  return sums
}
const kernelOf = (vectors: readonly Float64Array[]): number[] =>
  vectors.flatMap(one => vectors.map(two => dot(one, two)))
const squares = (entries: Iterable<number>): number =>
  Array.from(entries).reduce((sum, entry) => sum + entry * entry, 0)
const word = fc.constantFrom('the', 'a', 'fox', 'dog', 'ran', 'sat')
const documents = fc.array(fc.array(word, { maxLength: 8 }), { maxLength: 7 })

describe('golden values', () => {
  test('the README of vendi-score: samples [0,0,10,10,20,20] under exp(-|a - b|)', () => {
    const samples = [0, 0, 10, 10, 20, 20]
    const kernel = Float64Array.from(samples.flatMap(a => samples.map(b => Math.exp(-Math.abs(a - b)) / 6)))
    close(vendi(symmetricEigenvalues(kernel, 6)), 2.9999999959, 5e-11)
  })

  test('the same: K = [[1,.9,0],[.9,1,0],[0,0,1]], orders 1, 2 and infinity', () => {
    const kernel = [1, 0.9, 0, 0.9, 1, 0, 0, 0, 1]
    const eigenvalues = symmetricEigenvalues(Float64Array.from(kernel), 3).map(value => value / 3)
    close(vendi(eigenvalues), 2.1573004834, 5e-11)
    close(vendi(eigenvalues, 2), 1.9480519481, 5e-11)
    close(vendiQ2(squares(kernel), 3), 1.9480519481, 5e-11)
    close(vendi(eigenvalues, Infinity), 1.5789473684, 5e-11)
  })

  test('unit vectors (1,0), (0,1), (r,r): order 1, order 2, mean pair cosine', () => {
    const rows = [Float64Array.of(1, 0), Float64Array.of(0, 1), Float64Array.of(Math.SQRT1_2, Math.SQRT1_2)]
    const eigenvalues = similarityEigenvalues(rows)
    assert.equal(eigenvalues.length, 2, 'more items than dimensions: the dual form')
    close(vendi(eigenvalues), 1.8898815748, 5e-11)
    close(vendi(eigenvalues, 2), 1.8, 1e-12)
    const sums = sumsOf(rows)
    close(vendiQ2(squaredProducts(sums), 3), 1.8, 1e-12)
    close(meanCosine(squaredSum(sums), 3), 0.4714045208, 5e-11)
  })

  test('Fréchet of two Gaussians on the line: (0, 1) and (3, 2) are 9 + (1 - 2)^2 apart (by hand)', () => {
    const line = (values: readonly number[]) => sumsOf(values.map(value => Float64Array.of(value)))
    const first = line([-1, 0, 1])
    const second = line([1, 3, 5])
    close(frechetDistance(first, second), 9 + 1)
  })

  test('two sources that answer alike count as one, opposite axes as two (by hand)', () => {
    close(effectiveSources([Float64Array.of(2, 0), Float64Array.of(5, 0)]), 1)
    close(effectiveSources([Float64Array.of(2, 0), Float64Array.of(0, 7), Float64Array.of(0, 0)]), 2)
    const [one, two] = [
      sumsOf([Float64Array.of(1, 0)]),
      sumsOf([Float64Array.of(0, 1), Float64Array.of(1, 0)])
    ]
    close(sourceSimilarity(one, two), 0.5)
  })

  test('the n-gram kernel of "a b", "a c" and "a" (by hand)', () => {
    const { items, entries } = ngramKernel([['a', 'b'], [], ['a', 'c'], ['a']])
    assert.equal(items, 3)
    const half = 1 / 4
    // One word alone: its unigrams stand for both, so (1 / sqrt 2) / sqrt 2.
    const alone = 1 / 2
    const expected = [1, half, alone, half, 1, alone, alone, alone, 1]
    for (const [at, entry] of entries.entries()) close({ value: entry }, expected[at]!)
  })
})

describe('eigenvalues', () => {
  const matrixOf = (values: readonly number[], n: number): Float64Array => {
    const matrix = new Float64Array(n * n)
    for (let row = 0, at = 0; row < n; row++) {
      for (let column = 0; column <= row; column++, at++) {
        matrix[row * n + column] = values[at]!
        matrix[column * n + row] = values[at]!
      }
    }
    return matrix
  }
  /** Jacobi's rotations until nothing is left beside the diagonal: another way to the same. */
  const jacobi = (matrix: Float64Array, n: number): number[] => {
    const a = matrix.slice()
    for (let sweep = 0; sweep < 60; sweep++) {
      for (let p = 0; p < n; p++) {
        for (let q = p + 1; q < n; q++) {
          if (a[p * n + q] === 0) continue
          const theta = Math.atan2(2 * a[p * n + q]!, a[q * n + q]! - a[p * n + p]!) / 2
          const [c, s] = [Math.cos(theta), Math.sin(theta)]
          for (let k = 0; k < n; k++) {
            const [x, y] = [a[k * n + p]!, a[k * n + q]!]
            a[k * n + p] = c * x - s * y
            a[k * n + q] = s * x + c * y
          }
          for (let k = 0; k < n; k++) {
            const [x, y] = [a[p * n + k]!, a[q * n + k]!]
            a[p * n + k] = c * x - s * y
            a[q * n + k] = s * x + c * y
          }
        }
      }
    }
    return Array.from({ length: n }, (_, at) => a[at * n + at]!).toSorted((x, y) => x - y)
  }
  const symmetric = fc.integer({ min: 0, max: 9 }).chain(n =>
    fc.tuple(
      fc.constant(n),
      fc.array(
        fc.oneof(
          fc.constant(0),
          fc.integer({ min: -5, max: 5 }),
          fc.double({ min: -1, max: 1, noNaN: true })
        ),
        {
          minLength: (n * (n + 1)) / 2,
          maxLength: (n * (n + 1)) / 2
        }
      )
    )
  )

  test('are those of Jacobi', () => {
    fc.assert(
      fc.property(symmetric, ([n, values]) => {
        const matrix = matrixOf(values, n)
        const ours = symmetricEigenvalues(matrix, n)
        assert.equal(ours.length, n)
        for (const [at, value] of jacobi(matrix, n).entries()) close({ value: ours[at]! }, value, 1e-11)
      }),
      { numRuns: 300 }
    )
  })

  test('of a large matrix of low rank: the trace and the squares come out, the rest is nil', () => {
    const vectors = units(120, 5)
    const matrix = Float64Array.from(kernelOf(vectors))
    const ours = symmetricEigenvalues(matrix, 120)
    close({ value: ours.reduce((sum, value) => sum + value, 0) }, 120, 1e-10)
    close({ value: squares(ours) }, squares(matrix), 1e-8)
    assert.ok(ours.subarray(0, 115).every(value => Math.abs(value) < 1e-12))
  })

  test('refuse what has none', () => {
    assert.throws(() => symmetricEigenvalues(Float64Array.of(1, 2), 2), RangeError)
    assert.throws(() => symmetricEigenvalues(Float64Array.of(NaN), 1), RangeError)
    assert.deepEqual(symmetricEigenvalues(new Float64Array(0), 0), new Float64Array(0))
  })
})

describe('identities and bounds', () => {
  test('Vendi falls with its order, from 1 to the number of items', () => {
    fc.assert(
      fc.property(documents, list => {
        const { items, entries } = ngramKernel(list)
        if (items === 0) return
        const eigenvalues = symmetricEigenvalues(entries, items).map(value => value / items)
        const scores = [0.5, 1, 2, 5, Infinity].map(q => defined(vendi(eigenvalues, q)))
        for (const [at, score] of scores.entries()) {
          assert.ok(score >= 1 - 1e-9 && score <= items + 1e-6, `${score}`)
          if (at > 0) assert.ok(score <= scores[at - 1]! + 1e-6)
        }
        close(vendiQ2(squares(entries), items), scores[2]!, 1e-9)
      })
    )
  })

  test('the kernel is symmetric, with ones, and what the cosines say', () => {
    const cosine = (one: readonly string[], two: readonly string[]): number => {
      const all = [...new Set([...one, ...two])]
      const count = (list: readonly string[]): number[] =>
        all.map(token => list.filter(x => x === token).length)
      const [a, b] = [Float64Array.from(count(one)), Float64Array.from(count(two))]
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
    }
    const pairsOf = (list: readonly string[]): string[] =>
      list.slice(1).map((token, at) => `${list[at]} ${token}`)
    fc.assert(
      fc.property(documents, list => {
        const kept = list.filter(one => one.length > 1)
        const { items, entries } = ngramKernel(kept)
        for (const [row, one] of kept.entries()) {
          for (const [column, two] of kept.entries()) {
            const expected = (cosine(one, two) + cosine(pairsOf(one), pairsOf(two))) / 2
            close({ value: entries[row * items + column]! }, expected, 1e-12)
          }
        }
      })
    )
  })

  test('both forms of the similarity have the same eigenvalues above nil', () => {
    for (const [count, size] of [
      [5, 9],
      [9, 5],
      [6, 6]
    ] as const) {
      const vectors = units(count, size)
      const ours = similarityEigenvalues(vectors)
      assert.equal(ours.length, Math.min(count, size))
      const plain = symmetricEigenvalues(Float64Array.from(kernelOf(vectors)), count).map(
        value => value / count
      )
      for (const [at, value] of ours.toReversed().entries()) {
        close({ value }, plain[count - 1 - at]!, 1e-13)
      }
      close(vendi(ours), defined(vendi(plain)), 1e-11)
    }
    assert.equal(similarityEigenvalues([]).length, 0)
  })

  test('mean cosine from the sum is the mean over pairs', () => {
    const vectors = units(7, 4)
    let sum = 0
    for (const [row, one] of vectors.entries()) for (const two of vectors.slice(row + 1)) sum += dot(one, two)
    close(meanCosine(squaredSum(sumsOf(vectors)), 7), sum / 21, 1e-13)
  })

  test('sums of parts merge into those of the whole', () => {
    const vectors = units(9, 6)
    const merged = createVectorSums(6)
    for (const part of [vectors.slice(0, 2), vectors.slice(2)]) mergeVectorSums(merged, sumsOf(part))
    const whole = sumsOf(vectors)
    assert.equal(merged.count, whole.count)
    for (const key of ['sum', 'products'] as const) {
      for (const [at, value] of merged[key].entries()) close({ value }, whole[key][at]!, 1e-13)
    }
    const gram = vectors.flatMap(one => vectors.map(two => dot(one, two)))
    close({ value: squaredProducts(whole) }, squares(gram), 1e-12)
    const [mean] = [0, 1].map(at => vectors.reduce((sum, one) => sum + one[at]!, 0) / 9)
    const variance = vectors.reduce((sum, one) => sum + (one[0]! - mean!) ** 2, 0) / 8
    close({ value: covariance(whole)[0]! }, variance, 1e-13)
  })

  test('Fréchet distance: nil to itself, symmetric, the shift alone when only the mean differs', () => {
    for (const [count, size] of [
      [20, 4],
      [5, 12]
    ] as const) {
      const vectors = Array.from({ length: count }, () => vector(size))
      const others = Array.from({ length: count + 3 }, () => vector(size).map(value => value * 2))
      const [first, second] = [sumsOf(vectors), sumsOf(others)]
      close(frechetDistance(first, first), 0, 1e-6)
      close(frechetDistance(first, second), defined(frechetDistance(second, first)), 1e-6)
      close(frechetDistance(first, sumsOf(vectors.map(one => one.map(value => value + 3)))), 9 * size, 1e-6)
    }
  })
})

describe('hashed features', () => {
  const features = createFeatures()

  test('are unit vectors, the same for the same words, case and points apart', () => {
    const one = features('The quick brown fox.')!
    assert.equal(one.length, dimensions)
    close({ value: dot(one, one) }, 1)
    assert.deepEqual(features('the QUICK, brown fox'), one)
    assert.notDeepEqual(features('fox brown quick the'), one, 'the order counts')
    assert.equal(features('—'), undefined)
    assert.equal(features('\ud800'), undefined)
  })

  test('are near for texts that share words and about square for others', () => {
    const many = Array.from({ length: 60 }, (_, at) => `w${at}`)
    const one = features(many.join(' '))!
    const near = features([...many.slice(0, 54), 'a', 'b', 'c', 'd', 'e', 'f'].join(' '))!
    const far = features(Array.from({ length: 60 }, (_, at) => `v${at}`).join(' '))!
    assert.ok(dot(one, near) > 0.75)
    assert.ok(Math.abs(dot(one, far)) < 0.3)
  })
})

test('what is undefined says why', () => {
  reason(vendi([]))
  reason(vendiQ2(0, 0))
  reason(meanCosine(1, 1))
  reason(effectiveSources([]))
  reason(effectiveSources([Float64Array.of(0)]))
  reason(frechetDistance(sumsOf([Float64Array.of(1)]), sumsOf([Float64Array.of(1), Float64Array.of(2)])))
  reason(sourceSimilarity(createVectorSums(1), sumsOf([Float64Array.of(1)])))
  assert.equal(ngramKernel([[], []]).items, 0)
  within(meanCosine(9, 3), 1, 1)
})

test('sums are written in whole units of a millionth, and add up', () => {
  const numbers = random(7)
  const sums = [0, 1].map(() => {
    const part = createVectorSums(5)
    for (let at = 0; at < 20; at++)
      addVector(
        part,
        Float64Array.from({ length: 5 }, () => numbers.float() - 0.5)
      )
    return part
  })
  const [first, second] = sums.map(packSums)
  assert.ok([...first!.sum, ...first!.products].every(Number.isInteger))
  assert.equal(first!.products.length, 15)
  const added = {
    count: first!.count + second!.count,
    sum: first!.sum.map((one, at) => one + second!.sum[at]!),
    products: first!.products.map((one, at) => one + second!.products[at]!)
  }
  const whole = createVectorSums(5)
  for (const part of sums) mergeVectorSums(whole, part)
  const unpacked = unpackSums(added)
  assert.equal(unpacked.count, 40)
  for (const name of ['sum', 'products'] as const)
    for (const [at, value] of whole[name].entries())
      assert.ok(Math.abs(unpacked[name][at]! - value) <= 2 ** -20, `${name} ${at}`)
  assert.throws(() => unpackSums({ ...added, products: [1] }), RangeError)
})
