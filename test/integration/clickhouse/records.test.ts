import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { views } from '../../../infra/cli/views.ts'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import type { DiversityStat, Generation } from '../../../schemas/types.ts'
import { anyRecord } from '../../helpers/arbitrary.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })

/** A window as any record, of which hits in clusters are kept: those stand in the row of their metric. */
function named(value: unknown): unknown {
  const { metrics: [first, ...others] = [] } = value as Partial<DiversityStat>
  if (!first || !('clusters' in (value as object))) return value
  return {
    ...(value as DiversityStat),
    metrics: [{ ...first, name: 'cluster_entropy', value: 1 }, ...others]
  }
}

test('any record of any topic is stored, and views answer over it', async () => {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  const writer = createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })
  const expected = new Map<string, number>()
  const replies: string[] = []
  for (const topic of Object.values(store.inputs)) {
    const any = topic.record === null ? fc.constant<unknown>(Buffer.from('x')) : anyRecord(topic.record)
    const values = fc.sample(any, { numRuns: 150, seed: 1 }).map(named)
    await writer.write(chunkOf(topic.name, 0, 0, values))
    const rows =
      topic.name === 'diversity.stats'
        ? (values as DiversityStat[]).reduce((sum, { metrics }) => sum + metrics.length, 0)
        : values.length
    expected.set(topic.name, rows)
    if (topic.name === 'generations') replies.push(...(values as Generation[]).map(({ reply }) => reply))
  }
  const found = await writer.audit()
  assert.deepEqual(new Map(found.map(({ topic, rows }) => [topic, rows])), expected)
  for (const { topic, rollups } of found) for (const { agrees } of rollups) assert.ok(agrees, topic)
  const stored = await warehouse.rows<{ reply: string }>(
    'SELECT reply FROM generations FINAL ORDER BY _offset'
  )
  assert.deepEqual(
    stored.map(({ reply }) => reply),
    replies.map(reply => reply.toWellFormed())
  )
  // Nothing arbitrary is a model's whole answer.
  const text = Array.from({ length: 100 }, (_, index) => `word${index}`).join(' ')
  const answers = ['m1', 'm2'].map(model_id =>
    make.generation(`g-${model_id}`, text, { provenance: make.provenance({ model_id }) })
  )
  await writer.write(chunkOf('generations', 0, 150, answers))
  // Nor are arbitrary windows both of people and of models.
  const windowed = anyRecord('DiversityStat').filter(one => named(one) !== one)
  const [any] = fc.sample(windowed, { numRuns: 1, seed: 2 })
  const windows = (['human', 'raw'] as const).map(stage => ({
    ...(named(any) as DiversityStat),
    stage,
    scope: stage,
    cell_group: '*',
    generation: 1,
    partial: false,
    window: 0,
    human_windows: 1,
    clusters: [{ documents: 1, examples: ['h'] }]
  }))
  await writer.write(chunkOf('diversity.stats', 0, 150, windows))
  for (const view of views) assert.ok((await warehouse.rows(`SELECT * FROM ${view}`)).length > 0, view)
})

test('microseconds are kept to the last one', async () => {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  const times = [0, 1, 999_999, 1_700_000_000, 1_700_000_000_123_456, 4_102_444_800_000_001]
  const values = times.map((created_at, index) =>
    make.generation(`g${index}`, 'x', { provenance: make.provenance({ created_at }) })
  )
  const writer = createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })
  await writer.write(chunkOf('generations', 0, 0, values))
  const found = await warehouse.rows<{ at: number }>(
    'SELECT toUnixTimestamp64Micro(created_at) AS at FROM generations FINAL ORDER BY _offset'
  )
  assert.deepEqual(
    found.map(({ at }) => at),
    times
  )
})
