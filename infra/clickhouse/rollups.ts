/**
 * The views that ClickHouse keeps up to date with every insert: what fills them, how to count a range in them, how to
 * fill them again from the raw rows.
 */
import { randomUUID } from 'node:crypto'
import type { Settings, Warehouse } from './client.ts'

/** Columns a target is grouped by, the topic and slot apart; of sums also where they count records. */
const targets = {
  counts: { keys: 'dataset, run, source, family, origin, check, reason, refused', records: '' },
  threads: { keys: 'relation, node, dataset, id, _offset', records: '' },
  usage: { keys: 'dataset, run, source, family, day', records: 'calls' },
  diversity_states: {
    keys: 'dataset, run, source, family, origin, split, generation, temperature, task, cell_topic, format, hour',
    records: ''
  },
  diversity_sums: {
    keys: 'dataset, run, source, family, origin, split, generation, temperature, task, cell_topic, format, hour',
    records: 'records'
  }
} as const

/** A table that views fill. */
export type Target = keyof typeof targets

/** Columns a target is grouped by, the topic, the slot and the chunk apart. */
export const keysOf = (target: Target): string => targets[target].keys

/** The table in which a target is made anew; one that is left is of a rebuild that was killed. */
export const anewOf = (target: Target): string => `${target}_rebuilt`

/** A number for the columns a target is grouped by: groups are named by it. */
export const groupHash = (target: Target): string => `cityHash64(${keysOf(target)})`

/** How the columns of a target that are added up are made of those of several rows. */
export const sums: Partial<Record<Target, Readonly<Record<string, string>>>> = {
  usage: Object.fromEntries(
    [
      'calls',
      'offset_sum',
      'input_tokens',
      'output_tokens',
      'reasoning_tokens',
      'cost_micros',
      'latency_ms'
    ].map(name => [name, `sum(${name})`])
  ),
  diversity_sums: {
    ...Object.fromEntries(
      ['records', 'offset_sum', 'texts', 'tokens', 'token_squares', 'vectors'].map(name => [
        name,
        `sum(${name})`
      ])
    ),
    vector_sum: 'sumForEach(vector_sum)',
    ...Object.fromEntries([1, 2, 3, 4].map(n => [`sampled_${n}`, `groupArrayArray(sampled_${n})`]))
  }
}

/** A materialized view and the table it fills. */
export type Rollup = {
  readonly view: string
  /** Raw table whose inserts it sees. */
  readonly source: string
  /** Topics of the raw table it takes; all of them where there are none named. */
  readonly topics?: readonly string[]
  readonly target: Target
  /**
   * set: the target holds offsets, and filling it twice changes nothing. rows: it holds rows of single records, which
   * replace themselves. sum: it holds sums per chunk, and only a chunk of the same range replaces itself.
   */
  readonly kind: 'set' | 'rows' | 'sum'
}

const measured = ['samples.human', 'samples.verified']

/** Every materialized view of the migrations; a test holds the two together. */
export const rollups: readonly Rollup[] = [
  { view: 'counts_of_generations', source: 'generations', target: 'counts', kind: 'set' },
  { view: 'counts_of_rejections', source: 'rejections', target: 'counts', kind: 'set' },
  { view: 'counts_of_samples', source: 'samples', target: 'counts', kind: 'set' },
  { view: 'threads_of_generations', source: 'generations', target: 'threads', kind: 'rows' },
  { view: 'threads_of_samples', source: 'samples', target: 'threads', kind: 'rows' },
  { view: 'usage_of_generations', source: 'generations', target: 'usage', kind: 'sum' },
  {
    view: 'diversity_states_of_generations',
    source: 'generations',
    target: 'diversity_states',
    kind: 'set'
  },
  {
    view: 'diversity_states_of_samples',
    source: 'samples',
    topics: [...measured, 'training'],
    target: 'diversity_states',
    kind: 'set'
  },
  { view: 'diversity_sums_of_generations', source: 'generations', target: 'diversity_sums', kind: 'sum' },
  {
    view: 'diversity_sums_of_samples',
    source: 'samples',
    topics: measured,
    target: 'diversity_sums',
    kind: 'sum'
  }
]

