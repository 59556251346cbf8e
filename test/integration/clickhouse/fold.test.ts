import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import type { Warehouse } from '../../../infra/clickhouse/client.ts'
import { finishFolds, fold } from '../../../infra/clickhouse/fold.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { rebuild } from '../../../infra/clickhouse/rebuild.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })

const writerOf = (warehouse: Warehouse) =>
  createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })

/** Answers of two sources at offsets [from, to), as old as the helpers' records, or of now. */
function answers(from: number, to: number, young = false) {
  const values = Array.from({ length: to - from }, (_, index) => {
    const offset = from + index
    const provenance = make.provenance({
      model_id: offset % 3 === 0 ? 's1' : 's2',
      created_at: young ? Date.now() * 1000 : 0
    })
    return make.generation(`g${offset}`, `answer ${offset} of many, number ${offset % 7}`, { provenance })
  })
  const chunk = chunkOf('generations', 0, from, values)
  if (young)
    for (const rows of chunk.rows.values())
      for (const row of rows as unknown as number[][]) row[3] = Date.now()
  return chunk
}

/** What people see, whatever the chunks are. */
const answersOf = async (warehouse: Warehouse): Promise<unknown[]> => [
  await warehouse.rows(
    'SELECT source, sum(calls) AS calls, sum(output_tokens) AS tokens FROM spend GROUP BY source ORDER BY source'
  ),
  await warehouse.rows('SELECT * FROM diversity ORDER BY source'),
  await warehouse.rows('SELECT n, gram, count() AS c FROM ngrams_sampled GROUP BY n, gram ORDER BY n, gram')
]

async function assertRight(warehouse: Warehouse, rows: number): Promise<void> {
  const [lane] = await writerOf(warehouse).audit()
  for (const rollup of lane!.rollups) {
    assert.ok(rollup.agrees, rollup.view)
    assert.equal(rollup.rows, rows, rollup.view)
  }
}

test('folded chunks say what they said, again and again, and after a crash in between', async () => {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  const writer = writerOf(warehouse)
  for (let from = 0; from < 60; from += 6) await writer.write(answers(from, from + 6))
  const before = await answersOf(warehouse)
  const done = await fold(warehouse, 7)
  assert.deepEqual(
    done.map(({ rollup, before: many, after: few }) => [rollup, many, few]),
    [
      ['usage', 20, 2],
      ['diversity_sums', 20, 2]
    ]
  )
  assert.deepEqual(await answersOf(warehouse), before)
  await assertRight(warehouse, 60)

  // Nothing more to fold; then more chunks, some of them young: those stay, and what comes after them.
  assert.deepEqual(
    (await fold(warehouse, 7)).map(one => one.after),
    [2, 2]
  )
  for (let from = 60; from < 78; from += 6) await writer.write(answers(from, from + 6))
  // Killed when the fold is there and its chunks are not gone yet: until somebody finishes it they count twice.
  const killed = async (): Promise<void> => {
    let inserted = false
    const failing: Warehouse = {
      ...warehouse,
      command: async (sql, options) => {
        if (inserted && sql.startsWith('DELETE')) throw new Error('killed')
        inserted ||= sql.startsWith('INSERT')
        await warehouse.command(sql, options)
      }
    }
    const whole = await answersOf(warehouse)
    await assert.rejects(fold(failing, 7), { message: 'killed' })
    assert.notDeepEqual(await answersOf(warehouse), whole)
  }
  const whole = await answersOf(warehouse)
  await killed()
  await finishFolds(warehouse)
  assert.deepEqual(await answersOf(warehouse), whole)
  await assertRight(warehouse, 78)

  for (let from = 78; from < 96; from += 6) await writer.write(answers(from, from + 6, from === 84))
  await killed()
  assert.deepEqual(
    (await fold(warehouse, 7)).map(one => one.after),
    [6, 6]
  )
  const folded = await answersOf(warehouse)
  await assertRight(warehouse, 96)
  assert.ok((await rebuild(warehouse)).every(({ differences }) => differences.length === 0))
  assert.deepEqual(await answersOf(warehouse), folded)
})

test('a replay into a fold, and a rebuild, put its chunks back', async () => {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  const first = writerOf(warehouse)
  for (let from = 0; from < 60; from += 6) await first.write(answers(from, from + 6))
  const before = await answersOf(warehouse)
  for (const start of [33, 36, 0, 58]) {
    await fold(warehouse, 7)
    const writer = writerOf(warehouse)
    await writer.write(answers(start, 59))
    await writer.write(answers(59, 60))
    assert.deepEqual(await answersOf(warehouse), before, `from ${start}`)
    await assertRight(warehouse, 60)
  }
  await fold(warehouse, 7)
  assert.ok((await rebuild(warehouse)).every(({ differences }) => differences.length === 0))
  assert.deepEqual(await answersOf(warehouse), before)
})
