/** Lines and rows: human documents and prompts as people write them, checked and made records. */
import { z } from 'zod'
import { isEmpty } from '../processors/text.ts'
import { EverseedError } from '../schemas/errors.ts'
import { contentHash, sha128 } from '../schemas/identity.ts'
import {
  type ProvenanceOf,
  labelViolations,
  provenanceViolations,
  roles,
  saysSynthetic
} from '../schemas/provenance.ts'
import type { Cell, Document, Message, Prompt, Provenance, Run } from '../schemas/types.ts'
import { microseconds } from './deployment.ts'
import { type Columns, lineOf, rowOf, words } from './formats/shapes.ts'

/** A line of a text, a row of a table or a file of a folder: what is to be published. */
export type Line = {
  /** From 1. */
  readonly number: number
  /** As it stood; empty where columns hold it. */
  readonly text: string
  /** The row of a table, by the names of its columns. */
  readonly columns?: Columns
  /** What is numbered; absent: lines. */
  readonly counts?: 'rows'
  /** The file of a folder that is read. */
  readonly file?: string
  /** Why its bytes are none. */
  readonly problem?: string
}

/** What a line is called, and under which name it stands among the rejects. */
export function placeOf({ number, counts, file }: Line): {
  name: string
  place: Readonly<Record<string, unknown>>
} {
  if (file !== undefined) return { name: file, place: { file } }
  return counts === 'rows'
    ? { name: `row ${number}`, place: { row: number } }
    : { name: `line ${number}`, place: { line: number } }
}

/** What is known of all documents that do not say it themselves. */
export type Defaults = Partial<
  Record<'origin' | 'license' | 'author' | 'source_uri' | 'topic' | 'task', string>
>

const emptyProvenance: Provenance = {
  origin: 'UNKNOWN',
  model_id: null,
  model_provider: null,
  model_family: null,
  temperature: null,
  top_p: null,
  top_k: null,
  seed: null,
  max_tokens: null,
  generation: null,
  parent_ids: [],
  edit_distance: null,
  repairs: [],
  quoted_ids: [],
  prompt_id: null,
  attempt: 1,
  sample_index: null,
  created_by: '',
  source_uri: null,
  license: null,
  author: null,
  signed_by: null,
  output_terms: null,
  split: null,
  recipe: '',
  created_at: 0
}

const messageSchema = z.strictObject({
  role: z.enum(roles),
  // Where there is none, other programs write null.
  content: z
    .string()
    .nullable()
    .transform(content => content ?? ''),
  tool_calls: z.unknown().optional(),
  tool_call_id: z.string().nullish(),
  reasoning_content: z.string().nullish()
})
const cellFields = {
  task: z.string().default(''),
  topic: z.string().default(''),
  format: z.string().default(''),
  refusal: z.enum(['reject', 'allow', 'require']).default('reject')
}
const origins = ['HUMAN_AUTHORED', 'HUMAN_EDITED', 'UNKNOWN', 'SYNTHETIC'] as const
const whoWrote = 'say who wrote it: HUMAN_AUTHORED, HUMAN_EDITED (with parent_ids) or UNKNOWN'
const provenanceFields = {
  origin: z.enum(origins, whoWrote),
  model_id: z.string().optional(),
  model_family: z.string().optional(),
  parent_ids: z.array(z.string()).optional(),
  generation: z.undefined('is computed, never declared: leave it out').optional(),
  source_uri: z.string().optional(),
  license: z.string().optional(),
  author: z.string().optional()
}
const metadata = z.record(z.string(), z.unknown().transform(words)).default({})

const idText = z.string().min(1, 'is empty').max(200, 'is longer than 200 characters')

const documentLine = z
  .strictObject({
    id: idText.optional(),
    text: z.string().optional(),
    messages: z.array(messageSchema).min(1).optional(),
    ...cellFields,
    ...provenanceFields,
    origin: z.enum(origins, `${whoWrote}, in the row or for all that do not say it with --origin`),
    metadata
  })
  .refine(line => (line.text === undefined) !== (line.messages === undefined), 'give either text or messages')

const promptLine = z
  .strictObject({
    id: idText.optional(),
    prompt: z.string().regex(/\S/, 'is empty').optional(),
    system: z.string().optional(),
    messages: z.array(messageSchema).min(1).optional(),
    samples: z.int().min(1).max(1000).optional(),
    ...cellFields,
    ...provenanceFields,
    origin: provenanceFields.origin.default('HUMAN_AUTHORED'),
    metadata
  })
  .refine(
    line => (line.prompt === undefined) !== (line.messages === undefined),
    'give either prompt or messages'
  )
  .refine(
    line => line.system === undefined || line.messages === undefined,
    'system goes with prompt: with messages, make it their first'
  )

