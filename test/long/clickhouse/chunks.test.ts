import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { audit, auditRollups } from '../../../infra/clickhouse/audit.ts'
import { createChunkWriter, insertSettings } from '../../../infra/clickhouse/chunks.ts'
import type { Warehouse } from '../../../infra/clickhouse/client.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { rollupsOf } from '../../../infra/clickhouse/rollups.ts'
import { selfTest } from '../../../infra/clickhouse/selftest.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })

async function prepared(): Promise<Warehouse> {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  return warehouse
}
const writerOf = (warehouse: Warehouse) =>
  createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })

/** Answers at offsets [from, to) of slot 0, ten tokens read and a millionth of a dollar each. */
const answers = (from: number, to: number, reply = 'x') =>
  chunkOf(
    'generations',
    0,
    from,
    Array.from({ length: to - from }, (_, index) =>
      make.generation(`g${from + index}`, reply, { usage: make.usage({ cost_micros: 1 }) })
    )
  )

const views = rollupsOf('generations', 'generations').map(({ view }) => view)

/** Asserts that rows and every rollup hold exactly the offsets [0, to) of slot 0. */
async function assertExactly(warehouse: Warehouse, to: number): Promise<void> {
  const [lane, ...rest] = await writerOf(warehouse).audit()
  assert.equal(rest.length, 0)
  const sum = String((to * (to - 1)) / 2)
  const { rows, offsets, offsetSum, rollups } = lane!
  assert.deepEqual({ rows, offsets, offsetSum }, { rows: to, offsets: to, offsetSum: sum })
  assert.deepEqual(
    rollups,
    views.map(view => ({ view, rows: to, offsetSum: sum, agrees: true }))
  )
  const [spent] = await warehouse.rows('SELECT calls, input_tokens, cost_usd FROM spend')
  assert.deepEqual(spent, { calls: to, input_tokens: to * 10, cost_usd: to / 1e6 })
}

test('a chunk is one part, so its rows appear at once', async () => {
  const warehouse = await prepared()
  await writerOf(warehouse).write(answers(0, 5000, 'y'.repeat(1000)))
  const [found] = await warehouse.rows(
    `SELECT count() AS parts FROM system.parts WHERE database = currentDatabase() AND table = 'generations'`
  )
  assert.deepEqual(found, { parts: 1 })
  await assertExactly(warehouse, 5000)
})

test('the same chunk twice is stored once, by tokens alone, in rows and rollups', async () => {
  const warehouse = await prepared()
  const writer = writerOf(warehouse)
  await writer.write(answers(0, 10))
  await writer.write(answers(10, 30))
  // Rows as they lie there, before any merge: the server itself drops the repetition.
  const lying = () =>
    warehouse.rows(
      `SELECT (SELECT count() FROM generations) AS raw, (SELECT sum(calls) FROM usage) AS calls,
         (SELECT sum(records) FROM diversity_sums) AS records`
    )
  assert.deepEqual(await lying(), [{ raw: 30, calls: 30, records: 30 }])
  await writerOf(warehouse).recover(answers(10, 30))
  assert.deepEqual(await lying(), [{ raw: 30, calls: 30, records: 30 }])
  await assertExactly(warehouse, 30)
})

test('chunks of another cluster, group or birth are other chunks', async () => {
  const warehouse = await prepared()
  await writerOf(warehouse).write(answers(0, 10))
  const born = { ...answers(10, 20), born: 5 }
  const other = createChunkWriter({
    warehouse,
    clusterId: 'other',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })
  await other.write(born)
  await assertExactly(warehouse, 20)
})

test('a replay in other chunks replaces what was summed, wherever it starts', async () => {
  const warehouse = await prepared()
  const first = writerOf(warehouse)
  for (let from = 0; from < 100; from += 10) await first.write(answers(from, from + 10))
  await assertExactly(warehouse, 100)
  const second = writerOf(warehouse)
  await second.write(answers(45, 52))
  await second.write(answers(52, 100))
  await assertExactly(warehouse, 100)
  // The very chunks of the first time: their tokens are remembered, their sums were removed.
  const third = writerOf(warehouse)
  for (let from = 0; from < 120; from += 10) await third.write(answers(from, from + 10))
  await assertExactly(warehouse, 120)
})

test('a replay into the middle of a chunk keeps what each source had before it', async () => {
  // Beside the source that reaches over the start: one that ended before it, and one that comes back behind it.
  for (const back of [100, 95]) {
    const warehouse = await prepared()
    const sourceOf = (offset: number): string =>
      offset < 20 || (offset < 40 && offset % 2 === 0) || offset >= back ? 's1' : 's2'
    const mixed = (from: number, to: number) =>
      chunkOf(
        'generations',
        0,
        from,
        Array.from({ length: to - from }, (_, index) =>
          make.generation(`g${from + index}`, 'x', {
            provenance: make.provenance({ model_id: sourceOf(from + index) })
          })
        )
      )
    const assertSums = async (told: string): Promise<void> => {
      const s1 = Array.from({ length: 100 }, (_, offset) => sourceOf(offset)).filter(
        one => one === 's1'
      ).length
      assert.deepEqual(
        await warehouse.rows('SELECT source, calls, input_tokens FROM spend ORDER BY source'),
        [
          { source: 's1', calls: s1, input_tokens: s1 * 10 },
          { source: 's2', calls: 100 - s1, input_tokens: (100 - s1) * 10 }
        ],
        told
      )
      const [lane] = await writerOf(warehouse).audit()
      assert.ok(
        lane!.rollups.every(({ agrees }) => agrees),
        told
      )
    }
    await writerOf(warehouse).write(mixed(0, 100))
    await assertSums('at first')
    for (const from of [60, 30, 97, 10]) {
      const writer = writerOf(warehouse)
      await writer.write(mixed(from, from + 2))
      await writer.write(mixed(from + 2, 100))
      await assertSums(`from ${from}`)
    }
  }
})

