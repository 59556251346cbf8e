/** Counts what is stored against itself: raw rows, their offsets, and every rollup, per topic and slot. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Warehouse } from './client.ts'
import {
  type Checksum,
  endOfLane,
  endOfTopic,
  lanesEnds,
  type Rollup,
  rollupChecksum,
  rollups,
  rollupsOf
} from './rollups.ts'

/** One partition as it is stored. */
export type AuditRow = Checksum & {
  readonly table: string
  readonly topic: string
  readonly slot: number
  /** Records: a record of diversity.stats has many rows. */
  readonly offsets: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly rollups: readonly (Checksum & { readonly view: string; readonly agrees: boolean })[]
}

/**
 * @param tables raw tables
 * @param options.live a store may be writing: what came after the rows were counted is left out
 * @returns one row per topic and slot; whoever knows the topics compares `offsets` and `offsetSum` with them
 */
export async function audit(
  warehouse: Warehouse,
  tables: readonly string[],
  options: { readonly live?: boolean } = {}
): Promise<AuditRow[]> {
  // What was dropped for its age is in the rollups alone.
  const lanes = await warehouse.rows<Omit<AuditRow, 'rollups'> & { dropped: number }>(
    `WITH ${lanesEnds} SELECT * FROM (` +
      tables
        .map(
          table => `SELECT '${table}' AS table, _topic AS topic, slot, count() AS rows, uniqExact(_offset) AS offsets,
          toString(sum(_offset)) AS offsetSum, min(_offset) AS firstOffset, max(_offset) AS lastOffset, any(${endOfLane}) AS dropped
          FROM ${table} FINAL WHERE _offset >= ${endOfLane} GROUP BY topic, slot`
        )
        .join(' UNION ALL ') +
      ') ORDER BY table, topic, slot'
  )
  const check = async (
    rollup: Rollup,
    { topic, slot, rows, offsetSum, lastOffset, dropped }: (typeof lanes)[number]
  ) => {
    const to = options.live ? lastOffset + 1 : endOfTopic
    const found = await rollupChecksum(warehouse, rollup, { topic, partition: slot, from: dropped, to })
    return { view: rollup.view, ...found, agrees: found.rows === rows && found.offsetSum === offsetSum }
  }
  const result: AuditRow[] = []
  for (const lane of lanes) {
    const views = rollupsOf(lane.table, lane.topic)
    const { dropped: _dropped, ...told } = lane
    result.push({ ...told, rollups: await Promise.all(views.map(view => check(view, lane))) })
  }
  return result
}

/** Milliseconds in which the views of a chunk follow its rows. */
const viewsMs = 1000

/**
 * Compares every rollup with the rows it was made of, while a store may be writing.
 * @returns how many rows in how many partitions were looked at, and what the rollups say otherwise
 */
export async function auditRollups(
  warehouse: Warehouse
): Promise<{ readonly rows: number; readonly lanes: number; readonly wrong: readonly string[] }> {
  const tables = [...new Set(rollups.map(({ source }) => source))]
  const look = async () => {
    const lanes = await audit(warehouse, tables, { live: true })
    const wrong = lanes.flatMap(({ topic, slot, ...raw }) =>
      raw.rollups
        .filter(({ agrees }) => !agrees)
        .map(({ view, ...found }) => ({
          name: `${view} ${topic}/${slot}`,
          told: `${view} has ${found.rows} records of ${topic}/${slot} (offsets add up to ${found.offsetSum}) instead of ${raw.rows} (${raw.offsetSum})`
        }))
    )
    return { lanes, wrong }
  }
  let { lanes, wrong } = await look()
  if (wrong.length > 0) {
    // Rows that are there a moment before their views say so are no mistake.
    await sleep(viewsMs)
    const before = new Set(wrong.map(({ name }) => name))
    ;({ lanes, wrong } = await look())
    wrong = wrong.filter(({ name }) => before.has(name))
  }
  const rows = lanes.reduce((sum, lane) => sum + lane.rows, 0)
  return { rows, lanes: lanes.length, wrong: wrong.map(({ told }) => told) }
}
