/** Assertions about what a metric answers. */
import assert from 'node:assert/strict'
import { type Measured, valueOf } from '../../metrics/result.ts'

/**
 * The metric has a value and it is the expected one.
 * @param off how far from it it may be
 */
export function close(result: Measured, expected: number, off = 1e-12): void {
  const value = valueOf(result)
  assert.ok(
    value !== undefined && Math.abs(value - expected) <= off,
    `${JSON.stringify(result)}, not ${expected}`
  )
}

/** The reason a metric has no value. */
export function reason(result: Measured): string {
  return 'undefined' in result ? result.undefined : assert.fail(`${result.value}`)
}

/** The metric's value. */
export function defined(result: Measured): number {
  return 'value' in result ? result.value : assert.fail(result.undefined)
}

/** The metric has a value and it is in the range. */
export function within(result: Measured, low: number, high: number): void {
  const value = defined(result)
  assert.ok(value >= low && value <= high, `${value} outside ${low} to ${high}`)
}
