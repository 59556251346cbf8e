import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { views as promised } from '../../../infra/cli/views.ts'
import { migrate, migrations } from '../../../infra/clickhouse/migrate.ts'
import { rollups } from '../../../infra/clickhouse/rollups.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import { startEngine } from '../../helpers/engine.ts'

const engine = await startEngine({ after })
const names = migrations().map(({ name }) => name)

test('migrations apply once, as the user that writes', async () => {
  const warehouse = engine.as('writer')
  assert.deepEqual(await migrate(warehouse, silentLog), names)
  assert.deepEqual(await migrate(warehouse, silentLog), [])
  const applied = await warehouse.rows<{ name: string }>('SELECT name FROM migrations FINAL ORDER BY name')
  assert.deepEqual(
    applied.map(({ name }) => name),
    names
  )
})

test('processes that start at once apply each migration once between them', async () => {
  const first = engine.warehouse()
  const others = [1, 2, 3, 4].map(() => engine.warehouse(first.database))
  const applied = await Promise.all([first, ...others].map(warehouse => migrate(warehouse, silentLog)))
  assert.deepEqual(applied.flat().toSorted(), names)
  const [found] = await first.rows<{ rows: number; locks: number }>(
    `SELECT (SELECT count() FROM migrations) AS rows,
       (SELECT count() FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'migration_lock')) AS locks`
  )
  assert.deepEqual(found, { rows: names.length, locks: 0 })
})

test('a migration that changed after it was applied is refused by name', async () => {
  const warehouse = engine.warehouse()
  const one = { name: '0001_one.sql', sql: 'CREATE TABLE IF NOT EXISTS one (a UInt8) ENGINE = Memory;' }
  await migrate(warehouse, silentLog, [one])
  await assert.rejects(migrate(warehouse, silentLog, [{ ...one, sql: `${one.sql} SELECT 1` }]), {
    code: 'SQL_FAILED',
    message: /0001_one\.sql/
  })
})

test('a migration that failed is not remembered and does not keep the lock', async () => {
  const warehouse = engine.warehouse()
  const broken = { name: '0001_one.sql', sql: 'CREATE TABLE one (a Nonsense) ENGINE = Memory;' }
  await assert.rejects(migrate(warehouse, silentLog, [broken]), { code: 'SQL_FAILED' })
  const fixed = { ...broken, sql: 'CREATE TABLE one (a UInt8) ENGINE = Memory;' }
  assert.deepEqual(await migrate(warehouse, silentLog, [fixed]), ['0001_one.sql'])
})

test('the lock of a process that died is pushed aside once it is old', async () => {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog, [])
  await warehouse.command(`CREATE TABLE migration_lock (held UInt8) ENGINE = Memory COMMENT 'a-dead-one'`)
  const one = { name: '0001_one.sql', sql: 'CREATE TABLE one (a UInt8) ENGINE = Memory;' }
  const both = await Promise.all(
    [warehouse, engine.warehouse(warehouse.database)].map(each =>
      migrate(each, silentLog, [one], { staleAfter: 1 })
    )
  )
  assert.deepEqual(both.flat(), ['0001_one.sql'])
})

test('every table, view and column is documented', async () => {
  const warehouse = engine.as('writer')
  const bare = await warehouse.rows<{ what: string }>(
    `SELECT concat(table, '.', name) AS what FROM system.columns
     WHERE database = currentDatabase() AND comment = ''
       AND table NOT IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView')
     UNION ALL
     SELECT name FROM system.tables
     WHERE database = currentDatabase() AND comment = '' AND engine != 'MaterializedView'`
  )
  assert.deepEqual(bare, [])
  const [found] = await warehouse.rows<{ columns: number }>(
    'SELECT count() AS columns FROM system.columns WHERE database = currentDatabase()'
  )
  assert.ok(found!.columns > 300, `only ${found!.columns} columns were looked at`)
})

test('the public views have exactly the promised columns', async () => {
  const found = await engine.as('writer').rows<{ name: string; columns: string[] }>(
    `SELECT table AS name, groupArray(c.name) AS columns
     FROM (SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position) AS c
     WHERE table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View')
     GROUP BY table ORDER BY table`
  )
  const views = new Map(found.map(({ name, columns }) => [name, columns]))
  assert.deepEqual([...views.keys()], [...promised].toSorted())
  const collapse =
    'run dataset stage generation source cell_group window metric value human_mean human_sd z n tokenizer e_value severity'
  assert.deepEqual(views.get('collapse'), collapse.split(' '))
})

test('tables have the columns the store fills, in any order, and nothing else but chunk and time', async () => {
  const warehouse = engine.as('writer')
  for (const { name, columns } of Object.values(store.tables)) {
    const found = await warehouse.rows<{ name: string }>(
      `SELECT name FROM system.columns
       WHERE database = currentDatabase() AND table = {table:String}
         AND (default_kind IN ('', 'EPHEMERAL') OR name = 'ingested_at')`,
      { params: { table: name } }
    )
    assert.deepEqual(
      found.map(column => column.name).toSorted(),
      [...columns, 'chunk_id', 'ingested_at'].toSorted(),
      name
    )
  }
})

test('the list of rollups is the list of materialized views', async () => {
  const found = await engine
    .as('writer')
    .rows<{ name: string }>(
      `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView' ORDER BY name`
    )
  assert.deepEqual(
    found.map(({ name }) => name),
    rollups.map(({ view }) => view).toSorted()
  )
})
