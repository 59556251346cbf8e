/** What an erased text is recognised by in bytes nobody takes apart. */
import { answerOf } from '../../processors/text.ts'
import type { Message } from '../../schemas/types.ts'

/** A text that goes. */
export type Wanted = {
  readonly dataset: string
  readonly id: string
  /** Its words as they may stand in a record, a row or a file; empty for a text too short to be told from others by them. */
  readonly needles: readonly string[]
}

/** Characters a text has at least to be looked for by its words: shorter ones stand in others by chance. */
export const shortest = 24

/** Characters it is looked for by at most: who has so many of its words in a row has it. */
const longest = 4000

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)
const ascii = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]/g, one => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

/**
 * A text as it may stand somewhere: as it is, inside a JSON string, inside JSON that is a string itself, and as those
 * write it who know no letters but ASCII.
 */
export function formsOf(text: string): string[] {
  const once = escaped(text)
  return [...new Set([text, once, escaped(once), ascii(once)])]
}

/**
 * @param messages of the text: what it is recognised by is its last one, the answer or the document; the calls of tools
 *   where it says nothing else
 */
export function wantedOf(dataset: string, id: string, messages: readonly Message[]): Wanted {
  // Half a character at the end would stand nowhere.
  const text = answerOf(messages)
    .trim()
    .slice(0, longest)
    .replace(/[\ud800-\udbff]$/, '')
  return { dataset, id, needles: text.length < shortest ? [] : formsOf(text) }
}
