/**
 * Drops raw rows and windows for their age. What they were counted in stays: that rows below an offset are gone is written
 * down first, and from then on counts, whether or not they are gone yet; so whoever is killed only has to do it again.
 */
import { quoted, type Warehouse } from './client.ts'
import { finishFolds } from './fold.ts'
import { changed } from './mutations.ts'
import { chunkPieces } from './rebuild.ts'
import { endOfLane, foldPrefix, inLane, lanesEnds, refill, rollupsOf, unrepeated } from './rollups.ts'

/** Rows that leave, by table: what is asked of them is answered by rollups, but for their texts. */
const leaving: Readonly<Record<string, readonly string[]>> = {
  generations: ['generations'],
  samples: ['candidates', 'samples.verified'],
  rejections: ['samples.rejected']
}

/** Rows that views count one by one: only their texts leave. */
const emptied: Readonly<
  Record<string, { readonly topics?: readonly string[]; readonly columns: Readonly<Record<string, string>> }>
> = {
  prompts: { columns: { messages: "'[]'", feedback: "''", metadata: 'map()' } },
  parked: { columns: { messages: "'[]'", feedback: "''", metadata: 'map()' } },
  samples: { topics: ['training'], columns: { messages: "'[]'", verdicts: "'[]'", metadata: 'map()' } }
}

/** Windows that are summed up: whole ones of models. Those of people are what younger ones are compared with. */
const summed = `NOT partial AND stage != 'human'`

/** What became of a table. */
export type Dropped = {
  readonly table: string
  /** left: the rows are gone; emptied: their texts are; summed: they are gone, and days of them in `collapse_days`. */
  readonly what: 'left' | 'emptied' | 'summed'
  readonly rows: number
}

/** Offsets [from, to) of a partition that are to be dropped. */
type Old = { readonly topic: string; readonly slot: number; readonly from: number; readonly to: number }

const among = (topics: readonly string[] | undefined): string =>
  topics === undefined ? '1' : `_topic IN (${topics.map(quoted).join(', ')})`

/** Midnight so many days ago. */
const cutoff = `toStartOfDay(now('UTC') - toIntervalDay({days:UInt32}))`

/** The chunks of partitions that lie before the first one with a record that is young enough. */
function oldChunks(table: string, topics: readonly string[]): string {
  const young = 'minIf(first, young)'
  return `WITH ${lanesEnds}
    SELECT topic, slot, any(end) AS from, if(countIf(young) = 0, max(last) + 1, least(${young}, reached)) AS to
    FROM (
      SELECT *, minIf(first, last >= start) OVER lane AS reached
      FROM (
        SELECT *, minIf(first, young) OVER lane AS start
        FROM (
          SELECT _topic AS topic, slot, chunk_id, any(${endOfLane}) AS end, min(_offset) AS first, max(_offset) AS last,
            max(recorded_at) >= ${cutoff} AS young
          FROM ${table} FINAL WHERE ${among(topics)} AND _offset >= ${endOfLane} GROUP BY topic, slot, chunk_id
        )
        WINDOW lane AS (PARTITION BY topic, slot)
      )
      WINDOW lane AS (PARTITION BY topic, slot)
    )
    GROUP BY topic, slot, reached HAVING to > from AND to > min(first)`
}

/** Windows of partitions that lie before the first one that is young enough. */
const oldWindows = `WITH ${lanesEnds}
  SELECT topic, slot, any(end) AS from, if(countIf(young) = 0, max(at) + 1, minIf(at, young)) AS to
  FROM (
    SELECT _topic AS topic, slot, _offset AS at, ${endOfLane} AS end, recorded_at >= ${cutoff} AS young
    FROM stats WHERE at >= end
  )
  GROUP BY topic, slot HAVING to > min(at)`

/** Puts chunks back that a fold made one of, where it reaches over an offset: half of it is about to be all there is. */
async function unfold(warehouse: Warehouse, table: string, { topic, slot, to }: Old): Promise<void> {
  for (const view of rollupsOf(table, topic)) {
    if (view.kind !== 'sum') continue
    const folds = await warehouse.rows<{ fold: string; first: number; end: number }>(
      `SELECT chunk_id AS fold, min(sums.first) AS first, max(last) + 1 AS end
       FROM ${view.target} AS sums FINAL WHERE ${inLane} AND startsWith(chunk_id, '${foldPrefix}')
       GROUP BY fold HAVING first < {to:UInt64} AND end > {to:UInt64}`,
      { params: { topic, slot, to } }
    )
    for (const { fold, first, end } of folds) {
      const lane = { topic, partition: slot, from: first, to: end }
      for (const piece of await chunkPieces(warehouse, view, lane)) await refill(warehouse, view, piece)
      await warehouse.command(`DELETE FROM ${view.target} WHERE ${inLane} AND chunk_id = {fold:String}`, {
        params: { topic, slot, fold }
      })
    }
  }
}

