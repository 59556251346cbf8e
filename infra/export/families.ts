/**
 * Families of rows, which a split into training and validation must not part: those that share an id, a parent, a prompt, words
 * they quote, or nearly their text. What is remembered grows with the ids of the rows, never with their texts.
 */
import { seedHi, seedLo, stepHi, stepLo } from '../../metrics/hashes.ts'
import { NumberTable } from '../../metrics/number-table.ts'
import { answerOf, folded } from '../../processors/text.ts'
import { canonicalContent, hash32 } from '../../schemas/identity.ts'
import type { Sample } from '../../schemas/types.ts'
import { createNear } from './near.ts'

/** A split: which rows are for validation. */
export type Split = {
  /** @param row its number in the order it was added in */
  isValidation(row: number): boolean
  readonly families: number
  /** Rows of the largest family. */
  readonly largest: number
  /** Families that validation would have got, were they not larger than all of it may be: they stay in training. */
  readonly kept: number
}

export type Families = {
  /** Adds the next row. */
  add(sample: Sample): void
  /**
   * Splits the rows by a hash of each family's first id: where a family stays as it is, it lies on the same side in every version.
   * @param share of the rows for validation, 0 to 1
   */
  split(share: number): Split
}

/** 53 bits of a text. Two of millions may share them by chance: then two families are one, and nothing leaks. */
function keyOf(text: string): number {
  let lo = seedLo
  let hi = seedHi
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    lo = stepLo(lo, unit)
    hi = stepHi(hi, unit)
  }
  return (hi & 0x1fffff) * 2 ** 32 + (lo >>> 0)
}

/** Everything a row is kin to, each under a name of its own kind. */
function* kin({ messages, provenance, metadata }: Sample): Generator<string> {
  for (const id of provenance.parent_ids) yield `id ${id}`
  for (const id of provenance.quoted_ids) yield `id ${id}`
  if (metadata['sibling_of'] !== undefined) yield `id ${metadata['sibling_of']}`
  if (provenance.prompt_id !== null) yield `prompt ${provenance.prompt_id}`
  // The same question under another id, or in another run.
  if (messages.length > 1) yield `question ${canonicalContent(messages.slice(0, -1))}`
}

/** No rows. */
export function createFamilies(): Families {
  const numbers = new NumberTable()
  const near = createNear()
  /** Union-find over the numbers of names: each points to one of its family that was named earlier, or to itself. */
  let above = new Uint32Array(1024)
  /** Number of each row's own name. */
  let own = new Uint32Array(1024)
  let rows = 0

  const grown = (list: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> => {
    if (length < list.length) return list
    const more = new Uint32Array(list.length * 2)
    more.set(list)
    return more
  }
  const numberOf = (name: string): number => {
    const before = numbers.size
    const number = numbers.add(keyOf(name))
    if (number === before) {
      above = grown(above, number)
      above[number] = number
    }
    return number
  }
  const rootOf = (number: number): number => {
    let at = number
    while (above[at] !== at) {
      above[at] = above[above[at]!]!
      at = above[at]!
    }
    return at
  }
  const join = (one: number, other: number): void => {
    const [a, b] = [rootOf(one), rootOf(other)]
    if (a < b) above[b] = a
    else above[a] = b
  }

  return {
    add(sample) {
      const number = numberOf(`id ${sample.id}`)
      own = grown(own, rows)
      own[rows] = number
      for (const name of kin(sample)) join(number, numberOf(name))
      const text = folded(answerOf(sample.messages))
      join(number, numberOf(`text ${text}`))
      for (const row of near.add(rows, text)) join(number, own[row]!)
      rows++
    },

    split(share) {
      const sizes = new Uint32Array(numbers.size)
      const first = new Uint32Array(numbers.size)
      let [families, largest] = [0, 0]
      for (let row = 0; row < rows; row++) {
        const root = rootOf(own[row]!)
        const size = ++sizes[root]!
        if (size === 1) {
          first[root] = own[row]!
          families++
        }
        largest = Math.max(largest, size)
      }
      const most = Math.max(1, share * rows)
      const chosen = new Uint8Array(numbers.size)
      let kept = 0
      for (let root = 0; root < numbers.size; root++) {
        const size = sizes[root]!
        // A parent or a prompt that is no row itself.
        if (size === 0) continue
        if (hash32(`validation ${numbers.keyOf(first[root]!)}`) / 2 ** 32 >= share) continue
        if (size > most) kept++
        else chosen[root] = 1
      }
      return { isValidation: row => chosen[rootOf(own[row]!)] === 1, families, largest, kept }
    }
  }
}
