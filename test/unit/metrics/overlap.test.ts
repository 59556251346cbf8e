import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { compressionBudget, compressionRatio } from '../../../metrics/compression-ratio.ts'
import { countsOfIds, encode, lengthen } from '../../../metrics/grams.ts'
import { gzipSize } from '../../../metrics/gzip-size.ts'
import { ngramDiversity } from '../../../metrics/ngram-diversity.ts'
import { NumberTable } from '../../../metrics/number-table.ts'
import { random } from '../../../metrics/random.ts'
import { rougeL, rougeTokens } from '../../../metrics/rouge-l.ts'
import { selfBleu } from '../../../metrics/self-bleu.ts'
import { longestCommonSubsequence } from '../../../metrics/subsequence.ts'
import { whitespace } from '../../../metrics/tokenize.ts'
import { close, defined, reason, within } from '../../helpers/measured.ts'

const fox = [
  'The quick brown fox jumps over the lazy dog.',
  'The quick brown fox jumps over the lazy dog again.',
  'Suddenly, the quick brown fox leaps swiftly over the sleeping dog.'
]

const token = fc.constantFrom('the', 'a', 'fox', 'dog', 'on', 'mat')
const documents = fc.array(fc.array(token, { maxLength: 14 }), { minLength: 2, maxLength: 7 })
const gramsOf = (tokens: readonly string[], n: number): string[] =>
  tokens.slice(n - 1).map((_, at) => tokens.slice(at, at + n).join(' '))
const occurs = (grams: readonly string[], gram: string): number => grams.filter(one => one === gram).length

describe('golden values', () => {
  test('the README sentences of PyPI diversity: n-gram diversity 1.905 and 2.72', () => {
    assert.equal(defined(ngramDiversity(fox, 3)).toFixed(3), '1.905')
    assert.equal(defined(ngramDiversity(fox, 4)).toFixed(3), '2.720')
  })

  test('the same sentences: one gzip makes 108 bytes of 162; the package compresses twice and says 1.141', () => {
    const ratio = defined(compressionRatio(fox))
    assert.equal(ratio, 162 / 108)
    assert.equal(ratio.toFixed(3), '1.500')
  })

  test('ROUGE-L of "the cat sat" and "the cat ran": 2 of 3 and 3, F1 2/3 (by hand)', () => {
    close(rougeL([rougeTokens('The cat sat'), rougeTokens('the cat, ran!')]), 2 / 3)
    assert.deepEqual(rougeTokens("Don't stop: naïve 42"), ['don', 't', 'stop', 'na', 've', '42'])
  })

  test('self-BLEU of twice the same is 1, of nothing shared 0 (by hand)', () => {
    close(selfBleu([fox[0]!, fox[0]!].map(whitespace)), 1)
    close(selfBleu([['a', 'b'], ['c']]), 0)
  })
})