test('recover fills rows and rollups that lost a chunk the server remembers', async () => {
  const where = {
    generations: '_offset >= 10',
    counts: '1',
    threads: '_offset >= 10',
    usage: 'first >= 10',
    diversity_states: '1',
    diversity_sums: 'first >= 10'
  }
  for (const [lost, condition] of Object.entries(where)) {
    const warehouse = await prepared()
    const writer = writerOf(warehouse)
    await writer.write(answers(0, 10))
    await writer.write(answers(10, 30))
    const chunk = answers(10, 30)
    // What a SIGKILL at the worst moment leaves: the token is known, the rows are gone. A lightweight delete keeps tokens.
    await warehouse.command(`DELETE FROM ${lost} WHERE ${condition}`)
    if (condition === '1') await writerOf(warehouse).recover(answers(0, 10))
    await writerOf(warehouse).recover(chunk)
    await assertExactly(warehouse, 30)
  }
})

test('rows that never appear are an error that names the chunk', async () => {
  const warehouse = await prepared()
  const blind: Warehouse = {
    ...warehouse,
    rows: async (sql, options) => (sql.includes('AS n FROM') ? [] : warehouse.rows(sql, options))
  }
  await assert.rejects(writerOf(blind).recover(answers(0, 3)), {
    code: 'CLICKHOUSE_FAILED',
    message: /c:generations@1700000000000:store:0:0-3 do not appear/
  })
})

test('an insert without an answer fails in time, and recover ends it before it inserts again', async () => {
  const warehouse = await prepared()
  const hurried = createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 1
  })
  await assert.rejects(hurried.write(answers(0, 5000, 'y'.repeat(500))), { code: 'CLICKHOUSE_FAILED' })
  await writerOf(warehouse).recover(answers(0, 5000, 'y'.repeat(500)))
  await assertExactly(warehouse, 5000)
})

test('an audit beside a store that writes leaves out what came after it looked', async () => {
  const warehouse = await prepared()
  const writer = writerOf(warehouse)
  await writer.write(answers(0, 10))
  let next = 10
  // Between the count of the rows and that of the rollups another chunk arrives.
  const busy: Warehouse = {
    ...warehouse,
    rows: async (sql, options) => {
      const found = await warehouse.rows(sql, options)
      if (sql.includes('uniqExact')) await writer.write(answers(next, (next += 10)))
      return found as never
    }
  }
  const agreeing = async (options: { live?: boolean }) =>
    (await audit(busy, ['generations'], options))[0]!.rollups.map(({ rows, agrees }) => [rows, agrees])
  assert.deepEqual(
    await agreeing({}),
    views.map(() => [20, false])
  )
  assert.deepEqual(
    await agreeing({ live: true }),
    views.map(() => [20, true])
  )
  assert.deepEqual(await auditRollups(busy), { rows: 30, lanes: 1, wrong: [] })
})

test('the self-test passes on a migrated database and leaves nothing behind', async () => {
  const warehouse = await prepared()
  await writerOf(warehouse).selfTest()
  const left = await warehouse.rows(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'self_test%'`
  )
  assert.deepEqual(left, [])
})

test('the self-test finds a server that does not deduplicate, and a view left out', async () => {
  const warehouse = await prepared()
  await assert.rejects(selfTest(warehouse, insertSettings, 0), {
    code: 'CLICKHOUSE_SELF_TEST',
    message: /gave 6 rows and 6 in a view/
  })
  const careless = { ...insertSettings, deduplicate_blocks_in_dependent_materialized_views: 0 }
  await assert.rejects(selfTest(warehouse, careless), {
    code: 'CLICKHOUSE_SELF_TEST',
    message: /gave 4 rows and \d+ in a view/
  })
})

test('the self-test names tables without a deduplication window', async () => {
  const warehouse = await prepared()
  await warehouse.command('CREATE TABLE forgetful (a UInt8) ENGINE = MergeTree ORDER BY a')
  await assert.rejects(writerOf(warehouse).selfTest(), {
    code: 'CLICKHOUSE_SELF_TEST',
    message: /tables forgetful of/
  })
  await warehouse.command('ALTER TABLE forgetful MODIFY SETTING non_replicated_deduplication_window = 10000')
  await writerOf(warehouse).selfTest()
})
