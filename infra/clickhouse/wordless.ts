/**
 * Takes erased texts out of the rollups. A row of these is often a single text: hashes of its words, which who has a dictionary
 * reads. The rows that hold some are emptied, and filled again from the raw rows, of which the words are gone by then.
 */
import type { Warehouse } from './client.ts'
import { changed, over, withoutOldParts } from './mutations.ts'
import {
  anewOf,
  groupHash,
  inLane,
  type Range,
  refill,
  rollupsOf,
  type Target,
  unrepeated
} from './rollups.ts'

/** Where a record lies. */
export type Place = { readonly topic: string; readonly slot: number; readonly offset: number }

/** Raw tables whose words go into rollups. */
export const measured: readonly string[] = ['generations', 'samples']

/** What a column of a rollup holds that holds nothing: those made of words, and the number of vectors that are summed. */
const none = (type: string): string => `arrayReduce('uniqCombined64State(12)', CAST([] AS Array(${type})))`
const emptied = {
  diversity_states: {
    grams_1: none('UInt32'),
    ...Object.fromEntries([2, 3, 4].map(n => [`grams_${n}`, none('UInt64')]))
  },
  diversity_sums: {
    vectors: '0',
    vector_sum: '[]',
    ...Object.fromEntries([1, 2, 3, 4].map(n => [`sampled_${n}`, '[]']))
  }
} satisfies Partial<Record<Target, Readonly<Record<string, string>>>>
const targets = Object.keys(emptied) as (keyof typeof emptied)[]

/** Places of one statement. */
const batch = 1000

/** Remembers, until the rollups are without them, which of these rows hold words. */
export async function remember(warehouse: Warehouse, table: string, places: readonly Place[]): Promise<void> {
  for (const [{ topic, slot }, list] of lanesOf(places))
    await warehouse.command(
      `INSERT INTO emptied SELECT DISTINCT _topic, slot, _offset FROM ${table}
       WHERE ${inLane} AND notEmpty(words) AND _offset IN {offsets:Array(UInt64)}`,
      { params: { topic, slot, offsets: list }, settings: unrepeated() }
    )
}

/**
 * Remembers records of the logs in which the words of texts were found: rows without words, by recipe or for their age, are found
 * by nothing else.
 */
export async function rememberPlaces(warehouse: Warehouse, places: readonly Place[]): Promise<void> {
  const own = places.filter(({ topic }) => measured.some(table => rollupsOf(table, topic).length > 0))
  for (const table of measured) await remember(warehouse, table, own)
  for (const [{ topic, slot }, offsets] of lanesOf(own))
    await warehouse.command(
      `INSERT INTO emptied SELECT {topic:String}, {slot:UInt16}, arrayJoin({offsets:Array(UInt64)}) AS at
       WHERE at < (SELECT max(dropped.to) FROM dropped WHERE ${inLane})`,
      { params: { topic, slot, offsets }, settings: unrepeated() }
    )
}

/** Remembers those whose raw rows were dropped for their age, as far as threads lead to them: themselves, and what quotes them. */
export async function rememberDropped(
  warehouse: Warehouse,
  texts: readonly { readonly id: string; readonly dataset: string }[]
): Promise<void> {
  for (const { id, dataset } of texts)
    await warehouse.command(
      `INSERT INTO emptied
       SELECT DISTINCT _topic, slot, _offset FROM threads
       INNER JOIN (SELECT _topic, slot, max(dropped.to) AS end FROM dropped GROUP BY _topic, slot) AS gone USING (_topic, slot)
       WHERE relation = 'is' AND _offset < gone.end AND dataset = {dataset:String} AND (
         node = {id:String} OR node IN (
           SELECT id FROM threads WHERE relation = 'quotes' AND dataset = {dataset:String} AND node = {id:String}))`,
      { params: { id, dataset }, settings: unrepeated() }
    )
}

/** Places by partition, a batch each. */
function lanesOf(places: readonly Place[]): [lane: Omit<Place, 'offset'>, offsets: number[]][] {
  const lanes = Map.groupBy(places, ({ topic, slot }) => `${topic}/${slot}`)
  return [...lanes.values()].flatMap(list => {
    const [{ topic, slot }] = list as [Place]
    const offsets = list.map(({ offset }) => offset).toSorted((a, b) => a - b)
    return Array.from(
      { length: Math.ceil(offsets.length / batch) },
      (_, at): [Omit<Place, 'offset'>, number[]] => [
        { topic, slot },
        offsets.slice(at * batch, (at + 1) * batch)
      ]
    )
  })
}

/** Offsets [first, end) whose records went into a group of states, or into a row of sums. */
type Held = { readonly hash: string; readonly first: number; readonly end: number }

