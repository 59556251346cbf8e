/** What processors ask of a conversation's text. */
import type { Message } from '../schemas/types.ts'

/** Tool calls that call nothing. */
const noCalls = /^\s*(\[\s*\]|null)?\s*$/

/**
 * The text a sample contributes: its last message, which is the answer or the document; where an answer is nothing but
 * calls of tools, these.
 */
export function answerOf(messages: readonly Message[]): string {
  const { content = '', tool_calls = null } = messages.at(-1) ?? {}
  return /\S/.test(content) || tool_calls === null || noCalls.test(tool_calls) ? content : tool_calls
}

/** Whether there is nothing in a conversation that a sample could contribute. */
export function isEmpty(messages: readonly Message[]): boolean {
  return !/\S/.test(answerOf(messages))
}

/** White space that folding would change. */
const uneven = /\s{2}|[^\S ]/

/**
 * The form in which two texts that differ only in case, width and white space are the same: NFKC, case-folded,
 * white space collapsed.
 */
export function folded(text: string): string {
  const plain = text.normalize('NFKC').toLowerCase()
  return (uneven.test(plain) ? plain.replaceAll(/\s+/g, ' ') : plain).trim()
}
