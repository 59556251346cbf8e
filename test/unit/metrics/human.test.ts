import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { humanRatio } from '../../../metrics/human-ratio.ts'
import { jsDivergence } from '../../../metrics/js-divergence.ts'
import { klDivergence } from '../../../metrics/kl-divergence.ts'
import { novelTypeShare } from '../../../metrics/novel-type-share.ts'
import { measured, undefinedBecause } from '../../../metrics/result.ts'
import { countsOf, mergeCounts, totalOf } from '../../../metrics/spectrum.ts'
import { tailMass } from '../../../metrics/tail-mass.ts'
import { tailTypesKept } from '../../../metrics/tail-types-kept.ts'
import { tailTypes } from '../../../metrics/tail-types.ts'
import { tokenWindows } from '../../../metrics/token-windows.ts'
import { topicCoverage } from '../../../metrics/topic-coverage.ts'
import { topicEntropy } from '../../../metrics/topic-entropy.ts'
import { close, defined, reason, within } from '../../helpers/measured.ts'

const shares = (list: readonly number[]): Map<string, number> =>
  new Map(list.map((count, at) => [`t${at}`, count]))
const tokens = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), {
  minLength: 1,
  maxLength: 40
})

describe('golden values', () => {
  test('p = (.5, .3, .2), q = (.4, .4, .2): KL .0364527977 bits, JS .0091859255 bits (by hand)', () => {
    const [p, q] = [shares([0.5, 0.3, 0.2]), shares([0.4, 0.4, 0.2])]
    close(klDivergence(p, q, 0), 0.0364527977, 5e-11)
    close(jsDivergence(p, q), 0.0091859255, 5e-11)
    close(klDivergence(shares([5, 3, 2]), shares([40, 40, 20]), 0), 0.0364527977, 5e-11)
  })

  test('the tail of a small reference, kept, its mass, and what is new (by hand)', () => {
    const reference = countsOf('the the the a a fox dog dog dog cat'.split(' '))
    const tail = tailTypes(reference)
    assert.deepEqual(tail, new Set(['a', 'fox', 'cat']))
    assert.deepEqual(tailTypes(reference, 1), new Set(['fox', 'cat']))
    const counts = countsOf('the fox the bird a a a dog'.split(' '))
    close(tailTypesKept(counts, tail), 2 / 3)
    close(tailMass(counts, tail), 4 / 8)
    close(novelTypeShare(counts, reference), 1 / 8)
    close(novelTypeShare(counts, new Set(['the', 'a'])), 3 / 8)
  })

  test('topics: three of four cells hit, two of them twice (by hand)', () => {
    close(topicCoverage([2, 0, 1, 5]), 3 / 4)
    close(topicCoverage([2, 0, 1, 5], 2), 2 / 4)
    close(topicEntropy([1, 1, 0, 0]), 0.5)
    close(topicEntropy([3, 3, 3]), 1)
    close(topicEntropy([7, 0]), 0)
  })

  test('a ratio to the mean of human windows', () => {
    close(humanRatio(measured(0.3), [measured(0.5), measured(0.7), undefinedBecause('short')]), 0.5)
  })
})

describe('plain definitions and identities', () => {
  test('KL with a half added, over the union', () => {
    fc.assert(
      fc.property(tokens, tokens, (one, two) => {
        const [first, second] = [countsOf(one), countsOf(two)]
        const union = [...new Set([...one, ...two])]
        const p = (of: Map<string, number>, all: number, type: string): number =>
          ((of.get(type) ?? 0) + 0.5) / (all + 0.5 * union.length)
        const expected = union.reduce((sum, type) => {
          const inFirst = p(first, one.length, type)
          return sum + inFirst * Math.log2(inFirst / p(second, two.length, type))
        }, 0)
        close(klDivergence(first, second), expected, 1e-12)
        within(klDivergence(first, second), 0, Infinity)
      })
    )
  })

  test('JS is the mean divergence from the middle: symmetric, 0 for equals, 1 for strangers', () => {
    fc.assert(
      fc.property(tokens, tokens, (one, two) => {
        const [first, second] = [countsOf(one), countsOf(two)]
        const middle = new Map<string, number>()
        for (const [of, all] of [
          [first, one.length],
          [second, two.length]
        ] as const) {
          for (const [type, count] of of) middle.set(type, (middle.get(type) ?? 0) + count / all / 2)
        }
        const result = jsDivergence(first, second)
        const both = [first, second].map(of => defined(klDivergence(of, middle, 0)))
        close(result, (both[0]! + both[1]!) / 2, 1e-12)
        close(result, defined(jsDivergence(second, first)), 1e-12)
        within(result, 0, 1)
        close(jsDivergence(first, first), 0)
        close(jsDivergence(first, countsOf(one.map(token => token.toUpperCase()))), 1)
      })
    )
  })

  test('merged parts are the whole: order and cut of the text do not matter', () => {
    fc.assert(
      fc.property(tokens, tokens, tokens, (one, two, reference) => {
        const of = countsOf(reference)
        const merged = mergeCounts(countsOf(one), countsOf(two))
        const whole = countsOf([...two, ...one])
        assert.equal(totalOf(merged), one.length + two.length)
        const tail = tailTypes(of)
        for (const metric of [
          (counts: Map<string, number>) => klDivergence(counts, of),
          (counts: Map<string, number>) => jsDivergence(counts, of),
          (counts: Map<string, number>) => tailTypesKept(counts, tail),
          (counts: Map<string, number>) => tailMass(counts, tail),
          (counts: Map<string, number>) => novelTypeShare(counts, of)
        ]) {
          const [a, b] = [metric(merged), metric(whole)]
          if ('undefined' in a) assert.deepEqual(a, b)
          else close(a, defined(b), 1e-12)
        }
      })
    )
  })

  test('more text keeps more of the tail', () => {
    fc.assert(
      fc.property(tokens, tokens, tokens, (one, more, reference) => {
        const tail = tailTypes(countsOf(reference))
        if (tail.size === 0) return
        assert.ok(
          defined(tailTypesKept(countsOf([...one, ...more]), tail)) >=
            defined(tailTypesKept(countsOf(one), tail))
        )
      })
    )
  })

  test('windows are disjoint, in order, whole, and reach the budget by their last document', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9)), fc.integer({ min: 1, max: 20 }), (lengths, budget) => {
        let at = 0
        const sum = (from: number, to: number): number =>
          lengths.slice(from, to).reduce((total, length) => total + length, 0)
        for (const { from, to } of tokenWindows(lengths, budget)) {
          assert.equal(from, at)
          assert.ok(sum(from, to) >= budget)
          assert.ok(sum(from, to - 1) < budget)
          at = to
        }
        assert.ok(sum(at, lengths.length) < budget)
      })
    )
  })
})

test('what is undefined says why', () => {
  const [none, some] = [new Map<string, number>(), countsOf(['a'])]
  reason(klDivergence(none, some))
  reason(klDivergence(some, none))
  reason(klDivergence(some, countsOf(['b']), 0))
  close(klDivergence(some, countsOf(['a', 'b']), 0), 1)
  reason(jsDivergence(none, some))
  for (const metric of [tailTypesKept, tailMass, novelTypeShare]) {
    reason(metric(none, new Set(['a'])))
    reason(metric(some, new Set()))
  }
  reason(topicCoverage([]))
  reason(topicEntropy([4]))
  reason(topicEntropy([0, 0]))
  reason(humanRatio(measured(1), []))
  reason(humanRatio(measured(1), [measured(0)]))
  assert.equal(reason(humanRatio(undefinedBecause('no tokens'), [measured(1)])), 'no tokens')
})
