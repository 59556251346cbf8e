import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * The share of the tail's types that a text holds: recursion loses them even where it keeps the mass. Compare with human
 * windows of as many tokens, as `human-ratio.ts` does.
 *
 * Reference: after Shumailov et al., "AI models collapse when trained on recursively generated data", Nature 631 (2024):
 * the tails go first. Complexity: linear in the tail. Range [0, 1].
 * @param counts of the text, by type
 * @param tail as `tail-types.ts` finds it
 * @returns undefined without tokens or without a tail
 */
export function tailTypesKept(counts: ReadonlyMap<string, number>, tail: ReadonlySet<string>): Measured {
  if (counts.size === 0) return undefinedBecause('no tokens')
  if (tail.size === 0) return undefinedBecause('the reference has no tail')
  let kept = 0
  for (const type of tail) if (counts.has(type)) kept += 1
  return measured(kept / tail.size)
}
