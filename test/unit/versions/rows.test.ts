/** Rows that were erased stand where they lay, once each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fillGaps } from '../../../infra/versions/rows.ts'
import * as make from '../../helpers/records.ts'

/** A row of a slot: whether it was erased, and whether it is in the log still. Others take an offset, as control records do. */
const place = fc.constantFrom('kept', 'erased', 'named', 'control')

test('what was erased is handed over between the rows that are there, whatever is missing', () => {
  fc.assert(
    fc.property(fc.array(place, { maxLength: 40 }), fc.nat(45), (places, to) => {
      const rowAt = (offset: number) => ({ slot: 0, offset, sample: make.sample(`s${offset}`, '') })
      const at = (wanted: readonly string[]): number[] =>
        places.flatMap((one, offset) => (wanted.includes(one) ? [offset] : []))
      const taken: number[] = []
      const fill = fillGaps(at(['erased', 'named']).map(rowAt), ({ offset }) => taken.push(offset))
      for (const offset of at(['kept', 'named'])) {
        if (offset >= to) break
        fill(offset)
        taken.push(offset)
      }
      fill(to)
      assert.deepEqual(
        taken,
        at(['kept', 'named', 'erased']).filter(offset => offset < to)
      )
    })
  )
})
