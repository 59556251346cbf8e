/** Sources, requests and logs for tests of model calls. */
import type { Log } from '../../processors/contract.ts'
import type { CompletionRequest } from '../../processors/ports.ts'
import { recipeSchema, type Source } from '../../processors/recipe.ts'
import type { Message } from '../../schemas/types.ts'

/** A source with the recipe's defaults. */
export function sourceOf(fields: {
  provider: 'openai' | 'anthropic' | 'offline'
  [name: string]: unknown
}): Source {
  const recipe = {
    dataset: 'd',
    run: 'r',
    sources: [{ name: 'one', model: 'model-1', family: 'f', ...fields }]
  }
  const [source] = recipeSchema.parse(recipe).sources
  if (!source) throw new Error('a recipe without a source')
  return source
}

/** A message without the rare fields. */
export function messageOf(role: string, content: string, fields: Partial<Message> = {}): Message {
  return { role, content, tool_calls: null, tool_call_id: null, reasoning_content: null, ...fields }
}

/** A request. */
export function requestOf(fields: Partial<CompletionRequest> = {}): CompletionRequest {
  return {
    requestId: 'request-1',
    messages: [messageOf('user', 'Say something about rivers.')],
    topic: 'rivers',
    temperature: 0.8,
    seed: 7,
    signal: new AbortController().signal,
    ...fields
  }
}

/** A log that remembers every line as it would be serialized. */
export function memoryLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = []
  const write =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(JSON.stringify({ level, ...fields, message }))
  return {
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    lines
  }
}