/** The rollups that take the rows of a topic from a raw table. */
export function rollupsOf(table: string, topic: string): Rollup[] {
  return rollups.filter(({ source, topics }) => source === table && (topics?.includes(topic) ?? true))
}

/** How the id of a chunk begins that was made of many; where it starts and ends follows (of older ones only the end). */
export const foldPrefix = 'fold-'

/** Offsets [from, to) of a partition of a topic. */
export type Range = {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** Rows and the sum of their offsets: what raw rows and rollups must agree on. The sum is text, it may pass 2^53. */
export type Checksum = { readonly rows: number; readonly offsetSum: string }

/** For rows that may be the same as some that were there before and are gone: nobody takes them for a repetition. */
export const unrepeated = (): Settings => ({ insert_deduplication_token: randomUUID() })

/** Larger than any offset. */
export const endOfTopic = Number.MAX_SAFE_INTEGER

/** Condition for rows of a partition; takes `topic` and `slot`. */
export const inLane = '_topic = {topic:String} AND slot = {slot:UInt16}'
/** Condition for raw rows of a range; takes the parameters of {@link rangeParams}. */
export const inRange = `${inLane} AND _offset >= {from:UInt64} AND _offset < {to:UInt64}`

/** Up to where raw rows were dropped, for the WITH of a statement; see {@link endOfLane}. */
export const lanesEnds = `(
  SELECT mapFromArrays(groupArray(lane), groupArray(end))
  FROM (SELECT concat(_topic, '/', toString(slot)) AS lane, max(dropped.to) AS end FROM dropped GROUP BY lane)
) AS ends`

/** The offset of a partition below which raw rows were dropped, or are about to be; 0 where none were. */
export const endOfLane = `ends[concat(_topic, '/', toString(slot))]`

/** A range as statement parameters. */
export function rangeParams({ topic, partition, from, to }: Range) {
  return { topic, slot: partition, from, to }
}

/** Rows and offsets of a range, by the kind of the rollup; what a target is asked for takes {@link rangeParams}. */
const checksums: Readonly<Record<Rollup['kind'], (target: Target) => string>> = {
  sum: target =>
    `SELECT sum(${targets[target].records}) AS rows, toString(sum(offset_sum)) AS offsetSum
     FROM ${target} FINAL WHERE ${inLane} AND first >= {from:UInt64} AND last < {to:UInt64}`,
  set: target =>
    `SELECT sum(bitmapCardinality(part)) AS rows, toString(sum(arraySum(bitmapToArray(part)))) AS offsetSum
     FROM (
       SELECT bitmapSubsetInRange(groupBitmapMergeState(offsets), {from:UInt64}, {to:UInt64}) AS part
       FROM ${target} WHERE ${inLane}
       GROUP BY ${keysOf(target)}
     )`,
  // The rows of a record are written together, so the one that each has stands for them all.
  rows: target =>
    `SELECT count() AS rows, toString(sum(_offset)) AS offsetSum
     FROM (SELECT DISTINCT _offset FROM ${target} WHERE relation = 'is' AND ${inRange})`
}

/** What a rollup holds of a range that starts and ends with a chunk. */
export async function rollupChecksum(warehouse: Warehouse, rollup: Rollup, range: Range): Promise<Checksum> {
  const sql = checksums[rollup.kind](rollup.target)
  const [found] = await warehouse.rows<Checksum>(sql, { params: rangeParams(range) })
  return found!
}

/** What a raw table holds of a range. */
export async function rawChecksum(warehouse: Warehouse, table: string, range: Range): Promise<Checksum> {
  const [found] = await warehouse.rows<Checksum>(
    `SELECT count() AS rows, toString(sum(_offset)) AS offsetSum FROM ${table} FINAL WHERE ${inRange}`,
    { params: rangeParams(range) }
  )
  return found!
}

/**
 * Fills a rollup from the raw rows of a range, by the very SELECT of its view. A chunk replaces what it said before
 * under the same key; sums it left under another key are not touched.
 * @param options.into a table of the same columns; the target by default
 * @param options.only the groups to be filled, by {@link groupHash}
 * @param options.as the chunk under which sums of all of the range are put; each under its own by default
 */
export async function refill(
  warehouse: Warehouse,
  rollup: Rollup,
  range: Range,
  options: { readonly into?: string; readonly only?: readonly string[]; readonly as?: string } = {}
): Promise<void> {
  const { database } = warehouse
  const { into = rollup.target, only, as } = options
  const params = { database, view: rollup.view }
  const [[view], columns] = await Promise.all([
    warehouse.rows<{ body: string }>(
      'SELECT as_select AS body FROM system.tables WHERE database = {database:String} AND name = {view:String}',
      { params }
    ),
    warehouse.rows<{ name: string }>(
      'SELECT name FROM system.columns WHERE database = {database:String} AND table = {view:String} ORDER BY position',
      { params }
    )
  ])
  const names = columns.map(({ name }) => `\`${name}\``).join(', ')
  const keys = keysOf(rollup.target)
  const where = only === undefined ? '' : `WHERE ${groupHash(rollup.target)} IN (${only.join(', ')})`
  const added = sums[rollup.target]
  const statement =
    as === undefined || added === undefined
      ? `(${names}) SELECT ${names} FROM (${view!.body}) ${where}`
      : `(_topic, slot, chunk_id, ${keys}, first, last, ${Object.keys(added).join(', ')})
         SELECT _topic, slot, {as:String}, ${keys}, min(part.first), max(part.last), ${Object.values(added).join(', ')}
         FROM (${view!.body}) AS part ${where} GROUP BY _topic, slot, ${keys}`
  const filter = `_topic = '${range.topic}' AND slot = ${range.partition} AND _offset >= ${range.from} AND _offset < ${range.to}`
  const settings: Settings = {
    final: 1,
    additional_table_filters: { [`${database}.${rollup.source}`]: filter },
    ...unrepeated()
  }
  await warehouse.command(`INSERT INTO ${into} ${statement}`, { settings, params: { as } })
}

/**
 * Makes room for a range that is written again in other chunks than before: sums of chunks that begin in it go, a
 * chunk that reaches into it is summed again up to it. Can be repeated after a crash at any point.
 * @param range from where the replay starts
 * @param keep chunk that may stay: it replaces itself
 */
export async function rewind(
  warehouse: Warehouse,
  rollup: Rollup,
  range: Range,
  keep: string
): Promise<void> {
  const params = { ...rangeParams(range), keep }
  const others = `${inLane} AND chunk_id != {keep:String}`
  // A chunk has one row per source, run and day, which end at different offsets: what reaches into the range is the chunk,
  // and all its rows are summed again from where it starts.
  const [found] = await warehouse.rows<{ reaching: number; later: number; start: number; folds: string[] }>(
    `SELECT countIf(first < {from:UInt64}) AS reaching, sum(behind) AS later, min(first) AS start,
       groupArrayIf(chunk_id, startsWith(chunk_id, '${foldPrefix}')) AS folds
     FROM (
       SELECT chunk_id, min(sums.first) AS first, countIf(sums.first >= {from:UInt64}) AS behind
       FROM ${rollup.target} AS sums FINAL WHERE ${others} GROUP BY chunk_id HAVING max(last) >= {from:UInt64}
     )`,
    { params }
  )
  const { reaching, later, start, folds } = found!
  if (reaching > 0) await refill(warehouse, rollup, { ...range, from: start, to: range.from })
  // What was folded stands under its own chunks now.
  if (folds.length > 0) {
    await warehouse.command(
      `DELETE FROM ${rollup.target} WHERE ${inLane} AND chunk_id IN {folds:Array(String)}`,
      {
        params: { ...params, folds }
      }
    )
  }
  if (later === 0) return
  await warehouse.command(`DELETE FROM ${rollup.target} WHERE ${others} AND first >= {from:UInt64}`, {
    params
  })
}
