/** Opens the database of a deployment: for the store, which writes it, and for people, who read it. */
import type { Log } from '../../processors/contract.ts'
import type { ClickHouseConfig } from '../config.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { loadStore } from '../processors.ts'
import { type ClickHouseWriter, createChunkWriter } from './chunks.ts'
import { createWarehouse } from './client.ts'
import { finishFolds } from './fold.ts'
import { migrate } from './migrate.ts'
import { claim, type Owner } from './owner.ts'

/** How long a server that starts beside us may take, milliseconds. */
const patienceMs = 60_000

/** Longest an insert may take the first time, milliseconds. */
const longestFirstMs = 8000

/**
 * Milliseconds an insert may take the first time: it is best over before the group gives the slot to somebody else.
 * @param sessionTimeoutMs of the group
 */
export function insertTimeout(sessionTimeoutMs: number): number {
  return Math.min(longestFirstMs, Math.floor(0.8 * sessionTimeoutMs))
}

/**
 * Waits for the server, makes sure that the database is nobody else's, brings it up to date, makes sure that it
 * deduplicates.
 * @param owner the deployment that writes
 * @param sessionTimeoutMs of the store's group
 * @returns `newWriter` makes one for each assignment of slots
 * @throws EverseedError CLICKHOUSE_FAILED, SQL_FAILED, DATABASE_TAKEN or CLICKHOUSE_SELF_TEST
 */
export async function openStore(
  config: ClickHouseConfig,
  owner: Owner,
  sessionTimeoutMs: number,
  log: Log
): Promise<{ newWriter: () => ClickHouseWriter; close: () => Promise<void> }> {
  const warehouse = createWarehouse({ ...config, log })
  try {
    await warehouse.ready(patienceMs)
    await warehouse.createDatabase()
    // Before anything is changed in it.
    await claim(warehouse, owner)
    await migrate(warehouse, log)
    await finishFolds(warehouse)
    const { clusterId, prefix } = owner
    const store = await loadStore()
    const group = prefix + store.name
    const timeoutMs = insertTimeout(sessionTimeoutMs)
    const newWriter = () => createChunkWriter({ warehouse, clusterId, group, sink: store, log, timeoutMs })
    await newWriter().selfTest()
    return { newWriter, close: () => warehouse.close() }
  } catch (error) {
    await warehouse.close()
    if (!(error instanceof EverseedError) || !error.message.includes('AUTHENTICATION_FAILED')) throw error
    const advice = 'check EVERSEED_CLICKHOUSE_USER and EVERSEED_CLICKHOUSE_PASSWORD'
    throw new EverseedError(error.code, `${error.message.replace(/\.?\s*$/, ';')} ${advice}`, {
      cause: error
    })
  }
}

/**
 * Opens it for questions: as the reading user where the deployment names one.
 * @param config how to reach it
 */
export function openReader(
  config: ClickHouseConfig,
  log: Log
): {
  /** Rows of a statement; `parameters` are the values of `{name:Type}` in it. */
  rows(sql: string, parameters?: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>[]>
  close(): Promise<void>
} {
  const { url, database, reader = config } = config
  const warehouse = createWarehouse({ url, database, user: reader.user, password: reader.password, log })
  // The user who writes asks read-only too; a reading user's own profile may forbid to say so.
  // Servers of 26.7 lose columns of which a question needs only the size on their way through a view.
  const settings = config.reader ? {} : { readonly: 2, optimize_functions_to_subcolumns: 0 }
  return {
    rows: (sql, params = {}) => warehouse.rows(sql, { params, settings }),
    close: () => warehouse.close()
  }
}
