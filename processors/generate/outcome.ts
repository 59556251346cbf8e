/** What became of a call, in a form its journal entry and its generation have room for. */
import { sha128 } from '../../schemas/identity.ts'
import { generations, journal, prompts } from '../../schemas/topics.ts'
import type { Prompt, Usage } from '../../schemas/types.ts'
import type { Draw } from '../draw.ts'
import type { Completion } from '../ports.ts'
import type { Charge } from './budget.ts'

/** `charged` is what the budget counts: what was consumed, and the worst of what is unknown. */
export type Outcome = {
  readonly draw: Draw
  readonly completion: Completion
  readonly error: string
  readonly charged: Charge
}

export const noUsage: Usage = { input_tokens: 0, output_tokens: 0, reasoning_tokens: 0, cost_micros: 0 }

/** Bytes of a reply beyond which it is turned down and only its hash and length are kept. */
export const largestReply = 6 * 1024 * 1024

/** What a record may take beside texts: ids, amounts, provenance. */
const rest = 64 * 1024

/** Largest outcome as JSON, bytes. */
const largestEntry = journal.maxBytes - rest

/** Texts there is room for whatever they are, in the journal, where six characters may stand for one, and beside any prompt. */
const small = (generations.maxBytes - prompts.maxBytes - rest) / 6

/** Half a character, cut off by a provider, has no UTF-8 form: other languages' readers would stumble over it. */
export function readable(outcome: Outcome): Outcome {
  const { reply, reasoning_content, raw, ...more } = outcome.completion
  const completion = {
    ...more,
    reply: reply.toWellFormed(),
    reasoning_content: reasoning_content?.toWellFormed() ?? null,
    raw: raw?.toWellFormed() ?? null
  }
  return { ...outcome, completion, error: outcome.error.toWellFormed() }
}

/**
 * An outcome there is room for. Where the reply and the raw body, which says the same once more, are too much together,
 * the raw body goes; a reply that is too large by itself is replaced by its hash and length.
 */
export function fitting(outcome: Outcome, prompt: Prompt): Outcome {
  const { completion } = outcome
  const { reply, reasoning_content, raw } = completion
  const bytes = Buffer.byteLength(reply)
  const texts = bytes + Buffer.byteLength(reasoning_content ?? '') + Buffer.byteLength(raw ?? '')
  if (texts <= small) return outcome
  const bare = { ...outcome, completion: { ...completion, raw: null } }
  const written = jsonBytes(bare)
  if (bytes <= largestReply && written <= largestEntry) {
    const both =
      jsonBytes(outcome) <= largestEntry && texts + jsonBytes(prompt) + rest <= generations.maxBytes
    return both ? outcome : bare
  }
  const error = `too_large: the reply has ${bytes} bytes (sha256-128 ${sha128(reply)}), ${written} escaped and with its reasoning; ${largestReply} are kept, escaped ${largestEntry}`
  return { ...outcome, completion: { ...bare.completion, reply: '', reasoning_content: null }, error }
}

function jsonBytes(value: object): number {
  return Buffer.byteLength(JSON.stringify(value))
}
