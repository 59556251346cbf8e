import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { draw, sourceShares } from '../../../processors/draw.ts'
import { recipeSchema } from '../../../processors/recipe.ts'
import { requestId } from '../../../schemas/identity.ts'
import * as make from '../../helpers/records.ts'

const close = (one: number, other: number): boolean => Math.abs(one - other) < 1e-9
const sum = (list: readonly number[]): number => list.reduce((total, one) => total + one, 0)
const anySource = fc.record({
  family: fc.constantFrom('a', 'b', 'c', 'd'),
  weight: fc.double({ min: 0.001, max: 1000, noNaN: true })
})
const sources = fc.array(anySource, { minLength: 1, maxLength: 8 })
const minimum = fc.double({ min: 0, max: 1, noNaN: true })

const recipe = (fields: object = {}) =>
  recipeSchema.parse({
    dataset: 'd',
    run: 'r',
    sources: ['a', 'b'].map((name, index) => ({
      name,
      provider: 'offline',
      model: `${name}-model`,
      family: name,
      weight: index === 0 ? 3 : 1
    })),
    ...fields
  })

describe('shares of the sources', () => {
  test('sum to one', () => {
    fc.assert(fc.property(sources, minimum, (list, floor) => close(sum(sourceShares(list, floor)), 1)))
  })

  test('give every family its minimum, or an equal share where that is too much', () => {
    fc.assert(
      fc.property(sources, minimum, (list, floor) => {
        const shares = sourceShares(list, floor)
        const families = new Set(list.map(({ family }) => family))
        for (const family of families) {
          const share = sum(shares.filter((_, index) => list[index]!.family === family))
          assert.ok(share >= Math.min(floor, 1 / families.size) - 1e-9, `${family} has ${share}`)
        }
      })
    )
  })

  test('keep the weights within a family, and among families that need no lift', () => {
    fc.assert(
      fc.property(sources, minimum, (list, floor) => {
        const shares = sourceShares(list, floor)
        const families = Map.groupBy(list.keys(), index => list[index]!.family)
        const free: number[] = []
        for (const indexes of families.values()) {
          const [first] = indexes
          for (const index of indexes)
            assert.ok(close(shares[index]! * list[first!]!.weight, shares[first!]! * list[index]!.weight))
          if (sum(indexes.map(index => shares[index]!)) > Math.min(floor, 1 / families.size) + 1e-9)
            free.push(first!)
        }
        const ratio = (index: number): number => shares[index]! / list[index]!.weight
        for (const index of free) assert.ok(close(ratio(index) / ratio(free[0]!), 1))
      })
    )
  })

  test('by hand: two families lifted to a quarter, the other scaled down', () => {
    const list = [
      { family: 'a', weight: 6 },
      { family: 'a', weight: 2 },
      { family: 'b', weight: 1 },
      { family: 'c', weight: 1 }
    ]
    // 0.25 for b and for c; the half that is left goes 6 : 2.
    for (const [floor, expected] of [
      [0.25, [0.375, 0.125, 0.25, 0.25]],
      [0, [0.6, 0.2, 0.1, 0.1]]
    ] as const)
      for (const [index, share] of sourceShares(list, floor).entries())
        assert.ok(close(share, expected[index]!))
  })
})

describe('a draw', () => {
  const prompt = make.prompt('p', { cell: make.cell({ task: 'tell' }) })
  const idOf = (index: number): string => requestId('r', 'p', 1, index)

  test('is the same for the same request', () => {
    for (let index = 0; index < 20; index++)
      assert.deepEqual(
        draw(recipe(), prompt, idOf(index), index, 0),
        draw(recipe(), prompt, idOf(index), index, 0)
      )
    const seeds = new Set(
      Array.from({ length: 1000 }, (_, index) => draw(recipe(), prompt, idOf(index), index, 0).seed)
    )
    assert.ok(seeds.size > 995, 'seeds differ between requests')
    for (const seed of seeds) assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31)
  })

  test('meets the shares', () => {
    const drawn = Array.from({ length: 4000 }, (_, index) => draw(recipe(), prompt, idOf(index), index, 0))
    const first = drawn.filter(({ source }) => source === 'a').length / drawn.length
    // Weight 3 of 4; four standard deviations of a binomial of 4,000.
    assert.ok(Math.abs(first - 0.75) < 4 * Math.sqrt((0.75 * 0.25) / 4000), String(first))
    for (const { source: name, model } of drawn) assert.equal(model, `${name}-model`)
  })

  test('is cool for factual cells and alternates for the others', () => {
    const answer = make.prompt('p', { cell: make.cell({ task: 'answer' }) })
    assert.equal(draw(recipe(), answer, idOf(0), 0, 0).temperature, 0.2)
    const cycle = [0, 1, 2, 3].map(index => draw(recipe(), prompt, idOf(index), index, 0).temperature)
    assert.deepEqual(new Set(cycle), new Set([0.8, 1, 1.2]))
    assert.equal(cycle[3], cycle[0])
  })

  test('is shifted by control, within 0 to 2', () => {
    const temperature = (shift: number): number =>
      draw(recipe({ temperature: { diverse: [1] } }), prompt, idOf(0), 0, shift).temperature
    assert.equal(temperature(0.25), 1.25)
    assert.equal(temperature(-3), 0)
    assert.equal(temperature(9), 2)
    assert.equal(draw(recipe(), prompt, idOf(0), 0, 0).seed, draw(recipe(), prompt, idOf(0), 0, 1).seed)
  })
})
