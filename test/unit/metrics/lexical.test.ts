import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { expectationAdjustedDistinct } from '../../../metrics/expectation-adjusted.ts'
import { goodToulmin } from '../../../metrics/good-toulmin.ts'
import { hdd } from '../../../metrics/hdd.ts'
import { heapsFit } from '../../../metrics/heaps-fit.ts'
import { herdanC } from '../../../metrics/herdan-c.ts'
import { mattr } from '../../../metrics/mattr.ts'
import { mtld, mtldFactors } from '../../../metrics/mtld.ts'
import { occurrencesOf } from '../../../metrics/occurrences.ts'
import { random } from '../../../metrics/random.ts'
import { simpsonD } from '../../../metrics/simpson.ts'
import { countsOf, spectrumOf } from '../../../metrics/spectrum.ts'
import { stabilityIndex } from '../../../metrics/stability-index.ts'
import { tailSurvival } from '../../../metrics/tail-survival.ts'
import { ttr } from '../../../metrics/ttr.ts'
import { yuleK } from '../../../metrics/yule-k.ts'
import { close, defined, reason, within } from '../../helpers/measured.ts'

const readme = (
  'measure of textual lexical diversity computed as the mean length of sequential words in a text that ' +
  'maintains a minimum threshold ttr score iterates over words until ttr scores falls below a threshold ' +
  'then increase factor counter by and start over mccarthy and jarvis pg recommends a factor threshold in ' +
  'the range of mccarthy mccarthy and jarvis'
).split(' ')

const tokens = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { maxLength: 60 })
const counts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 50 })

describe('golden values', () => {
  test('the README text of lexicalrichness 0.5.1, as its preprocessing leaves it', () => {
    const spectrum = spectrumOf(countsOf(readme).values())
    const occurrences = occurrencesOf(readme)
    close(ttr(spectrum), 0.6842105263157895, 1e-15)
    close(mattr(occurrences, 25), 0.8351515151515151, 1e-15)
    close(mtld(occurrences), 46.79226361031519, 1e-13)
    assert.equal(57 / mtldFactors(occurrences.previous, 0.72, 0, 57), 57)
    assert.ok(Math.abs(57 / mtldFactors(occurrences.next, 0.72, 0, 57, true) - 36.58452722063038) < 1e-13)
    close(hdd(spectrum), 0.7468703323966486, 1e-15)
    close(herdanC(spectrum), 0.9061378160786574, 1e-15)
    close(yuleK(spectrum), 153.8935056940597, 1e-12)
    close(simpsonD(spectrum), 0.015664160401002505, 1e-16)
  })

  test('counts (5, 3, 1, 1): Yule K 2600, unbiased Simpson diversity .7111111111 (by hand)', () => {
    const spectrum = spectrumOf([5, 3, 1, 1])
    close(yuleK(spectrum), 2600)
    close({ value: 1 - defined(simpsonD(spectrum)) }, 0.7111111111, 5e-11)
  })

  test('expectation-adjusted distinct: D 4, C 10, V 100 give .4183316047 (by hand)', () => {
    close(expectationAdjustedDistinct(4, 10, 100), 0.4183316047, 5e-11)
  })

  test('stability of (.5, .3, .2) against (.4, .4, .2): .0510825624 (by hand)', () => {
    close(stabilityIndex([0.5, 0.3, 0.2], [0.4, 0.4, 0.2]), 0.0510825624, 5e-11)
    close(stabilityIndex([5, 3, 2], [40, 40, 20]), 0.0510825624, 5e-11)
  })

  test('survival of a type seen once, 12 generations of pure replacement (the recursion with 5 digits)', () => {
    const known = [
      0.63212, 0.46854, 0.37408, 0.31208, 0.26808, 0.23515, 0.20955, 0.18905, 0.17225, 0.15824, 0.14635,
      0.13615
    ]
    assert.deepEqual(
      tailSurvival(12).map(chance => chance.toFixed(5)),
      known.map(chance => chance.toFixed(5))
    )
    assert.deepEqual(tailSurvival(0), [])
  })

  test('Good-Toulmin on the butterflies of Corbet as Fisher gives them: 75 new species in as much time again', () => {
    // f_1 to f_24 (Fisher, Corbet & Williams 1943); Efron & Thisted (1976) quote the estimate 75 for t = 1.
    const butterflies = [
      118, 74, 44, 24, 29, 22, 20, 19, 20, 15, 12, 14, 6, 12, 6, 9, 9, 6, 10, 10, 11, 5, 3, 3
    ]
    const spectrum = spectrumOf(butterflies.flatMap((types, index) => Array<number>(types).fill(index + 1)))
    close(goodToulmin(spectrum, spectrum.tokens), 75, 0.5)
    close(goodToulmin(spectrum, 0), 0)
  })
})

