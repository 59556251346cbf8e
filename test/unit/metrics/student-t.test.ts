import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { studentT } from '../../../metrics/student-t.ts'

test('quantiles as tables of the distribution have them', () => {
  // Golden values of scipy.stats.t.ppf(0.5 + level / 2, freedom), SciPy 1.17.1.
  const golden: readonly [level: number, freedom: number, t: number][] = [
    [0.95, 1, 12.706204736174694],
    [0.95, 4, 2.7764451051977987],
    [0.95, 9, 2.2621571627409915],
    [0.95, 9.5, 2.2441374614922958],
    [0.95, 30, 2.0422724563012373],
    [0.95, 1000, 1.9623390808264083],
    [0.99, 5, 4.032142983555228],
    [0.5, 3, 0.7648923284043453]
  ]
  for (const [level, freedom, t] of golden) {
    assert.ok(
      Math.abs(studentT(level, freedom) - t) < 1e-6 * t,
      `${level}, ${freedom}: ${studentT(level, freedom)}`
    )
  }
})

test('it falls with the degrees of freedom and rises with the level', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1, max: 500, noNaN: true }),
      fc.double({ min: 0.01, max: 0.98, noNaN: true }),
      (freedom, level) => {
        const t = studentT(level, freedom)
        assert.ok(Number.isFinite(t) && t > 0)
        assert.ok(studentT(level, freedom + 1) <= t + 1e-9)
        assert.ok(studentT(level + 0.01, freedom) > t)
      }
    )
  )
})
