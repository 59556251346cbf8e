import { quantile } from './quantile.ts'
import { type Measured, measured, undefinedBecause, valueOf } from './result.ts'

/**
 * Interquartile range: the third quartile less the first.
 *
 * Reference: as `quantile.ts`. Complexity: sorting. Range [0, ...).
 * @param values finite numbers
 * @returns undefined below two values
 */
export function interquartileRange(values: readonly number[]): Measured {
  if (values.length < 2) return undefinedBecause('fewer than two values')
  const sorted = values.toSorted((a, b) => a - b)
  return measured(valueOf(quantile(sorted, 0.75))! - valueOf(quantile(sorted, 0.25))!)
}
