import { type Measured, measured, undefinedBecause } from './result.ts'
import { totalOf } from './spectrum.ts'

/**
 * The share of a text's tokens whose type is absent from what the generators were fitted on.
 *
 * Keys: novel_type_share.
 * Formula: tokens of types that the seed texts lack / N.
 * Reference: the out-of-vocabulary rate of language modelling (Jelinek, "Statistical Methods for Speech Recognition", 1997), here
 * against the seed texts.
 * Complexity: linear in the types.
 * Range: [0, 1].
 * Sees: a closed model, which can only repeat: 0 is recursion's fingerprint.
 * Does not see: whether the new words are any good: misspellings and other languages are new too. A large model knows words
 * the seed lacks, and collapses all the same.
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
