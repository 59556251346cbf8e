import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { anchors, pieceLength } from '../../../metrics/anchors.ts'
import { editDistance } from '../../../metrics/edit-distance.ts'
import { levenshtein } from '../../../metrics/levenshtein.ts'
import { random } from '../../../metrics/random.ts'

/** By the definition, row by row. */
function byDefinition(a: readonly number[], b: readonly number[]): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [row, one] of a.entries()) {
    const here = [row + 1]
    for (const [column, other] of b.entries())
      here.push(Math.min(above[column + 1]! + 1, here[column]! + 1, above[column]! + Number(one !== other)))
    above = here
  }
  return above.at(-1)!
}

const symbols = fc.array(fc.nat({ max: 3 }), { maxLength: 140 })

/** A text of many words, and the same with every so many words written anew or left out. */
function edited(words: number, every: number): [string, string] {
  const draw = random(5)
  const word = (): string =>
    Array.from({ length: 2 + draw.below(8) }, () => 'etaoinshrdlu'[draw.below(12)]).join('')
  const text = Array.from({ length: words }, word)
  const other = text.flatMap((one, index) =>
    index % every !== 0 ? [one] : draw.below(2) === 0 ? [] : [word(), word()]
  )
  return [text.join(' '), other.join(' ')]
}

describe('Levenshtein distance', () => {
  test('is what the definition says', () => {
    fc.assert(
      fc.property(symbols, symbols, (a, b) => {
        assert.equal(levenshtein(Int32Array.from(a), Int32Array.from(b), 4), byDefinition(a, b))
      }),
      { numRuns: 500 }
    )
  })

  test('is a metric', () => {
    fc.assert(
      fc.property(symbols, symbols, symbols, (...lists) => {
        const [a, b, c] = lists.map(list => Int32Array.from(list)) as [Int32Array, Int32Array, Int32Array]
        const ab = levenshtein(a, b, 4)
        assert.equal(ab, levenshtein(b, a, 4))
        assert.equal(levenshtein(a, a, 4), 0)
        assert.ok(ab <= levenshtein(a, c, 4) + levenshtein(c, b, 4))
      })
    )
  })
})

describe('edit distance', () => {
  test('is 0 for equal texts and 1 for texts without anything in common', () => {
    assert.equal(editDistance('', ''), 0)
    assert.equal(editDistance('the same', 'the same'), 0)
    assert.equal(editDistance('abc', 'xyz'), 1)
    assert.equal(editDistance('', 'abc'), 1)
    assert.equal(editDistance('kitten', 'sitting'), 3 / 7)
  })

  test('cut into pieces it is never less than the exact one, and within range', () => {
    const any = fc.array(fc.constantFrom('a', 'b', ' ', '\u{1f600}'), { maxLength: 400 })
    // Stretches that are alike when they are shifted lead astray who takes them for one another.
    const runs = fc.array(
      fc.tuple(fc.constantFrom('ab', 'a', 'abc'), fc.nat({ max: 60 }), fc.constantFrom('x', 'y', 'z', '')),
      { maxLength: 8 }
    )
    const text = fc.oneof(
      any.map(list => list.join('')),
      runs.map(list => list.map(([unit, times, end]) => unit.repeat(times) + end).join(''))
    )
    fc.assert(
      fc.property(text, text, fc.nat({ max: 2000 }), (one, other, cells) => {
        const [exact, bounded] = [editDistance(one, other), editDistance(one, other, cells)]
        assert.ok(exact <= bounded && bounded <= 1, `${exact} ${bounded}`)
      }),
      { numRuns: 3000 }
    )
  })

  test('a stretch that was made longer is not passed over between two anchors', () => {
    const draw = random(9)
    const noise = (): string => Array.from({ length: 40 }, () => 'etaoinshrdlu'[draw.below(12)]).join('')
    for (let round = 0; round < 3000; round++) {
      const [start, end] = [noise(), noise()]
      const [one, other] = [8, 9].map(times => `${round}${start}x${'ab'.repeat(times)}y${end}${-round}`)
      // The ends differ, so that neither text begins or ends like the other.
      const [a, b] = [`p${one}p`, `qq${other}qq`]
      const [exact, bounded] = [editDistance(a, b), editDistance(a, b, 2000)]
      assert.ok(exact <= bounded, `${a} ${b}: ${exact}, in pieces ${bounded}`)
    }
  })

  test('of what people edit the pieces give the exact distance', () => {
    const [one, other] = edited(2000, 40)
    const exact = editDistance(one, other)
    assert.ok(exact > 0.02 && exact < 0.04, `${exact}`)
    const cut = editDistance(one, other, one.length * 200)
    assert.ok(cut >= exact && cut < exact * 1.02, `${cut}, exactly ${exact}`)
  })

  test('a megabyte is compared without a matrix of its square, be it an edit, strange or monotonous', () => {
    const [one, other] = edited(170_000, 100)
    assert.ok(one.length > 1_000_000)
    const far = editDistance(one, other)
    assert.ok(far > 0.008 && far < 0.02, `${far}`)
    assert.equal(editDistance(one, 'x'.repeat(1_000_000)), 1)
    const monotonous = editDistance('a'.repeat(1_000_000), 'ab'.repeat(500_000))
    assert.ok(monotonous >= 0.5 && monotonous <= 1, `${monotonous}`)
  })
})

test('anchors are equal pieces that rise in both texts', () => {
  const list = fc.array(fc.nat({ max: 1 }), { minLength: 40, maxLength: 300 })
  let any = 0
  fc.assert(
    fc.property(list, list, list, (start, shared, end) => {
      const a = Int32Array.from([...start, ...shared, ...end])
      const b = Int32Array.from([...end, ...shared, ...start])
      let [inA, inB] = [-1, -1]
      for (const [from, to] of anchors(a, b)) {
        any++
        assert.ok(from > inA && to > inB)
        assert.deepEqual(a.slice(from, from + pieceLength), b.slice(to, to + pieceLength))
        ;[inA, inB] = [from, to]
      }
    })
  )
  assert.ok(any > 0, 'there were some')
  // What stands in a text twice tells nothing about where one is.
  const twice = fc
    .sample(list, { seed: 1, numRuns: 50 })
    .map(shared => Int32Array.from([...shared, 2, ...shared]))
  for (const text of twice)
    for (const [from] of anchors(text, text))
      assert.ok(from + pieceLength > text.indexOf(2) && from <= text.indexOf(2), `${from}`)
})
