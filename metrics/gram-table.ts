import type { Hashes } from './hashes.ts'
import { type Spectrum, spectrumOf } from './spectrum.ts'

const stride = 4 // lo, hi, count, mark
const largestKept = 2 ** 18 // slots that are kept for the next window

/** Different hashes and how often each occurs; the first `length` entries are valid. */
export type TypeCounts = {
  lo: Int32Array
  hi: Int32Array
  counts: Int32Array
  length: number
  /** Sum of the counts. */
  total: number
}

/** No hashes. */
export function createTypeCounts(): TypeCounts {
  const none = new Int32Array(0)
  return { lo: none, hi: none, counts: none, length: 0, total: 0 }
}

function grown(list: Int32Array, length: number) {
  const larger = new Int32Array(length)
  larger.set(list)
  return larger
}

/** Where a hash is looked for first. */
function home(entries: Int32Array, id: number, mask: number): number {
  return (entries[id * stride]! ^ (entries[id * stride + 1]! >>> 7)) & mask
}

/**
 * Counts hashes: an open-addressing table of numbers, no strings, no objects. Ids run from 0 in the order of first
 * appearance. Memory: about 40 bytes per distinct hash; `clear` keeps it for the next window.
 */
export class GramTable {
  /** Distinct hashes. */
  size = 0
  /** Occurrences added. */
  total = 0
  #slots = new Int32Array(1024)
  #entries = new Int32Array(512 * stride)
  #firsts = new Int32Array(512)

  /**
   * Adds every hash of a document.
   * @param mark number of the document, above 0, the same for no other
   * @param ids receives the id of each hash the document holds, once
   * @param from where the document's hashes begin
   * @param to where they end
   * @returns how many different hashes the document holds
   */
  add(hashes: Hashes, mark: number, ids?: number[], from = 0, to = hashes.length): number {
    const { lo, hi } = hashes
    const before = this.total - from
    this.#reserve(this.size + Math.max(0, to - from))
    const slots = this.#slots
    const entries = this.#entries
    const mask = slots.length - 1
    let distinct = 0
    for (let index = from; index < to; index++) {
      const a = lo[index]!
      const b = hi[index]!
      let slot = (a ^ (b >>> 7)) & mask
      let id = slots[slot]! - 1
      while (id >= 0 && (entries[id * stride] !== a || entries[id * stride + 1] !== b)) {
        slot = (slot + 1) & mask
        id = slots[slot]! - 1
      }
      if (id < 0) {
        id = this.size++
        slots[slot] = id + 1
        entries[id * stride] = a
        entries[id * stride + 1] = b
        this.#firsts[id] = before + index
      }
      const entry = id * stride
      entries[entry + 2] = entries[entry + 2]! + 1
      if (entries[entry + 3] !== mark) {
        entries[entry + 3] = mark
        distinct += 1
        ids?.push(id)
      }
    }
    this.total += Math.max(0, to - from)
    return distinct
  }

  /** The id of a hash, -1 when it was never added. */
  find(lo: number, hi: number): number {
    const slots = this.#slots
    const entries = this.#entries
    const mask = slots.length - 1
    let slot = (lo ^ (hi >>> 7)) & mask
    let id = slots[slot]! - 1
    while (id >= 0 && (entries[id * stride] !== lo || entries[id * stride + 1] !== hi)) {
      slot = (slot + 1) & mask
      id = slots[slot]! - 1
    }
    return id
  }

  /** How often each hash was added, by id. */
  counts(): Int32Array {
    const counts = new Int32Array(this.size)
    for (let id = 0; id < counts.length; id++) counts[id] = this.#entries[id * stride + 2]!
    return counts
  }

  /** Every hash with how often it was added; valid until more is. */
  copyTo(types: TypeCounts): void {
    if (types.lo.length < this.size) {
      for (const name of ['lo', 'hi', 'counts'] as const) types[name] = new Int32Array(this.size * 2)
    }
    const { lo, hi, counts } = types
    const entries = this.#entries
    for (let id = 0; id < this.size; id++) {
      lo[id] = entries[id * stride]!
      hi[id] = entries[id * stride + 1]!
      counts[id] = entries[id * stride + 2]!
    }
    types.length = this.size
    types.total = this.total
  }

  /** Position of each hash's first occurrence among all occurrences, ascending. */
  get firsts(): Int32Array {
    return this.#firsts.subarray(0, this.size)
  }

  /** Frequencies of frequencies. */
  spectrum(): Spectrum {
    return spectrumOf(this.counts())
  }

  /** Forgets everything; keeps the memory unless one huge document made it so. */
  clear(): void {
    const slots = this.#slots
    const mask = slots.length - 1
    if (slots.length > largestKept) {
      this.#slots = new Int32Array(1024)
      this.#entries = new Int32Array(512 * stride)
      this.#firsts = new Int32Array(512)
    } else if (this.size * 8 > slots.length) slots.fill(0)
    else {
      // Few of many slots are used: each lies in an unbroken run of used ones that begins where its hash points or before.
      for (let id = 0; id < this.size; id++) {
        for (let slot = home(this.#entries, id, mask); slots[slot] !== 0; slot = (slot + 1) & mask)
          slots[slot] = 0
      }
    }
    this.#entries.fill(0, 0, this.size * stride)
    this.size = 0
    this.total = 0
  }

  /** Room for that many distinct hashes at a load of at most a half. */
  #reserve(distinct: number): void {
    if (distinct * stride > this.#entries.length) {
      const room = Math.max(distinct, (this.#entries.length / stride) * 2)
      this.#entries = grown(this.#entries, room * stride)
      this.#firsts = grown(this.#firsts, room)
    }
    if (distinct * 2 <= this.#slots.length) return
    const slots = new Int32Array(2 ** Math.ceil(Math.log2(distinct * 2)))
    const mask = slots.length - 1
    for (let id = 0; id < this.size; id++) {
      let slot = home(this.#entries, id, mask)
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = id + 1
    }
    this.#slots = slots
  }
}
