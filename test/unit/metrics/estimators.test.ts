import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { chao1 } from '../../../metrics/chao1.ts'
import { coverage } from '../../../metrics/coverage.ts'
import { distinctInter, distinctIntra } from '../../../metrics/distinct.ts'
import { entropyChaoShen } from '../../../metrics/entropy-chao-shen.ts'
import { entropyMillerMadow } from '../../../metrics/entropy-miller-madow.ts'
import { entropy } from '../../../metrics/entropy.ts'
import { heapsBeta } from '../../../metrics/heaps.ts'
import { missingMass } from '../../../metrics/missing-mass.ts'
import { mean, standardDeviation } from '../../../metrics/moments.ts'
import { type Measured, measured, valueOf } from '../../../metrics/result.ts'
import { selfRepetition } from '../../../metrics/self-repetition.ts'
import { countsOf, mergeCounts, spectrumOf } from '../../../metrics/spectrum.ts'
import { ttr } from '../../../metrics/ttr.ts'
import { close, reason, within } from '../../helpers/measured.ts'

/** How far from the entropy of 200 equally likely types. */
function offBy(result: Measured): number {
  return Math.abs(valueOf(result)! - Math.log2(200))
}

const counts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 60 })
const ofSpectrum = { ttr, entropy, entropyMillerMadow, entropyChaoShen, missingMass, coverage, chao1 }

describe('golden values', () => {
  test('counts (5, 3, 1, 1): f1/N .2, Chao1 4.9 (by hand, the bias-corrected form as f2 = 0)', () => {
    const spectrum = spectrumOf([5, 3, 1, 1])
    assert.deepEqual(spectrum, {
      tokens: 10,
      types: 4,
      f1: 2,
      f2: 0,
      frequencies: [
        [1, 2],
        [3, 1],
        [5, 1]
      ]
    })
    close(missingMass(spectrum), 0.2)
    close(chao1(spectrum), 4.9)
  })

  test('spider data of the R package iNEXT: coverage and Chao1 of the girdled and the logged plot', () => {
    const girdled = { tokens: 168, types: 26, f1: 12, f2: 4 }
    close(coverage(girdled), 0.928855, 5e-7)
    close(chao1(girdled), 43.8929, 5e-5)
    const logged = { tokens: 252, types: 37, f1: 14, f2: 4 }
    close(coverage(logged), 0.944571, 5e-7)
    close(chao1(logged), 61.4028, 5e-5)
  })

  test('entropy of p = (.5, .3, .2) is 1.4854752972 bits (by hand)', () => {
    close(entropy(spectrumOf([5, 3, 2])), 1.4854752972, 5e-11)
  })

  test('counts (12 7 5 3 3 2 2 1 1 1 1 1): scikit-bio 0.7.4 shannon(base=2) and goods_coverage', () => {
    const spectrum = spectrumOf([12, 7, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1])
    close(entropy(spectrum), 3.0343650408668417)
    close(missingMass(spectrum), 1 - 0.8717948717948718)
  })

  test('the same counts: Chao-Shen summed with 30 digits by mpmath; Miller-Madow adds 11 / (2 * 39 * ln 2)', () => {
    const spectrum = spectrumOf([12, 7, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1])
    close(entropyChaoShen(spectrum), 3.373425834913355)
    close(entropyMillerMadow(spectrum), 3.0343650408668417 + 11 / (78 * Math.LN2))
  })

  test('heaps: two of eight types in the first two of twenty tokens give log10(4)', () => {
    close(heapsBeta([0, 1, 4, 6, 9, 12, 15, 19], 20), Math.log10(4))
    close(heapsBeta([0], 10), 0)
    // Every word is new; and all words are new but for a start of one, which is above the line.
    close(heapsBeta([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10), 1)
    close(heapsBeta([0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], 20), Math.log10(19))
  })

  test('mean and sample standard deviation of 2 4 4 4 5 5 7 9: 5 and sqrt(32/7)', () => {
    close(mean([2, 4, 4, 4, 5, 5, 7, 9]), 5)
    close(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7))
    // The mean of five times 10/11 is not 10/11 in floating point.
    assert.deepEqual(standardDeviation(Array.from({ length: 5 }, () => 10 / 11)), { value: 0 })
  })

  test('distinct: pooled 3 of 4, and the mean of .5 and 1', () => {
    close(distinctInter(3, 4), 0.75)
    close(distinctIntra(0.5 + 1, 2), 0.75)
  })

  test('self-repetition is a mean of ln(1 + x)', () => {
    close(selfRepetition([0, Math.E - 1]), 0.5)
  })
})

