/**
 * Bytes of a gzip at level 6, without making it. Node's zlib is Chromium's: it hashes four bytes where zlib hashes three, and
 * differs from it by up to a percent, by processor. A metric must be the same number everywhere: this follows zlib step by
 * step, lazy matching, chains, window slides and block ends included.
 *
 * Reference: RFC 1951 and 1952; `deflate_slow` and `longest_match` of zlib 1.3 `deflate.c`. Complexity: linear in the bytes,
 * at most 128 candidates a byte; about 10 MB a second.
 */
import { blockBits, distanceSymbols, lengthSymbols } from './huffman-size.ts'

const windowSize = 1 << 15
const shortest = 3
const longest = 258
/** Input that is kept ahead as long as there is any. */
const ahead = longest + shortest + 1
const farthest = windowSize - ahead
/** A match of three bytes farther away costs more than its literals. */
const tooFar = 4096
/** Level 6: candidates, a quarter of them once a good match is known; lengths that are good, lazy and nice enough. */
const level = { chain: 128, good: 8, lazy: 16, nice: 128 }
/** Symbols of a block. */
const blockSymbols = (1 << 14) - 1

// Code of a length, and of a distance up to 256 and by 128 above.
const lengthCode = new Uint8Array(longest + 1)
const near = new Uint8Array(257)
const wide = new Uint8Array(256)
for (let length = shortest, code = 0, room = 1; length < longest; room -= 1, length++) {
  if (room === 0) {
    code += 1
    room = 1 << Math.max(0, (code >> 2) - 1)
  }
  lengthCode[length] = code
}
lengthCode[longest] = 28
for (let code = 0, distance = 1; code < 30; code++) {
  for (let left = 1 << Math.max(0, (code >> 1) - 1); left > 0; left--, distance++) {
    if (distance <= 256) near[distance] = code
    else wide[(distance - 1) >> 7] = code
  }
}

/**
 * The size of one gzip member of these bytes: 18 bytes of header and trailer, no name, and the deflated bytes.
 * @param data any bytes
 */
export function gzipSize(data: Uint8Array): number {
  const head = new Int32Array(1 << 15)
  const previous = new Int32Array(windowSize)
  const literals = new Int32Array(lengthSymbols)
  const distances = new Int32Array(distanceSymbols)
  const end = data.length
  let bits = 0
  let symbols = 0
  let blockStart = 0
  // Positions up to `base` are out of the window. It slides, as zlib's does, when half of it is full and input runs short.
  let base = 0
  let read = 0
  let at = 0
  let matchStart = 0

  /** Puts the string at a position into its chain; the one before it there. */
  const insert = (position: number): number => {
    const hash = ((data[position]! << 10) ^ (data[position + 1]! << 5) ^ data[position + 2]!) & 0x7fff
    const before = head[hash]!
    previous[position & (windowSize - 1)] = before
    head[hash] = position
    return before
  }

  /** Length of the longest match above `known`, at most what is left; sets `matchStart` when there is one. */
  const longestMatch = (candidate: number, known: number, left: number): number => {
    if (known >= left) return left
    const most = Math.min(longest, left)
    const nice = Math.min(level.nice, left)
    const limit = Math.max(at - farthest, base)
    let best = known
    let chain = known >= level.good ? level.chain >> 2 : level.chain
    for (let match = candidate; ;) {
      if (
        data[match + best] === data[at + best] &&
        data[match + best - 1] === data[at + best - 1] &&
        data[match] === data[at] &&
        data[match + 1] === data[at + 1]
      ) {
        let length = 2
        while (length < most && data[match + length] === data[at + length]) length += 1
        if (length > best) {
          matchStart = match
          best = length
          if (length >= nice || length === most) break
        }
      }
      match = previous[match & (windowSize - 1)]!
      chain -= 1
      if (match <= limit || chain === 0) break
    }
    return best
  }

  const flush = (last: boolean): void => {
    const { own, fixed } = blockBits(literals, distances)
    const bytes = Math.min((own + 10) >> 3, (fixed + 10) >> 3)
    const stored = at - blockStart
    if (stored + 4 <= bytes && blockStart >= base) bits = Math.ceil((bits + 3) / 8) * 8 + 32 + 8 * stored
    else bits += 3 + ((fixed + 10) >> 3 <= (own + 10) >> 3 ? fixed : own)
    if (last) bits = Math.ceil(bits / 8) * 8
    literals.fill(0)
    distances.fill(0)
    symbols = 0
    blockStart = at
  }

  let available = false
  let length = shortest - 1
  for (;;) {
    while (read - at < ahead) {
      if (at - base >= windowSize + farthest) base += windowSize
      if (read === end) break
      read = Math.min(end, base + 2 * windowSize)
    }
    const left = read - at
    if (left === 0) break
    const candidate = left >= shortest ? insert(at) : 0
    const before = length
    const beforeStart = matchStart
    length = shortest - 1
    if (candidate > base && before < level.lazy && at - candidate <= farthest) {
      length = longestMatch(candidate, before, left)
      if (length === shortest && at - matchStart > tooFar) length = shortest - 1
    }
    if (before >= shortest && length <= before) {
      const distance = at - 1 - beforeStart
      literals[257 + lengthCode[before]!]! += 1
      distances[distance <= 256 ? near[distance]! : wide[(distance - 1) >> 7]!]! += 1
      symbols += 1
      const inserted = at + left - shortest
      const behind = at - 1 + before
      for (at += 1; at < behind; at++) if (at <= inserted) insert(at)
      available = false
      length = shortest - 1
      if (symbols === blockSymbols) flush(false)
    } else {
      if (available) {
        literals[data[at - 1]!]! += 1
        symbols += 1
        if (symbols === blockSymbols) flush(false)
      }
      available = true
      at += 1
    }
  }
  if (available) literals[data[at - 1]!]! += 1
  flush(true)
  return 18 + bits / 8
}