describe('plain definitions', () => {
  test('MATTR is the mean ratio of every window, of any part of the text', () => {
    fc.assert(
      fc.property(tokens, fc.integer({ min: 1, max: 12 }), fc.nat(20), fc.nat(20), (text, window, a, b) => {
        const from = Math.min(a, text.length)
        const to = Math.max(from, text.length - b)
        const part = text.slice(from, to)
        const result = mattr(occurrencesOf(text), window, from, to)
        if (part.length < window) return void reason(result)
        let sum = 0
        for (let at = 0; at + window <= part.length; at++) {
          sum += new Set(part.slice(at, at + window)).size / window
        }
        close(result, sum / (part.length - window + 1), 1e-9)
      })
    )
  })

  test('MTLD by sets, of any part of the text', () => {
    const factors = (text: readonly string[]): number => {
      let run: string[] = []
      let sum = 0
      for (const token of text) {
        run.push(token)
        if (new Set(run).size / run.length > 0.72) continue
        run = []
        sum += 1
      }
      if (run.length > 0) sum += (1 - new Set(run).size / run.length) / (1 - 0.72)
      return sum === 0 ? 1 : sum
    }
    fc.assert(
      fc.property(tokens, fc.nat(20), (text, cut) => {
        const part = text.slice(cut)
        const result = mtld(occurrencesOf(text), 0.72, Math.min(cut, text.length))
        if (part.length === 0) return void reason(result)
        close(result, (part.length / factors(part) + part.length / factors(part.toReversed())) / 2, 1e-9)
      })
    )
  })

  test('MTLD reads both ways: the reversed text has the same', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }), text => {
        close(mtld(occurrencesOf(text)), defined(mtld(occurrencesOf(text.toReversed()))), 1e-9)
      })
    )
  })

  test('HD-D is the mean ratio of all samples: of 42 tokens out of 43, each leaves one token out', () => {
    const text = Array.from({ length: 43 }, (_, at) => `t${(at * at) % 17}`)
    const expected =
      text.reduce((sum, _, out) => sum + new Set(text.filter((__, at) => at !== out)).size / 42, 0) / 43
    close(hdd(spectrumOf(countsOf(text).values())), expected)
  })

  test('expectation-adjusted distinct of uniform draws is about 1', () => {
    const draws = random(3)
    const seen = new Set(Array.from({ length: 5000 }, () => draws.below(2000)))
    close(expectationAdjustedDistinct(seen.size, 5000, 2000), 1, 0.02)
  })

  test('Heaps: a text that grows by a power law gives its exponent back', () => {
    const firsts: number[] = []
    for (let at = 0, seen = 0; at < 100_000; at++) {
      if (Math.floor(4 * (at + 1) ** 0.6) > seen) {
        seen += 1
        firsts.push(at)
      }
    }
    const { k, beta } = heapsFit(firsts, 100_000)
    close(beta, 0.6, 0.002)
    close(k, 4, 0.1)
  })
})

describe('identities and bounds', () => {
  test('every value lies where it must', () => {
    fc.assert(
      fc.property(counts, list => {
        const spectrum = spectrumOf(list)
        const { tokens: all, types } = spectrum
        within(yuleK(spectrum), 0, 1e4 * (1 - 1 / all) + 1e-9)
        for (const metric of [simpsonD, herdanC])
          if (all < 2) reason(metric(spectrum))
          else within(metric(spectrum), 0, 1)
        if (all < 42) reason(hdd(spectrum))
        else within(hdd(spectrum), 1 / 42 - 1e-12, Math.min(1, types / 42) + 1e-12)
        within(expectationAdjustedDistinct(types, all, types + 3), 0, types + 3)
      })
    )
  })

  test('Yule K and Simpson D say the same: K = 1e4 D (N - 1) / N', () => {
    fc.assert(
      fc.property(counts, list => {
        const spectrum = spectrumOf([...list, 1])
        const { tokens: all } = spectrum
        close(yuleK(spectrum), (1e4 * defined(simpsonD(spectrum)) * (all - 1)) / all, 1e-8)
      })
    )
  })

  test('as many draws as tokens leave HD-D the type-token ratio', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }), list => {
        const spectrum = spectrumOf(list)
        close(hdd(spectrum, spectrum.tokens), defined(ttr(spectrum)), 1e-12)
      })
    )
  })

  test('stability is symmetric, nil for equal shares, and never negative', () => {
    const bins = fc.array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(bins, pairs => {
        const [first, second] = [pairs.map(([one]) => one), pairs.map(([, two]) => two)]
        const one = stabilityIndex(first, second, 0.5)
        close(one, defined(stabilityIndex(second, first, 0.5)), 1e-12)
        within(one, 0, Infinity)
        if (first.some(count => count > 0))
          close(
            stabilityIndex(
              first,
              first.map(count => count * 3)
            ),
            0,
            1e-12
          )
      })
    )
    close(stabilityIndex([1, 2, 3], [2, 4, 6]), 0)
  })
})

describe('what is undefined says why', () => {
  test('too little text', () => {
    const [none, one] = [spectrumOf([]), spectrumOf([1])]
    reason(yuleK(none))
    reason(simpsonD(one))
    reason(herdanC(one))
    reason(hdd(spectrumOf([41])))
    reason(goodToulmin(none, 0))
    reason(mtld(occurrencesOf([])))
    reason(mattr(occurrencesOf(['a']), 2))
    reason(heapsFit([0], 9).beta)
    reason(expectationAdjustedDistinct(0, 0, 10))
    reason(expectationAdjustedDistinct(1, 1, 0))
  })

  test('questions without an answer', () => {
    reason(goodToulmin(spectrumOf([1, 1]), 3))
    reason(stabilityIndex([1], [1, 1]))
    reason(stabilityIndex([0], [1]))
    reason(stabilityIndex([1, 0], [1, 1]))
  })

  test('a single token and a text of one type', () => {
    close(yuleK(spectrumOf([1])), 0)
    close(mtld(occurrencesOf(['a'])), 1)
    close(herdanC(spectrumOf([7])), 0)
    close(expectationAdjustedDistinct(1, 5, 1), 1)
  })
})
