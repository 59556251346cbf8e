import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Arithmetic mean.
 *
 * Complexity: linear.
 * @param values finite numbers
 * @returns undefined without values
 */
export function mean(values: readonly number[]): Measured {
  if (values.length === 0) return undefinedBecause('no values')
  let sum = 0
  for (const value of values) sum += value
  return measured(sum / values.length)
}

/**
 * Sample standard deviation, n - 1 in the denominator.
 *
 * Complexity: linear, two passes: exact enough for values of large mean and small spread.
 * @param values finite numbers
 * @returns undefined below two values
 */
export function standardDeviation(values: readonly number[]): Measured {
  if (values.length < 2) return undefinedBecause('fewer than two values')
  let sum = 0
  for (const value of values) sum += value
  const centre = sum / values.length
  let squares = 0
  for (const value of values) squares += (value - centre) ** 2
  return measured(Math.sqrt(squares / (values.length - 1)))
}
