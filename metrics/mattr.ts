import type { Occurrences } from './occurrences.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Moving-average type-token ratio: the mean ratio of types of all windows of `window` neighbouring tokens. It does not see
 * a dying tail: repetition inside a window is all it counts.
 *
 * Reference: Covington & McFall, "Cutting the Gordian knot", J. Quant. Linguist. 17 (2010); equal to `mattr` of PyPI
 * `lexicalrichness` 0.5.1. A token is a type of its own in the windows that begin after its last occurrence: the sum over
 * tokens is exact, in integers. Complexity: linear in the tokens, whatever the window. Range (0, 1].
 * @param occurrences of the text
 * @param window tokens, a positive integer
 * @param from where the part of the text that counts begins
 * @param to where it ends
 * @returns undefined when that part is shorter than the window
 */
export function mattr(
  { previous }: Pick<Occurrences, 'previous'>,
  window: number,
  from = 0,
  to = previous.length
): Measured {
  const last = to - window
  if (last < from) return undefinedBecause(`fewer than ${window} tokens`)
  let sum = 0
  for (let at = from; at < to; at++) {
    const first = Math.max(previous[at]! + 1, at - window + 1, from)
    sum += Math.max(0, Math.min(at, last) - first + 1)
  }
  return measured(sum / (window * (last - from + 1)))
}
