/** Numbers whole numbers from 0 in the order of their first appearance: an open-addressing table without objects. */
export class NumberTable {
  /** Different keys. */
  size = 0
  #slots = new Int32Array(64)
  #keys = new Float64Array(32)

  /**
   * The number of a key; a new key gets the next one.
   * @param key an integer from 0 to 2^53 - 1
   */
  add(key: number): number {
    let slot = this.#slotOf(key)
    const known = this.#slots[slot]! - 1
    if (known >= 0) return known
    if (this.size === this.#keys.length) {
      this.#grow()
      slot = this.#slotOf(key)
    }
    this.#keys[this.size] = key
    this.size += 1
    this.#slots[slot] = this.size
    return this.size - 1
  }

  /** The number of a key, -1 when it has none. */
  find(key: number): number {
    return this.#slots[this.#slotOf(key)]! - 1
  }

  /** The key of a number. */
  keyOf(id: number): number {
    return this.#keys[id]!
  }

  /** Where a key is, or would be put. */
  #slotOf(key: number): number {
    const slots = this.#slots
    const keys = this.#keys
    const mask = slots.length - 1
    const mixed = Math.imul((key | 0) ^ Math.imul((key / 2 ** 32) | 0, 0x85ebca6b), 0x9e3779b1)
    let slot = (mixed ^ (mixed >>> 15)) & mask
    for (let id = slots[slot]! - 1; id >= 0 && keys[id] !== key; id = slots[slot]! - 1) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  /** Room for twice as many, at a load of at most a half. */
  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2)
    keys.set(this.#keys)
    this.#keys = keys
    this.#slots = new Int32Array(keys.length * 2)
    for (let id = 0; id < this.size; id++) this.#slots[this.#slotOf(keys[id]!)] = id + 1
  }
}
