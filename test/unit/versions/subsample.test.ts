import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createSubsample, isInSubsample } from '../../../infra/versions/subsample.ts'

const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `row-${index}`, epoch: 1 }))

describe('the sample of a version', () => {
  test('has its size, or everything there is, whatever order the rows come in', () => {
    const cases = fc.tuple(fc.shuffledSubarray(rowsOf(60)), fc.integer({ min: 1, max: 70 }))
    fc.assert(
      fc.property(cases, ([rows, size]) => {
        const [one, other] = [createSubsample('d@1', size), createSubsample('d@1', size)]
        for (const row of rows) one.add(row)
        for (const row of rows.toReversed()) other.add(row)
        const { rows: count, threshold } = one.result()
        assert.deepEqual(other.result(), one.result())
        assert.equal(count, Math.min(size, rows.length))
        assert.equal(rows.filter(row => isInSubsample('d@1', threshold, row)).length, count)
      })
    )
  })

  test('is drawn anew for every version, each row with the same chance', () => {
    const rows = rowsOf(100)
    const drawn = rows.map(() => 0)
    for (let version = 1; version <= 400; version++) {
      const name = `d@${version}`
      const sample = createSubsample(name, 25)
      for (const row of rows) sample.add(row)
      const { threshold } = sample.result()
      for (const [index, row] of rows.entries()) if (isInSubsample(name, threshold, row)) drawn[index]!++
    }
    // 400 draws of a quarter: 100, six standard deviations are 52.
    for (const [index, count] of drawn.entries())
      assert.ok(Math.abs(count - 100) < 52, `row ${index}: ${count} of 400`)
  })

  test('of nothing is nothing', () => {
    assert.deepEqual(createSubsample('d@1', 3).result(), { rows: 0, threshold: -1 })
  })
})
