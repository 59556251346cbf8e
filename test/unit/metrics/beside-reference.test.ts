import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { besideReference, documentsBeside, glanceBesideReference } from '../../../metrics/beside-reference.ts'
import { type HashedReference, createHashedReference } from '../../../metrics/hashed-reference.ts'
import { type ReferenceKey, glanceReferenceKeys, referenceKeys } from '../../../metrics/keys.ts'
import { measureTexts } from '../../../metrics/measure-texts.ts'
import { type Panel, createPanel } from '../../../metrics/panel.ts'
import { createReference } from '../../../metrics/reference.ts'
import type { Measured } from '../../../metrics/result.ts'
import { textKeys } from '../../../metrics/text-keys.ts'

const fixture = join(import.meta.dirname, '../../fixtures/metrics/texts.json')
const texts = (JSON.parse(readFileSync(fixture, 'utf8')) as { text: string }[]).map(({ text }) => text)

/** Words of a small vocabulary, capitals, other scripts and nothing at all among them. */
const word = fc.constantFrom('a', 'B', 'cc', 'ça', 'd1', 'été', 'Привет', '北京', '—', '')
const text = fc.array(word, { maxLength: 20 }).map(list => list.join(' '))
const some = fc.array(text, { maxLength: 8 })

/** What is said of a panel: it counts its types when it is asked for its values. */
function besideOf(panel: Panel, reference: HashedReference) {
  panel.values()
  return besideReference(panel.types, reference, documentsBeside(panel.words, reference))
}

function beside(window: readonly string[], human: readonly string[]): Record<ReferenceKey, Measured> {
  const reference = createHashedReference(human) ?? assert.fail('the reference has no words')
  const panel = createPanel()
  for (const one of window) panel.add(one)
  return {
    ...besideOf(panel, reference),
    embedding_frechet: reference.frechet(panel)
  }
}

/** Asserts that it is what the plain definitions say. */
function assertPlain(window: readonly string[], human: readonly string[]): void {
  const plain = measureTexts(window, { reference: createReference(human) })
  const found = beside(window, human)
  for (const key of referenceKeys) {
    const one = found[key]
    if ('undefined' in one) {
      assert.equal(one.undefined, plain.undefined[key], key)
      continue
    }
    const expected = plain.metrics[key] ?? assert.fail(`${key}: ${plain.undefined[key]}, not ${one.value}`)
    const summed = key === 'kl_to_human' || key === 'js_to_human'
    // Sums in another order; all else is the same to the last bit.
    assert.ok(
      summed ? Math.abs(one.value - expected) < 1e-9 : one.value === expected,
      `${key}: ${one.value}, not ${expected}`
    )
  }
}

describe('a window beside a reference', () => {
  test('is what the plain definitions say', () => {
    fc.assert(
      fc.property(some, some, text, (window, human, more) => {
        fc.pre([...human, more].some(one => /[\p{L}\p{N}]/u.test(one)))
        assertPlain(window, [...human, more])
      }),
      { numRuns: 300 }
    )
  })

  test('of real texts as well, one window after the other', () => {
    const human = texts.slice(0, 30)
    for (const window of [texts.slice(30), texts.slice(0, 5), [], texts, texts.slice(30)]) {
      assertPlain(window, human)
    }
    assertPlain(texts.slice(10), texts.slice(0, 10))
  })

  test('at a glance says the same of what is rare, and of what models said of some documents', () => {
    fc.assert(
      fc.property(some, some, text, (window, human, more) => {
        const reference = createHashedReference([...human, more, 'a B B cc cc cc'])!
        const panel = createPanel()
        for (const one of window) panel.add(one)
        const all = besideOf(panel, reference)
        const documents = documentsBeside(panel.words, reference)
        const glance = glanceBesideReference(panel.types, reference, documents)
        assert.deepEqual(Object.keys(glance).toSorted(), glanceReferenceKeys.toSorted())
        for (const key of glanceReferenceKeys) assert.deepEqual(glance[key], all[key], key)
        // Nothing is left of the window in what is kept between windows.
        assert.deepEqual(besideOf(panel, reference), all)
        const odd = window.flatMap((_, at) => (at % 2 === 1 ? [at] : []))
        const alone = createPanel()
        for (const at of odd) alone.add(window[at]!)
        assert.deepEqual(
          documentsBeside(panel.words, reference, odd),
          documentsBeside(alone.words, reference)
        )
      }),
      { numRuns: 200 }
    )
  })

  test('of a window larger than what is kept between windows, and one after it', () => {
    const long = Array.from({ length: 140_000 }, (_, at) => `w${at % 7000}`).join(' ')
    assertPlain([long, 'w1 w2'], ['w1 w1 w2', 'w3 w9000'])
    assertPlain(['w1'], ['w1 w1 w2'])
  })

  test('has no value without tokens, and says so', () => {
    for (const window of [[], [''], ['... —']]) {
      for (const value of Object.values(beside(window, texts))) assert.ok('undefined' in value)
    }
  })

  test('moves as texts lose their tail', () => {
    const human = texts.slice(0, 30)
    const window = texts.slice(30)
    const common = new Set(['the', 'of', 'and', 'a', 'to', 'in', 'is'])
    const narrow = window.map(one =>
      one
        .split(' ')
        .map(token => (common.has(token) ? token : 'the'))
        .join(' ')
    )
    const [before, after] = [beside(window, human), beside(narrow, human)]
    const value = (of: typeof before, key: ReferenceKey): number =>
      'value' in of[key] ? of[key].value : assert.fail(key)
    assert.ok(value(after, 'tail_types_kept') < value(before, 'tail_types_kept') / 2)
    assert.ok(value(after, 'tail_mass') < value(before, 'tail_mass') / 2)
    assert.ok(value(after, 'kl_to_human') > value(before, 'kl_to_human'))
    assert.ok(value(after, 'js_to_human') > value(before, 'js_to_human'))
  })
})

test('a reference without words is none', () => {
  assert.equal(createHashedReference([]), undefined)
  assert.equal(createHashedReference(['', '—']), undefined)
})

test('the keys are those of measureTexts, in its order', () => {
  const inTexts = textKeys.filter(key => (referenceKeys as readonly string[]).includes(key))
  assert.deepEqual(inTexts, [...referenceKeys])
})
