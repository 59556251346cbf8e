/**
 * n-grams and what they add to a probability, for looking up alone: what belongs together lies together, since looking up is
 * waiting for memory. Memory: 32 to 64 bytes an n-gram, twice as many where there are longer ones.
 */
export class WeightTable {
  /** By cell the key, -1 where there is none, its share, and what it leaves; the fourth number keeps a cell in one line. */
  readonly #cells: Float64Array
  readonly #mask: number
  readonly #stride: 2 | 4

  readonly #types: number

  /**
   * @param contexts of the n-grams, by number: places of those without the last token
   * @param last tokens, by number
   * @param types the tokens are below it
   * @param shares what each adds
   * @param left what each leaves to shorter contexts as a context; absent: none is one
   */
  constructor(
    contexts: Int32Array,
    last: Int32Array,
    types: number,
    shares: Float64Array,
    left: Float64Array | undefined
  ) {
    this.#stride = left ? 4 : 2
    this.#types = types
    const cells = 2 ** Math.ceil(Math.log2(Math.max(2, contexts.length * 2)))
    this.#mask = cells - 1
    this.#cells = new Float64Array(cells * this.#stride)
    for (let cell = 0; cell < cells; cell++) this.#cells[cell * this.#stride] = -1
    for (const [number, context] of contexts.entries()) {
      let cell = this.#homeOf(context, last[number]!)
      while (this.#cells[cell * this.#stride]! >= 0) cell = (cell + 1) & this.#mask
      const at = cell * this.#stride
      this.#cells[at] = context * types + last[number]!
      this.#cells[at + 1] = shares[number]!
      if (left) this.#cells[at + 2] = left[number]!
    }
  }

  /** Place of an n-gram, -1 where it has none. */
  find(context: number, last: number): number {
    const cells = this.#cells
    const mask = this.#mask
    const stride = this.#stride
    const key = context * this.#types + last
    let cell = this.#homeOf(context, last)
    for (;;) {
      const found = cells[cell * stride]!
      if (found === key) return cell
      if (found < 0) return -1
      cell = (cell + 1) & mask
    }
  }

  /** What the n-gram of a place adds. */
  shareOf(place: number): number {
    return this.#cells[place * this.#stride + 1]!
  }

  /** What the n-gram of a place leaves as a context; 0 for what was never followed. */
  leftOf(place: number): number {
    return this.#cells[place * this.#stride + 2]!
  }

  #homeOf(context: number, last: number): number {
    const mixed = Math.imul(Math.imul(context, 0x85ebca6b) ^ last, 0x9e3779b1)
    return (mixed ^ (mixed >>> 15)) & this.#mask
  }
}
