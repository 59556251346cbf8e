/** The text of a row, whatever shape the row has, and what else of it counts: id, topic, split, a group. */
import { answerOf } from '../../processors/text.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { contentHash } from '../../schemas/identity.ts'
import type { Message } from '../../schemas/types.ts'

/** A text that is measured. */
export type Text = {
  readonly text: string
  /** Of the row, or the hash of its content: what the shuffle and the halves of a reference go by. */
  readonly id: string
  readonly topic: string
  /** SEED, REFERENCE or AUDIT, where the row was exported from the pipeline. */
  readonly split: string | undefined
  /** Value of the field texts are grouped by. */
  readonly group: string
}

/** What is asked of a row. */
export type Wanted = {
  /** Field that holds the text, with dots into objects; absent: found by the row's shape. */
  readonly field?: string | undefined
  /** Whether a row without that field is taken by its shape. */
  readonly lenient?: boolean | undefined
  /** Field that groups are made by. */
  readonly by?: string | undefined
}

/** Group of rows without the field. */
export const noGroup = '(none)'

type Row = Readonly<Record<string, unknown>>

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null
const wrong = (words: string): EverseedError => new EverseedError('RECORD_INVALID', words)

/** A value by its path; a field whose own name holds dots comes first. */
function at(row: unknown, path: string): unknown {
  if (!isRow(row)) return undefined
  if (Object.hasOwn(row, path)) return row[path]
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot)
    if (Object.hasOwn(row, head)) return at(row[head], path.slice(dot + 1))
  }
  return undefined
}

/** Content as it is, or as a list of parts of which some are text. */
function contentOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  const parts = content.flatMap(part => {
    if (typeof part === 'string') return [part]
    return isRow(part) && typeof part['text'] === 'string' ? [part['text']] : []
  })
  return parts.length > 0 || content.length === 0 ? parts.join('\n') : undefined
}

/** Text of the last turn of a conversation: `{role, content}`, or ShareGPT's `{from, value}`. */
function lastTurn(turns: readonly unknown[]): string | undefined {
  const last: unknown = turns.at(-1)
  if (typeof last === 'string') return last
  if (!isRow(last)) return undefined
  if (typeof last['value'] === 'string') return last['value']
  const content = contentOf(last['content'] ?? '')
  if (content === undefined) return undefined
  const calls = last['tool_calls'] ?? null
  const tool_calls = calls === null || typeof calls === 'string' ? calls : JSON.stringify(calls)
  return answerOf([{ content, tool_calls } as Message])
}

/** A list that columns of a table hold as JSON. */
function listOf(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*\[/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

/** Fields whose text is the row's, the first that is there: ours, those of fine-tuning data, those of generated data. */
const fields = ['text', 'output', 'completion', 'response', 'answer', 'generated_text', 'content', 'story']

/** The text of a row of a known shape. */
function found(row: Row): string {
  if (typeof row['reply'] === 'string' && 'finish_reason' in row) return replyOf(row)
  // Alpaca's text is what some template made of its parts.
  if (typeof row['instruction'] === 'string' && typeof row['output'] === 'string') return row['output']
  if (typeof row['text'] === 'string' && row['text'] !== '') return row['text']
  for (const name of ['messages', 'conversations']) {
    const turns = listOf(row[name])
    if (!Array.isArray(turns)) continue
    const text = lastTurn(turns)
    if (text === undefined) throw wrong(`${name}: the last one has no content`)
    return text
  }
  for (const name of fields) {
    const text = contentOf(row[name])
    if (text !== undefined) return text
  }
  const names = Object.keys(row).slice(0, 8).join(', ')
  throw wrong(
    `no text, messages, conversations or output in it, but ${names || 'nothing'}: name one with --field`
  )
}

/** What a model answered; what it was kept from saying is not its text. */
function replyOf({ reply, error, finish_reason }: Row): string {
  if (error || (finish_reason !== 'stop' && finish_reason !== 'length'))
    throw wrong(`no answer: ${String(error || finish_reason)}`)
  return reply as string
}

function named(row: unknown, field: string): string {
  const value = listOf(at(row, field))
  const text = Array.isArray(value) ? (lastTurn(value) ?? contentOf(value)) : contentOf(value)
  if (text === undefined)
    throw wrong(value === undefined || value === null ? `no field ${field}` : `${field} is no text`)
  return text
}

/** A record in its envelope is partition, offset, key and value: the row is the value. */
function rowOf(value: unknown): unknown {
  return isRow(value) && 'offset' in value && isRow(value['value']) ? value['value'] : value
}

/** Whether a row has a field, of whatever value. */
export function hasField(value: unknown, path: string): boolean {
  return at(rowOf(value), path) !== undefined
}

/** Names of the fields of a row that groups may be made by, with dots into objects, two deep. */
export function fieldNames(value: unknown): string[] {
  const row = rowOf(value)
  return namesIn(row).flatMap(name => {
    const nested = namesIn((row as Row)[name])
    return nested.length > 0 ? nested.map(one => `${name}.${one}`) : [name]
  })
}

const namesIn = (value: unknown): string[] =>
  isRow(value) && !Array.isArray(value) ? Object.keys(value) : []

function groupOf(row: unknown, by: string): string {
  const value = at(row, by) ?? noGroup
  // A table's numbers of 64 bits have no JSON.
  return typeof value === 'string' ? value : typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}

/**
 * The text of a row: `text`, the last of `messages` or `conversations`, Alpaca's `output` and the like, or a string as it is.
 * Records as `everseed subscribe` prints them are looked into.
 * @throws EverseedError RECORD_INVALID where there is none
 */
export function textOf(value: unknown, { field, lenient = false, by }: Wanted = {}): Text {
  const row = rowOf(value)
  const byName = field !== undefined && !(lenient && at(row, field) === undefined)
  const text = byName ? named(row, field) : isRow(row) ? found(row) : contentOf(row)
  if (text === undefined) throw wrong(`${JSON.stringify(row) ?? 'nothing'} is no text`)
  const id = at(row, 'id')
  const topic = at(row, 'cell.topic') ?? at(row, 'topic')
  const split = at(row, 'provenance.split')
  return {
    text,
    id:
      typeof id === 'string' && id !== ''
        ? id
        : contentHash([{ role: 'document', content: text } as Message]),
    topic: typeof topic === 'string' ? topic : '',
    split: typeof split === 'string' ? split : undefined,
    group: by === undefined ? '' : groupOf(row, by)
  }
}
