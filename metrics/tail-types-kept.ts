import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * The share of the tail's types, those a held-out human reference holds at most twice, that a text holds. Compare with human
 * windows of as many tokens, as `human-ratio.ts` does.
 *
 * Keys: tail_types_kept.
 * Formula: types of R in the text / types of R, R the types of the reference with f <= 2.
 * Reference: after Shumailov et al., "AI models collapse when trained on recursively generated data", Nature 631 (2024): the
 * tails go first.
 * Complexity: linear in the tail.
 * Range: [0, 1].
 * Sees: recursion, which loses types even where it keeps the mass, and cold decoding, which loses both; among the first signs.
 * Does not see: which of the two it is: the tail mass says that. Rare words of people that the reference happens to lack.
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