describe('what is undefined says why, and is never NaN or 0', () => {
  test('nothing was counted', () => {
    for (const metric of Object.values(ofSpectrum)) assert.notEqual(reason(metric(spectrumOf([]))), '')
    for (const result of [
      heapsBeta([], 0),
      distinctInter(0, 0),
      distinctIntra(0, 0),
      selfRepetition([]),
      mean([]),
      standardDeviation([])
    ]) {
      assert.notEqual(reason(result), '')
    }
  })

  test('too little was counted', () => {
    reason(coverage(spectrumOf([1])))
    reason(heapsBeta([0, 1, 2, 3, 4, 5, 6, 7, 8], 9))
    reason(standardDeviation([3]))
  })

  test('every type was seen once: no coverage to correct by', () => {
    assert.equal(reason(entropyChaoShen(spectrumOf([1, 1, 1]))), 'every type was seen once')
  })

  test('a number that is none', () => {
    assert.match(reason(measured(NaN)), /NaN/)
    assert.match(reason(measured(Infinity)), /Infinity/)
  })
})

describe('identities and bounds', () => {
  test('the order of the counts does not matter, not even in the last bit', () => {
    fc.assert(
      fc.property(
        counts.chain(list =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))
        ),
        ([a, b]) => {
          assert.deepEqual(spectrumOf(a), spectrumOf(b))
        }
      )
    )
  })

  test('the counts of parts merge into the counts of the whole', () => {
    const tokens = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'))
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 5 }), parts => {
        const merged = mergeCounts(...parts.map(part => countsOf(part)))
        const whole = countsOf(parts.flat())
        assert.deepEqual(merged, whole)
        for (const metric of Object.values(ofSpectrum)) {
          assert.deepEqual(metric(spectrumOf(merged.values())), metric(spectrumOf(whole.values())))
        }
      })
    )
  })

  test('every value lies where it must', () => {
    fc.assert(
      fc.property(counts, list => {
        const spectrum = spectrumOf(list)
        const { types, tokens, frequencies, f1, f2 } = spectrum
        assert.equal(
          frequencies.reduce((sum, [count, held]) => sum + count * held, 0),
          tokens
        )
        assert.equal(
          frequencies.reduce((sum, [, held]) => sum + held, 0),
          types
        )
        assert.equal(list.filter(count => count === 1).length, f1)
        assert.equal(list.filter(count => count === 2).length, f2)
        within(ttr(spectrum), 1 / tokens, 1)
        within(entropy(spectrum), 0, Math.log2(types) + 1e-12)
        within(missingMass(spectrum), 0, 1)
        if (tokens < 2) reason(coverage(spectrum))
        else within(coverage(spectrum), 0, 1)
        within(chao1(spectrum), types, Infinity)
        const plugIn = valueOf(entropy(spectrum))!
        within(entropyMillerMadow(spectrum), plugIn, Infinity)
        if (f1 === tokens) reason(entropyChaoShen(spectrum))
        else within(entropyChaoShen(spectrum), 0, Infinity)
        if (f1 === 0) {
          assert.equal(valueOf(chao1(spectrum)), types)
          assert.equal(valueOf(coverage(spectrum)), 1)
        }
      })
    )
  })

  test('equal counts have the entropy of their number', () => {
    for (const types of [1, 2, 8, 1024])
      close(entropy(spectrumOf(Array(types).fill(3))), Math.log2(types), 1e-9)
  })

  test('the corrected entropies come nearer to the truth than the plug-in on a small sample', () => {
    // 200 draws of 200 equally likely types: log2(200) = 7.64 bits.
    let state = 1
    const draws = Array.from({ length: 200 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return String(Math.floor((state / 2 ** 32) * 200))
    })
    const spectrum = spectrumOf(countsOf(draws).values())
    assert.ok(offBy(entropyMillerMadow(spectrum)) < offBy(entropy(spectrum)))
    assert.ok(offBy(entropyChaoShen(spectrum)) < offBy(entropy(spectrum)))
  })
})
