import { quantile } from './quantile.ts'
import { valueOf } from './result.ts'

/**
 * The values within 1.5 interquartile ranges of the quartiles: a few documents of another kind must not make a mean.
 *
 * Reference: Tukey, "Exploratory Data Analysis" (1977), inner fences. Complexity: sorting.
 * @param values finite numbers
 * @returns those that stay, ascending
 */
export function trimmed(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b)
  const lower = valueOf(quantile(sorted, 0.25)) ?? 0
  const upper = valueOf(quantile(sorted, 0.75)) ?? 0
  const reach = 1.5 * (upper - lower)
  return sorted.filter(value => value >= lower - reach && value <= upper + reach)
}
