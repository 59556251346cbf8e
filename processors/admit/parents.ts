/** What an edit was made from: found by id among all texts taken in and all verified answers, and how far away it is. */
import { editDistance } from '../../metrics/edit-distance.ts'
import type { Message } from '../../schemas/types.ts'
import type { StateTable } from '../contract.ts'
import { answerOf } from '../text.ts'

/** What is remembered of a text others may derive from: where it lies is enough to read it again. */
export type Parent = {
  /** Null: unknown. */
  readonly generation: number | null
  readonly at: number
}

/** Where parents are read from. */
export type ParentInput = 'human' | 'verified'

/** Records read again at once: edits mostly come in the order of what they edit. */
const stretch = 128
/** Characters of texts that were read again and are kept for the next edits. */
const kept = 8 * 1024 * 1024
/** Characters an edit is compared with; of the parents beyond only the generation counts. */
const compared = 4 * 1024 * 1024

/** The parents of edits. */
export type Parents = {
  /** A text by the key it is remembered under, dataset/id. */
  find(key: string): Parent | undefined
  /**
   * Normalised edit distance to the nearest of some parents; null where the text of none is there any more.
   * @param keys of parents that were found
   */
  distance(text: string, keys: readonly string[]): Promise<number | null>
  /** A record that was read again. False: nobody had asked for it. */
  found(key: string, messages: readonly Message[]): boolean
}

/**
 * @param tables what is remembered of texts and of answers
 * @param reread shows records of an input again, which come back by `found`
 * @param position offset after the last record of an input that may be read again
 */
export function createParents(
  tables: { readonly human: StateTable<Parent>; readonly verified: StateTable<Parent> },
  reread: (input: ParentInput, from: number, to: number) => Promise<void>,
  position: (input: ParentInput) => number
): Parents {
  const texts = new Map<string, string>()
  let characters = 0
  /** What is being read again. */
  let wanted: string | undefined

  const find = (key: string): Parent | undefined => tables.human.get(key) ?? tables.verified.get(key)

  async function textOf(key: string): Promise<string | undefined> {
    if (!texts.has(key)) {
      const input = tables.human.has(key) ? 'human' : 'verified'
      const { at } = find(key)!
      if (characters > kept) {
        texts.clear()
        characters = 0
      }
      wanted = key
      try {
        await reread(input, at, Math.min(at + stretch, position(input)))
      } finally {
        wanted = undefined
      }
    }
    return texts.get(key)
  }

  return {
    find,
    async distance(text, keys) {
      let nearest: number | null = null
      let left = compared
      for (const key of keys) {
        if (left <= 0) break
        const parent = await textOf(key)
        if (parent === undefined) continue
        nearest = Math.min(nearest ?? 1, editDistance(text, parent))
        left -= parent.length + text.length
      }
      return nearest
    },
    found(key, messages) {
      if (wanted === undefined) return false
      if (!texts.has(key) && (characters < kept || key === wanted)) {
        const text = answerOf(messages)
        texts.set(key, text)
        characters += text.length
      }
      return true
    }
  }
}
