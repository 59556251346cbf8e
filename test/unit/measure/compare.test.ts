import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { bootstrap, compare, welch } from '../../../infra/measure/compare.ts'
import { documentMetrics } from '../../../infra/measure/document-values.ts'
import { createYardstick } from '../../../infra/measure/human.ts'
import { type Text, textOf } from '../../../infra/measure/texts.ts'
import { measureTexts } from '../../../metrics/measure-texts.ts'
import { mean } from '../../../metrics/moments.ts'
import { random } from '../../../metrics/random.ts'
import { createReference } from '../../../metrics/reference.ts'
import { textKeys } from '../../../metrics/text-keys.ts'

/** Texts of about 60 words, of a vocabulary that is the narrower the higher the power. */
function corpus(count: number, seed: number, power = 4, length = 60): Text[] {
  const draws = random(seed)
  return Array.from({ length: count }, (_, index) => {
    const size = length + draws.below(20)
    const text = Array.from({ length: size }, () => `w${Math.floor(draws.float() ** power * 3000)}`).join(' ')
    return textOf({ id: `${seed}-${index}`, text })
  })
}

const yardstick = createYardstick(undefined, undefined)

test('two sets of one kind: about one interval in twenty excludes 0', () => {
  let outside = 0
  let all = 0
  for (let seed = 0; seed < 6; seed++) {
    const { differences, window_tokens, windows } = compare(corpus(80, 100 + seed), corpus(110, 200 + seed), {
      yardstick
    })
    assert.ok(window_tokens! >= 400 && windows[0] >= 10 && windows[1] > windows[0])
    for (const key of [
      'types',
      'entropy_1',
      'distinct_2_inter',
      'length_mean',
      'mattr_50',
      'mean_cosine'
    ] as const) {
      const { low, high, difference, a, b } = differences[key]!
      assert.ok(low < difference && difference < high && Math.abs(b - a - difference) < 1e-12)
      all += 1
      if (low > 0 || high < 0) outside += 1
    }
  }
  assert.ok(outside <= 6, `${outside} of ${all}`)
})

test('a narrower set is found narrower, at one size, whatever the numbers of texts', () => {
  const { differences } = compare(corpus(90, 1), corpus(400, 2, 6), { yardstick })
  for (const key of [
    'types',
    'missing_mass',
    'entropy_1',
    'distinct_2_inter',
    'mattr_50',
    'distinct_1_intra'
  ] as const)
    assert.ok(differences[key]!.high < 0, `${key}: ${JSON.stringify(differences[key])}`)
  for (const key of ['yule_k', 'mean_cosine', 'self_repetition_4'] as const)
    assert.ok(differences[key]!.low > 0, `${key}: ${JSON.stringify(differences[key])}`)
  // Four times the texts have more types; at one size they have fewer.
  assert.ok(differences.types!.b < differences.types!.a)
})

test('what counts over documents is never drawn with replacement', () => {
  const { differences } = compare(corpus(90, 3), corpus(90, 4), { yardstick })
  const ofDocuments = Object.entries(differences).filter(([, { method }]) => method === 'bootstrap')
  assert.deepEqual(ofDocuments.map(([key]) => key).toSorted(), [
    'distinct_1_intra',
    'distinct_2_intra',
    'distinct_3_intra',
    'distinct_4_intra',
    'length_mean',
    'length_sd',
    'mattr_50'
  ])
  assert.deepEqual(ofDocuments[0]![1].n, [90, 90])
  assert.ok(differences.types!.method === 'windows' && differences.types!.n[0] < 30)
})

test('a value per document is what the whole is a statistic of', () => {
  const texts = corpus(30, 5, 4, 120).map(({ text }) => text)
  const reference = createReference(corpus(60, 6).map(({ text }) => text))
  const { metrics } = measureTexts(texts, { reference })
  const found = documentMetrics(texts, reference)
  assert.ok(found.length >= 14)
  for (const { key, values, statistic } of found) {
    const result = statistic(values)
    assert.ok('value' in result && Math.abs(result.value - metrics[key]!) < 1e-9, key)
  }
})

test('too little text: statistics of documents, and a reason for all others', () => {
  const {
    differences,
    undefined: missing,
    window_tokens
  } = compare(corpus(5, 7), corpus(90, 8), { yardstick })
  assert.equal(window_tokens, null)
  assert.ok(differences.length_mean && !differences.types)
  assert.equal(missing.types, 'each set must fill 5 windows of 200 tokens')
  const asked = compare(corpus(20, 7), corpus(90, 8), { yardstick, window: 1000 })
  assert.match(asked.undefined.types!, /windows of 1000 tokens; they fill 1 and 5/)
  for (const key of textKeys) {
    if (['documents', 'tokens'].includes(key) || key.endsWith('_ratio')) continue
    assert.ok((asked.differences[key] === undefined) !== (asked.undefined[key] === undefined), key)
  }
})

test('fewer than five documents on a side have no interval, and no star', () => {
  const many = corpus(90, 8)
  const reference = createYardstick(corpus(60, 9), undefined)
  for (const [few, counts] of [
    [corpus(1, 7), '1 and 90'],
    [corpus(4, 7), '4 and 90']
  ] as const) {
    const { differences, undefined: missing } = compare(few, many, { yardstick: reference })
    assert.deepEqual(differences, {})
    assert.equal(missing.length_mean, `each set must hold 5 documents; they hold ${counts}`)
    assert.equal(missing.log_ppl_sd, `each set must hold 5 documents with words; they hold ${counts}`)
  }
  // Many documents, of which few are long enough.
  const mixed = [...many, ...corpus(4, 10, 4, 120)]
  const { differences, undefined: missing } = compare(mixed, mixed, { yardstick: reference })
  assert.ok(differences.length_mean && differences.log_ppl_mean && !differences.mtld)
  assert.equal(missing.mtld, 'each set must hold 5 documents of at least 100 words; they hold 4 and 4')
  assert.equal(compare(many, many, { yardstick }).undefined.log_ppl_mean, 'no reference texts')
})

test("Welch's interval is SciPy's", () => {
  // scipy.stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95), SciPy 1.17.1.
  const found = welch([3.1, 2.9, 3.4, 3.3, 2.8], [3.9, 4.4, 3.1, 4, 3.7, 4.2])!
  assert.ok(
    Math.abs(found.low - 0.28260085794690026) < 1e-9 && Math.abs(found.high - 1.2840658087197663) < 1e-9,
    JSON.stringify(found)
  )
  assert.equal(welch([1], [2, 3]), undefined)
  const equal = welch([1, 1], [2, 2])!
  assert.deepEqual([equal.low, equal.high], [1, 1])
})

test('a bootstrap interval is seeded, holds the difference, and is about that of the normal law', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1000 }), seed => {
      const draws = random(seed)
      const list = (size: number) => Array.from({ length: size }, () => draws.float())
      const metric = (values: number[]) =>
        ({ key: 'length_mean', values, statistic: mean, needs: 'documents' }) as const
      const [a, b] = [metric(list(80)), metric(list(120))]
      const found = bootstrap(a, b)!
      assert.deepEqual(bootstrap(a, b), found)
      const law = welch(a.values, b.values)!
      assert.ok(found.low < found.difference && found.difference < found.high)
      assert.ok(Math.abs((found.high - found.low) / (law.high - law.low) - 1) < 0.2)
    }),
    { numRuns: 20 }
  )
})
