/**
 * Makes one chunk of many old ones: sums are kept per chunk, and a store that keeps up writes several a second. What a
 * fold holds is what its chunks held, so no answer changes; `rebuild` unfolds it.
 */
import type { Settings, Warehouse } from './client.ts'
import { foldPrefix, keysOf, rollups, type Target } from './rollups.ts'

/** The columns of a target that are added up, and when its records came. */
const sums: Partial<
  Record<Target, { readonly time: string; readonly columns: Readonly<Record<string, string>> }>
> = {
  usage: {
    time: 'toDateTime(day)',
    columns: Object.fromEntries(
      [
        'calls',
        'offset_sum',
        'input_tokens',
        'output_tokens',
        'reasoning_tokens',
        'cost_micros',
        'latency_ms'
      ].map(name => [name, `sum(${name})`])
    )
  },
  diversity_sums: {
    time: 'hour',
    columns: {
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
}

/** What became of a table. */
export type Folded = { readonly rollup: string; readonly before: number; readonly after: number }

async function rowsOf(warehouse: Warehouse, target: string): Promise<number> {
  const [found] = await warehouse.rows<{ n: number }>(`SELECT count() AS n FROM ${target} FINAL`)
  return found!.n
}

/** A fold is there wholly or not at all. */
const oneBlock: Settings = { min_insert_block_size_rows: 10_000_000, min_insert_block_size_bytes: 0 }

const inLane = '_topic = {topic:String} AND slot = {slot:UInt16}'

/** Removes what was folded: also what a fold that was killed left. */
async function finish(warehouse: Warehouse, target: Target): Promise<void> {
  const folds = await warehouse.rows<{ topic: string; slot: number; to: number }>(
    `SELECT _topic AS topic, slot, max(if(startsWith(chunk_id, '${foldPrefix}'), toUInt64OrZero(substring(chunk_id, ${foldPrefix.length + 1})), 0)) AS to
     FROM ${target} GROUP BY topic, slot HAVING to > 0`
  )
  for (const { topic, slot, to } of folds) {
    await warehouse.command(
      `DELETE FROM ${target} WHERE ${inLane} AND last < {to:UInt64} AND chunk_id != {fold:String}`,
      { params: { topic, slot, to, fold: `${foldPrefix}${to}` } }
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
    const { time, columns } = sums[target]!
    const before = await rowsOf(warehouse, target)
    await finish(warehouse, target)
    const lanes = await warehouse.rows<{ topic: string; slot: number; to: number }>(
      `SELECT topic, slot, if(countIf(young) = 0, max(last) + 1, minIf(first, young)) AS to
       FROM (
         SELECT _topic AS topic, slot, min(${target}.first) AS first, max(${target}.last) AS last,
           max(${time}) >= now() - toIntervalDay({days:Float64}) AS young
         FROM ${target} FINAL GROUP BY topic, slot, chunk_id
       )
       GROUP BY topic, slot HAVING countIf(NOT young) > 1`,
      { params: { days } }
    )
    const keys = keysOf(target)
    for (const { topic, slot, to } of lanes) {
      const params = { topic, slot, to, fold: `${foldPrefix}${to}` }
      await warehouse.command(
        `INSERT INTO ${target} (_topic, slot, chunk_id, ${keys}, first, last, ${Object.keys(columns).join(', ')})
         SELECT _topic, slot, {fold:String}, ${keys}, min(part.first), max(part.last), ${Object.values(columns).join(', ')}
         FROM ${target} AS part FINAL WHERE ${inLane} AND chunk_id != {fold:String} AND part.last < {to:UInt64} GROUP BY _topic, slot, ${keys}`,
        { params, settings: oneBlock }
      )
    }
    await finish(warehouse, target)
    done.push({ rollup: target, before, after: await rowsOf(warehouse, target) })
  }
  return done
}
