import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { interquartileRange } from '../../../metrics/interquartile-range.ts'
import { fitLanguageModel } from '../../../metrics/language-model.ts'
import { logPerplexity } from '../../../metrics/log-perplexity.ts'
import { random } from '../../../metrics/random.ts'
import { words } from '../../../metrics/tokenize.ts'
import { trimmed } from '../../../metrics/trimmed.ts'
import { close, defined, reason } from '../../helpers/measured.ts'

const fixture = join(import.meta.dirname, '../../fixtures/metrics/texts.json')
const texts = (JSON.parse(readFileSync(fixture, 'utf8')) as { text: string }[]).map(({ text }) => words(text))
const vocabulary = ['a', 'b', 'c', 'd', 'e']
const document = fc.array(fc.constantFrom(...vocabulary), { maxLength: 12 })
const corpus = fc.array(document, { minLength: 1, maxLength: 12 }).filter(list => list.flat().length > 0)

/** Texts drawn from a chain over many words, so that every count of counts is there. */
function chain(documents: number, seed: number): string[][] {
  const draws = random(seed)
  return Array.from({ length: documents }, () => {
    let at = draws.below(40)
    return Array.from({ length: 3 + draws.below(30) }, () => {
      at = draws.below(2) === 0 ? Math.floor(400 * draws.float() ** 3) : (at * 7 + draws.below(9)) % 400
      return `w${at}`
    })
  })
}

/** The same model from its definition: strings, maps, recursion. */
function plainly(documents: readonly (readonly string[])[], order: number) {
  const raw = Array.from({ length: order + 1 }, () => new Map<string, number>())
  const lists = documents.filter(one => one.length > 0).map(one => ['<s>', ...one, '</s>'])
  for (const list of lists) {
    for (let n = 1; n <= order; n++) {
      for (let at = 0; at + n <= list.length; at++) {
        const gram = list.slice(at, at + n).join(' ')
        raw[n]!.set(gram, (raw[n]!.get(gram) ?? 0) + 1)
      }
    }
  }
  const counts = raw.map((grams, n) => {
    const adjusted = new Map<string, number>()
    for (const [gram, count] of grams) {
      if (n === order || gram.startsWith('<s> ')) adjusted.set(gram, count)
      else if (gram !== '<s>') {
        adjusted.set(gram, 0)
      }
    }
    for (const longer of raw[n + 1]?.keys() ?? []) {
      const gram = longer.slice(longer.indexOf(' ') + 1)
      if (n > 0 && n < order) adjusted.set(gram, adjusted.get(gram)! + 1)
    }
    if (n === order) adjusted.delete('<s>')
    return adjusted
  })
  const discounts = counts.map(grams => {
    const [n1, n2, n3, n4] = [1, 2, 3, 4].map(
      j => [...grams.values()].filter(count => count === j).length
    ) as [number, number, number, number]
    const y = n1 / (n1 + 2 * n2)
    const d = [1 - 2 * y * (n2 / n1), 2 - 3 * y * (n3 / n2), 3 - 4 * y * (n4 / n3)]
    return d.every((value, index) => value > 0 && value <= index + 1) ? d : [0.5, 1, 1.5]
  })
  const types = new Set(documents.flat())
  const take = (count: number, n: number): number =>
    count === 0 ? 0 : discounts[n]![Math.min(count, 3) - 1]!
  const p = (token: string, context: readonly string[]): number => {
    const n = context.length + 1
    const shorter = n === 1 ? 1 / (types.size + 2) : p(token, context.slice(1))
    const prefix = n === 1 ? '' : `${context.join(' ')} `
    const followers = [...counts[n]!].filter(
      ([gram]) => gram.startsWith(prefix) && gram.split(' ').length === n
    )
    const sum = followers.reduce((total, [, count]) => total + count, 0)
    if (sum === 0) return shorter
    const left = followers.reduce((total, [, count]) => total + take(count, n), 0)
    const count = counts[n]!.get(prefix + token) ?? 0
    return (count - take(count, n)) / sum + (left / sum) * shorter
  }
  return (token: string | undefined, before: readonly string[]): number => {
    const known = (one: string): string => (types.has(one) ? one : '<unk>')
    const context = ['<s>', ...before.map(known)].slice(1 - order || Infinity)
    return p(token === undefined ? '</s>' : known(token), order === 1 ? [] : context)
  }
}