/** What of the rollups of a partition some records went into. */
type Touched = {
  readonly lane: Omit<Place, 'offset'>
  readonly groups: readonly Held[]
  readonly rows: readonly (Held & { readonly chunk: string })[]
}

const listed = (held: readonly Held[]): string => held.map(({ hash }) => hash).join(', ')

async function touchedBy(
  warehouse: Warehouse,
  lane: Omit<Place, 'offset'>,
  offsets: readonly number[]
): Promise<Touched> {
  const params = { ...lane, offsets }
  const groups = await warehouse.rows<Held>(
    `SELECT toString(number) AS hash, bitmapMin(held) AS first, bitmapMax(held) + 1 AS end
     FROM (
       SELECT ${groupHash('diversity_states')} AS number, groupBitmapMergeState(offsets) AS held
       FROM diversity_states WHERE ${inLane} GROUP BY number
     )
     WHERE bitmapHasAny(held, bitmapBuild({offsets:Array(UInt64)}))`,
    { params }
  )
  if (groups.length === 0) return { lane, groups, rows: [] }
  const rows = await warehouse.rows<Touched['rows'][number]>(
    `SELECT chunk_id AS chunk, toString(${groupHash('diversity_sums')}) AS hash, part.first AS first, part.last + 1 AS end
     FROM diversity_sums AS part FINAL
     WHERE ${inLane} AND ${groupHash('diversity_sums')} IN (${listed(groups)})
       AND arrayExists(at -> at >= part.first AND at <= part.last, {offsets:Array(UInt64)})`,
    { params }
  )
  return { lane, groups, rows }
}

/** Empties what some records went into. Offsets, records and tokens stay: they are counted. */
async function empty(
  warehouse: Warehouse,
  target: keyof typeof emptied,
  { lane, groups, rows }: Touched
): Promise<void> {
  const set = Object.entries(emptied[target]).map(([column, nothing]) => `${column} = ${nothing}`)
  const held = target === 'diversity_states' ? groups : rows
  for (let from = 0; from < held.length; from += batch) {
    const some = held.slice(from, from + batch)
    const chunks = [...new Set(some.flatMap(one => ('chunk' in one ? [one.chunk] : [])))]
    await warehouse.command(
      `ALTER TABLE ${target} UPDATE ${set.join(', ')} WHERE ${inLane} AND ${groupHash(target)} IN (${listed(some)})
       ${target === 'diversity_states' ? '' : 'AND chunk_id IN {chunks:Array(String)}'}`,
      { params: { ...lane, chunks }, settings: { mutations_sync: 0 } }
    )
  }
}

/** Fills what was emptied from the raw rows there are. */
async function fill(warehouse: Warehouse, { lane: { topic, slot }, groups, rows }: Touched): Promise<void> {
  const views = measured.flatMap(table => rollupsOf(table, topic))
  const rangeOf = ({ first, end }: Held): Range => ({ topic, partition: slot, from: first, to: end })
  for (const view of views) {
    if (view.target === 'diversity_states')
      for (const group of groups) await refill(warehouse, view, rangeOf(group), { only: [group.hash] })
    else if (view.target === 'diversity_sums')
      for (const row of rows) await refill(warehouse, view, rangeOf(row), { only: [row.hash], as: row.chunk })
  }
}

/**
 * Takes the texts that were remembered out of the rollups, and waits until no file holds what they were. After a crash it does
 * it again, whether or not their words are still in the rows.
 * @param signal stops waiting
 * @throws EverseedError SQL_FAILED, CLICKHOUSE_FAILED, TIMEOUT; why it was stopped
 */
export async function eraseRollups(warehouse: Warehouse, signal?: AbortSignal): Promise<void> {
  const places = await warehouse.rows<Place>(
    'SELECT DISTINCT _topic AS topic, slot, _offset AS offset FROM emptied ORDER BY topic, slot, offset'
  )
  if (places.length === 0) return
  for (const target of targets) await warehouse.command(`DROP TABLE IF EXISTS ${anewOf(target)} SYNC`)
  const touched: Touched[] = []
  for (const [lane, offsets] of lanesOf(places)) touched.push(await touchedBy(warehouse, lane, offsets))
  try {
    for (const target of targets) {
      await withoutOldParts(warehouse, target, 'at once')
      // Rows that were deleted stay in their parts, unseen, until these are merged.
      await warehouse.command(`ALTER TABLE ${target} APPLY DELETED MASK`, { settings: { mutations_sync: 0 } })
      for (const one of touched) await empty(warehouse, target, one)
    }
    // What is filled before would be emptied too.
    for (const target of targets) await changed(warehouse, target, signal)
    for (const one of touched) await fill(warehouse, one)
    for (const target of targets) await over(warehouse, target, signal)
  } finally {
    for (const target of targets) await withoutOldParts(warehouse, target, 'as usual')
  }
  await warehouse.command('TRUNCATE TABLE emptied')
}
