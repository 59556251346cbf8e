import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createCut } from '../../../infra/versions/cut.ts'
import type { Sample } from '../../../schemas/types.ts'
import * as make from '../../helpers/records.ts'

type Row = { readonly human: boolean; readonly retracted: boolean }
const row = fc.record({ human: fc.boolean(), retracted: fc.boolean() })
const floors = fc.constantFrom(0, 0.25, 1 / 3, 0.5, 0.6, 0.9)

/** Rows as a mixer lays them: one that would break the floor is passed over. */
function laid(rows: readonly Row[], floor: number): Row[] {
  let human = 0
  const all: Row[] = []
  for (const one of rows) {
    if (!one.human && human < floor * (all.length + 1)) continue
    if (one.human) human++
    all.push(one)
  }
  return all
}
const slots = fc.tuple(floors, fc.array(fc.array(row, { maxLength: 60 }), { minLength: 1, maxLength: 3 }))

const nameOf = (slot: number, index: number): string => `${slot}.${index}`
const sampleOf = (id: string, human: boolean): Sample =>
  human ? make.humanSample(id, 'text') : make.sample(id, 'text')

/** What a cut takes of rows in slots. */
function cutOf(floor: number, list: readonly (readonly Row[])[]) {
  const retracted = new Set(
    list.flatMap((rows, slot) => rows.flatMap((one, index) => (one.retracted ? [nameOf(slot, index)] : [])))
  )
  const cut = createCut(floor, retracted, ({ provenance }) => provenance.origin === 'HUMAN_AUTHORED')
  const taken = list.map((rows, slot) => {
    const own = rows.filter((one, index) => cut.takes(sampleOf(nameOf(slot, index), one.human)))
    cut.nextSlot()
    return own
  })
  return { cut, taken, retracted }
}

const holds = (rows: readonly Row[], floor: number): boolean => {
  let human = 0
  return rows.every(({ human: real }, index) => {
    if (real) human++
    return human >= floor * (index + 1) - 1e-9
  })
}

describe('what a version holds', () => {
  test('is everything that was not retracted, but for rows whose places were paid by what was', () => {
    fc.assert(
      fc.property(slots, ([floor, lists]) => {
        const list = lists.map(rows => laid(rows, floor))
        const { cut, taken, retracted } = cutOf(floor, list)
        const { rows, retracted: gone, displaced } = cut.excluded()
        const all = list.reduce((sum, one) => sum + one.length, 0)
        assert.equal(taken.reduce((sum, one) => sum + one.length, 0) + rows, all)
        assert.deepEqual(gone, [...retracted].toSorted())
        for (const own of taken) {
          assert.ok(own.every(one => !one.retracted))
          assert.ok(holds(own, floor), 'every prefix holds the floor')
        }
        const human = list.flat().filter(one => one.human && !one.retracted).length
        assert.equal(taken.flat().filter(one => one.human).length, human, 'no human row is displaced')
        assert.equal(rows, gone.length + displaced.length)
        assert.deepEqual(cut.taken(), { rows: all - rows, human })
        assert.ok(cut.smallestLaid() >= floor - 1e-9, 'the stream kept its promise')
        for (const [slot, own] of list.entries()) {
          const left = own.filter(one => one.human && one.retracted).length
          const guests = own.filter(one => !one.human && !one.retracted).length
          const lost = guests - taken[slot]!.filter(one => !one.human).length
          assert.ok(
            floor === 0 ? lost === 0 : lost <= Math.ceil((left * (1 - floor)) / floor - 1e-9),
            'no more is displaced than human rows paid for'
          )
        }
      })
    )
  })

  test('loses nothing else where no human row was retracted', () => {
    fc.assert(
      fc.property(slots, ([floor, lists]) => {
        const list = lists.map(rows =>
          laid(rows, floor).map(one => ({ ...one, retracted: one.retracted && !one.human }))
        )
        assert.deepEqual(cutOf(floor, list).cut.excluded().displaced, [])
      })
    )
  })

  test('displaces as few rows as any choice would, in one slot', () => {
    fc.assert(
      fc.property(floors, fc.array(row, { maxLength: 10 }), (floor, some) => {
        const list = laid(some, floor)
        const left = list.filter(one => !one.retracted)
        const guests = left.flatMap((one, index) => (one.human ? [] : [index]))
        let fewest = guests.length
        for (let choice = 0; choice < 2 ** guests.length; choice++) {
          const out = new Set(guests.filter((_, bit) => (choice >> bit) & 1))
          if (
            holds(
              left.filter((_, index) => !out.has(index)),
              floor
            )
          )
            fewest = Math.min(fewest, out.size)
        }
        assert.equal(cutOf(floor, [list]).cut.excluded().displaced.length, fewest)
      })
    )
  })

  test('keeps a row that came too early by itself: that is the mixer’s broken promise, and is told', () => {
    const { cut, taken } = cutOf(0.5, [[{ human: false, retracted: false }]])
    assert.equal(taken.flat().length, 1)
    assert.equal(cut.smallestLaid(), 0)
    const { taken: without } = cutOf(0.5, [
      [
        { human: false, retracted: true },
        { human: false, retracted: false }
      ]
    ])
    assert.equal(without.flat().length, 1, 'no human row left')
    const paidFor = [{ human: true, retracted: true }]
    const { taken: after } = cutOf(0.5, [paidFor, [{ human: false, retracted: false }]])
    assert.deepEqual(
      after.map(own => own.length),
      [0, 1],
      'another slot has lost nothing'
    )
  })
})
