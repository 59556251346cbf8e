import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Population stability index, a symmetric divergence in nats.
 *
 * Formula: sum over bins of (p - q) ln(p / q).
 * Reference: Kullback & Leibler (1951), the divergence J; named so in credit scoring (Siddiqi 2006). What counts as large
 * follows from the numbers of observations (Yurdakul & Naranjo 2020), not from a rule of thumb.
 * Complexity: linear in bins.
 * Range: [0, ...).
 * Sees: a distribution over bins that shifted, in any of them.
 * Does not see: order of the bins, and shifts within one. Few observations give much of it by chance.
 * @param first counts or shares per bin
 * @param second the same bins
 * @param added put on every bin of both first; 0 leaves empty bins empty
 * @returns undefined without observations, with different numbers of bins, and where a bin is empty on one side only
 */
export function stabilityIndex(first: readonly number[], second: readonly number[], added = 0): Measured {
  if (first.length !== second.length) return undefinedBecause('different numbers of bins')
  const all = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count + added, 0)
  const [ofFirst, ofSecond] = [all(first), all(second)]
  if (!(ofFirst > 0 && ofSecond > 0)) return undefinedBecause('no observations')
  let sum = 0
  for (const [bin, count] of first.entries()) {
    const p = (count + added) / ofFirst
    const q = (second[bin]! + added) / ofSecond
    if (p === q) continue
    if (p === 0 || q === 0) return undefinedBecause('a bin is empty on one side')
    sum += (p - q) * Math.log(p / q)
  }
  return measured(sum)
}
