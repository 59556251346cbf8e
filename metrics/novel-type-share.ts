import { type Measured, measured, undefinedBecause } from './result.ts'
import { totalOf } from './spectrum.ts'

/**
 * The share of a text's tokens whose type is absent from what the generators were fitted on: 0 for a model that can only
 * repeat, recursion's fingerprint.
 *
 * Complexity: linear in the types. Range [0, 1].
 * @param counts of the text, by type
 * @param seed types of the generators' seed texts
 * @returns undefined without tokens or without seed
 */
export function novelTypeShare(
  counts: ReadonlyMap<string, number>,
  seed: Pick<ReadonlySet<string>, 'has' | 'size'>
): Measured {
  if (counts.size === 0) return undefinedBecause('no tokens')
  if (seed.size === 0) return undefinedBecause('no seed types')
  let novel = 0
  for (const [type, count] of counts) if (!seed.has(type)) novel += count
  return measured(novel / totalOf(counts))
}
