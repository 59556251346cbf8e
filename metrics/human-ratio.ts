import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * A value over the mean of the same metric on human windows of as many tokens: 1 is human.
 *
 * Keys: tail_types_kept_ratio, tail_mass_ratio, novel_type_share_ratio.
 * Formula: value / mean over human windows.
 * Reference: a ratio to a control; for its use here Shumailov et al., Nature 631 (2024).
 * Complexity: linear in the windows.
 * Range: [0, ...).
 * Sees: what its metric sees, where sizes differ: share of the human share.
 * Does not see: what chance makes of it: for that take z, which knows the spread of human windows.
 * @param value of the text
 * @param human values of human windows; those without one do not count
 * @returns undefined where the value is, without human values, and when they are all 0
 */
export function humanRatio(value: Measured, human: readonly Measured[]): Measured {
  if (!('value' in value)) return value
  const values = human.flatMap(one => ('value' in one ? [one.value] : []))
  if (values.length === 0) return undefinedBecause('no human window of as many tokens')
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length
  if (mean === 0) return undefinedBecause('the human windows have none')
  return measured(value.value / mean)
}
