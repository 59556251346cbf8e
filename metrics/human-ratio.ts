import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * A value over the mean of the same metric on human windows of as many tokens: 1 is human.
 *
 * Complexity: linear in the windows. Range [0, ...).
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
