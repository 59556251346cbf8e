/** Hashes of the words of erased texts in a real ClickHouse: they leave the rollups, and the sums of others stay. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import type { Warehouse } from '../../../infra/clickhouse/client.ts'
import { eraseRows } from '../../../infra/clickhouse/erase.ts'
import { fold } from '../../../infra/clickhouse/fold.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { rebuild } from '../../../infra/clickhouse/rebuild.ts'
import { wantedOf } from '../../../infra/erase/wanted.ts'
import { rememberPlaces } from '../../../infra/clickhouse/wordless.ts'
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

/** Words of the letter that nobody else has, so many that of each kind of n-gram some are sampled. */
const secret = Array.from({ length: 200 }, (_, index) => `secret${index}word`).join(' ')
const letter = make.humanSample('h1', secret, { cell: make.cell({ topic: 'alone' }) })
const wanted = [wantedOf('d', 'h1', letter.messages)]
const human = (id: string) =>
  make.humanSample(
    id,
    `Letter ${id} about the harbour, the tides and whatever else there is to ${id} and others.`
  )

/** Three chunks of letters, one of which is alone in its cell, and answers one of which quotes it. */
async function stored(warehouse: Warehouse): Promise<void> {
  await migrate(warehouse, silentLog)
  const writer = writerOf(warehouse)
  await writer.write(chunkOf('samples.human', 0, 0, [human('h2'), letter, human('h3')]))
  await writer.write(chunkOf('samples.human', 0, 3, [human('h4')]))
  const quoting = make.provenance({ quoted_ids: ['h1'] })
  const answers = [
    make.generation('g1', 'An answer about something else, at some length.'),
    make.generation('g2', `They wrote ${secret}`, { provenance: quoting }),
    make.generation('g3', 'And another answer, of which nothing has to go.')
  ]
  await writer.write(chunkOf('generations', 0, 0, answers))
  await writer.write(chunkOf('generations', 0, 3, [make.generation('g4', 'The last of the answers.')]))
}

/** Every number that stands for a word, a pair, a triple or four words in a table, seen or not yet merged away. */
async function hashes(warehouse: Warehouse): Promise<Set<string>> {
  const found = await warehouse.rows<{ hash: string }>(
    [
      ...['generations', 'samples'].map(table => `SELECT toString(arrayJoin(words)) AS hash FROM ${table}`),
      ...[1, 2, 3, 4].map(n => `SELECT toString(arrayJoin(sampled_${n})) AS hash FROM diversity_sums`)
    ].join(' UNION ALL '),
    { settings: { apply_deleted_mask: 0 } }
  )
  return new Set(found.map(({ hash }) => hash))
}

/** What the rollups say of others: all but the groups of the letter, and of answers. */
const others = async (warehouse: Warehouse): Promise<unknown[]> => [
  await warehouse.rows(
    `SELECT * FROM diversity_sums FINAL WHERE _topic = 'samples.human' AND cell_topic != 'alone' ORDER BY chunk_id, hour`
  ),
  await warehouse.rows(
    'SELECT _topic, sum(records) AS n, sum(offset_sum) AS s FROM diversity_sums FINAL GROUP BY _topic ORDER BY _topic'
  ),
  await warehouse.rows('SELECT topic, human, generated FROM coverage ORDER BY topic, human'),
  await warehouse.rows(`SELECT sum(texts) AS texts FROM text_sums WHERE topic != 'alone' AND stage = 'human'`)
]

/** Different words of human letters by cell, and of answers. */
const types = (warehouse: Warehouse) =>
  warehouse.rows<{ stage: string; topic: string; types: number }>(
    'SELECT stage, topic, uniqCombined64Merge(12)(grams_1) AS types FROM text_states GROUP BY stage, topic ORDER BY stage, topic'
  )

/** What is known of the same records had the letter and what quotes it never had words. */
async function never(): Promise<{ hashes: Set<string>; types: unknown }> {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  const writer = writerOf(warehouse)
  const bare = { ...letter, messages: [] }
  await writer.write(chunkOf('samples.human', 0, 0, [human('h2'), bare, human('h3'), human('h4')]))
  const replies = [
    'An answer about something else, at some length.',
    '',
    'And another answer, of which nothing has to go.',
    'The last of the answers.'
  ]
  await writer.write(
    chunkOf(
      'generations',
      0,
      0,
      replies.map((reply, index) => make.generation(`g${index + 1}`, reply))
    )
  )
  return { hashes: await hashes(warehouse), types: await types(warehouse) }
}

const expected = await never()