/** Calls of tools as JSON; tables hold them as JSON already. */
function callsOf(calls: unknown): string | null {
  if (calls === null) return null
  return typeof calls === 'string' && /^\s*\[/.test(calls) ? calls : JSON.stringify(calls)
}

function message({
  role,
  content,
  tool_calls,
  tool_call_id,
  reasoning_content
}: z.infer<typeof messageSchema>): Message {
  return {
    role,
    content,
    tool_calls: callsOf(tool_calls ?? null),
    tool_call_id: tool_call_id ?? null,
    reasoning_content: reasoning_content ?? null
  }
}

const turn = (role: string, content: string): Message => message({ role: role as 'user', content })

/** A record and the id it is published under; of a document the hash of its content. */
export type Ready = { readonly id: string; readonly value: object; readonly content?: string }

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value
}

/** The JSON of a line. */
function jsonOf(text: string): unknown {
  try {
    // An escaped half of a character has no UTF-8 form: other languages' readers would stumble over it.
    return text.includes('\\ud') || text.includes('\\uD') ? JSON.parse(text, wellFormed) : JSON.parse(text)
  } catch (error) {
    const array = text.startsWith('[') ? '; an array is no JSON lines: one object a line (jq -c .[])' : ''
    throw new EverseedError('RECORD_INVALID', `not JSON: ${(error as Error).message}${array}`)
  }
}

/** A line as its schema has it, or what is wrong with it. */
function checked<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(issue => {
    const path = issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
    if (issue.code === 'unrecognized_keys')
      return `${path}unknown field ${issue.keys.join(', ')}; fields of yours go into metadata`
    return path + issue.message
  })
  throw new EverseedError('RECORD_INVALID', problems.join('; '))
}

function provenanceOf(
  line: { origin: Provenance['origin']; [field: string]: unknown },
  of: ProvenanceOf,
  createdBy: string
): Provenance {
  const { origin, model_id, model_family, parent_ids, source_uri, license, author } = line as z.infer<
    typeof promptLine
  >
  const provenance: Provenance = {
    ...emptyProvenance,
    origin,
    model_id: model_id ?? null,
    model_family: model_family ?? null,
    parent_ids: parent_ids ?? [],
    source_uri: source_uri ?? null,
    license: license ?? null,
    author: author ?? null,
    generation: origin === 'HUMAN_AUTHORED' ? 0 : null,
    created_by: createdBy,
    created_at: microseconds()
  }
  const wrong = [
    ...provenanceViolations(provenance, of),
    ...labelViolations(line as Partial<Cell>, provenance)
  ]
  if (wrong.length > 0) throw new EverseedError('PROVENANCE_INVALID', wrong.join('; '))
  return provenance
}

const cellOf = ({ task, topic, format, refusal }: Cell): Cell => ({ task, topic, format, refusal })

const isObject = (json: unknown): json is Columns =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

/**
 * A human document from a JSON line or a row of a table.
 * @param row the line, or the columns
 * @param defaults what holds where the row does not say it
 * @throws EverseedError RECORD_INVALID, PROVENANCE_INVALID
 */
export function documentOf(
  row: string | Columns,
  dataset: string,
  createdBy: string,
  defaults: Defaults = {}
): Ready & { value: Document; content: string } {
  const json = typeof row === 'string' ? jsonOf(row) : row
  const shaped = isObject(json) ? { ...defaults, ...(json === row ? rowOf(json) : lineOf(json)) } : json
  const line = checked(documentLine, shaped)
  const messages = line.messages?.map(message) ?? [turn('document', line.text!)]
  if (isEmpty(messages)) {
    throw new EverseedError(
      'RECORD_INVALID',
      'there is no text in it: give text, or a last message with content or tool_calls'
    )
  }
  if (saysSynthetic(line.metadata))
    throw new EverseedError(
      'PROVENANCE_INVALID',
      `its metadata say that a model wrote it (origin SYNTHETIC), as in an export: what people wrote is published as human, whatever else the row or --origin says`
    )
  const content = contentHash(messages)
  const id = line.id ?? content
  const own = line.parent_ids?.find(parent => parent === id || parent === content)
  if (own !== undefined)
    throw new EverseedError(
      'PROVENANCE_INVALID',
      `the text names itself (${own}) as its parent: name the text it was made from, and give an edit an id of its own`
    )
  return {
    id,
    content,
    value: {
      id,
      dataset,
      cell: cellOf(line),
      messages,
      provenance: provenanceOf(line, 'document', createdBy),
      signature: null,
      metadata: line.metadata
    }
  }
}

/** A prompt from a JSON line. */
export function promptOf(
  text: string,
  run: Pick<Run, 'id' | 'dataset' | 'fingerprint'>,
  samples: number,
  createdBy: string
): Ready & { value: Prompt } {
  const line = checked(promptLine, jsonOf(text))
  const messages = line.messages?.map(message) ?? [
    ...(line.system ? [turn('system', line.system)] : []),
    turn('user', line.prompt!)
  ]
  const cell = cellOf(line)
  const id = line.id ?? sha128(JSON.stringify([run.id, contentHash(messages), cell]))
  const provenance = { ...provenanceOf(line, 'prompt', createdBy), recipe: run.fingerprint }
  return {
    id,
    value: {
      id,
      dataset: run.dataset,
      run: run.id,
      cell,
      messages,
      samples: line.samples ?? samples,
      attempt: 1,
      feedback: null,
      provenance,
      metadata: line.metadata
    }
  }
}
