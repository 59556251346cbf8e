/** Which windows a record belongs to. */
import { generations, samplesVerified } from '../../schemas/topics.ts'
import type { Generation, Message, Sample, Stage } from '../../schemas/types.ts'

/** What a window is taken over. */
export type Scope = {
  readonly dataset: string
  readonly run: string
  readonly stage: Stage
  readonly generation: number | null
  /** Model id, or * for all of them. */
  readonly source: string
}

/** dataset/run/stage/generation/source. The source comes last: model ids may hold slashes, the rest may not. */
export function scopeKey({ dataset, run, stage, generation, source }: Scope): string {
  return `${dataset}/${run}/${stage}/${generation ?? ''}/${source}`
}

/** The inputs with model text, and the stage each is looked at in. */
export const stages = {
  generations: { stage: 'raw', topic: generations.name },
  verified: { stage: 'accepted', topic: samplesVerified.name }
} as const

/** Name of an input with model text. */
export type ModelInput = keyof typeof stages

/** The input a scope's windows are read from. */
export function inputOf({ stage }: Scope): ModelInput {
  return stage === 'raw' ? 'generations' : 'verified'
}

/** The two scopes of a model's text: its own source, and all sources of its run and generation. */
export function scopesOf(input: ModelInput, record: Generation | Sample): [Scope, Scope] {
  const { dataset, run, provenance } = record
  const shared = { dataset, run, stage: stages[input].stage, generation: provenance.generation }
  return [
    { ...shared, source: provenance.model_id ?? 'unknown' },
    { ...shared, source: '*' }
  ]
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

/** What a person wrote: the document, or the assistant's side of a conversation. */
export function humanText(messages: readonly Message[]): string {
  return messages
    .filter(({ role }) => role === 'document' || role === 'assistant')
    .map(({ content }) => content)
    .join('\n')
}
