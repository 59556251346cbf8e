import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createEmbedding, embeddingDimensions } from '../../../metrics/embedding.ts'
import { hashWords } from '../../../metrics/hash-text.ts'
import { createHashes } from '../../../metrics/hashes.ts'
import { vectors, words } from '../../../metrics/word-vectors.ts'

const embed = createEmbedding()

function vectorOf(text: string): Float64Array | undefined {
  const hashes = createHashes()
  hashWords(text, hashes)
  return embed(hashes)?.slice()
}

function cosine(one: string, other: string): number {
  const [a, b] = [vectorOf(one)!, vectorOf(other)!]
  return a.reduce((sum, value, at) => sum + value * b[at]!, 0)
}

const known = words.split(' ')
const bytes = Buffer.from(vectors, 'base64')

test('there is a vector for every word, and no word twice', () => {
  assert.equal(known.length, 23_415)
  assert.equal(new Set(known).size, known.length)
  assert.equal(bytes.length, known.length * embeddingDimensions)
})

test('a text is the sum of its known words, of length 1, in whatever order', () => {
  const rows = new Map(known.map((word, row) => [word, row]))
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...known.slice(1000, 4000), 'zzqx'), { minLength: 1, maxLength: 40 }),
      text => {
        const sums = Array.from({ length: embeddingDimensions }, (_, place) =>
          text.reduce((sum, word) => {
            const row = rows.get(word)
            return row === undefined ? sum : sum + bytes.readInt8(row * embeddingDimensions + place)
          }, 0)
        )
        const length = Math.hypot(...sums)
        const vector = vectorOf(text.join(' '))
        if (length === 0) assert.equal(vector, undefined)
        else
          for (const [place, sum] of sums.entries())
            assert.ok(Math.abs(vector![place]! - sum / length) < 1e-12)
        assert.deepEqual(vectorOf(text.toReversed().join(' ')), vector)
      }
    ),
    { numRuns: 200 }
  )
})

test('texts are alike by what they mean, without a word in common', () => {
  const close = cosine('A man is eating food.', 'Someone has dinner')
  assert.ok(close > 0.5, `${close}`)
  assert.ok(close > cosine('A man is eating food.', 'The parliament passed that law.') + 0.3)
  assert.ok(cosine('guitar concert', 'orchestra music') > cosine('guitar concert', 'tax accountant') + 0.3)
})

test('a text of no word that is known has no vector', () => {
  for (const text of ['', '...', 'qxzzv wwqqj', '\ud800']) assert.equal(vectorOf(text), undefined, text)
})

test('of a text of thousands of words as well', () => {
  // Vectors of which a number is as large as they get: halves of 16 bits would overflow.
  const largest = known.filter((_, row) =>
    Array.from({ length: embeddingDimensions }, (__, place) =>
      bytes.readInt8(row * embeddingDimensions + place)
    ).some(value => value > 90)
  )
  assert.ok(largest.length > 0)
  const word = largest[0]!
  const row = known.indexOf(word)
  for (const count of [255, 256, 257, 513, 3000]) {
    const vector = vectorOf(`${word} `.repeat(count))!
    const sums = Array.from({ length: embeddingDimensions }, (_, place) =>
      bytes.readInt8(row * embeddingDimensions + place)
    )
    const length = Math.hypot(...sums)
    for (const [place, sum] of sums.entries())
      assert.ok(Math.abs(vector[place]! - sum / length) < 1e-12, `${count} times`)
  }
})
