/**
 * Writes chunks exactly once. A chunk is one contiguous range of one partition; inserted again it is recognised by its
 * token. What a killed server remembers without having kept is found by counting, and repaired.
 */
import type { Log } from '../../processors/contract.ts'
import type { Row, Sink } from '../../processors/sink.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { sha128 } from '../../schemas/identity.ts'
import type { Chunk, ChunkWriter } from '../runner/chunk.ts'
import { audit, type AuditRow } from './audit.ts'
import { mayPass, type Settings, type Warehouse } from './client.ts'
import {
  inLane,
  inRange,
  type Range,
  rangeParams,
  rawChecksum,
  refill,
  rewind,
  rollupChecksum,
  rollupsOf
} from './rollups.ts'
import { selfTest } from './selftest.ts'

/** Rows of one table in one chunk at most: they have to fit into one block, so that they appear at once. */
const mostRows = 1_000_000
/** Tokens a chunk may use up: one is lost for each kill at the worst moment, and for each replay in other chunks. */
const mostAttempts = 16
/** Longest an insert may take when it was too slow before, milliseconds. */
const longestInsertMs = 30_000
/** Where every row carries its offset; see `Sink`. */
const offsetColumn = 2

/**
 * Set with every insert, because their defaults changed between versions: nothing is deferred, tokens count for the
 * table and for its views, and a chunk is one block.
 */
export const insertSettings: Settings = {
  async_insert: 0,
  wait_end_of_query: 1,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  materialized_views_ignore_errors: 0,
  input_format_parallel_parsing: 0,
  max_insert_block_size: mostRows,
  min_insert_block_size_rows: mostRows,
  min_insert_block_size_bytes: 0
}

/** A {@link ChunkWriter} that can also be asked whether all is well. */
export type ClickHouseWriter = ChunkWriter & {
  /** @throws EverseedError CLICKHOUSE_SELF_TEST when the server would not deduplicate */
  selfTest(): Promise<void>
  /** What is stored, counted against itself. */
  audit(): Promise<AuditRow[]>
}

/**
 * @param options.clusterId of Kafka: offsets of another cluster are other offsets
 * @param options.group consumer group
 * @param options.sink whose rows are written
 * @param options.timeoutMs milliseconds an insert may take; keep it below the session timeout of the group
 */