async function assertGone(warehouse: Warehouse): Promise<void> {
  assert.deepEqual(await hashes(warehouse), expected.hashes)
  assert.deepEqual(await types(warehouse), expected.types)
  const [sum] = await warehouse.rows<{ texts: number; vectors: number; length: number }>(
    `SELECT sum(texts) AS texts, sum(vectors) AS vectors, L2Norm(sumForEach(vector_sum)) AS length FROM text_sums WHERE topic = 'alone'`
  )
  assert.deepEqual([sum!.texts, sum!.vectors, sum!.length], [0, 0, 0])
  for (const lane of await writerOf(warehouse).audit())
    for (const { view, agrees } of lane.rollups) assert.ok(agrees, view)
  assert.deepEqual(await warehouse.rows('SELECT * FROM emptied'), [])
  assert.ok((await rebuild(warehouse)).every(({ differences }) => differences.length === 0))
}

test('hashes of the words of a text that is alone in its cell are nowhere, and other sums are what they were', async () => {
  const warehouse = engine.warehouse()
  await stored(warehouse)
  const before = await others(warehouse)
  assert.ok((await hashes(warehouse)).size > expected.hashes.size + 200)
  // Of a rebuild that was killed.
  await warehouse.command('CREATE TABLE diversity_sums_rebuilt CLONE AS diversity_sums')
  await eraseRows(warehouse, wanted)
  assert.deepEqual(await warehouse.rows(`SHOW TABLES LIKE '%_rebuilt'`), [])
  assert.deepEqual(await others(warehouse), before)
  await assertGone(warehouse)
  assert.deepEqual(await others(warehouse), before)
})

test('nor where many chunks were made one, which stay one', async () => {
  const warehouse = engine.warehouse()
  await stored(warehouse)
  const [, folded] = await fold(warehouse, 7)
  assert.ok(folded!.after < folded!.before)
  const before = await others(warehouse)
  await eraseRows(warehouse, wanted)
  assert.deepEqual(await others(warehouse), before)
  const chunks = await warehouse.rows('SELECT DISTINCT chunk_id FROM diversity_sums FINAL ORDER BY chunk_id')
  assert.deepEqual(chunks, [{ chunk_id: 'fold-0-4' }])
  await assertGone(warehouse)
})

test('answers that say the text and are stored without words are told by the logs', async () => {
  const warehouse = engine.warehouse()
  await stored(warehouse)
  const writer = writerOf(warehouse)
  const saying = 'samples.verified'
  const samples = [make.sample('g5', 'Of something else again.'), make.sample('g6', `He said: ${secret}`)]
  await writer.write(chunkOf(saying, 0, 0, samples, {}, true))
  const places = [0, 1].map(offset => ({ topic: offset === 0 ? 'prompts' : saying, slot: 0, offset }))
  await rememberPlaces(warehouse, places)
  await eraseRows(warehouse, wanted)
  const left = await warehouse.rows(
    `SELECT id, notEmpty(words) AS kept FROM samples FINAL WHERE _topic = '${saying}' ORDER BY id`
  )
  assert.deepEqual(left, [
    { id: 'g5', kept: 1 },
    { id: 'g6', kept: 0 }
  ])
  const still = [...(await hashes(warehouse))].filter(hash => !expected.hashes.has(hash))
  assert.ok(still.length > 0 && still.length < 20, 'those of g5 alone')
  assert.deepEqual(await warehouse.rows('SELECT * FROM emptied'), [])
  assert.ok((await rebuild(warehouse)).every(({ differences }) => differences.length === 0))
})

test('an erasure that is killed when words are gone from the rows, or from the rollups, is finished by the next', async () => {
  const killedAt = async (statement: string, warehouse: Warehouse): Promise<void> => {
    const before = await others(warehouse)
    const failing: Warehouse = {
      ...warehouse,
      command: async (sql, options) => {
        if (sql.startsWith(statement)) throw new Error('killed')
        await warehouse.command(sql, options)
      }
    }
    await assert.rejects(eraseRows(failing, wanted), { message: 'killed' })
    await eraseRows(warehouse, wanted)
    assert.deepEqual(await others(warehouse), before, `killed at ${statement}`)
    await assertGone(warehouse)
  }
  // Before anything of the rollups is emptied; when one of them is; when they are filled but for one.
  const statements = [
    'ALTER TABLE diversity_states UPDATE',
    'ALTER TABLE diversity_sums UPDATE',
    'INSERT INTO diversity_sums'
  ]
  const warehouses = statements.map(() => engine.warehouse())
  for (const warehouse of warehouses) await stored(warehouse)
  await Promise.all(statements.map((statement, index) => killedAt(statement, warehouses[index]!)))
})
