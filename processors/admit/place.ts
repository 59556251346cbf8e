/** Where a human text belongs: with its siblings and what it was made from, or, where it has none, where its hash falls. */
import { hash32, sha128 } from '../../schemas/identity.ts'
import type { Dataset, Split } from '../../schemas/types.ts'
import type { StateTable } from '../contract.ts'
import { folded } from '../text.ts'
import type { Parent } from './parents.ts'
import { createSiblings, createSketcher, type Siblings, sketchFrom, sketchText } from './siblings.ts'

/** What is remembered of a text that was taken in. */
export type Known = Parent & {
  readonly split: Split
  /** Id of the first text of its siblings; absent: it is the first itself. */
  readonly first?: string
  /** By which its siblings are found; absent for a text too short for it. */
  readonly sketch?: string
}

/**
 * The split of a text without siblings, by the hash of its folded form: texts that differ only in case or white space fall
 * into the same split, in whatever order they come.
 * @param shares percent for seed, reference and audit; they sum to 100
 */
export function splitOf(
  text: string,
  shares: Pick<Dataset, 'split_seed' | 'split_reference' | 'split_audit'>
): Split {
  const point = hash32(`split:${sha128(folded(text))}`) % 100
  if (point < shares.split_seed) return 'SEED'
  return point < shares.split_seed + shares.split_reference ? 'REFERENCE' : 'AUDIT'
}

/** Places texts; everything it knows is in the memory, and is taken from there when it is made. */
export function createPlaces(known: StateTable<Known>): {
  /**
   * Where a new text belongs.
   * @param parents splits of the texts it was made from: their words are in it, however far it is from them
   */
  place(dataset: Dataset, text: string, parents: readonly Split[]): Pick<Known, 'split' | 'first' | 'sketch'>
  /** From here on it has siblings. */
  add(dataset: string, id: string, one: Known): void
} {
  const sketcher = createSketcher()
  const indexes = new Map<string, Siblings>()
  const indexOf = (dataset: string): Siblings => {
    let index = indexes.get(dataset)
    if (!index) {
      index = createSiblings(id => known.has(`${dataset}/${id}`))
      indexes.set(dataset, index)
    }
    return index
  }
  const add = (dataset: string, id: string, { sketch }: Known): void => {
    if (sketch !== undefined) indexOf(dataset).add(id, sketchFrom(sketch))
  }
  for (const [key, one] of known.entries()) {
    const cut = key.lastIndexOf('/')
    add(key.slice(0, cut), key.slice(cut + 1), one)
  }

  return {
    add,
    place(dataset, text, parents) {
      const sketch = sketcher(folded(text))
      const found = (sketch ? indexOf(dataset.name).find(sketch) : []).map(id => ({
        id,
        ...known.get(`${dataset.name}/${id}`)!
      }))
      // Of a text between two splits either would know the other's text: it is kept, and of no use to anybody. What is made of
      // it holds words of both; what is only like it may be like one of them alone.
      const alike = found.map(({ split }) => split).filter(split => split !== 'NONE')
      const splits = new Set([...parents, ...alike])
      const inherited = splits.size === 1 ? [...splits][0]! : 'NONE'
      const [sibling] = found
      return {
        split: parents.length + found.length === 0 ? splitOf(text, dataset) : inherited,
        ...(sibling && { first: sibling.first ?? sibling.id }),
        ...(sketch && { sketch: sketchText(sketch) })
      }
    }
  }
}
