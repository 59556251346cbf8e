/**
 * Which hashes of a list may stand in it more than once: a Bloom filter of one hash function, run twice over the list.
 * What it leaves out stands alone, for certain; of what stands alone it keeps about one in fourteen.
 *
 * Reference: Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM (1970).
 */
import { type Hashes, reserve } from './hashes.ts'

/** Bits for each hash, at least. */
const bitsPerHash = 13
/** Words of the filter that are kept for the next list. */
const largestKept = 2 ** 16

/** A filter, used for one list after the other. */
export type RepeatFilter = {
  /** Looks at a whole list. Complexity: linear. */
  look(hashes: Hashes): void
  /**
   * Copies those of [from, to) that may repeat, in their order.
   * @param into overwritten
   */
  select(hashes: Hashes, from: number, to: number, into: Hashes): void
}

/** A filter that has seen nothing. */
export function createRepeatFilter(): RepeatFilter {
  let seen = new Int32Array(256)
  let twice = new Int32Array(256)
  let mask = 255

  return {
    look({ lo, hi, length }) {
      const words = 2 ** Math.max(8, Math.ceil(Math.log2((length * bitsPerHash) / 32)))
      if (words > seen.length || seen.length > largestKept) {
        seen = new Int32Array(words)
        twice = new Int32Array(words)
      } else {
        seen.fill(0, 0, words)
        twice.fill(0, 0, words)
      }
      mask = words - 1
      for (let at = 0; at < length; at++) {
        // The word by one lane, the bit in it by the other: shifts take the low five bits.
        const word = lo[at]! & mask
        const bit = 1 << hi[at]!
        const before = seen[word]!
        twice[word] = twice[word]! | (before & bit)
        seen[word] = before | bit
      }
    },
    select({ lo, hi }, from, to, into) {
      reserve(into, to - from)
      const { lo: intoLo, hi: intoHi } = into
      let length = 0
      for (let at = from; at < to; at++) {
        const a = lo[at]!
        const b = hi[at]!
        // Written whether it counts or not: a branch here would be guessed wrong too often.
        intoLo[length] = a
        intoHi[length] = b
        length += (twice[a & mask]! >>> b) & 1
      }
      into.length = length
    }
  }
}
