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
 * @param tokens of a text
 */
export function occurrencesOf(tokens: readonly string[]): Occurrences {
  const numbers = new Map<string, number>()
  const ids = Int32Array.from(tokens, token => {
    const id = numbers.get(token) ?? numbers.size
    if (id === numbers.size) numbers.set(token, id)
    return id
  })
  return occurrencesOfIds(ids, numbers.size)
}

/**
 * Finds them of tokens that are numbered. Complexity: linear.
 * @param ids numbers that stand for tokens
 * @param types the numbers are below it
 */
export function occurrencesOfIds(ids: Int32Array, types: number): Occurrences {
  const { length } = ids
  const previous = new Int32Array(length)
  const next = new Int32Array(length).fill(length)
  const last = new Int32Array(types).fill(-1)
  for (let at = 0; at < length; at++) {
    const id = ids[at]!
    const before = last[id]!
    previous[at] = before
    if (before >= 0) next[before] = at
    last[id] = at
  }
  return { previous, next }
}
