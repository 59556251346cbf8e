/** What calls cost, and the most they can. */
import type { Message } from '../../schemas/types.ts'
import type { Source } from '../../processors/recipe.ts'

/** Tokens a chat template may add to a conversation: roles, separators, a default system prompt. */
const perConversation = 128
/** Tokens a chat template may add to a message. */
const perMessage = 16

/**
 * The most tokens a prompt can be: a token of a byte-level tokenizer is at least one byte, so there are at most as many
 * as UTF-8 bytes, and what the chat template adds.
 */
export function promptBound(messages: readonly Message[]): number {
  let bound = perConversation
  for (const { role, content, tool_calls, tool_call_id, reasoning_content } of messages) {
    bound += perMessage
    for (const part of [role, content, tool_calls, tool_call_id, reasoning_content]) {
      if (part) bound += Buffer.byteLength(part)
    }
  }
  return bound
}

const free = { input: 0, output: 0 }

/**
 * Cost of a call, rounded up.
 * @param price US dollars per million tokens, which is millionths of a dollar per token; absent: nothing
 * @returns millionths of a US dollar
 */
export function costMicros(price: Source['price'], inputTokens: number, outputTokens: number): number {
  const { input, output } = price ?? free
  // In millionths of a millionth, so that 30 tokens at 0.1 are 3 and not 3.0000000000000004, rounded up to 4.
  const scaled = inputTokens * Math.round(input * 1e6) + outputTokens * Math.round(output * 1e6)
  return Math.ceil(scaled / 1e6)
}

/** The most one call can cost and consume. */
export function worstCase(
  source: Pick<Source, 'price' | 'max_tokens'>,
  messages: readonly Message[]
): { micros: number; tokens: number } {
  const input = promptBound(messages)
  return {
    micros: costMicros(source.price, input, source.max_tokens),
    tokens: input + source.max_tokens
  }
}
