import { type Hashes, lengthenGrams, reserve } from './hashes.ts'

/**
 * Hashes of a text's shingles: all runs of so many tokens, in order, repeated ones as often as they occur.
 *
 * Reference: A. Z. Broder, "On the resemblance and containment of documents", SEQUENCES 1997. Complexity: linear in the
 * tokens, times the size.
 * @param tokens hashes of the text's tokens
 * @param size tokens of a shingle, at least 1
 * @param into overwritten; empty for a text of fewer tokens; may not be the tokens themselves
 */
export function hashShingles(tokens: Hashes, size: number, into: Hashes): void {
  reserve(into, tokens.length)
  into.lo.set(tokens.lo.subarray(0, tokens.length))
  into.hi.set(tokens.hi.subarray(0, tokens.length))
  for (let n = 2; n <= size; n++) lengthenGrams(into, tokens, [tokens.length], n)
  into.length = Math.max(0, tokens.length - size + 1)
}
