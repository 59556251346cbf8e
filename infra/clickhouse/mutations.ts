/** Changes of rows that are there: the server makes them in its own time, however long that takes. */
import { EverseedError } from '../../schemas/errors.ts'
import { untilNone } from '../patience.ts'
import type { Warehouse } from './client.ts'

/** Milliseconds the server may stand still: it looks for old parts every five minutes where nothing happens in a table. */
const patienceMs = 660_000

async function untilGone(
  warehouse: Warehouse,
  table: string,
  what: string,
  from: string,
  signal: AbortSignal | undefined
): Promise<void> {
  const sql = `SELECT toUInt32(count()) AS n FROM ${from} AND database = {database:String} AND table = {table:String}`
  const left = async (): Promise<number> => {
    signal?.throwIfAborted()
    const params = { table, database: warehouse.database }
    const [found] = await warehouse.rows<{ n: number }>(sql, { params })
    return found!.n
  }
  const stalled = (): EverseedError =>
    new EverseedError('TIMEOUT', `ClickHouse does not ${what} of ${table}: look at its log, and try again`)
  await untilNone(left, { patienceMs, stalled })
}

/**
 * Resolves when the rows of a table are as they were changed.
 * @param signal stops waiting
 * @throws EverseedError TIMEOUT when nothing happens for 11 minutes
 */
export async function changed(warehouse: Warehouse, table: string, signal?: AbortSignal): Promise<void> {
  await untilGone(warehouse, table, 'change the rows', 'system.mutations WHERE NOT is_done', signal)
}

/** Has parts that were replaced leave the disk at once, while something is done to tables. */
export async function withoutOldParts(
  warehouse: Warehouse,
  table: string,
  kept: 'at once' | 'as usual'
): Promise<void> {
  const setting =
    kept === 'at once' ? 'MODIFY SETTING old_parts_lifetime = 0' : 'RESET SETTING old_parts_lifetime'
  await warehouse.command(`ALTER TABLE ${table} ${setting}`)
}

/**
 * Resolves when the rows of a table are as they were changed, and what they were is in no file.
 * @throws EverseedError TIMEOUT; see {@link changed}
 */
export async function over(warehouse: Warehouse, table: string, signal?: AbortSignal): Promise<void> {
  await changed(warehouse, table, signal)
  await untilGone(warehouse, table, 'drop the old parts', 'system.parts WHERE NOT active', signal)
}
