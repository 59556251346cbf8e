import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { GramTable } from '../../../metrics/gram-table.ts'
import { hashWhitespace, hashWords } from '../../../metrics/hash-text.ts'
import { type Hashes, createHashes, hashGrams, hashTokens } from '../../../metrics/hashes.ts'
import { countsOf, spectrumOf } from '../../../metrics/spectrum.ts'
import { whitespace, words } from '../../../metrics/tokenize.ts'

const list = ({ lo, hi, length }: Hashes) => Array.from({ length }, (_, at) => `${lo[at]}:${hi[at]}`)

function hashed(fill: (into: Hashes) => void): string[] {
  const into = createHashes(1)
  fill(into)
  return list(into)
}

/** Texts of everything the fast path meets and everything it has to give up on. */
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      ...Array.from('aZé9 \t\n\u00a0’—_İıßſΣσςЙй\u0301\u2028½²中ไ😀\u{1d400}\ud800'),
      'e\u0301',
      'ΟΔΟΣ',
      'ﬁ',
      'ǅ',
      '\u0345',
      '\u1e9e',
      '\u2126'
    )
  })
)

test('a text hashed in one pass gives the hashes of its tokens', () => {
  fc.assert(
    fc.property(texts, text => {
      assert.deepEqual(
        hashed(into => hashWords(text, into)),
        hashed(into => hashTokens(words(text), into))
      )
      assert.deepEqual(
        hashed(into => hashWhitespace(text, into)),
        hashed(into => hashTokens(whitespace(text), into))
      )
    }),
    { numRuns: 2000 }
  )
})

test('every character of the table folds as the tokenizer folds it', () => {
  for (let code = 0; code < 0x3000; code++) {
    const text = `a${String.fromCharCode(code)}B`
    assert.deepEqual(
      hashed(into => hashWords(text, into)),
      hashed(into => hashTokens(words(text), into)),
      `U+${code.toString(16)}`
    )
  }
})

function grams(tokens: readonly string[], n: number): string[] {
  const hashes = createHashes(1)
  hashTokens(tokens, hashes)
  let shorter = hashes
  for (let order = 2; order <= n; order++) {
    const longer = createHashes(1)
    hashGrams(shorter, hashes, order, longer)
    shorter = longer
  }
  return list(shorter)
}

test('n-grams have one hash exactly when they are the same', () => {
  const token = fc.constantFrom('a', 'b', 'ab', 'ba', 'c')
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), fc.integer({ min: 2, max: 4 }), (tokens, n) => {
      const strings = Array.from({ length: Math.max(0, tokens.length - n + 1) }, (_, at) =>
        tokens.slice(at, at + n).join(' ')
      )
      const hashes = grams(tokens, n)
      assert.equal(hashes.length, strings.length)
      const pairs = new Set(strings.map((string, at) => `${string}=${hashes[at]}`))
      assert.equal(pairs.size, new Set(strings).size)
      assert.equal(new Set(hashes).size, new Set(strings).size)
    })
  )
  // In either lane by itself: a symmetric one would halve the bits that keep n-grams apart.
  for (const lane of [0, 1]) {
    const half = (tokens: readonly string[]) => grams(tokens, 2)[0]!.split(':')[lane]
    assert.notEqual(half(['a', 'b']), half(['b', 'a']))
  }
})

test('a quarter of a million different words and their pairs collide nowhere', () => {
  const tokens = Array.from({ length: 250_000 }, (_, at) => `${at}`)
  assert.equal(new Set(grams(tokens, 1)).size, tokens.length)
  assert.equal(new Set(grams(tokens, 2)).size, tokens.length - 1)
})

test('each lane alone collides as often as chance has it: the two are independent and even', () => {
  const hashes = createHashes()
  const count = 400_000
  hashTokens(
    Array.from({ length: count }, (_, at) => `w${at}`),
    hashes
  )
  // Birthday bound: n^2 / 2^33 = 18.6 pairs expected in 32 bits; 60 is beyond nine standard deviations.
  for (const lane of [hashes.lo, hashes.hi]) {
    assert.ok(count - new Set(lane.subarray(0, count)).size < 60)
  }
})

test('the table counts as a map does, however often it is emptied', () => {
  const document = fc.array(fc.integer({ min: 0, max: 300 }).map(String), { maxLength: 2000 })
  fc.assert(
    fc.property(fc.array(fc.array(document, { maxLength: 4 }), { maxLength: 4 }), windows => {
      const table = new GramTable()
      for (const documents of windows) {
        const seen: string[] = []
        for (const [index, tokens] of documents.entries()) {
          const hashes = createHashes()
          hashTokens(tokens, hashes)
          const ids: number[] = []
          assert.equal(table.add(hashes, index + 1, ids), new Set(tokens).size)
          assert.equal(new Set(ids).size, new Set(tokens).size)
          seen.push(...tokens)
        }
        assert.equal(table.total, seen.length)
        assert.deepEqual(table.spectrum(), spectrumOf(countsOf(seen).values()))
        const firsts = [...new Set(seen)].map(token => seen.indexOf(token))
        assert.deepEqual([...table.firsts], firsts)
        table.clear()
      }
    }),
    { numRuns: 50 }
  )
})

test('a huge document does not stay in memory', () => {
  const table = new GramTable()
  const hashes = createHashes()
  hashTokens(
    Array.from({ length: 300_000 }, (_, at) => `${at}`),
    hashes
  )
  table.add(hashes, 1)
  table.clear()
  hashTokens(['a', 'b', 'a'], hashes)
  assert.equal(table.add(hashes, 1), 2)
  assert.deepEqual(table.spectrum().frequencies, [
    [1, 1],
    [2, 1]
  ])
  assert.ok(table.firsts.buffer.byteLength < 10_000)
})
