/**
 * Makes one chunk of many old ones: sums are kept per chunk, and a store that keeps up writes several a second. What a
 * fold holds is what its chunks held, so no answer changes; `rebuild` unfolds it.
 */
import type { Settings, Warehouse } from './client.ts'
import {
  endOfLane,
  foldPrefix,
  inLane,
  keysOf,
  lanesEnds,
  rollups,
  sums,
  type Target,
  unrepeated
} from './rollups.ts'

/** When the records of a target came. */
const times: Partial<Record<Target, string>> = { usage: 'toDateTime(day)', diversity_sums: 'hour' }

/** What became of a table. */
export type Folded = { readonly rollup: string; readonly before: number; readonly after: number }

async function rowsOf(warehouse: Warehouse, target: string): Promise<number> {
  const [found] = await warehouse.rows<{ n: number }>(`SELECT count() AS n FROM ${target} FINAL`)
  return found!.n
}

/** A fold is there wholly or not at all. */
const oneBlock: Settings = { min_insert_block_size_rows: 10_000_000, min_insert_block_size_bytes: 0 }

/** Removes what was folded: also what a fold that was killed left. */
async function finish(warehouse: Warehouse, target: Target): Promise<void> {
  const folds = await warehouse.rows<{
    topic: string
    slot: number
    fold: string
    start: number
    to: number
  }>(
    `SELECT _topic AS topic, slot, chunk_id AS fold, min(sums.first) AS start,
       toUInt64(arrayLast(one -> true, splitByChar('-', chunk_id))) AS to
     FROM ${target} AS sums FINAL WHERE startsWith(chunk_id, '${foldPrefix}')
     GROUP BY topic, slot, fold ORDER BY topic, slot, to DESC, start`
  )
  let outer: (typeof folds)[number] | undefined
  for (const params of folds) {
    const { topic, slot, start, to } = params
    // A fold in a larger one goes with what it held.
    if (outer?.topic === topic && outer.slot === slot && start >= outer.start && to <= outer.to) continue
    outer = params
    await warehouse.command(
      `DELETE FROM ${target}
       WHERE ${inLane} AND first >= {start:UInt64} AND last < {to:UInt64} AND chunk_id != {fold:String}`,
      { params }
    )
  }
}

/** Tables whose chunks are folded. */
const targets = [...new Set(rollups.filter(({ kind }) => kind === 'sum').map(one => one.target))]

/** Removes what a fold that was killed left, which would count twice; done before a store writes. */
export async function finishFolds(warehouse: Warehouse): Promise<void> {
  for (const target of targets) await finish(warehouse, target)
}

/**
 * Folds the chunks of every partition that lie before the first one with a record of the last days. Run it while no
 * store runs and nobody reads: between two statements sums are there twice. After a crash it goes on where it was.
 * @param days records of how many last days stay as they are
 */
export async function fold(warehouse: Warehouse, days: number): Promise<Folded[]> {
  const done: Folded[] = []
  for (const target of targets) {
    const [time, columns] = [times[target]!, sums[target]!]
    const before = await rowsOf(warehouse, target)
    await finish(warehouse, target)
    // What was dropped from the raw rows is folded apart: it cannot be made again.
    const lanes = await warehouse.rows<{ topic: string; slot: number; start: number; to: number }>(
      `WITH ${lanesEnds}
       SELECT topic, slot, min(first) AS start, if(countIf(young) = 0, max(last) + 1, minIf(first, young)) AS to
       FROM (
         SELECT _topic AS topic, slot, min(${target}.first) AS first, max(${target}.last) AS last,
           max(${time}) >= now() - toIntervalDay({days:Float64}) AS young, last < any(${endOfLane}) AS dropped
         FROM ${target} FINAL GROUP BY topic, slot, chunk_id
       )
       GROUP BY topic, slot, dropped HAVING countIf(NOT young) > 1`,
      { params: { days } }
    )
    const keys = keysOf(target)
    for (const { topic, slot, start, to } of lanes) {
      const params = { topic, slot, start, to, fold: `${foldPrefix}${start}-${to}` }
      await warehouse.command(
        `INSERT INTO ${target} (_topic, slot, chunk_id, ${keys}, first, last, ${Object.keys(columns).join(', ')})
         SELECT _topic, slot, {fold:String}, ${keys}, min(part.first), max(part.last), ${Object.values(columns).join(', ')}
         FROM ${target} AS part FINAL
         WHERE ${inLane} AND chunk_id != {fold:String} AND part.first >= {start:UInt64} AND part.last < {to:UInt64}
         GROUP BY _topic, slot, ${keys}`,
        { params, settings: { ...oneBlock, ...unrepeated() } }
      )
    }
    await finish(warehouse, target)
    done.push({ rollup: target, before, after: await rowsOf(warehouse, target) })
  }
  return done
}
