/** The shapes rows come in elsewhere, made the shape of a JSON line of ours: ShareGPT, Alpaca, and the columns of tables. */
import { EverseedError } from '../../schemas/errors.ts'

/** A row by the names of its columns. */
export type Columns = Readonly<Record<string, unknown>>

/** Fields of a document's line. */
const fields = new Set([
  'id',
  'text',
  'messages',
  'task',
  'topic',
  'format',
  'refusal',
  'origin',
  'model_id',
  'model_family',
  'parent_ids',
  'source_uri',
  'license',
  'author',
  'metadata'
])

/** Columns that hold lists or objects, or their JSON. */
const nested = new Set(['messages', 'conversations', 'history', 'metadata'])

/** Columns of which an empty cell says something: that there is no text. */
const texts = new Set(['text', 'instruction', 'input', 'output'])

/** Who speaks in ShareGPT, by our roles. */
const roles: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  system: 'system',
  tool: 'tool',
  observation: 'tool'
}

const has = (row: Columns, name: string): boolean => Object.hasOwn(row, name)
const wrong = (message: string): EverseedError => new EverseedError('RECORD_INVALID', message)

/** What failed on a row; lists in lists without end exhaust whoever writes them as JSON again, and are a mistake of the row's. */
export function legible(cause: unknown): unknown {
  if (!(cause instanceof RangeError && cause.message.includes('call stack'))) return cause
  return new EverseedError('RECORD_INVALID', 'lists and objects are nested too deep', { cause })
}

/** A value as metadata holds it. */
export function words(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}

/** Text of a field that must be text where it is given. */
function textOf(row: Columns, name: string): string {
  const value = row[name] ?? ''
  if (typeof value !== 'string') throw wrong(`${name}: expected text`)
  return value
}

/**
 * Looks at the names of a table's columns before its rows.
 * @throws EverseedError RECORD_INVALID when none of them can hold a text
 */
export function checkNames(names: readonly string[]): void {
  if (['text', 'messages', 'conversations', 'instruction'].some(name => names.includes(name))) return
  const some = names.slice(0, 10).join(', ')
  throw wrong(
    `there is no column text, messages, conversations or instruction, but ${some}: name the one that holds the text so`
  )
}

const turn = (role: string, content: string): Columns => ({ role, content })

/** A list of turns, after the system message where the row has one of its own. */
function withSystem(row: Columns, turns: readonly Columns[]): Columns[] {
  const system = textOf(row, 'system')
  return system === '' || turns[0]?.['role'] === 'system' ? [...turns] : [turn('system', system), ...turns]
}

/** ShareGPT: `conversations: [{from, value}]`, `system`. */
function conversation(row: Columns): Columns[] {
  const turns = row['conversations']
  if (!Array.isArray(turns)) throw wrong('conversations: give a list of {"from", "value"}')
  return withSystem(
    row,
    turns.map((one: Columns | null, index) => {
      const { from, value } = one ?? {}
      const role = typeof from === 'string' && has(roles, from) ? roles[from] : undefined
      if (role === undefined)
        throw wrong(`conversations.${index}.from: ${words(from)} is none of ${Object.keys(roles).join(', ')}`)
      if (typeof value !== 'string') throw wrong(`conversations.${index}.value: expected text`)
      return turn(role, value)
    })
  )
}

/** Alpaca: `instruction`, `input`, `output`, `system`, and `history` as pairs of question and answer. */
function instruction(row: Columns): Columns[] {
  const history = row['history'] ?? []
  if (!Array.isArray(history)) throw wrong('history: give a list of [question, answer]')
  const earlier = history.flatMap((pair: unknown, index) => {
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(one => typeof one === 'string'))
      throw wrong(`history.${index}: expected [question, answer]`)
    return [turn('user', pair[0] as string), turn('assistant', pair[1] as string)]
  })
  const asked = [textOf(row, 'instruction'), textOf(row, 'input')].filter(part => part !== '').join('\n\n')
  return withSystem(row, [...earlier, turn('user', asked), turn('assistant', textOf(row, 'output'))])
}

