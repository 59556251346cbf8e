/** What of a partition becomes rows: what is given back to one processor, and what takes a dead letter back. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createCodec } from '../../../infra/codec.ts'
import type { OutRecord, RawRecord } from '../../../infra/kafka/record.ts'
import { silentLog } from '../../../infra/log.ts'
import { readByStoreOnly } from '../../../infra/processors.ts'
import { createChunker, type Recipes } from '../../../infra/runner/chunk.ts'
import { createMetrics } from '../../../infra/runner/counters.ts'
import { deadLetter, givingBack, resurrected } from '../../../infra/runner/deadletter.ts'
import { createTableStore } from '../../../infra/runner/tables.ts'
import { store } from '../../../processors/store.ts'
import {
  deadLetters,
  generations,
  prompts,
  promptsParked,
  samplesHuman,
  samplesRejected,
  type Topic,
  training
} from '../../../schemas/topics.ts'
import type { Run } from '../../../schemas/types.ts'
import * as make from '../../helpers/records.ts'

const codec = createCodec({ idOf: () => 1, schemaOf: async () => undefined })
const options = {
  sink: store,
  codec,
  buried: readByStoreOnly,
  log: silentLog,
  metrics: createMetrics('store')
}
const chunker = createChunker(options)

/** A record as it is read back. */
function read({ topic, partition, key, value, headers }: OutRecord, offset: number): RawRecord {
  const bytes = (text: string | Buffer): Buffer => (Buffer.isBuffer(text) ? text : Buffer.from(text))
  return {
    topic,
    partition,
    offset,
    timestamp: 1_700_000_000_000 + offset,
    key: key === null ? null : bytes(key),
    value,
    headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, bytes(text)]))
  }
}

/** The rows of a table, by the columns asked for. */
async function rowsOf(topic: Topic, table: string, records: readonly RawRecord[], wanted: readonly string[]) {
  const range = { partition: 3, from: 0, to: records.length }
  const { chunk, dead } = await chunker.cut(topic, records, range)
  assert.deepEqual(dead, [])
  const { columns } = store.tables[table]!
  return (chunk.rows.get(table) ?? []).map(row => wanted.map(name => row[columns.indexOf(name)]))
}

const prompt: RawRecord = {
  topic: prompts.name,
  partition: 3,
  offset: 0,
  timestamp: 1_700_000_000_000,
  key: Buffer.from('p'),
  value: codec.encode(prompts, make.prompt('p', { run: 'r', samples: 2 })),
  headers: {}
}
const death = {
  processor: 'generate',
  reason: 'unencodable',
  message: 'too long',
  errorClass: 'EncodeError',
  attempts: 1,
  settles: 2,
  sampleAttempt: 1,
  run: 'r'
}
const letter = read(deadLetter(prompt, death), 0)

test('a dead letter that was given back settles nothing any more', async () => {
  const rows = await rowsOf(
    deadLetters,
    'dead_letters',
    [letter, read(givingBack(letter), 1)],
    ['run', 'reason', 'settles', 'processor', 'source_topic', 'source_slot', 'source_offset', 'bytes']
  )
  assert.deepEqual(rows, [
    ['r', 'unencodable', 2, 'generate', 'prompts', 3, 0, prompt.value!.length],
    ['r', 'given_back', -2, 'generate', 'prompts', 3, 0, 0]
  ])
})

test('what says that a record was erased is no row and no dead letter', async () => {
  const headers = { 'x-erased': Buffer.from('asked for') }
  const row: RawRecord = {
    ...prompt,
    topic: training.name,
    value: codec.encode(training, make.sample('s', 'x'))
  }
  // The store alone reads training: nobody else would bury what cannot be read.
  const rows = await rowsOf(training, 'samples', [row, { ...row, offset: 1, value: null, headers }], ['id'])
  assert.deepEqual(rows, [['s']])
})

