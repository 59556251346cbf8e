/** Takes the words of texts out of ClickHouse: out of the rows, the parts that held them before, and the rollups. */
import { EverseedError } from '../../schemas/errors.ts'
import type { Wanted } from '../erase/wanted.ts'
import { quoted, serverCode, type Settings, type Warehouse } from './client.ts'
import { over, withoutOldParts } from './mutations.ts'
import { eraseRollups, measured, type Place, remember, rememberDropped } from './wordless.ts'

/** What a column holds that holds nothing. */
const [none, list, map] = ["''", "'[]'", 'map()']
const people = { author: none, source_uri: none }
/** Hashes of the words in their order: who has a dictionary reads them. */
const hashed = { words: '[]', features: '[]' }

/** Columns in which words of a text may stand, and what stands there afterwards. Numbers of a row stay: sums are made of them. */
const columns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  documents: { messages: list, metadata: map, ...people },
  prompts: { messages: list, feedback: none, metadata: map, ...people },
  parked: { messages: list, feedback: none, metadata: map, ...people },
  generations: {
    reply: none,
    reasoning_content: none,
    // That it failed is counted.
    error: "if(error = '', '', 'erased')",
    metadata: map,
    ...hashed,
    ...people
  },
  samples: { messages: list, verdicts: list, metadata: map, ...hashed, ...people },
  rejections: { messages: list, verdicts: list, detail: none, metadata: map, ...people },
  dead_letters: { message: none, key: none },
  control: { reason: none, evidence: "'{}'" },
  retractions: { reason: none }
}

/** What of a row says that it is a text, or quotes it. */
const own: Readonly<Record<string, string>> = {
  documents: 'content_hash = {id:String}',
  prompts: 'has(quoted_ids, {id:String})',
  parked: 'has(quoted_ids, {id:String})',
  generations: '(id = {id:String} OR has(quoted_ids, {id:String}))',
  samples: '(id = {id:String} OR has(quoted_ids, {id:String}))',
  rejections: '(id = {id:String} OR has(quoted_ids, {id:String}))'
}

/** The server's own tables keep no statement that says an erased text. */
const unlogged: Settings = { log_queries: 0 }

/** Rows of one statement that changes them. */
const batch = 1000

/** Whether words stand in a column. */
function holds(column: string, type: string, form: number): string {
  const needle = `{n${form}:String}`
  if (type.includes('Map(')) {
    const inner = (part: string): string =>
      `arrayExists(one -> position(one, ${needle}) > 0, ${part}(\`${column}\`))`
    return type.endsWith('String)') ? `(${inner('mapKeys')} OR ${inner('mapValues')})` : inner('mapKeys')
  }
  if (type.startsWith('Array(')) return `arrayExists(one -> position(one, ${needle}) > 0, \`${column}\`)`
  return `position(\`${column}\`, ${needle}) > 0`
}

const parameters = ({ id, dataset, needles }: Wanted): Record<string, string> => ({
  id,
  dataset,
  ...Object.fromEntries(needles.map((needle, form) => [`n${form}`, needle]))
})

/** Where the rows of a table lie that are a text, quote it, or hold its words. */
async function placesOf(warehouse: Warehouse, table: string, wanted: Wanted): Promise<Place[]> {
  const words = Object.entries(columns[table]!).flatMap(([column, nothing]) =>
    column in hashed
      ? []
      : wanted.needles.map((_, form) => holds(column, nothing === map ? 'Map(String, String)' : '', form))
  )
  const mine = own[table] === undefined ? [] : [`(dataset = {dataset:String} AND ${own[table]})`]
  // What was found in the logs, and what an erasure that was killed has left.
  const known = measured.includes(table)
    ? ['(_topic, slot, _offset) IN (SELECT _topic, slot, _offset FROM emptied)']
    : []
  const where = [...mine, ...words, ...known]
  if (where.length === 0) return []
  const sql = `SELECT DISTINCT _topic AS topic, slot, _offset AS offset FROM ${table} WHERE ${where.join(' OR ')}`
  return await quietly(warehouse, table, sql, wanted)
}

/** Asks with the words of a text; where that fails they stand in no message. */
async function quietly<Row extends object>(
  warehouse: Warehouse,
  table: string,
  sql: string,
  wanted: Wanted
): Promise<Row[]> {
  try {
    return await warehouse.rows<Row>(sql, { params: parameters(wanted), settings: unlogged })
  } catch (error) {
    if (!(error instanceof EverseedError)) throw error
    throw new EverseedError(
      error.code,
      `${table} could not be searched (${serverCode(error) ?? 'no answer'}): look at ClickHouse, whose log may hold words of the text now, and erase again`
    )
  }
}