describe('the model', () => {
  test('gives the probabilities of its definition, of unknown words and ends too', () => {
    fc.assert(
      fc.property(corpus, document, fc.integer({ min: 1, max: 4 }), (documents, text, order) => {
        const model = fitLanguageModel(documents, order)
        const plain = plainly(documents, order)
        const asked = [...text, 'unseen', ...text.slice(0, 2)]
        const logs = model.score(asked)
        for (let at = 0; at <= asked.length; at++) {
          const expected = plain(asked[at], asked.slice(0, at))
          close({ value: model.probability(asked[at], asked.slice(0, at)) }, expected, 1e-12)
          close({ value: logs[at]! }, Math.log(expected), 1e-9)
        }
      }),
      { numRuns: 60 }
    )
  })

  test('on human texts, with estimated discounts', () => {
    const documents = texts.slice(0, 40)
    const model = fitLanguageModel(documents, 3)
    assert.ok(model.discounts.every(({ estimated }) => estimated))
    const plain = plainly(documents, 3)
    for (const text of [texts[7]!.slice(0, 12), texts[40]!.slice(0, 12)]) {
      for (let at = 0; at < text.length; at++) {
        close(
          { value: model.probability(text[at], text.slice(0, at)) },
          plain(text[at], text.slice(0, at)),
          1e-13
        )
      }
    }
  })

  test('sums to one behind every context: seen, unseen, the begin, unknown words, none', () => {
    const documents = chain(80, 5)
    const types = [...new Set(documents.flat())]
    for (const order of [1, 2, 3, 5]) {
      const model = fitLanguageModel(documents, order)
      assert.equal(model.vocabulary, types.length + 2)
      const [first] = documents
      for (const before of [
        [],
        first!.slice(0, 1),
        first!.slice(0, 4),
        first!,
        ['w1', 'w1', 'w1'],
        ['never'],
        ['w1', 'never']
      ]) {
        for (const whole of [true, false]) {
          let sum =
            model.probability(undefined, before, whole) + model.probability('<never seen>', before, whole)
          for (const word of types) sum += model.probability(word, before, whole)
          close({ value: sum }, 1, 1e-12)
        }
      }
    }
  })

  test('discounts of counts of counts (by hand): n1 4, n2 2, n3 1, n4 1 give Y 1/2: 1/2, 5/4, 1', () => {
    const unigrams = [
      'a',
      'b',
      'c',
      'd',
      'e',
      'e',
      'f',
      'f',
      'g',
      'g',
      'g',
      'h',
      'h',
      'h',
      'h',
      'i',
      'i',
      'i',
      'i',
      'i'
    ]
    // Five documents: their ends count 5, as "i" does.
    const documents = [0, 1, 2, 3, 4].map(part => unigrams.slice(part * 4, part * 4 + 4))
    const [{ values, estimated } = assert.fail()] = fitLanguageModel(documents, 1).discounts
    assert.ok(estimated)
    assert.deepEqual(values, [0.5, 1.25, 1])
  })

  test('falls back to fixed discounts where the counts of counts give none', () => {
    assert.deepEqual(fitLanguageModel([['a', 'b']]).discounts, [
      { values: [0.5, 1, 1.5], estimated: false },
      { values: [0.5, 1, 1.5], estimated: false },
      { values: [0.5, 1, 1.5], estimated: false }
    ])
  })

  test('the order of the documents does not matter, nor do empty ones', () => {
    const documents = chain(30, 8)
    const [one, two] = [fitLanguageModel(documents), fitLanguageModel([[], ...documents.toReversed(), []])]
    assert.equal(two.documents, 30)
    for (const [at, log] of one.score(documents[3]!).entries())
      close({ value: log }, two.score(documents[3]!)[at]!)
  })

  test('a word that is a key of objects is a word; the text is not bound to the model', () => {
    const model = fitLanguageModel([['constructor', '__proto__', 'constructor']])
    assert.ok(
      model.probability('__proto__', ['constructor']) > model.probability('toString', ['constructor'])
    )
  })

  test('refuses to be fitted on nothing and at odd orders', () => {
    assert.throws(() => fitLanguageModel([]), RangeError)
    assert.throws(() => fitLanguageModel([[], []]), /no document has a token/)
    for (const order of [0, 1.5, 6]) assert.throws(() => fitLanguageModel([['a']], order), RangeError)
  })
})

describe('log-perplexity', () => {
  test('is lower for what the model was fitted on than for a shuffle of it, and highest for strangers', () => {
    const documents = chain(200, 13)
    const model = fitLanguageModel(documents)
    const own = defined(logPerplexity(model, documents[0]!))
    const shuffled = defined(logPerplexity(model, documents[0]!.toSorted()))
    const strangers = defined(
      logPerplexity(
        model,
        documents[0]!.map(word => `x${word}`)
      )
    )
    assert.ok(own < shuffled && shuffled < strangers, `${own} ${shuffled} ${strangers}`)
    reason(logPerplexity(model, []))
  })

  test('is minus the mean logarithm, the end included', () => {
    const model = { score: () => Float64Array.of(-1, -2, -6) }
    close(logPerplexity(model, ['a', 'b']), 3)
  })

  test('trimming leaves out what lies 1.5 interquartile ranges outside the quartiles', () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 100, -50]
    assert.deepEqual(trimmed(values), [1, 2, 3, 4, 5, 6, 7])
    assert.deepEqual(trimmed([]), [])
    close(interquartileRange(values), 4)
    reason(interquartileRange([1]))
  })
})
