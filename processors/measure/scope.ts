/** Which windows a record belongs to. */
import { generations, samplesVerified } from '../../schemas/topics.ts'
import type { Cell, Generation, Sample, Stage } from '../../schemas/types.ts'

/** What a window is taken over. */
export type Scope = {
  readonly dataset: string
  readonly run: string
  readonly stage: Stage
  readonly generation: number | null
  /** Model id, or * for all of them. */
  readonly source: string
  /** Field and value of the cells it is of, or * for all of them; absent in what was remembered before there were any. */
  readonly cell_group?: string
}

/** Fields cells are grouped by. */
export type GroupField = 'task' | 'topic' | 'format'

/** The groups a cell belongs to: `field=value`, none for an empty value. */
export function groupsOf(cell: Pick<Cell, GroupField>, by: readonly GroupField[]): string[] {
  return by.flatMap(field => (cell[field] === '' ? [] : [`${field}=${cell[field]}`]))
}

/** What a scope is remembered by. A group comes first, in brackets no dataset's name has: whatever a model is called, it is told apart. */
export function scopeKey(scope: Scope): string {
  const { cell_group: group = '*' } = scope
  return group === '*' ? scopeName(scope) : `${JSON.stringify([group])}${scopeName(scope)}`
}

/** dataset/run/stage/generation/source. The source comes last: model ids may hold slashes, the rest may not. */
export function scopeName({ dataset, run, stage, generation, source }: Scope): string {
  return `${dataset}/${run}/${stage}/${generation ?? ''}/${source}`
}

/**
 * Minus the mean log probability of a text's tokens by its own model, where it told it. Models cut texts into other tokens: only
 * one source's are put together.
 */
export function surprisalOf(record: Generation | Sample, { source }: Scope): number | undefined {
  if (!('log_probability' in record) || record.log_probability === null || source === '*') return undefined
  return -record.log_probability
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

/**
 * The scopes of a model's text: its own source, all sources of its run and generation, and of these each group of cells.
 * @param by fields whose values have windows of their own
 */
export function scopesOf(
  input: ModelInput,
  record: Generation | Sample,
  by: readonly GroupField[] = []
): Scope[] {
  const { dataset, run, provenance } = record
  // Nobody is all sources, whatever a record says.
  const source = provenance.model_id === '*' ? 'unknown' : (provenance.model_id ?? 'unknown')
  const shared = { dataset, run, stage: stages[input].stage, generation: provenance.generation }
  return [
    { ...shared, source },
    { ...shared, source: '*' },
    ...groupsOf(record.cell, by).map(cell_group => ({ ...shared, source: '*', cell_group }))
  ]
}
