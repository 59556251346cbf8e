/** Where each token of a text stood before and stands next: what moving ratios are computed from without sets. */

/** Positions of the neighbours of its own kind for every token. */
export type Occurrences = {
  /** Position of the same token's last occurrence before, -1 when there is none. */
  readonly previous: Int32Array
  /** Position of its next occurrence, the number of tokens when there is none. */
  readonly next: Int32Array
}

/**
 * Finds them. Complexity: linear.
 * @param tokens tokens, or numbers that stand for them
 */
export function occurrencesOf(tokens: ArrayLike<string> | ArrayLike<number>): Occurrences {
  const { length } = tokens
  const previous = new Int32Array(length).fill(-1)
  const next = new Int32Array(length).fill(length)
  const last = new Map<string | number, number>()
  for (let at = 0; at < length; at++) {
    const before = last.get(tokens[at]!)
    if (before !== undefined) {
      previous[at] = before
      next[before] = at
    }
    last.set(tokens[at]!, at)
  }
  return { previous, next }
}