suite('texts that a recipe keeps out', () => {
  /** Who knows no run before it is refreshed. */
  const recipesOf = (...runs: Run[]) => {
    const late = createTableStore(() => 0)
    let refreshed = 0
    return {
      run: late.run,
      recipe: late.recipe,
      refresh: async () => {
        refreshed++
        for (const run of runs) late.set('runs', run.id, run)
      },
      refreshed: () => refreshed
    }
  }
  const said = async (recipes: Recipes, ...runs: string[]): Promise<unknown[]> => {
    const records = runs.map((run, offset) => ({
      ...prompt,
      topic: generations.name,
      offset,
      value: codec.encode(generations, make.generation(`g${offset}`, 'words', { run }))
    }))
    const { chunk } = await createChunker({ ...options, recipes }).cut(generations, records, {
      partition: 3,
      from: 0,
      to: records.length
    })
    const { columns } = store.tables['generations']!
    return chunk.rows.get('generations')!.map(row => row[columns.indexOf('reply')])
  }

  test('a run that is not in the table yet is looked for before anything of it is stored, once a chunk', async () => {
    const recipes = recipesOf(make.run('open'), make.run('closed', { store_text: false }))
    assert.deepEqual(await said(recipes, 'closed', 'open', 'closed', 'open'), ['', 'words', '', 'words'])
    assert.equal(recipes.refreshed(), 1)
    assert.deepEqual(await said(recipes, 'closed'), [''])
    assert.equal(recipes.refreshed(), 1)
  })

  test('so are those of a run nobody knows, and of one whose recipe cannot be read', async () => {
    const recipes = recipesOf({ ...make.run('torn'), recipe: '{' })
    assert.deepEqual(await said(recipes, 'never', 'torn', 'never'), ['', '', ''])
    assert.equal(recipes.refreshed(), 1)
  })

  test('a prompt that was parked, and an answer that was rejected, are of the run of what they hold', async () => {
    const recipes = recipesOf(make.run('r', { store_text: false }))
    const cut = async (topic: Topic, value: object) => {
      const record = { ...prompt, topic: topic.name, value: codec.encode(topic, value) }
      const range = { partition: 3, from: 0, to: 1 }
      const { chunk } = await createChunker({ ...options, recipes }).cut(topic, [record], range)
      return JSON.stringify([...chunk.rows.values()])
    }
    const parked = { reason: 'stopped', samples: 1, parked_at: 0, prompt: make.prompt('p', { run: 'r' }) }
    const rejected = {
      id: 's',
      sample: make.sample('s', 'the answer', { run: 'r' }),
      processor: 'verify',
      check: 'shape',
      version: '1',
      reason: 'too_short',
      detail: '',
      hit: '',
      retried: false,
      rejected_at: 0
    }
    const question = parked.prompt.messages[0]!.content
    assert.ok(!(await cut(promptsParked, parked)).includes(question))
    assert.ok(!(await cut(samplesRejected, rejected)).includes('the answer'))
  })

  test('people have no run, and nobody is asked', async () => {
    const recipes = recipesOf()
    const record = { ...prompt, value: codec.encode(samplesHuman, make.humanSample('h', 'a letter')) }
    const range = { partition: 3, from: 0, to: 1 }
    const { chunk } = await createChunker({ ...options, recipes }).cut(samplesHuman, [record], range)
    assert.match(JSON.stringify(chunk.rows.get('samples')), /a letter/)
    assert.equal(recipes.refreshed(), 0)
  })
})

test('what is given back to a processor is stored once, from where it was first published', async () => {
  const again = read(resurrected(letter), 1)
  const own = read(resurrected(read(deadLetter(prompt, { ...death, processor: store.name }), 0)), 2)
  const rows = await rowsOf(prompts, 'prompts', [prompt, again, own], ['id', '_offset'])
  assert.deepEqual(rows, [
    ['p', 0],
    ['p', 2]
  ])
})
