import type { Occurrences } from './occurrences.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Moving-average type-token ratio: the mean over all windows of `window` neighbouring tokens.
 *
 * Keys: mattr_50, mattr_100, mattr_50_pooled, mattr_100_pooled.
 * Formula: mean of (types of tokens i to i + w - 1) / w, over i = 1 to N - w + 1.
 * Reference: Covington & McFall, "Cutting the Gordian knot", J. Quant. Linguist. 17 (2010); equal to `mattr` of PyPI
 * `lexicalrichness` 0.5.1. A token is a type of its own in the windows that begin after its last occurrence: the sum over
 * tokens is exact, in integers.
 * Complexity: linear in the tokens, whatever the window.
 * Range: (0, 1].
 * Sees: repetition within a stretch of w words, as in loops; free of the length of the text.
 * Does not see: a dying tail: a word is counted once a stretch, rare or not. It rises under recursive training: never alarm on
 * its fall.
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