describe('plain definitions', () => {
  test('self-BLEU: every document against all others', () => {
    const bleu = (one: readonly string[], others: readonly (readonly string[])[]): number => {
      let log = 0
      for (const n of [1, 2, 3, 4]) {
        const grams = gramsOf(one, n)
        let matches = 0
        for (const gram of new Set(grams)) {
          matches += Math.min(
            occurs(grams, gram),
            Math.max(...others.map(other => occurs(gramsOf(other, n), gram)))
          )
        }
        if (n === 1 && matches === 0) return 0
        log += Math.log((matches === 0 ? 0.1 : matches) / Math.max(1, grams.length)) / 4
      }
      const [closest] = others
        .map(({ length }) => length)
        .toSorted((a, b) => Math.abs(a - one.length) - Math.abs(b - one.length) || a - b)
      return (one.length > closest! ? 1 : Math.exp(1 - closest! / one.length)) * Math.exp(log)
    }
    fc.assert(
      fc.property(documents, list => {
        const result = selfBleu(list)
        if (list.flat().length === 0) return void reason(result)
        const scores = list.map((one, index) =>
          bleu(
            one,
            list.filter((_, at) => at !== index)
          )
        )
        close(result, scores.reduce((sum, score) => sum + score, 0) / list.length, 1e-12)
      }),
      { numRuns: 300 }
    )
  })

  const plainSubsequence = (one: ArrayLike<number>, two: ArrayLike<number>): number => {
    let row: number[] = Array(two.length + 1).fill(0)
    for (const a of Array.from(one)) {
      const next = [0]
      for (let at = 0; at < two.length; at++) {
        next.push(a === two[at] ? row[at]! + 1 : Math.max(row[at + 1]!, next[at]!))
      }
      row = next
    }
    return row[two.length]!
  }

  test('the longest common subsequence by bits is the one by the table, for lists of many words', () => {
    const list = (types: number) => fc.array(fc.nat(types - 1), { maxLength: 150 })
    const pair = fc
      .integer({ min: 1, max: 40 })
      .chain(types => fc.tuple(list(types), list(types), fc.constant(types)))
    fc.assert(
      fc.property(pair, ([one, two, types]) => {
        const common = longestCommonSubsequence(Int32Array.from(one), types)
        const expected = plainSubsequence(one, two)
        assert.equal(common(Int32Array.from(two)), expected)
        assert.equal(common(Int32Array.from(two)), expected, 'a second time')
      }),
      { numRuns: 300 }
    )
  })

  test('the carry runs through many words: a list against itself', () => {
    const list = Int32Array.from({ length: 1000 }, (_, at) => at % 3)
    assert.equal(longestCommonSubsequence(list, 3)(list), 1000)
    const same = new Int32Array(777)
    assert.equal(longestCommonSubsequence(same, 1)(new Int32Array(500)), 500)
    assert.equal(longestCommonSubsequence(new Int32Array(0), 1)(same), 0)
  })

  test('ROUGE-L is the mean over pairs', () => {
    fc.assert(
      fc.property(documents, list => {
        const result = rougeL(list)
        if (list.flat().length === 0) return void reason(result)
        const { documents: ids } = encode(list)
        const scores: number[] = []
        for (let one = 0; one < ids.length; one++) {
          for (let two = one + 1; two < ids.length; two++) {
            const [a, b] = [ids[one]!, ids[two]!]
            scores.push(a.length + b.length === 0 ? 0 : (2 * plainSubsequence(a, b)) / (a.length + b.length))
          }
        }
        close(result, scores.reduce((sum, score) => sum + score, 0) / scores.length, 1e-12)
      })
    )
  })

  test('n-gram diversity counts strings', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'A') })), texts => {
        const tokens = whitespace(texts.join(' '))
        const result = ngramDiversity(texts, 3)
        if (tokens.length < 3) return void reason(result)
        const sum = [1, 2, 3].reduce((total, n) => {
          const grams = gramsOf(tokens, n)
          return total + new Set(grams).size / grams.length
        }, 0)
        close(result, sum, 1e-12)
      })
    )
  })

  test('numbered n-grams are equal where the n-grams are', () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 2, max: 5 }), (list, most) => {
        const tokens = encode(list)
        assert.deepEqual(
          tokens.documents.map(ids => Array.from(ids, id => tokens.surfaces[id])),
          list
        )
        let grams = encode(list) as Parameters<typeof lengthen>[0]
        for (let n = 2; n <= most; n++) grams = lengthen(grams, tokens, n)
        const plain = encode(list.map(one => gramsOf(one, most)))
        assert.deepEqual(grams.documents, plain.documents)
        assert.equal(grams.types, plain.types)
      })
    )
  })

  test('a number table numbers as a map does, large keys too', () => {
    const keys = fc.array(
      fc.oneof(
        fc.nat(50),
        fc.maxSafeNat(),
        fc.nat(50).map(one => one * 2 ** 32)
      )
    )
    fc.assert(
      fc.property(keys, list => {
        const table = new NumberTable()
        const map = new Map<number, number>()
        for (const key of list) {
          assert.equal(table.find(key), map.get(key) ?? -1)
          if (!map.has(key)) map.set(key, map.size)
          assert.equal(table.add(key), map.get(key))
        }
        for (const [key, id] of map) {
          assert.equal(table.find(key), id)
          assert.equal(table.keyOf(id), key)
        }
        assert.equal(table.size, map.size)
      })
    )
    const many = new NumberTable()
    for (let key = 0; key < 100_000; key++) assert.equal(many.add(key * 1009), key)
    for (let key = 0; key < 100_000; key++) assert.equal(many.find(key * 1009), key)
  })

  test('counts of numbers', () => {
    assert.deepEqual([...countsOfIds(Int32Array.of(2, 0, 2), 4)], [1, 0, 2, 0])
  })
})

describe('identities and bounds', () => {
  test('the order of the documents does not matter where pairs are compared', () => {
    const shuffled = documents.chain(list =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))
    )
    fc.assert(
      fc.property(shuffled, ([first, second]) => {
        if (first.flat().length === 0) return
        close(selfBleu(first), defined(selfBleu(second)), 1e-12)
        close(rougeL(first), defined(rougeL(second)), 1e-12)
        within(selfBleu(first), 0, 1 + 1e-12)
        within(rougeL(first), 0, 1)
      })
    )
  })

  test('the first bytes: of several joins the same, cut within a character too', () => {
    const draws = random(11)
    const letters = Array.from({ length: compressionBudget }, () => 'abcdefghé'[draws.below(9)]).join('')
    const whole = compressionRatio([letters], compressionBudget)
    const bytes = Buffer.from(letters).subarray(0, compressionBudget)
    close(whole, compressionBudget / gzipSize(bytes))
    close(compressionRatio([letters, 'more', letters], compressionBudget), defined(whole))
    reason(compressionRatio([letters.slice(0, 10_000)], compressionBudget))
  })

  test('the counted size is about what Chromium’s zlib makes, on anything', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc
        .array(fc.constantFrom('the ', 'fox ', 'dog ', 'over ', 'a'), { maxLength: 2000 })
        .map(list => Buffer.from(list.join('')))
    )
    fc.assert(
      fc.property(bytes, data => {
        const [size, other] = [gzipSize(data), gzipSync(data, { level: 6 }).length]
        assert.ok(Math.abs(size - other) <= 8 + other * 0.05, `${size}, not ${other}`)
      })
    )
  })

  test('text that repeats compresses better', () => {
    const once = fox.slice(0, 1)
    assert.ok(
      defined(compressionRatio(Array<string>(50).fill(once[0]!))) > 5 * defined(compressionRatio(once))
    )
  })
})

describe('what is undefined says why, and bad text has defined results', () => {
  test('too few documents or tokens', () => {
    reason(selfBleu([['a']]))
    reason(selfBleu([[], []]))
    reason(rougeL([['a']]))
    reason(rougeL([[], []]))
    reason(ngramDiversity(['one two three']))
    reason(compressionRatio([]))
    reason(compressionRatio(['']))
  })

  test('lone surrogates', () => {
    within(compressionRatio(['\ud800', 'a\udfff']), 0.1, 1)
    within(ngramDiversity(['\ud800 a \ud800 \udfff b']), 1, 4)
    assert.deepEqual(rougeTokens('\ud800'), [])
  })
})
