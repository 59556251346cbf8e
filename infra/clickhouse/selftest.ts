/** Whether this server deduplicates inserts as exactly-once needs it to: asked at every start of the store. */
import { randomUUID } from 'node:crypto'
import { EverseedError } from '../../schemas/errors.ts'
import type { Settings, Warehouse } from './client.ts'

/** Tables that no chunk goes to. */
const notWritten = ['migrations', 'migration_lock']

/** Every table a chunk or a view writes to remembers tokens. */
async function checkWindows(warehouse: Warehouse): Promise<void> {
  const { database } = warehouse
  const forgetful = await warehouse.rows<{ name: string }>(
    `SELECT name FROM system.tables
     WHERE database = {database:String} AND engine LIKE '%MergeTree' AND NOT match(engine, '^(Replicated|Shared)')
       AND toUInt64OrZero(extract(engine_full, 'non_replicated_deduplication_window = (\\\\d+)')) = 0
       AND name NOT IN ('${notWritten.join("', '")}') AND NOT startsWith(name, 'self_test_')
     ORDER BY name`,
    { params: { database } }
  )
  if (forgetful.length === 0) return
  const names = forgetful.map(({ name }) => name)
  throw new EverseedError(
    'CLICKHOUSE_SELF_TEST',
    `tables ${names.join(', ')} of database ${database} remember no insert tokens, so a repeated insert would double their rows: ${names.map(name => `ALTER TABLE ${database}.${name} MODIFY SETTING non_replicated_deduplication_window = 10000`).join('; ')}`
  )
}

/**
 * Inserts the same rows twice under one token into a scratch table with a view of its own and counts both.
 * @param settings those chunks are inserted with, but for the token
 * @param window tokens the scratch tables remember; 0 for a test of this test
 * @throws EverseedError CLICKHOUSE_SELF_TEST on a mismatch
 */
export async function selfTest(warehouse: Warehouse, settings: Settings, window = 10_000): Promise<void> {
  await checkWindows(warehouse)
  const name = `self_test_${randomUUID().replaceAll('-', '')}`
  const engine = (order: string): string =>
    `ENGINE = MergeTree ORDER BY ${order} SETTINGS non_replicated_deduplication_window = ${window}`
  try {
    await warehouse.command(`CREATE TABLE ${name} (id UInt64) ${engine('id')}`)
    await warehouse.command(`CREATE TABLE ${name}_rollup (total UInt64) ${engine('total')}`)
    await warehouse.command(
      `CREATE MATERIALIZED VIEW ${name}_view TO ${name}_rollup AS SELECT count() AS total FROM ${name}`
    )
    const insert = (token: string): Promise<void> =>
      warehouse.insert(
        { table: name, columns: ['id'], rows: [[1], [2]] },
        { settings: { ...settings, insert_deduplication_token: token } }
      )
    await insert('first')
    await insert('first')
    await insert('second')
    const [found] = await warehouse.rows<{ raw: number; rollup: number }>(
      `SELECT (SELECT count() FROM ${name}) AS raw, (SELECT sum(total) FROM ${name}_rollup) AS rollup`
    )
    const { raw, rollup } = found!
    if (raw !== 4 || rollup !== 4) {
      throw new EverseedError(
        'CLICKHOUSE_SELF_TEST',
        `two rows inserted twice under one token and once under another gave ${raw} rows and ${rollup} in a view instead of 4 and 4: this server does not deduplicate inserts into tables or into their views, so nothing is written to it; use ClickHouse 26 or newer and let no profile override insert_deduplicate or deduplicate_blocks_in_dependent_materialized_views`
      )
    }
  } finally {
    for (const suffix of ['_view', '_rollup', ''])
      await warehouse.command(`DROP TABLE IF EXISTS ${name}${suffix} SYNC`)
  }
}
