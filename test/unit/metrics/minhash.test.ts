import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { hashTokens, createHashes, type Hashes } from '../../../metrics/hashes.ts'
import { bandCount, bandOf } from '../../../metrics/minhash-bands.ts'
import { estimatedJaccard } from '../../../metrics/minhash-jaccard.ts'
import { minHash, sketchLength } from '../../../metrics/minhash.ts'
import { hashShingles } from '../../../metrics/shingles.ts'
import { winnow } from '../../../metrics/winnow.ts'

function hashed(tokens: readonly string[]): Hashes {
  const into = createHashes()
  hashTokens(tokens, into)
  return into
}

function shingled(tokens: readonly string[], size: number): Hashes {
  const into = createHashes(1)
  hashShingles(hashed(tokens), size, into)
  return into
}

const list = ({ lo, hi, length }: Hashes): string[] =>
  Array.from({ length }, (_, at) => `${lo[at]}:${hi[at]}`)
const tokens = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 40 })
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `element ${from + index}`)

describe('shingles', () => {
  test('two are equal where the tokens are, in their order', () => {
    fc.assert(
      fc.property(tokens, fc.integer({ min: 1, max: 6 }), (text, size) => {
        const ours = list(shingled(text, size))
        const plain = text.slice(size - 1).map((_, at) => text.slice(at, at + size).join(' '))
        assert.equal(ours.length, plain.length)
        for (const [one, shingle] of plain.entries())
          for (const [other, another] of plain.entries())
            assert.equal(ours[one] === ours[other], shingle === another)
      })
    )
  })
})

describe('MinHash', () => {
  test('a sketch is of the set: neither order nor repetition changes it; nothing has none', () => {
    assert.equal(minHash(hashed([])), undefined)
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), set => {
        const sketch = minHash(hashed(set))!
        assert.equal(sketch.length, sketchLength)
        assert.deepEqual(minHash(hashed([...set, ...set].toReversed())), sketch)
        assert.equal(estimatedJaccard(sketch, 0, sketch), 1)
      })
    )
  })

  test('the estimate is right on average, and as sure as the binomial says', () => {
    for (const share of [0, 0.2, 0.5, 0.7, 0.9]) {
      const errors: number[] = []
      for (let round = 0; round < 200; round++) {
        const [size, from] = [100, round * 1000]
        // Of two sets of 100 that share k, Jaccard is k / (200 - k).
        const shared = Math.round((200 * share) / (1 + share))
        const one = minHash(hashed(numbered(from, from + size)))!
        const other = minHash(hashed(numbered(from + size - shared, from + 2 * size - shared)))!
        errors.push(estimatedJaccard(one, 0, other) - shared / (200 - shared))
      }
      const mean = errors.reduce((sum, one) => sum + one, 0) / errors.length
      const spread = Math.sqrt(errors.reduce((sum, one) => sum + one * one, 0) / errors.length)
      const expected = Math.sqrt((share * (1 - share)) / sketchLength)
      assert.ok(Math.abs(mean) < 0.02, `${share}: off by ${mean}`)
      assert.ok(spread < expected * 1.25 + 0.008, `${share}: ${spread}, expected ${expected}`)
    }
  })

  test('bands are the four bytes of their rows, of whichever sketch', () => {
    const two = Uint8Array.from({ length: 2 * sketchLength }, (_, index) => 255 - (index % 251))
    for (const which of [0, 1])
      for (let band = 0; band < bandCount; band++) {
        const view = new DataView(two.buffer, which * sketchLength + band * 4)
        assert.equal(bandOf(two, which, band), view.getUint32(0))
      }
  })

  test('two sets share a band as often as the formula says', () => {
    const similarity = 0.5
    let met = 0
    const rounds = 400
    for (let round = 0; round < rounds; round++) {
      const from = round * 1000
      // 60 of 90 are shared: 60 / 120.
      const one = minHash(hashed(numbered(from, from + 90)))!
      const other = minHash(hashed(numbered(from + 30, from + 120)))!
      if (
        Array.from({ length: bandCount }, (_, band) => band).some(
          band => bandOf(one, 0, band) === bandOf(other, 0, band)
        )
      )
        met++
    }
    const expected = 1 - (1 - similarity ** 4) ** bandCount
    // Four standard deviations of a binomial.
    assert.ok(
      Math.abs(met / rounds - expected) < 4 * Math.sqrt((expected * (1 - expected)) / rounds),
      `${met / rounds}, expected ${expected}`
    )
  })
})

describe('winnowing', () => {
  const words = fc.array(fc.nat({ max: 50 }).map(String), { maxLength: 120 })

  test('a shared run of window + k - 1 tokens shares a fingerprint', () => {
    const [k, window] = [3, 4]
    const run = fc.array(fc.nat({ max: 50 }).map(String), { minLength: window + k - 1, maxLength: 30 })
    fc.assert(
      fc.property(words, words, words, words, run, (a, b, c, d, shared) => {
        const one = winnow(shingled([...a, ...shared, ...b], k), window)
        const other = new Set(winnow(shingled([...c, ...shared, ...d], k), window))
        assert.ok(one.some(fingerprint => other.has(fingerprint)))
      })
    )
  })

  test('every window has one of its hashes among them, each place is told once, and nothing else is told', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 9 }), (text, window) => {
        const grams = shingled(text, 2)
        const all = Array.from(
          { length: grams.length },
          (_, at) => (grams.hi[at]! & 0x1fffff) * 2 ** 32 + (grams.lo[at]! >>> 0)
        )
        const found = winnow(grams, window)
        assert.ok(found.length <= all.length)
        assert.equal(found.length > 0, all.length > 0)
        const known = new Set(found)
        for (let at = 0; at + window <= all.length; at++)
          assert.ok(all.slice(at, at + window).some(one => known.has(one)))
        for (const one of found) assert.ok(all.includes(one) && Number.isSafeInteger(one))
      })
    )
  })

  test('of equal hashes one in a window is enough', () => {
    const monotonous = shingled(
      Array.from({ length: 41 }, () => 'the'),
      2
    )
    assert.equal(winnow(monotonous, 4).length, 10)
  })

  test('about 2 in window + 1 grams become fingerprints', () => {
    const grams = shingled(numbered(0, 20_000), 3)
    for (const window of [4, 8, 16]) {
      const density = winnow(grams, window).length / grams.length
      assert.ok(Math.abs(density - 2 / (window + 1)) < 0.02, `${window}: ${density}`)
    }
  })
})
