import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import type { StatementOptions, Warehouse } from '../../../infra/clickhouse/client.ts'
import { silentLog } from '../../../infra/log.ts'
import type { Chunk } from '../../../infra/runner/sink.ts'
import { store } from '../../../processors/store.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import * as make from '../../helpers/records.ts'

type Insert = Parameters<Warehouse['insert']>[0] & { options: StatementOptions }

/** A database that only remembers what it was asked; `visible` says how many inserts it loses first. */
function recorder(options: { loses?: number; last?: number; dropped?: number } = {}) {
  const inserts: Insert[] = []
  const calls: string[] = []
  const warehouse: Warehouse = {
    database: 'd',
    rows: async (sql, { params } = {}) => {
      if (sql.includes('AS n FROM')) {
        const { from, to } = params as { from: number; to: number }
        const there = inserts.length > (options.loses ?? 0)
        return there
          ? (Array.from({ length: to - from }, (_, index) => ({ at: from + index, n: 1 })) as never)
          : []
      }
      if (sql.includes('FROM dropped')) return [{ end: options.dropped ?? 0 }] as never
      if (sql.includes('LIMIT 1')) return (options.last === undefined ? [] : [{ at: options.last }]) as never
      return [{ rows: 1, offsetSum: '1', reaching: 0, later: 0, start: 0 }] as never
    },
    command: async sql => void calls.push(sql),
    insert: async (batch, given = {}) => {
      calls.push(`insert ${given.queryId}`)
      inserts.push({ ...batch, options: given })
    },
    createDatabase: async () => {},
    ready: async () => {},
    kill: async queryId => void calls.push(`kill ${queryId}`),
    close: async () => {}
  }
  return { warehouse, inserts, calls }
}

const chunk = chunkOf('candidates', 1, 5, [make.sample('a', 'x'), make.sample('b', 'y')])
const writerOf = (warehouse: Warehouse) =>
  createChunkWriter({
    warehouse,
    clusterId: 'cluster',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })

test('the token names everything that makes a chunk what it is, and is the query id', async () => {
  const { warehouse, inserts } = recorder()
  await writerOf(warehouse).write(chunk)
  const [insert, ...rest] = inserts
  assert.equal(rest.length, 0)
  const token = 'cluster:candidates@1700000000000:store:1:5-7:samples:v2:0'
  assert.equal(insert!.options.queryId, token)
  assert.deepEqual(insert!.options.settings, {
    async_insert: 0,
    wait_end_of_query: 1,
    insert_deduplicate: 1,
    deduplicate_blocks_in_dependent_materialized_views: 1,
    materialized_views_ignore_errors: 0,
    input_format_parallel_parsing: 0,
    max_insert_block_size: 1_000_000,
    min_insert_block_size_rows: 1_000_000,
    min_insert_block_size_bytes: 0,
    insert_deduplication_token: token
  })
  assert.ok(insert!.options.timeoutMs! < 10_000, 'an insert ends before the session of its group does')
})

test('every part of a chunk changes its token; the chunk id does not depend on attempt or table', async () => {
  const variants: Partial<Chunk>[] = [
    {},
    { topic: 'training' },
    { partition: 0 },
    { from: 4 },
    { to: 8 },
    { born: 1 }
  ]
  const tokens = new Set<string>()
  const ids = new Set<string>()
  for (const variant of variants) {
    const { warehouse, inserts } = recorder()
    await writerOf(warehouse).write({ ...chunk, ...variant })
    tokens.add(inserts[0]!.options.queryId!)
    ids.add(inserts[0]!.constant!.value)
  }
  assert.equal(tokens.size, variants.length)
  assert.equal(ids.size, variants.length)
})

test('recover kills before it inserts, and takes the next token while rows do not appear', async () => {
  const { warehouse, inserts, calls } = recorder({ loses: 2 })
  await writerOf(warehouse).recover(chunk)
  const token = (attempt: number) => `cluster:candidates@1700000000000:store:1:5-7:samples:v2:${attempt}`
  assert.deepEqual(
    calls,
    [0, 1, 2].flatMap(attempt => [`kill ${token(attempt)}`, `insert ${token(attempt)}`])
  )
  assert.equal(new Set(inserts.map(insert => insert.constant!.value)).size, 1)
})

test('what was written before is written carefully; what is new is only inserted', async () => {
  const { warehouse, calls } = recorder({ last: 6 })
  const writer = writerOf(warehouse)
  await writer.write(chunk)
  assert.match(calls[0]!, /^kill /)
  calls.length = 0
  await writer.write({ ...chunk, from: 7, to: 9 })
  assert.deepEqual(
    calls.map(call => call.split(' ')[0]),
    ['insert']
  )
})

test('of what was dropped for its age nothing is written, and of a chunk that reaches over it the rest', async () => {
  const gone = recorder({ dropped: 7 })
  await writerOf(gone.warehouse).write(chunk)
  await writerOf(gone.warehouse).recover(chunk)
  assert.deepEqual(gone.calls, [])
  const half = recorder({ dropped: 6 })
  await writerOf(half.warehouse).write(chunk)
  const [{ rows, options } = assert.fail('nothing was inserted'), ...others] = half.inserts
  assert.equal(others.length, 0)
  assert.deepEqual(
    rows.map(row => row[2]),
    [6]
  )
  assert.match(options.queryId!, /:6-7:samples:/)
})

test('a table the sink does not declare is refused', async () => {
  const { warehouse } = recorder()
  await assert.rejects(writerOf(warehouse).write({ ...chunk, rows: new Map([['nowhere', [['x']]]]) }), {
    code: 'UNKNOWN_NAME'
  })
})
