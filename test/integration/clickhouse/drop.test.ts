/** Raw rows and windows that are dropped for their age: what was said of them is said all the same. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import type { Warehouse } from '../../../infra/clickhouse/client.ts'
import { drop } from '../../../infra/clickhouse/drop.ts'
import { eraseRows } from '../../../infra/clickhouse/erase.ts'
import { finishFolds, fold } from '../../../infra/clickhouse/fold.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { rebuild } from '../../../infra/clickhouse/rebuild.ts'
import { wantedOf } from '../../../infra/erase/wanted.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import type { DiversityStat } from '../../../schemas/types.ts'
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
type Writer = ReturnType<typeof writerOf>

const dayMs = 86_400_000
const today = Math.floor(Date.now() / dayMs) * dayMs
/** Records per day, and when these were: two days long ago, one ten days ago, one now. */
const perDay = 12
const days = [today - 400 * dayMs, today - 399 * dayMs, today - 10 * dayMs, today + 1000]
const all = perDay * days.length
/** What is older than 30 days, and than 5. */
const [old, older] = [2 * perDay, 3 * perDay]

const provenance = (offset: number) =>
  make.provenance({ model_id: offset % 3 === 0 ? 's1' : 's2', parent_ids: ['h1'], prompt_id: `p${offset}` })
const cell = (offset: number) => make.cell({ topic: offset === 3 ? 'alone' : `t${offset % 2}` })
const said = (offset: number): string =>
  offset === 3
    ? 'nobody else ever wrote words like these lonesome ones'
    : `answer ${offset} of many, number ${offset % 7}`
const sample = (offset: number) =>
  make.sample(`g${offset}`, said(offset), { cell: cell(offset), provenance: provenance(offset) })

const window = (offset: number): DiversityStat => {
  const number = Math.floor(offset / 2)
  return {
    scope: 'd/r/raw/1/s1',
    dataset: 'd',
    run: 'r',
    stage: offset === 0 ? 'human' : 'raw',
    source: 's1',
    generation: 1,
    cell_group: '*',
    // Each is told twice, and counts as it was told last.
    window: number,
    topic: 'generations',
    slot: 0,
    from: 0,
    to: 3,
    documents: 3,
    tokens: 100 + offset,
    budget: 100,
    partial: offset === 5,
    tokenizer: 'words-1',
    clusters: [],
    embeddings: { count: 0, sum: [], products: [] },
    log_perplexities: [],
    human_windows: 10,
    human_missing: 0,
    created_at: 0,
    metrics: ['types', 'entropy_1'].map((name, index) => ({
      name,
      value: name === 'types' && offset % 5 === 1 ? null : 1000 * index + Math.sin(offset),
      undefined: '',
      human_mean: 0,
      human_sd: 1,
      z: offset % 3 === 0 ? null : Math.cos(offset),
      model: '',
      tokenizer: ''
    }))
  }
}

const records: Record<string, (offset: number) => unknown> = {
  prompts: offset => make.prompt(`p${offset}`, { feedback: 'again', cell: cell(offset) }),
  generations: offset =>
    make.generation(`g${offset}`, said(offset), { cell: cell(offset), provenance: provenance(offset) }),
  candidates: sample,
  'samples.verified': sample,
  'samples.rejected': offset => ({
    id: `g${offset}`,
    sample: sample(offset),
    processor: 'verify',
    check: 'shape',
    version: '1',
    reason: 'too_short',
    detail: 'so short',
    hit: '',
    retried: false,
    rejected_at: 0
  }),
  training: sample,
  'samples.human': offset => make.humanSample(`h${offset}`, `letter ${offset} from the harbour`),
  'diversity.stats': window
}

/** Records at offsets [from, to) of a topic, as they were written then. */
function chunk(topic: string, from: number, to: number) {
  const values = Array.from({ length: to - from }, (_, index) => records[topic]!(from + index))
  const made = chunkOf(topic, 0, from, values)
  for (const rows of made.rows.values())
    for (const row of rows as unknown as number[][]) row[3] = days[Math.floor(row[2]! / perDay)]! + row[2]!
  return made
}

async function write(writer: Writer, from: number, step: number): Promise<void> {
  for (const topic of Object.keys(records))
    for (let at = from; at < all; at += step) await writer.write(chunk(topic, at, Math.min(at + step, all)))
}

async function stored(): Promise<Warehouse> {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  await write(writerOf(warehouse), 0, 4)
  return warehouse
}

