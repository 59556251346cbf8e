import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createWarehouse } from '../../../infra/clickhouse/client.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { silentLog } from '../../../infra/log.ts'
import { startEngine } from '../../helpers/engine.ts'
import { until } from '../../helpers/until.ts'

const engine = await startEngine({ after })
const writer = engine.as('writer')
const reader = engine.as('reader')

before(async () => {
  await migrate(writer, silentLog)
})

test('the reading user reads the views and the tables', async () => {
  const rows = await reader.rows<{ n: number }>('SELECT count() AS n FROM collapse')
  assert.deepEqual(rows, [{ n: 0 }])
  assert.deepEqual(await reader.rows('SELECT id FROM samples FINAL'), [])
})

test('the reading user can neither write nor leave the database', async () => {
  const refused = [
    `INSERT INTO models (id) VALUES ('x')`,
    'CREATE TABLE mine (a UInt8) ENGINE = Memory',
    'DROP TABLE samples',
    'TRUNCATE TABLE samples',
    `ALTER TABLE samples DELETE WHERE 1`,
    `INSERT INTO FUNCTION file('out.csv', 'CSV', 'a UInt8') VALUES (1)`,
    'GRANT SELECT ON *.* TO reader',
    'SYSTEM SHUTDOWN'
  ]
  for (const sql of refused) await assert.rejects(reader.command(sql), { code: 'SQL_FAILED' }, sql)
  const unseen = [
    `SELECT * FROM file('/etc/passwd', 'LineAsString')`,
    `SELECT * FROM file('users.xml', 'LineAsString')`,
    `SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')`,
    `SELECT * FROM remote('127.0.0.1', system.one)`,
    "SELECT * FROM executable('ls', TSV, 'a String')",
    'SELECT * FROM system.query_log',
    'SELECT * FROM system.processes WHERE user != currentUser()'
  ]
  for (const sql of unseen) {
    const rows = await reader.rows(sql).catch((error: unknown) => error)
    assert.ok(rows instanceof Error || (rows as object[]).length === 0, `${sql} gave ${JSON.stringify(rows)}`)
  }
})

test('what people ask is kept in no log of the server, what the store does is', async () => {
  const asked = `SELECT toUInt8(getSetting('log_queries')) AS kept`
  assert.deepEqual(await reader.rows(asked), [{ kept: 0 }])
  assert.deepEqual(await writer.rows(asked), [{ kept: 1 }])
})

test('parameters are values, not SQL', async () => {
  const hostile = `x'; DROP TABLE samples; --`
  assert.deepEqual(await reader.rows('SELECT {s:String} AS s', { params: { s: hostile } }), [{ s: hostile }])
})

test('whole numbers beyond 2^53 keep their digits', async () => {
  const [row] = await reader.rows(
    'SELECT 9007199254740993 AS big, 9007199254740991 AS last, 0.5 AS half, 1e300 AS far'
  )
  assert.deepEqual(row, { big: '9007199254740993', last: 9_007_199_254_740_991, half: 0.5, far: 1e300 })
})

test('a refused statement says which and why, and nothing is written to the console', async t => {
  const written: unknown[] = []
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const)
    t.mock.method(console, method, (...words: unknown[]) => void written.push(words))
  await assert.rejects(reader.rows('SELECT nonsense FROM collapse'), {
    code: 'SQL_FAILED',
    message: /^SELECT nonsense FROM collapse: ClickHouse refused \(UNKNOWN_IDENTIFIER\)/
  })
  assert.deepEqual(written, [])
})

test('a server that is not there, a wrong password and a slow answer are told apart', async t => {
  const open = (options: { url?: string; password?: string }) => {
    const base = { url: engine.url, user: 'reader', password: 'wrong', database: 'everseed' }
    const warehouse = createWarehouse({ ...base, ...options, log: silentLog })
    t.after(() => warehouse.close())
    return warehouse
  }
  await assert.rejects(open({ url: 'http://127.0.0.1:1' }).ready(100), {
    code: 'CLICKHOUSE_FAILED',
    message: /check that ClickHouse runs at http:\/\/127\.0\.0\.1:1/
  })
  await assert.rejects(open({}).ready(60_000), { message: /login of reader: .*AUTHENTICATION_FAILED/ })
  await assert.rejects(
    writer.rows('SELECT sleepEachRow(0.1) FROM system.numbers SETTINGS max_block_size = 1', {
      timeoutMs: 50
    }),
    {
      code: 'CLICKHOUSE_FAILED',
      message: /no answer in 50 ms/
    }
  )
})

test('the server gives a statement up when the client does, to the millisecond', async () => {
  const most = `SELECT value FROM system.settings WHERE name = 'max_execution_time'`
  assert.deepEqual(await writer.rows(most, { timeoutMs: 1200 }), [{ value: '1.2' }])
})

test('ready waits for a server that is just starting', async () => {
  await engine.kill()
  const ready = reader.ready(60_000)
  await engine.start()
  await ready
})

test('a server is ready before its database is made', async () => {
  const fresh = engine.warehouse()
  await fresh.ready(5000)
  await assert.rejects(fresh.rows('SELECT 1'), { message: /UNKNOWN_DATABASE/ })
  await fresh.createDatabase()
  assert.deepEqual(await fresh.rows('SELECT currentDatabase() AS name'), [{ name: fresh.database }])
})

test('kill ends a running query by its id', async () => {
  const started = writer.command(
    'SELECT sleepEachRow(0.1) FROM system.numbers FORMAT Null SETTINGS max_block_size = 1',
    {
      queryId: 'to-be-killed'
    }
  )
  const ended = assert.rejects(started, { message: /QUERY_WAS_CANCELLED/ })
  await until('the query to run', async () => {
    const running = await writer.rows(`SELECT 1 FROM system.processes WHERE query_id = 'to-be-killed'`)
    return running.length > 0
  })
  await writer.kill('to-be-killed')
  await ended
  await writer.kill('never-there')
})
