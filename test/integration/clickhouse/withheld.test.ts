/** Texts that a recipe keeps out of ClickHouse: they are nowhere, and every view says what it says with them. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import type { Warehouse } from '../../../infra/clickhouse/client.ts'
import { searchRows } from '../../../infra/clickhouse/erase.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { rebuild } from '../../../infra/clickhouse/rebuild.ts'
import { views } from '../../../infra/cli/views.ts'
import { wantedOf } from '../../../infra/erase/wanted.ts'
import { silentLog } from '../../../infra/log.ts'
import { store } from '../../../processors/store.ts'
import type { Chunk } from '../../../infra/runner/chunk.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })

const said = (index: number): string =>
  `Answer ${index} to whoever asked about harbours, tides and number ${index % 5} of the lighthouses.`
const asked = 'Tell me what you know of the harbours of the north.'
const verdict = {
  check: 'refusal',
  version: '1',
  is_valid: true,
  score: 1,
  reasoning: `it says: ${said(4)}`
}

/** Two sources, one of whose answers was turned down, and the human text of the dataset. */
const chunks = (withoutText: boolean): Chunk[] => {
  const prompts = [0, 1].map(index =>
    make.prompt(`p${index}`, { messages: [make.message('user', asked)], metadata: { asked } })
  )
  const provenance = (index: number) =>
    make.provenance({
      model_id: index % 2 === 0 ? 's1' : 's2',
      prompt_id: `p${index % 2}`,
      parent_ids: ['h1']
    })
  const answers = Array.from({ length: 6 }, (_, index) =>
    make.generation(`g${index}`, said(index), {
      provenance: provenance(index),
      reasoning_content: said(index),
      metadata: { said: said(index) }
    })
  )
  const samples = [0, 1, 2, 3].map(index =>
    make.sample(`g${index}`, said(index), { provenance: provenance(index), verdicts: [{ ...verdict }] })
  )
  const rejected = {
    sample: make.sample('g4', said(4), { provenance: provenance(4), verdicts: [verdict] }),
    processor: 'verify',
    check: 'refusal',
    version: '1',
    reason: 'refusal',
    detail: said(4),
    hit: '',
    retried: false,
    rejected_at: 0
  }
  const records: Record<string, readonly unknown[]> = {
    prompts,
    'prompts.parked': [{ reason: 'stopped', samples: 1, parked_at: 0, prompt: prompts[0] }],
    generations: answers,
    candidates: samples,
    'samples.verified': samples,
    'samples.rejected': [rejected],
    training: samples
  }
  const human = make.humanSample('h1', 'A letter somebody wrote about the sea.')
  return [
    chunkOf('samples.human', 0, 0, [human]),
    ...Object.entries(records).map(([topic, values]) => chunkOf(topic, 0, 0, values, {}, withoutText))
  ]
}

async function stored(withoutText: boolean): Promise<Warehouse> {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  const group = { clusterId: 'c', group: 'store', sink: store, log: silentLog, timeoutMs: 8000 }
  const writer = createChunkWriter({ warehouse, ...group })
  for (const chunk of chunks(withoutText)) await writer.write(chunk)
  return warehouse
}

/** Everything every view answers. */
async function told(warehouse: Warehouse): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {}
  for (const view of views) {
    // States are no text; what they hold is counted.
    const columns = view === 'text_states' ? '* APPLY(x -> toString(hex(toString(x))))' : '*'
    const rows = await warehouse.rows(`SELECT ${columns} FROM ${view}`)
    all[view] = rows.map(row => JSON.stringify(row)).toSorted()
  }
  return all
}

test('what was said and asked is in no table, and every view and rebuild are the same', async () => {
  const [kept, without] = [await stored(false), await stored(true)]
  const wanted = [
    ...[0, 1, 2, 3, 4, 5].map(index => wantedOf('d', `g${index}`, [make.message('assistant', said(index))])),
    wantedOf('d', 'p', [make.message('user', asked)])
  ]
  const found = async (warehouse: Warehouse) => (await searchRows(warehouse, wanted)).found
  assert.deepEqual(await found(kept), [
    'generations.metadata',
    'generations.reasoning_content',
    'generations.reply',
    'parked.messages',
    'parked.metadata',
    'prompts.messages',
    'prompts.metadata',
    'rejections.detail',
    'rejections.messages',
    'rejections.verdicts',
    'samples.messages',
    'samples.verdicts'
  ])
  assert.deepEqual(await found(without), [])
  const [human] = await without.rows<{ text: string }>(`SELECT text FROM samples WHERE id = 'h1'`)
  assert.match(human!.text, /^A letter/)

  const expected = await told(kept)
  for (const view of ['funnel', 'sources', 'spend', 'coverage', 'lineage', 'texts', 'ngrams', 'diversity'])
    assert.ok(expected[view]!.length > 0, view)
  assert.deepEqual(await told(without), expected)
  assert.ok((await rebuild(without)).every(({ differences }) => differences.length === 0))
  assert.deepEqual(await told(without), expected)
})
