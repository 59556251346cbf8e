/**
 * Bits that zlib's deflate takes for a block of symbols: the smaller of its fixed codes and of codes made for the block, code
 * lengths and their own coding included, to the bit as zlib builds them.
 *
 * Reference: RFC 1951; `trees.c` of zlib 1.3. Complexity: linear in the block's different symbols, times their logarithm.
 */

/** Literals and lengths 0 to 285, of which 256 ends the block. */
export const lengthSymbols = 286
/** Distances. */
export const distanceSymbols = 30
const endOfBlock = 256
const mostSymbols = 2 * lengthSymbols + 1

/** An alphabet: symbols from `base` on carry extra bits; codes are at most `longest` bits. */
type Alphabet = {
  readonly size: number
  readonly base: number
  readonly extra: readonly number[]
  readonly longest: number
  /** Length of a symbol's fixed code. */
  readonly fixed: (symbol: number) => number
}

const pairs = (from: number): number[] => Array.from({ length: 30 }, (_, at) => Math.max(0, (at >> 1) - from))
const lengths: Alphabet = {
  size: lengthSymbols,
  base: 257,
  extra: [...Array.from({ length: 28 }, (_, at) => Math.max(0, (at >> 2) - 1)), 0],
  longest: 15,
  fixed: symbol => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)
}
const distances: Alphabet = { size: distanceSymbols, base: 0, extra: pairs(1), longest: 15, fixed: () => 5 }
const codes: Alphabet = { size: 19, base: 16, extra: [2, 3, 7], longest: 7, fixed: () => 0 }
/** The order in which the lengths of the codes for code lengths are written. */
const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** Code lengths of an alphabet's symbols, and bits of what was counted by them and by the fixed codes. */
type Tree = {
  readonly bits: Int32Array
  readonly last: number
  readonly own: number
  readonly fixed: number
}

/**
 * Bits of a block without its three bits of header.
 * @param literals occurrences of literals and lengths; the end of the block is counted here
 * @param far occurrences of distances
 */
export function blockBits(literals: Int32Array, far: Int32Array): { own: number; fixed: number } {
  const withEnd = literals.slice()
  withEnd[endOfBlock] = 1
  const first = build(withEnd, lengths)
  const second = build(far, distances)
  const runs = new Int32Array(codes.size)
  countRuns(first, runs)
  countRuns(second, runs)
  const third = build(runs, codes)
  let written = order.length
  while (written > 4 && third.bits[order[written - 1]!] === 0) written -= 1
  const own = first.own + second.own + third.own + 3 * written + 14
  return { own, fixed: first.fixed + second.fixed }
}

/** Builds the tree of an alphabet with zlib's choice among equals: the less deep one, then the heap's order. */
function build(counts: Int32Array, alphabet: Alphabet): Tree {
  const frequencies = new Int32Array(mostSymbols)
  frequencies.set(counts)
  const depths = new Uint8Array(mostSymbols)
  const parents = new Int32Array(mostSymbols)
  const bits = new Int32Array(mostSymbols)
  const heap = new Int32Array(mostSymbols)
  let held = 0
  let last = -1
  let own = 0
  let fixed = 0
  for (let symbol = 0; symbol < alphabet.size; symbol++) {
    if (counts[symbol] !== 0) heap[++held] = last = symbol
  }
  // There are always two codes: what is added costs one bit, which is taken off here.
  while (held < 2) {
    const symbol = last < 2 ? ++last : 0
    heap[++held] = symbol
    frequencies[symbol] = 1
    own -= 1
    fixed -= alphabet.fixed(symbol)
  }

  const before = (one: number, two: number): boolean =>
    frequencies[one]! < frequencies[two]! ||
    (frequencies[one] === frequencies[two] && depths[one]! <= depths[two]!)
  const sink = (from: number): void => {
    const moved = heap[from]!
    let at = from
    for (let below = at * 2; below <= held; below = at * 2) {
      if (below < held && before(heap[below + 1]!, heap[below]!)) below += 1
      if (before(moved, heap[below]!)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = moved
  }
  for (let at = held >> 1; at >= 1; at--) sink(at)
  let top = mostSymbols
  for (let node = alphabet.size; held >= 2; node++) {
    const least = heap[1]!
    heap[1] = heap[held--]!
    sink(1)
    const second = heap[1]
    heap[--top] = least
    heap[--top] = second
    frequencies[node] = frequencies[least]! + frequencies[second]!
    depths[node] = Math.max(depths[least]!, depths[second]!) + 1
    parents[least] = node
    parents[second] = node
    heap[1] = node
    sink(1)
  }
  heap[--top] = heap[1]!

  const ofLength = new Int32Array(alphabet.longest + 1)
  let tooLong = 0
  for (let at = top + 1; at < mostSymbols; at++) {
    const symbol = heap[at]!
    const wanted = bits[parents[symbol]!]! + 1
    if (wanted > alphabet.longest) tooLong += 1
    const length = Math.min(wanted, alphabet.longest)
    bits[symbol] = length
    if (symbol > last) continue
    ofLength[length]! += 1
    const extra = symbol >= alphabet.base ? alphabet.extra[symbol - alphabet.base]! : 0
    own += frequencies[symbol]! * (length + extra)
    fixed += frequencies[symbol]! * (alphabet.fixed(symbol) + extra)
  }
  if (tooLong > 0) own += shorten(heap, frequencies, bits, ofLength, last, tooLong)
  return { bits: bits.subarray(0, last + 1), last, own, fixed }
}

/** Brings codes that are too long down to the longest allowed. Returns the bits it costs. */
function shorten(
  heap: Int32Array,
  frequencies: Int32Array,
  bits: Int32Array,
  ofLength: Int32Array,
  last: number,
  tooLong: number
): number {
  const longest = ofLength.length - 1
  for (let left = tooLong; left > 0; left -= 2) {
    let length = longest - 1
    while (ofLength[length] === 0) length -= 1
    ofLength[length]! -= 1
    ofLength[length + 1]! += 2
    ofLength[longest]! -= 1
  }
  let cost = 0
  let at = heap.length
  for (let length = longest; length > 0; length--) {
    for (let left = ofLength[length]!; left > 0;) {
      const symbol = heap[--at]!
      if (symbol > last) continue
      cost += (length - bits[symbol]!) * frequencies[symbol]!
      bits[symbol] = length
      left -= 1
    }
  }
  return cost
}

/** Counts the symbols that write the code lengths of a tree: a length, 16 its repetition, 17 and 18 runs of nil. */
function countRuns({ bits, last }: Tree, runs: Int32Array): void {
  let before = -1
  let count = 0
  let [most, least] = bits[0] === 0 ? [138, 3] : [7, 4]
  for (let symbol = 0; symbol <= last; symbol++) {
    const length = bits[symbol]!
    const next = symbol < last ? bits[symbol + 1]! : -1
    count += 1
    if (count < most && length === next) continue
    if (count < least) runs[length]! += count
    else if (length !== 0) {
      if (length !== before) runs[length]! += 1
      runs[16]! += 1
    } else runs[count <= 10 ? 17 : 18]! += 1
    count = 0
    before = length
    ;[most, least] = next === 0 ? [138, 3] : length === next ? [6, 3] : [7, 4]
  }
}
