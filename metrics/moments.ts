import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Arithmetic mean; of the words of each document it is the mean length.
 *
 * Keys: documents, length_mean.
 * Formula: sum of x / m, m values: the documents.
 * Reference: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.1.
 * Complexity: linear.
 * Range: that of the values.
 * Sees: shorter and longer answers, which many metrics follow: whatever is beside it moved, look here first.
 * Does not see: what the documents say. A change is no sign of collapse by itself.
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
 * Sample standard deviation, n - 1 in the denominator; of the words of each document it is the spread of the lengths.
 *
 * Keys: length_sd.
 * Formula: sqrt(sum of (x - mean)^2 / (n - 1)).
 * Reference: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.6.
 * Complexity: linear, two passes: exact enough for values of large mean and small spread.
 * Range: [0, ...).
 * Sees: answers that all get the same length, of a template or of a limit on their tokens.
 * Does not see: what the documents say, and which of them are long.
 * @param values finite numbers
 * @returns undefined below two values
 */
export function standardDeviation(values: readonly number[]): Measured {
  if (values.length < 2) return undefinedBecause('fewer than two values')
  let sum = 0
  for (const value of values) sum += value
  const centre = sum / values.length
  let [squares, constant] = [0, true]
  for (const value of values) {
    squares += (value - centre) ** 2
    constant &&= value === values[0]
  }
  // Their mean may differ from equal values by a rounding.
  if (constant) return measured(0)
  return measured(Math.sqrt(squares / (values.length - 1)))
}
