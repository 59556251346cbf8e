/** Columns that many tables share, and how a value becomes one a column takes. */
import type { Cell, Message, Provenance, Usage } from '../../schemas/types.ts'
import type { Field, Row, SinkRecord, Table } from '../sink.ts'

/** A column: its name and where its value comes from. */
export type Column<Value> = readonly [
  name: string,
  take: (value: Value, record: SinkRecord, topic: string) => Field
]

/** A table and how to make its rows from a value. */
export type Shape = Table & { readonly rows: (topic: string, record: SinkRecord) => Row[] }

/**
 * A column in which words of a text may stand: empty where the recipe of the run keeps them out of the database.
 * @param nothing what stands there then
 */
export function wordy<Value>(
  name: string,
  take: (value: Value) => Field,
  nothing: Field | ((value: Value) => Field)
): Column<Value> {
  return [
    name,
    (value, { withoutText = false }) => {
      if (!withoutText) return take(value)
      return typeof nothing === 'function' ? nothing(value) : nothing
    }
  ]
}

/** Where a row comes from, first in every table. `recorded_at` is when the broker got the record. */
const position = ['_topic', 'slot', '_offset', 'recorded_at']

/**
 * @param name table name
 * @param columns its columns after the position
 * @param split the parts of a record that get a row each; one row by default
 */
export function shape<Value, Part = Value>(
  name: string,
  columns: readonly Column<Part>[],
  split?: (value: Value) => readonly Part[]
): Shape {
  return {
    name,
    columns: [...position, ...columns.map(([column]) => column)],
    rows: (topic, record) => {
      const value = record.value as Value
      const parts = split ? split(value) : [value as unknown as Part]
      const timestamp = whole(record.timestamp)
      return parts.map(part => {
        const row: Field[] = [topic, record.slot, record.offset, timestamp]
        for (const [, take] of columns) row.push(take(part, record, topic))
        return row
      })
    }
  }
}

/** A string as UTF-8 can hold it: a lone surrogate, which the database refuses, becomes U+FFFD. */
export function text(value: string | null | undefined): string {
  return value ? value.toWellFormed() : ''
}

/** A real number; null where there is none or it is not finite. */
export function real(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null
}

/** A whole number below 2^53; a fraction is cut off, what is not a number is 0. */
export function whole(value: number): number {
  if (Number.isSafeInteger(value)) return value
  return Number.isFinite(value)
    ? Math.trunc(Math.max(Number.MIN_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER)))
    : 0
}

/** A whole number, or null. */
export function wholeOrNull(value: number | null): number | null {
  return value === null ? null : whole(value)
}

/** A list of strings. */
export function texts(values: readonly string[]): readonly string[] {
  return values.map(text)
}

/** A map of strings. Built entry by entry, so a key such as `__proto__` is just a key. */
export function textMap(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [text(key), text(value)]))
}

/** A field of a message; none where it is absent. */
function field(name: string, value: string | null): string {
  return value === null ? '' : `,"${name}":${JSON.stringify(text(value))}`
}

/** A conversation as the JSON array it is exported as; absent fields are left out. */
export function conversation(messages: readonly Message[]): string {
  // Piece by piece: objects made only to be written are what took the time.
  const parts = messages.map(
    ({ role, content, tool_calls, tool_call_id, reasoning_content }) =>
      `{"role":${JSON.stringify(text(role))},"content":${JSON.stringify(text(content))}${field('tool_calls', tool_calls)}${field('tool_call_id', tool_call_id)}${field('reasoning_content', reasoning_content)}}`
  )
  return `[${parts.join(',')}]`
}

/** JSON of a value, every string in it well-formed. */
export function json(value: unknown): string {
  const plain = JSON.stringify(value)
  // A lone surrogate is written as its escape; looking at every string is slow.
  if (!/\\ud[89a-f]/.test(plain)) return plain
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? text(part) : part))
}

/** The coordinates. */
export const cellColumns: readonly Column<{ readonly cell: Cell }>[] = [
  ['task', ({ cell }) => text(cell.task)],
  ['cell_topic', ({ cell }) => text(cell.topic)],
  ['format', ({ cell }) => text(cell.format)],
  ['refusal_policy', ({ cell }) => cell.refusal]
]

/** Where a text came from; `source` is the model id, empty for what no model wrote. */
export const provenanceColumns: readonly Column<{ readonly provenance: Provenance }>[] = [
  ['origin', ({ provenance }) => provenance.origin],
  ['source', ({ provenance }) => text(provenance.model_id)],
  ['provider', ({ provenance }) => text(provenance.model_provider)],
  ['family', ({ provenance }) => text(provenance.model_family)],
  ['temperature', ({ provenance }) => real(provenance.temperature)],
  ['top_p', ({ provenance }) => real(provenance.top_p)],
  ['top_k', ({ provenance }) => wholeOrNull(provenance.top_k)],
  ['seed', ({ provenance }) => wholeOrNull(provenance.seed)],
  ['max_tokens', ({ provenance }) => wholeOrNull(provenance.max_tokens)],
  ['generation', ({ provenance }) => wholeOrNull(provenance.generation)],
  ['parent_ids', ({ provenance }) => texts(provenance.parent_ids)],
  ['edit_distance', ({ provenance }) => real(provenance.edit_distance)],
  ['repairs', ({ provenance }) => texts(provenance.repairs)],
  ['quoted_ids', ({ provenance }) => texts(provenance.quoted_ids)],
  ['prompt_id', ({ provenance }) => text(provenance.prompt_id)],
  ['sample_index', ({ provenance }) => wholeOrNull(provenance.sample_index)],
  ['created_by', ({ provenance }) => text(provenance.created_by)],
  ['source_uri', ({ provenance }) => text(provenance.source_uri)],
  ['license', ({ provenance }) => text(provenance.license)],
  ['author', ({ provenance }) => text(provenance.author)],
  ['signed_by', ({ provenance }) => text(provenance.signed_by)],
  ['output_terms', ({ provenance }) => text(provenance.output_terms)],
  ['split', ({ provenance }) => provenance.split ?? 'NONE'],
  ['recipe', ({ provenance }) => text(provenance.recipe)],
  ['created_at', ({ provenance }) => whole(provenance.created_at)]
]

/** Which answer to the prompt it is, as the provenance says. */
export const attemptColumn: Column<{ readonly provenance: Provenance }> = [
  'attempt',
  ({ provenance }) => whole(provenance.attempt)
]

/** What making it consumed. */
export const usageColumns: readonly Column<{ readonly usage: Usage }>[] = [
  ['input_tokens', ({ usage }) => whole(usage.input_tokens)],
  ['output_tokens', ({ usage }) => whole(usage.output_tokens)],
  ['reasoning_tokens', ({ usage }) => whole(usage.reasoning_tokens)],
  ['cost_micros', ({ usage }) => whole(usage.cost_micros)]
]
