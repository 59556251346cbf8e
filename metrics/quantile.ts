import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * A quantile, linear between the two values it lies between.
 *
 * Reference: Hyndman & Fan, "Sample quantiles in statistical packages" (1996), type 7; as numpy's and R's default.
 * Complexity: O(1).
 * @param sorted values, ascending
 * @param share 0 to 1
 * @returns undefined without values
 */
export function quantile(sorted: ArrayLike<number>, share: number): Measured {
  if (sorted.length === 0) return undefinedBecause('no values')
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const low = sorted[below]!
  return measured(low + (place - below) * (sorted[Math.min(below + 1, sorted.length - 1)]! - low))
}
