import { type Measured, measured, undefinedBecause } from './result.ts'
import { totalOf } from './spectrum.ts'

/**
 * The share of a text's tokens that are of the tail's types.
 *
 * Keys: tail_mass.
 * Formula: tokens of types of R / N, R the types of the reference with f <= 2.
 * Reference: after Shumailov et al., Nature 631 (2024), as `tail-types-kept.ts`.
 * Complexity: linear in the types.
 * Range: [0, 1].
 * Sees: truncated or cold decoding, which takes the mass off rare words.
 * Does not see: neutral drift, which keeps the mass on fewer and fewer types.
 * @param counts of the text, by type
 * @param tail as `tail-types.ts` finds it
 * @returns undefined without tokens or without a tail
 */
export function tailMass(counts: ReadonlyMap<string, number>, tail: ReadonlySet<string>): Measured {
  if (counts.size === 0) return undefinedBecause('no tokens')
  if (tail.size === 0) return undefinedBecause('the reference has no tail')
  let mass = 0
  for (const [type, count] of counts) if (tail.has(type)) mass += count
  return measured(mass / totalOf(counts))
}