/** Sums up windows by the day; those that were told again count as they were told last. */
async function sumUp(warehouse: Warehouse, { topic, slot, from, to }: Old): Promise<void> {
  const keys = 'slot, dataset, run, stage, source, generation, cell_group, metric, tokenizer, model, day'
  await warehouse.command(
    `INSERT INTO window_days (${keys}, to, windows, mean, spread, judged, z_sum, lowest, highest, tokens)
     SELECT
       slot, dataset, run, stage, source, ifNull(generation, -1) AS depth, cell_group, metric, tokenizer, model,
       toDate(recorded_at) AS day, {to:UInt64}, count(), avg(assumeNotNull(value)), varSampStableState(assumeNotNull(value)),
       count(z), sum(ifNull(z, 0)), min(assumeNotNull(value)), max(assumeNotNull(value)), sum(stats.tokens)
     FROM stats FINAL
     WHERE ${inLane} AND _offset >= {from:UInt64} AND _offset < {to:UInt64} AND ${summed} AND isNotNull(value)
       AND _offset IN (
         SELECT max(_offset) FROM stats WHERE ${inLane} AND metric_index = 0 GROUP BY scope, cell_group, stage, window)
     GROUP BY slot, dataset, run, stage, source, depth, cell_group, metric, tokenizer, model, day`,
    { params: { topic, slot, from, to }, settings: unrepeated() }
  )
}

/** Deletes the rows that are said to be gone: also those of a run that was killed. */
async function finish(
  warehouse: Warehouse,
  tables: Readonly<Record<string, string>>
): Promise<Record<string, number>> {
  const rows: Record<string, number> = {}
  for (const [table, condition] of Object.entries(tables)) {
    const lanes = await warehouse.rows<{ topic: string; slot: number; end: number }>(
      `SELECT _topic AS topic, slot, max(dropped.to) AS end FROM dropped WHERE \`table\` = {table:String} GROUP BY topic, slot`,
      { params: { table } }
    )
    for (const { topic, slot, end } of lanes) {
      const params = { topic, slot, end }
      const where = `${inLane} AND _offset < {end:UInt64} AND ${condition}`
      const [found] = await warehouse.rows<{ n: number }>(
        `SELECT count() AS n FROM ${table} FINAL WHERE ${where}`,
        {
          params
        }
      )
      if (found!.n === 0) continue
      rows[table] = (rows[table] ?? 0) + found!.n
      await warehouse.command(`ALTER TABLE ${table} DELETE WHERE ${where}`, {
        params,
        settings: { mutations_sync: 0 }
      })
    }
    await changed(warehouse, table)
  }
  return rows
}

/** Empties the texts of rows that stay. */
async function emptyTexts(warehouse: Warehouse, days: number): Promise<Dropped[]> {
  const done: Dropped[] = []
  for (const [table, { topics, columns }] of Object.entries(emptied)) {
    const filled = Object.entries(columns).map(([column, nothing]) => `${column} != ${nothing}`)
    // Of a conversation that never had a word nothing is written.
    const where = `${among(topics)} AND recorded_at < ${cutoff} AND (${filled.join(' OR ')})`
    const params = { days }
    const [found] = await warehouse.rows<{ n: number }>(
      `SELECT count() AS n FROM ${table} FINAL WHERE ${where}`,
      {
        params
      }
    )
    if (found!.n > 0) {
      const set = Object.entries(columns).map(([column, nothing]) => `${column} = ${nothing}`)
      await warehouse.command(`ALTER TABLE ${table} UPDATE ${set.join(', ')} WHERE ${where}`, {
        params,
        settings: { mutations_sync: 0, allow_nondeterministic_mutations: 1 }
      })
      await changed(warehouse, table)
    }
    done.push({ table, what: 'emptied', rows: found!.n })
  }
  return done
}

/**
 * Drops what is older than so many days, by UTC midnight: rows of answers, candidates, verified and rejected samples, texts of
 * prompts and of rows of training, and single windows. Human text stays. Run it while no store runs. After a crash it is
 * done again.
 * @param days that stay
 * @throws EverseedError SQL_FAILED, CLICKHOUSE_FAILED, TIMEOUT
 */
export async function drop(warehouse: Warehouse, days: number): Promise<Dropped[]> {
  await finishFolds(warehouse)
  const mark = (table: string, { topic, slot, to }: Old): Promise<void> =>
    warehouse.command(
      'INSERT INTO dropped (`table`, _topic, slot, to) SELECT {table:String}, {topic:String}, {slot:UInt16}, {to:UInt64}',
      { params: { table, topic, slot, to }, settings: unrepeated() }
    )
  for (const [table, topics] of Object.entries(leaving)) {
    for (const old of await warehouse.rows<Old>(oldChunks(table, topics), { params: { days } })) {
      await unfold(warehouse, table, old)
      await mark(table, old)
    }
  }
  for (const old of await warehouse.rows<Old>(oldWindows, { params: { days } })) {
    await sumUp(warehouse, old)
    await mark('stats', old)
  }
  const gone = await finish(warehouse, {
    ...Object.fromEntries(Object.keys(leaving).map(table => [table, '1'])),
    stats: summed
  })
  return [
    ...Object.keys(leaving).map((table): Dropped => ({ table, what: 'left', rows: gone[table] ?? 0 })),
    { table: 'stats', what: 'summed', rows: gone['stats'] ?? 0 },
    ...(await emptyTexts(warehouse, days))
  ]
}
