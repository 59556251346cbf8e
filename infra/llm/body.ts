/** Reading what a model server sent: every field may be missing or of another type. */
import { malformed } from './call.ts'

/** A JSON object whose fields are not known. */
export type Fields = Readonly<Record<string, unknown>>

/** @throws CallFailure malformed when the text is not a JSON object */
export function parseBody(raw: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(raw)
  } catch {
    throw malformed(`the answer is not JSON (${raw.length} characters)`)
  }
  return asObject(value, 'the answer')
}

/** @throws CallFailure malformed when the value is not an object */
export function asObject(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(`${name} is not an object`)
  }
  return value as Fields
}

/** A string, or null where there is none. @throws CallFailure malformed when it is something else */
export function asText(value: unknown, name: string): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw malformed(`${name} is not a string`)
  return value
}

/** A count, or undefined where there is none. @throws CallFailure malformed when it is something else */
export function asCount(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(`${name} is not a count`)
  }
  return value
}

/** One tool call of a message, as OpenAI or Anthropic write it. */
export type ToolCall = { readonly id: string; readonly name: string; readonly arguments: string }

/**
 * The tool calls of a message.
 * @param json JSON array as a provider returned it: OpenAI's `function` objects or Anthropic's `tool_use` blocks
 * @returns undefined when it cannot be read
 */
export function toolCalls(json: string): ToolCall[] | undefined {
  let list: unknown
  try {
    list = JSON.parse(json)
  } catch {
    return undefined
  }
  if (!Array.isArray(list)) return undefined
  const calls: ToolCall[] = []
  for (const one of list as unknown[]) {
    const entry = (one ?? {}) as Fields
    const called = (entry['function'] ?? entry) as Fields
    const { id } = entry
    const name = called['name']
    const given = called['arguments'] ?? called['input'] ?? {}
    if (typeof id !== 'string' || typeof name !== 'string') return undefined
    calls.push({ id, name, arguments: typeof given === 'string' ? given : JSON.stringify(given) })
  }
  return calls
}
