/** Which windows a record belongs to. */
import { generations, samplesVerified } from '../../schemas/topics.ts'
import type { Generation, Sample, Stage } from '../../schemas/types.ts'

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