/** Messages of a row in a shape of others, and the fields they were made of. */
function foreign(row: Columns): { messages: Columns[]; made: readonly string[] } | undefined {
  if (has(row, 'messages')) return undefined
  if (has(row, 'conversations')) return { messages: conversation(row), made: ['conversations', 'system'] }
  if (has(row, 'instruction') && has(row, 'output')) {
    const made = ['instruction', 'input', 'output', 'system', 'history']
    return { messages: instruction(row), made }
  }
  return undefined
}

/** A row with what is no field of ours in its metadata. */
function gathered(row: Columns, known: ReadonlySet<string> = fields): Columns {
  const entries = Object.entries(row)
  const own: Columns = Object.fromEntries(entries.filter(([name]) => known.has(name)))
  const rest = entries
    .filter(([name, value]) => !known.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => [name, words(value)] as const)
  const { metadata = {} } = own
  // What is no object stays, to be told.
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return own
  return { ...own, metadata: { ...Object.fromEntries(rest), ...metadata } }
}

/** Fields of a row whose messages are made of others: Alpaca's text is what some template made of its parts. */
const besideMessages = new Set([...fields].filter(name => name !== 'text'))

/**
 * A row of JSON lines as a line of ours. Of ShareGPT and Alpaca, other fields go into the metadata; a line in our own
 * shape is left as it is, so that a field we do not know is told.
 * @throws EverseedError RECORD_INVALID
 */
export function lineOf(row: Columns): Columns {
  const found = foreign(row)
  if (!found) return row
  const rest = Object.entries(row)
    .filter(([name]) => !found.made.includes(name))
    .map(([name, value]) => [name, name === 'id' && typeof value === 'number' ? String(value) : value])
  return { ...gathered(Object.fromEntries(rest), besideMessages), messages: found.messages }
}

/** A value of a table without what JSON has not: dates as ISO 8601, numbers of 64 bits as text, absent fields left out. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (ArrayBuffer.isView(value) && !(value instanceof Uint8Array))
    return [...(value as Float64Array)].map(plain)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== null && one !== undefined)
      .map(([name, one]) => [name, plain(one)])
  )
}

/** A row as it is shown to people. */
export const shownRow = (row: Columns): string => JSON.stringify(plain(row))

function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw wrong(`${name}: not JSON: ${(error as Error).message}`)
  }
}

/** Ids in a cell: a list, its JSON, or separated by semicolons. */
function idsOf(value: unknown): unknown {
  if (typeof value !== 'string') return Array.isArray(value) ? value.map(words) : value
  if (value.trimStart().startsWith('[')) return parsed('parent_ids', value)
  return value
    .split(';')
    .map(id => id.trim())
    .filter(id => id !== '')
}

/**
 * A row of a table as a line of ours: columns by the names of the fields, `metadata.NAME` for one entry of the metadata,
 * where every column we have no name for goes too. A cell without a value, or an empty one, is an absent field.
 * @throws EverseedError RECORD_INVALID
 */
export function rowOf(row: Columns): Columns {
  const line: [string, unknown][] = []
  const metadata: [string, string][] = []
  for (const [name, cell] of Object.entries(row)) {
    if (cell === null || cell === undefined || (cell === '' && !texts.has(name))) continue
    // An empty text beside messages is the cell of a table that has both columns.
    if (cell === '' && name === 'text' && (row['messages'] ?? '') !== '') continue
    if (cell instanceof Uint8Array && (fields.has(name) || texts.has(name)))
      throw wrong(`${name}: bytes that are not UTF-8`)
    const value = plain(cell)
    if (name.startsWith('metadata.')) metadata.push([name.slice('metadata.'.length), words(value)])
    else if (name === 'parent_ids') line.push([name, idsOf(value)])
    else if (nested.has(name)) line.push([name, typeof value === 'string' ? parsed(name, value) : value])
    else line.push([name, typeof value === 'object' ? value : words(value)])
  }
  const found = gathered(lineOf(Object.fromEntries(line)))
  if (metadata.length === 0) return found
  return { ...found, metadata: { ...Object.fromEntries(metadata), ...(found['metadata'] as object) } }
}
