/** How often is how often: the frequency-of-frequencies that every count-based metric is computed from. */

/** Counts of a text, summed up. */
export type Spectrum = {
  /** N: occurrences. */
  readonly tokens: number
  /** V: distinct tokens. */
  readonly types: number
  /** Types seen exactly once. */
  readonly f1: number
  /** Types seen exactly twice. */
  readonly f2: number
  /** Pairs [j, f_j], j ascending: f_j types were seen exactly j times. */
  readonly frequencies: readonly (readonly [count: number, types: number])[]
}

/**
 * The spectrum of counts. The order of the counts does not matter, down to the last bit of what is computed from it.
 *
 * Keys: tokens, types, f1, f2.
 * Formula: N = sum of f, V = number of types with f > 0, f_j = number of types with f = j, over the counts f of the types.
 * Reference: Good, Biometrika 40 (1953), for the frequencies of frequencies.
 * Complexity: linear, plus sorting the few distinct counts.
 * Range: [0, ...), whole numbers: f1 + f2 <= V <= N.
 * Sees: at a fixed N the dying tail, early: V and f1 fall with the first rare words that are not written any more.
 * Does not see: anything where N differs: V and f1 grow with the size of the window. f2 alone says nothing, it may go either
 * way.
 * @param counts occurrences per type, positive integers; zeros are skipped
 * @returns a spectrum of nothing where there are no counts: as metrics its types, f1 and f2 are undefined without tokens
 */
export function spectrumOf(counts: Iterable<number>): Spectrum {
  // Most types are rare: an array for the small counts, a map for the few large ones.
  const small = new Int32Array(256)
  const large = new Map<number, number>()
  let tokens = 0
  let types = 0
  for (const count of counts) {
    if (count === 0) continue
    tokens += count
    types += 1
    if (count < small.length) small[count] = small[count]! + 1
    else large.set(count, (large.get(count) ?? 0) + 1)
  }
  const rare = Array.from(small, (held, count) => [count, held] as const).filter(([, held]) => held > 0)
  const frequencies = [...rare, ...[...large].toSorted(([a], [b]) => a - b)]
  return { tokens, types, f1: small[1]!, f2: small[2]!, frequencies }
}

/**
 * A spectrum with further types that were seen exactly once each.
 * @param alone how many
 */
export function withSingletons(spectrum: Spectrum, alone: number): Spectrum {
  if (alone === 0) return spectrum
  const { tokens, types, f1, f2, frequencies } = spectrum
  const others = frequencies.filter(([count]) => count > 1)
  return {
    tokens: tokens + alone,
    types: types + alone,
    f1: f1 + alone,
    f2,
    frequencies: [[1, f1 + alone], ...others]
  }
}

/**
 * Occurrences per token.
 * @param tokens tokens, or n-grams as strings
 */
export function countsOf(tokens: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  addCounts(counts, tokens)
  return counts
}

/** Counts further tokens. */
export function addCounts(counts: Map<string, number>, tokens: Iterable<string>): void {
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1)
}

/** The counts of the whole from the counts of its parts: count-based metrics merge exactly. */
export function mergeCounts(...parts: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const whole = new Map<string, number>()
  for (const part of parts) {
    for (const [token, count] of part) whole.set(token, (whole.get(token) ?? 0) + count)
  }
  return whole
}

/** N: the sum of all counts. */
export function totalOf(counts: ReadonlyMap<string, number>): number {
  let total = 0
  for (const count of counts.values()) total += count
  return total
}