/** What views answer whose rows were dropped, but for the order of rows and the last digits. */
async function told(warehouse: Warehouse): Promise<Record<string, string[]>> {
  const views =
    'funnel sources spend coverage lineage mix_ratio mix_ratio_windows contamination source_pairs diversity coverage_gaps collapse_days'
  const questions = {
    ...Object.fromEntries(views.split(' ').map(view => [view, `SELECT * FROM ${view}`])),
    sums: 'SELECT stage, topic, hour, sum(texts) AS texts, sum(tokens) AS words, sumForEach(vector_sum) AS v FROM text_sums GROUP BY ALL',
    sampled: 'SELECT n, gram, count() AS c FROM ngrams_sampled GROUP BY ALL'
  }
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? Number(value.toPrecision(9)) : value
  const answers: Record<string, string[]> = {}
  for (const [name, sql] of Object.entries(questions))
    answers[name] = (await warehouse.rows(sql)).map(row => JSON.stringify(row, rounded)).toSorted()
  return answers
}

const rowsOf = async (warehouse: Warehouse, table: string, where: string): Promise<number> =>
  (await warehouse.rows<{ n: number }>(`SELECT count() AS n FROM ${table} FINAL WHERE ${where}`))[0]!.n

/** Rows with a text below an offset, where they leave, and at or above it. */
async function left(warehouse: Warehouse, end: number): Promise<[below: number, above: number]> {
  const sides = [`_offset < ${end}`, `_offset >= ${end}`]
  const parts = [
    ['generations', `notEmpty(words) AND reply != ''`],
    ['samples', `_topic != 'samples.human' AND messages != '[]'`],
    ['rejections', `messages != '[]'`],
    ['prompts', `messages != '[]' AND feedback != ''`],
    ['stats', `stage != 'human' AND NOT partial`]
  ] as const
  const counts = await Promise.all(
    sides.map(async side => {
      const found = await Promise.all(
        parts.map(([table, where]) => rowsOf(warehouse, table, `${side} AND ${where}`))
      )
      return found.reduce((sum, n) => sum + n, 0)
    })
  )
  return counts as [number, number]
}

async function assertRight(warehouse: Warehouse): Promise<void> {
  for (const lane of await writerOf(warehouse).audit())
    for (const { view, agrees } of lane.rollups) assert.ok(agrees, `${view} ${lane.topic}`)
}

test('views that are filled answer as before, and what is younger is not touched', async () => {
  const warehouse = await stored()
  await fold(warehouse, 7)
  const before = await told(warehouse)
  for (const [view, rows] of Object.entries(before)) assert.ok(rows.length > 0, view)
  const [, young] = await left(warehouse, old)
  assert.deepEqual(await drop(warehouse, 30), [
    { table: 'generations', what: 'left', rows: old },
    { table: 'samples', what: 'left', rows: 2 * old },
    { table: 'rejections', what: 'left', rows: old },
    // Two metrics each; those of people and the partial one stay.
    { table: 'stats', what: 'summed', rows: 2 * (old - 2) },
    { table: 'prompts', what: 'emptied', rows: old },
    { table: 'parked', what: 'emptied', rows: 0 },
    { table: 'samples', what: 'emptied', rows: old }
  ])
  assert.deepEqual(await left(warehouse, old), [0, young])
  assert.equal(await rowsOf(warehouse, 'samples', `_topic = 'samples.human' AND messages != '[]'`), all)
  assert.equal(await rowsOf(warehouse, 'prompts', '1'), all)
  assert.deepEqual(await told(warehouse), before)
  await assertRight(warehouse)

  // Again there is nothing to do; folded again it is the same, and what cannot be made again is kept and named.
  assert.ok((await drop(warehouse, 30)).every(({ rows }) => rows === 0))
  await fold(warehouse, 7)
  assert.deepEqual(await told(warehouse), before)
  const folds = await warehouse.rows(
    `SELECT DISTINCT chunk_id AS fold FROM diversity_sums FINAL WHERE startsWith(chunk_id, 'fold-') ORDER BY fold`
  )
  assert.deepEqual(folds, [
    { fold: `fold-0-${old}` },
    { fold: `fold-0-${older}` },
    { fold: `fold-${old}-${older}` }
  ])
  const layout = () =>
    warehouse.rows(
      `SELECT name, comment, engine_full FROM system.tables WHERE database = currentDatabase() ORDER BY name`
    )
  const tables = await layout()
  for (let round = 0; round < 2; round++) {
    const rebuilt = await rebuild(warehouse)
    assert.deepEqual(
      rebuilt.map(({ differences }) => differences),
      rebuilt.map(() => [])
    )
    const kept = (topic: string) => ({ topic, slot: 0, to: old, rows: old })
    const byTable = Object.fromEntries(rebuilt.map(one => [one.rollup, one.kept.map(({ topic }) => topic)]))
    assert.deepEqual(byTable, {
      counts: ['candidates', 'generations', 'samples.rejected', 'samples.verified'],
      threads: ['candidates', 'generations', 'samples.verified'],
      usage: ['generations'],
      diversity_states: ['generations', 'samples.verified'],
      diversity_sums: ['generations', 'samples.verified']
    })
    assert.deepEqual(rebuilt.find(({ rollup }) => rollup === 'usage')!.kept, [kept('generations')])
    assert.deepEqual(await told(warehouse), before)
    await assertRight(warehouse)
  }
  assert.deepEqual(await layout(), tables)

  // The next days.
  await drop(warehouse, 5)
  assert.deepEqual((await left(warehouse, older))[0], 0)
  assert.deepEqual(await told(warehouse), before)
  await fold(warehouse, 0)
  assert.ok((await rebuild(warehouse)).every(({ differences }) => differences.length === 0))
  assert.deepEqual(await told(warehouse), before)
  await assertRight(warehouse)
})