/** Begins to empty columns of rows. */
async function empty(
  warehouse: Warehouse,
  table: string,
  emptied: Readonly<Record<string, string>>,
  places: readonly Place[]
): Promise<void> {
  const set = Object.entries(emptied).map(([column, value]) => `\`${column}\` = ${value}`)
  for (let from = 0; from < places.length; from += batch) {
    const which = places
      .slice(from, from + batch)
      .map(({ topic, slot, offset }) => `(${quoted(topic)}, ${slot}, ${offset})`)
    await warehouse.command(
      `ALTER TABLE ${table} UPDATE ${set.join(', ')} WHERE (_topic, slot, _offset) IN (${which.join(', ')})`,
      { settings: { mutations_sync: 0 } }
    )
  }
}

/**
 * Empties the columns with words in rows that are a text, quote it, or hold its words, makes the rollups they went into anew,
 * and waits until no file holds what they were. The statements that change rows name places: the server keeps them.
 * @returns rows that were emptied, by table
 * @param signal stops waiting
 * @throws EverseedError SQL_FAILED, CLICKHOUSE_FAILED, TIMEOUT; why it was stopped
 */
export async function eraseRows(
  warehouse: Warehouse,
  wanted: readonly Wanted[],
  signal?: AbortSignal
): Promise<Readonly<Record<string, number>>> {
  const rows: Record<string, number> = {}
  try {
    for (const [table, emptied] of Object.entries(columns)) {
      const places = new Map<string, Place>()
      for (const one of wanted)
        for (const place of await placesOf(warehouse, table, one))
          places.set(`${place.topic}/${place.slot}@${place.offset}`, place)
      if (places.size === 0) continue
      rows[table] = places.size
      // Before their words are gone: by these they are found.
      if (measured.includes(table)) await remember(warehouse, table, [...places.values()])
      await withoutOldParts(warehouse, table, 'at once')
      await empty(warehouse, table, emptied, [...places.values()])
    }
    for (const table of Object.keys(rows)) await over(warehouse, table, signal)
  } finally {
    for (const table of Object.keys(rows)) await withoutOldParts(warehouse, table, 'as usual')
  }
  await rememberDropped(warehouse, wanted)
  await eraseRollups(warehouse, signal)
  return rows
}

/** What a search came to. */
export type Searched = {
  /** Tables looked through. */
  readonly tables: number
  readonly rows: number
  /** table.column in which words of an erased text still stand. */
  readonly found: readonly string[]
}

/** Looks for the words of texts in every column of every table that can hold any. */
export async function searchRows(warehouse: Warehouse, wanted: readonly Wanted[]): Promise<Searched> {
  const { database } = warehouse
  const all = await warehouse.rows<{ table: string; name: string; type: string }>(
    `SELECT table, name, type FROM system.columns
     WHERE database = {database:String} AND position(type, 'String') > 0 AND default_kind NOT IN ('ALIAS', 'EPHEMERAL') AND NOT startsWith(type, 'AggregateFunction') AND NOT startsWith(type, 'FixedString')
       AND table IN (SELECT name FROM system.tables WHERE database = {database:String} AND endsWith(engine, 'MergeTree'))`,
    { params: { database } }
  )
  const tables = Map.groupBy(all, ({ table }) => table)
  const found = new Set<string>()
  let rows = 0
  for (const [table, stringy] of tables) {
    const [counted] = await warehouse.rows<{ n: number }>(`SELECT count() AS n FROM ${table}`)
    rows += counted!.n
    for (const one of wanted) {
      if (one.needles.length === 0) continue
      const counts = stringy.map(
        ({ name, type }, index) =>
          `countIf(${one.needles.map((_, form) => holds(name, type, form)).join(' OR ')}) AS c${index}`
      )
      const sql = `SELECT ${counts.join(', ')} FROM ${table}`
      const [hits] = await quietly<Record<string, number>>(warehouse, table, sql, one)
      for (const [index, { name }] of stringy.entries())
        if (hits![`c${index}`]! > 0) found.add(`${table}.${name}`)
    }
  }
  return { tables: tables.size, rows, found: [...found].toSorted() }
}
