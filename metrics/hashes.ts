/**
 * Tokens and n-grams as 64-bit hashes in two 32-bit lanes: counted without building a string for any of them.
 *
 * Two different n-grams share a hash with probability about 2^-64; among n of them some pair does with probability
 * about n^2 / 2^65: 1e-11 for a 20,000-token window, 3e-8 for a million tokens. Complexity: linear in the text.
 */

/** A growing list of hashes; the first `length` entries of both lanes are valid. */
export type Hashes = { lo: Int32Array; hi: Int32Array; length: number }

/** An empty list. */
export function createHashes(capacity = 256): Hashes {
  return { lo: new Int32Array(capacity), hi: new Int32Array(capacity), length: 0 }
}

/** Makes room for that many hashes; what is there may be lost. */
export function reserve(hashes: Hashes, capacity: number): void {
  if (hashes.lo.length >= capacity) return
  hashes.lo = new Int32Array(capacity * 2)
  hashes.hi = new Int32Array(capacity * 2)
}

/** What the lanes of a token start from. */
export const seedLo = 0x2f0b4c47
export const seedHi = 0x4a6d2c1b
const mulLo = 0x9e3779b1 | 0
const mulHi = 0x85ebca6b | 0
/** One unit into a lane. Xor and multiply is a permutation of the lane; the shift lets high bits reach low ones. */
export function stepLo(lane: number, unit: number): number {
  const mixed = Math.imul(lane ^ unit, mulLo)
  return mixed ^ (mixed >>> 15)
}
/** The same for the other lane, with addition for xor. */
export function stepHi(lane: number, unit: number): number {
  const mixed = Math.imul((lane + unit) | 0, mulHi)
  return mixed ^ (mixed >>> 13)
}

/**
 * Hashes of tokens that were cut already; equal to what the text gives.
 * @param into overwritten
 */
export function hashTokens(tokens: readonly string[], into: Hashes): void {
  reserve(into, tokens.length)
  for (const [index, token] of tokens.entries()) {
    let a = seedLo
    let b = seedHi
    for (let at = 0; at < token.length; at++) {
      const unit = token.charCodeAt(at)
      a = stepLo(a, unit)
      b = stepHi(b, unit)
    }
    into.lo[index] = a
    into.hi[index] = b
  }
  into.length = tokens.length
}

/**
 * Hashes of the n-grams of a token list, from those of its (n-1)-grams and its tokens.
 * @param shorter hashes of the (n-1)-grams
 * @param tokens hashes of the tokens
 * @param n at least 2
 * @param into overwritten; may not be one of the others
 */
export function hashGrams(shorter: Hashes, tokens: Hashes, n: number, into: Hashes): void {
  const length = Math.max(0, tokens.length - n + 1)
  reserve(into, length)
  for (let at = 0; at < length; at++) {
    // The step by n first: xor and addition alone would give "a b" and "b a" one hash.
    into.lo[at] = stepLo(stepLo(shorter.lo[at]!, n), tokens.lo[at + n - 1]!)
    into.hi[at] = stepHi(stepHi(shorter.hi[at]!, n), tokens.hi[at + n - 1]!)
  }
  into.length = length
}

/** Puts a list's hashes behind those of another, which keeps what it has. */
export function appendHashes(into: Hashes, added: Hashes): void {
  const length = into.length + added.length
  if (into.lo.length < length) {
    into.lo = grown(into.lo, into.length, length * 2)
    into.hi = grown(into.hi, into.length, length * 2)
  }
  into.lo.set(added.lo.subarray(0, added.length), into.length)
  into.hi.set(added.hi.subarray(0, added.length), into.length)
  into.length = length
}

function grown(lane: Int32Array, kept: number, capacity: number): Int32Array {
  const larger = new Int32Array(capacity)
  larger.set(lane.subarray(0, kept))
  return larger
}

/**
 * The same for many documents that lie one after the other, in place: where an (n-1)-gram begins, the n-gram that begins
 * there takes its place; the n - 1 last places of each document are left over.
 * @param grams hashes of the (n-1)-grams, overwritten
 * @param tokens hashes of the tokens
 * @param ends where each document's tokens end
 * @param n at least 2
 */
export function lengthenGrams(grams: Hashes, tokens: Hashes, ends: readonly number[], n: number): void {
  const { lo, hi } = grams
  let at = 0
  for (const end of ends) {
    for (const last = end - n; at <= last; at++) {
      lo[at] = stepLo(stepLo(lo[at]!, n), tokens.lo[at + n - 1]!)
      hi[at] = stepHi(stepHi(hi[at]!, n), tokens.hi[at + n - 1]!)
    }
    at = end
  }
}