export function createChunkWriter(options: {
  warehouse: Warehouse
  clusterId: string
  group: string
  sink: Sink
  log: Log
  timeoutMs: number
}): ClickHouseWriter {
  const { warehouse, clusterId, group, sink, log, timeoutMs } = options
  const tables = new Map(Object.values(sink.tables).map(table => [table.name, table]))
  /**
   * Per partition the offset up to which it had been written when this writer first met it. Another assignment of the
   * partition may start elsewhere, so it needs another writer.
   */
  const replayed = new Map<string, number>()
  /** Per partition the offset below which its rows were dropped. */
  const dropped = new Map<string, number>()

  /**
   * Milliseconds the next insert may take. One that was too slow gets twice as long the next time, or it would be too slow for
   * ever; whoever owns the slot by then ends it before inserting the same.
   */
  let patienceMs = timeoutMs

  const nameOf = ({ topic, born, partition, from, to }: Chunk): string =>
    `${clusterId}:${topic}@${born}:${group}:${partition}:${from}-${to}`
  const chunkId = (chunk: Chunk): string => sha128(nameOf(chunk))
  const tokenOf = (chunk: Chunk, table: string, attempt: number): string =>
    `${nameOf(chunk)}:${table}:v${sink.transformVersion}:${attempt}`

  const insert = async (
    chunk: Chunk,
    table: string,
    rows: readonly Row[],
    attempt: number
  ): Promise<void> => {
    const known = tables.get(table)
    if (!known) {
      throw new EverseedError('UNKNOWN_NAME', `${sink.name} has no table ${table}: declare it in its tables`)
    }
    if (rows.length > mostRows) {
      throw new EverseedError(
        'RECORD_TOO_LARGE',
        `chunk ${nameOf(chunk)} has ${rows.length} rows for ${table}, more than ${mostRows}: cut it smaller`
      )
    }
    const token = tokenOf(chunk, table, attempt)
    const started = performance.now()
    try {
      await warehouse.insert(
        { table, columns: known.columns, rows, constant: { column: 'chunk_id', value: chunkId(chunk) } },
        {
          settings: { ...insertSettings, insert_deduplication_token: token },
          queryId: token,
          timeoutMs: patienceMs
        }
      )
      patienceMs = timeoutMs
    } catch (error) {
      if (performance.now() - started >= patienceMs)
        patienceMs = Math.max(timeoutMs, Math.min(longestInsertMs, 2 * patienceMs))
      throw error
    }
  }

  /** Whether every row of the chunk is there, and there by this chunk. */
  const complete = async (chunk: Chunk, table: string, rows: readonly Row[]): Promise<boolean> => {
    const expected = new Map<number, number>()
    for (const row of rows) {
      const offset = row[offsetColumn] as number
      expected.set(offset, (expected.get(offset) ?? 0) + 1)
    }
    const found = await warehouse.rows<{ at: number; n: number }>(
      `SELECT _offset AS at, count() AS n FROM ${table} FINAL
       WHERE ${inRange} AND chunk_id = {chunk:String} GROUP BY _offset`,
      { params: { ...rangeParams(chunk), chunk: chunkId(chunk) } }
    )
    // More than expected is no harm: a compacted topic has fewer records now than when they were written.
    const there = new Map(found.map(({ at, n }) => [at, n]))
    return [...expected].every(([offset, n]) => (there.get(offset) ?? 0) >= n)
  }

  const repairViews = async (chunk: Chunk, table: string): Promise<void> => {
    for (const rollup of rollupsOf(table, chunk.topic)) {
      const expected = await rawChecksum(warehouse, table, chunk)
      const agrees = async (): Promise<boolean> => {
        const found = await rollupChecksum(warehouse, rollup, chunk)
        return found.rows === expected.rows && found.offsetSum === expected.offsetSum
      }
      if (await agrees()) continue
      log.warn({ view: rollup.view, chunk: nameOf(chunk) }, 'a view missed a chunk; filling it from the rows')
      if (rollup.kind === 'sum') {
        await warehouse.command(`DELETE FROM ${rollup.target} WHERE chunk_id = {chunk:String}`, {
          params: { chunk: chunkId(chunk) }
        })
      }
      await refill(warehouse, rollup, chunk)
      if (!(await agrees())) {
        throw new EverseedError(
          'CLICKHOUSE_FAILED',
          `view ${rollup.view} disagrees with table ${table} over ${nameOf(chunk)} even after it was filled again: stop the store, then everseed rebuild`
        )
      }
    }
  }

  /** Inserts what may be there already, counts it, and repairs what is missing. */
  const writeCarefully = async (chunk: Chunk): Promise<void> => {
    for (const [table, rows] of chunk.rows) {
      if (rows.length === 0) continue
      for (let attempt = 0; ; attempt++) {
        if (attempt === mostAttempts) {
          throw new EverseedError(
            'CLICKHOUSE_FAILED',
            `rows of ${nameOf(chunk)} do not appear in table ${table} after ${attempt} inserts: check the server's log`
          )
        }
        // An insert of before may still be running, and a query id cannot run twice.
        await warehouse.kill(tokenOf(chunk, table, attempt))
        await insert(chunk, table, rows, attempt)
        if (await complete(chunk, table, rows)) break
        log.warn(
          { table, chunk: nameOf(chunk), attempt },
          'the server remembers an insert whose rows it lost; inserting under the next token'
        )
      }
      await repairViews(chunk, table)
    }
  }

  /** What of a chunk was not dropped for its age: the rest is in the rollups alone, and does not come back. */
  const restOf = async (chunk: Chunk): Promise<Chunk | undefined> => {
    const lane = `${chunk.topic}/${chunk.partition}`
    let end = dropped.get(lane)
    if (end === undefined) {
      const [found] = await warehouse.rows<{ end: number }>(
        `SELECT max(dropped.to) AS end FROM dropped WHERE ${inLane}`,
        { params: { topic: chunk.topic, slot: chunk.partition } }
      )
      dropped.set(lane, (end = found!.end))
    }
    if (chunk.from >= end) return chunk
    if (chunk.to <= end) return undefined
    const young = (rows: readonly Row[]): Row[] => rows.filter(row => (row[offsetColumn] as number) >= end)
    return {
      ...chunk,
      from: end,
      rows: new Map(Array.from(chunk.rows, ([table, rows]) => [table, young(rows)]))
    }
  }

  /** The offset below which the partition was written before; the first call makes room in the sums. */
  const replayedTo = async (chunk: Chunk): Promise<number> => {
    const lane = `${chunk.topic}/${chunk.partition}`
    const known = replayed.get(lane)
    if (known !== undefined) return known
    let end = 0
    const rest: Range = { ...chunk, to: Number.MAX_SAFE_INTEGER }
    for (const table of chunk.rows.keys()) {
      const [last] = await warehouse.rows<{ at: number }>(
        `SELECT _offset AS at FROM ${table} WHERE ${inRange} ORDER BY _topic DESC, slot DESC, _offset DESC LIMIT 1`,
        { params: rangeParams(rest) }
      )
      if (!last) continue
      end = Math.max(end, last.at + 1)
      for (const rollup of rollupsOf(table, chunk.topic))
        if (rollup.kind === 'sum') await rewind(warehouse, rollup, rest, chunkId(chunk))
    }
    replayed.set(lane, end)
    return end
  }

  return {
    async write(whole) {
      const chunk = await restOf(whole)
      if (!chunk) return
      if (chunk.from < (await replayedTo(chunk))) return writeCarefully(chunk)
      for (const [table, rows] of chunk.rows) if (rows.length > 0) await insert(chunk, table, rows, 0)
    },
    async recover(whole) {
      const chunk = await restOf(whole)
      if (!chunk) return
      await replayedTo(chunk)
      await writeCarefully(chunk)
    },
    mayPass,
    selfTest: () => selfTest(warehouse, insertSettings),
    audit: () => audit(warehouse, [...tables.keys()])
  }
}
