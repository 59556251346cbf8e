/** Conversations as trainers take them apart. */
import type { Message } from '../../schemas/types.ts'
import type { Value } from './columns.ts'

/** Why a row has no place in a format, by the word it is counted under. */
export const reasons = {
  not_in_sample: 'the version is of an experiment and names a sample of its rows, which this one is not in',
  document: 'a text nobody asked for: it has no question to stand under',
  tool_calls: 'a conversation with tools, which the format has no field for',
  unreadable_tool_calls: 'its tool calls are not a list of calls with a name',
  not_alternating: 'its turns are not user and assistant in turn, ending with an answer',
  no_text: 'it holds no text',
  no_rejected_answer: 'no answer to its prompt was turned down, or each stands in another pair'
} as const

export type Reason = keyof typeof reasons

/** A conversation of questions and answers. */
export type Turns = {
  readonly system: string | null
  readonly turns: readonly (readonly [question: string, answer: string])[]
}

const blank = (text: string): boolean => !/\S/.test(text)

/** Takes a conversation apart into its turns, or says why it is none. */
export function turnsOf(messages: readonly Message[]): Turns | Reason {
  if (messages.some(({ role }) => role === 'document')) return 'document'
  if (messages.some(({ role, tool_calls }) => role === 'tool' || tool_calls !== null)) return 'tool_calls'
  const [first] = messages
  const system = first?.role === 'system' ? first.content : null
  const rest = system === null ? messages : messages.slice(1)
  const wanted = (index: number): string => (index % 2 === 0 ? 'user' : 'assistant')
  if (rest.length === 0 || rest.length % 2 === 1 || rest.some(({ role }, index) => role !== wanted(index)))
    return 'not_alternating'
  const turns = Array.from(
    { length: rest.length / 2 },
    (_, turn) => [rest[2 * turn]!.content, rest[2 * turn + 1]!.content] as const
  )
  return blank(turns.at(-1)![1]) ? 'no_text' : { system, turns }
}

type Call = { id?: unknown; name?: unknown; arguments?: unknown; input?: unknown; function?: Call }

/**
 * Tool calls in the one shape trainers know, whichever provider they come from.
 * @param json a list of calls, as it lies in a message
 * @returns undefined when it is no such list
 */
export function toolCallsOf(json: string): Value[] | undefined {
  let list: unknown
  try {
    list = JSON.parse(json)
  } catch {
    return undefined
  }
  if (list === null) return []
  if (!Array.isArray(list)) return undefined
  const calls: Value[] = []
  for (const call of list as (Call | null)[]) {
    const { name, arguments: given, input } = call?.function ?? call ?? {}
    if (typeof name !== 'string') return undefined
    const words = given ?? input ?? {}
    calls.push({
      id: typeof call?.id === 'string' ? call.id : null,
      type: 'function',
      function: { name, arguments: typeof words === 'string' ? words : JSON.stringify(words) }
    })
  }
  return calls
}

/** A message as trainers read it; fields nobody filled are left out. */
export function plainMessage(message: Message): { [name: string]: Value } | undefined {
  const { role, content, tool_calls, tool_call_id, reasoning_content } = message
  const calls = tool_calls === null ? [] : toolCallsOf(tool_calls)
  if (!calls) return undefined
  return {
    role,
    content,
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(tool_call_id !== null && { tool_call_id }),
    ...(reasoning_content !== null && { reasoning_content })
  }
}
