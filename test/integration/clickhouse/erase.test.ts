/** Words in a real ClickHouse: found wherever they stand, taken out, and found no more. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import { quoted } from '../../../infra/clickhouse/client.ts'
import { eraseRows, searchRows } from '../../../infra/clickhouse/erase.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { wantedOf } from '../../../infra/erase/wanted.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })
const warehouse = engine.warehouse()
const words = 'Dear Ann, the harbour is "quiet" now.\nYours, Zoë'
const wanted = [wantedOf('d', 'h1', make.humanSample('h1', words).messages)]
const ends = new Map<string, number>()
async function stored(topic: string, ...values: readonly unknown[]): Promise<void> {
  const writer = createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })
  const from = ends.get(topic) ?? 0
  await writer.write(chunkOf(topic, 0, from, values))
  ends.set(topic, from + values.length)
}
const found = async (): Promise<readonly string[]> => (await searchRows(warehouse, wanted)).found

before(async () => {
  await migrate(warehouse, silentLog)
  await stored('samples.human', make.humanSample('h2', 'Somebody else, about something else altogether.'))
})

test('words are found in any column of any table, in whatever form they stand there', async () => {
  assert.deepEqual(await found(), [])
  const control = {
    author: 'operator',
    action: 'continue',
    state: 'CONTINUE',
    temperature_delta: null,
    expires_at: null,
    created_at: 1
  }
  await stored('samples.human', make.humanSample('h1', words), make.humanSample('h3', `He wrote: ${words}!`))
  await stored('samples.verified', make.sample('g1', 'x', { metadata: { note: words } }))
  await stored('prompts', make.prompt('p1', { metadata: { [words]: 'key' } }))
  await stored('control', { ...control, scope: '*', reason: words, evidence: JSON.stringify({ words }) })
  await stored('retractions', make.retraction('h9', { reason: words }))
  await stored('generations', make.generation('g1', words))
  assert.deepEqual(await found(), [
    'control.evidence',
    'control.reason',
    'generations.reply',
    'prompts.metadata',
    'retractions.reason',
    'samples.messages',
    'samples.metadata'
  ])
})

test('they are taken out with the rows that quote them, and everything else stays', async () => {
  const quoting = make.provenance({ quoted_ids: ['h1'] })
  await stored('samples.verified', make.sample('g2', 'a passage of it', { provenance: quoting }))
  assert.deepEqual(await eraseRows(warehouse, wanted), {
    control: 1,
    generations: 1,
    prompts: 1,
    retractions: 1,
    samples: 4
  })
  const { tables, rows, found: left } = await searchRows(warehouse, wanted)
  assert.deepEqual(left, [])
  assert.ok(tables > 10 && rows >= 9, `${tables} tables, ${rows} rows`)
  const texts = await warehouse.rows<{ id: string; messages: string }>(
    'SELECT id, messages FROM samples ORDER BY id'
  )
  assert.deepEqual(
    texts.map(({ id, messages }) => [id, messages === '[]']),
    [
      ['g1', true],
      ['g2', true],
      ['h1', true],
      ['h2', false],
      ['h3', true]
    ]
  )
  const kept = await warehouse.rows<object>('SELECT scope, action, reason, evidence FROM control')
  assert.deepEqual(kept, [{ scope: '*', action: 'continue', reason: '', evidence: '{}' }])
})

test('a table nobody thought of is searched as well', async () => {
  await warehouse.command(
    'CREATE TABLE extra (a Array(String), m Map(String, UInt8), n LowCardinality(Nullable(String))) ENGINE = MergeTree ORDER BY tuple()'
  )
  await warehouse.command(
    `INSERT INTO extra SELECT ['', ${quoted(words)}], map(${quoted(JSON.stringify(words))}, 1), ${quoted(words)}`
  )
  assert.deepEqual(await found(), ['extra.a', 'extra.m', 'extra.n'])
})