test('a store that reads topics again brings nothing back, whatever its chunks are', async () => {
  const warehouse = await stored()
  await fold(warehouse, 7)
  const before = await told(warehouse)
  await drop(warehouse, 30)
  await fold(warehouse, 7)
  const rows = await rowsOf(warehouse, 'generations', '1')
  for (const [from, step] of [
    [0, 7],
    [old + 5, 5],
    [5, 100],
    [old - 1, 3]
  ] as const) {
    await write(writerOf(warehouse), from, step)
    assert.equal(await rowsOf(warehouse, 'generations', '1'), rows)
    assert.deepEqual(await told(warehouse), before, `from ${from}`)
    await assertRight(warehouse)
  }
  // A chunk under way when the store was stopped, and the first of a topic all of which was dropped.
  await drop(warehouse, 5)
  await writerOf(warehouse).recover(chunk('generations', 0, all))
  await writerOf(warehouse).recover(chunk('samples.verified', 4, 8))
  assert.deepEqual(await told(warehouse), before)
  await assertRight(warehouse)
})

test('killed at any statement, and again at the next, it says the same and comes to the same', async () => {
  const warehouse = await stored()
  await fold(warehouse, 7)
  const before = await told(warehouse)
  let killed = 0
  for (let over = false; !over;) {
    let commands = 0
    const failing: Warehouse = {
      ...warehouse,
      command: async (sql, options) => {
        if (commands++ === killed) throw new Error('killed')
        await warehouse.command(sql, options)
      }
    }
    over = await drop(failing, 30).then(
      () => true,
      (error: unknown) => {
        assert.equal((error as Error).message, 'killed')
        return false
      }
    )
    if (!over) killed++
    // As a store does before it writes; until then sums may be there twice.
    await finishFolds(warehouse)
    assert.deepEqual(await told(warehouse), before, `killed at ${killed}`)
  }
  assert.ok(killed > 5, `only ${killed} statements`)
  assert.equal((await left(warehouse, old))[0], 0)
  await assertRight(warehouse)
  assert.ok((await rebuild(warehouse)).every(({ differences }) => differences.length === 0))
  assert.deepEqual(await told(warehouse), before)
})

test('an erased text whose row was dropped leaves the rollups with those of its group', async () => {
  const warehouse = await stored()
  await drop(warehouse, 30)
  const numbers = async () =>
    (
      await warehouse.rows<{
        texts: number
        tokens: number
        vectors: number
        types: number
        sampled: number
      }>(
        `SELECT sum(texts) AS texts, sum(text_sums.tokens) AS tokens, sum(vectors) AS vectors,
         (SELECT uniqCombined64Merge(12)(grams_1) FROM text_states WHERE topic = 'alone') AS types,
         (SELECT count() FROM ngrams_sampled WHERE topic = 'alone') AS sampled
       FROM text_sums WHERE topic = 'alone'`
      )
    )[0]!
  const before = await numbers()
  assert.ok(before.vectors > 0 && before.types > 0 && before.sampled > 0)
  await eraseRows(warehouse, [wantedOf('d', 'g3', sample(3).messages)])
  assert.deepEqual(await numbers(), { ...before, vectors: 0, types: 0, sampled: 0 })
  await assertRight(warehouse)
  assert.ok((await rebuild(warehouse)).every(({ differences }) => differences.length === 0))
  assert.deepEqual(await numbers(), { ...before, vectors: 0, types: 0, sampled: 0 })
})
