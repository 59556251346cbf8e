/**
 * Where two texts certainly run alongside each other: pieces that stand in either of them exactly once, in the same order.
 *
 * Pieces begin where a rolling hash says so, which is at the same places in equal stretches, about every 16th symbol; of the
 * pieces in both the longest rising sequence is taken. Reference: the patience diff of B. Cohen (2003), on content-defined
 * pieces in place of lines. Complexity: n log n.
 */

/** Symbols of a piece. */
export const pieceLength = 32

const bases = [0x01000193, 0x5bd1e995] as const

/** By its hash, where a piece begins; -1: at more than one place. */
function pieces(text: Int32Array): Map<number, number> {
  const [base, other] = bases
  let leaving = 1
  let leavingOther = 1
  for (let at = 0; at < pieceLength; at++) {
    leaving = Math.imul(leaving, base)
    leavingOther = Math.imul(leavingOther, other)
  }
  const found = new Map<number, number>()
  let a = 0
  let b = 0
  for (let at = 0; at < text.length; at++) {
    a = (Math.imul(a, base) + text[at]! + 1) | 0
    b = (Math.imul(b, other) + text[at]! + 1) | 0
    const start = at - pieceLength
    if (start >= 0) {
      a = (a - Math.imul(leaving, text[start]! + 1)) | 0
      b = (b - Math.imul(leavingOther, text[start]! + 1)) | 0
    }
    // High bits: the low ones of such a hash are those of the symbols.
    if (start < -1 || a >>> 28 !== 0) continue
    const key = a * 2 ** 24 + (b >>> 8)
    found.set(key, found.has(key) ? -1 : start + 1)
  }
  return found
}

/** The longest sequence of pairs that rises in both; they come in the order of the first. */
function rising(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const before = new Int32Array(pairs.length)
  /** Of each length the sequence that ends lowest, by its last pair. */
  const ends: number[] = []
  for (const [index, [, second]] of pairs.entries()) {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (pairs[ends[middle]!]![1] < second) low = middle + 1
      else high = middle
    }
    before[index] = low > 0 ? ends[low - 1]! : -1
    ends[low] = index
  }
  const sequence: (readonly [number, number])[] = []
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at]!) sequence.push(pairs[at]!)
  return sequence.toReversed()
}

/**
 * The anchors of two texts.
 * @param a symbols
 * @param b symbols
 * @returns where {@link pieceLength} equal symbols begin in the one and in the other, rising in both; they may overlap
 */
export function anchors(a: Int32Array, b: Int32Array): (readonly [number, number])[] {
  const inB = pieces(b)
  const pairs: (readonly [number, number])[] = []
  for (const [key, from] of pieces(a)) {
    const to = inB.get(key) ?? -1
    if (from >= 0 && to >= 0) pairs.push([from, to])
  }
  pairs.sort(([one], [other]) => one - other)
  const equal = ([from, to]: readonly [number, number]): boolean => {
    for (let at = 0; at < pieceLength; at++) if (a[from + at] !== b[to + at]) return false
    return true
  }
  return rising(pairs.filter(equal))
}
