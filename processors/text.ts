/** What processors ask of a conversation's text. */
import type { Generation, Message, Sample } from '../schemas/types.ts'

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

/**
 * What a model wrote, or undefined when there is nothing to measure: the call failed, nothing came back, or it was cut
 * short for another reason than length (a filter's remainder is not the model's text).
 */
export function modelText(record: Generation | Sample): string | undefined {
  if (!('reply' in record)) return answerText(record.messages)
  const { error, reply, finish_reason } = record
  const whole = finish_reason === 'stop' || finish_reason === 'length'
  return error === '' && whole && reply.trim() !== '' ? reply : undefined
}

/** The last assistant message; earlier ones are part of what was asked. */
function answerText(messages: readonly Message[]): string {
  return messages.findLast(message => message.role === 'assistant')?.content ?? ''
}

/**
 * What a person wrote: the document, or the last answer of a conversation, as of a model's: lengths, and all that goes with
 * them, would differ else.
 */
export function humanText(messages: readonly Message[]): string {
  return messages.findLast(({ role }) => role === 'document' || role === 'assistant')?.content ?? ''
}
