/** What of a partition becomes rows: what is given back to one processor, and what takes a dead letter back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCodec } from '../../../infra/codec.ts'
import type { OutRecord, RawRecord } from '../../../infra/kafka/record.ts'
import { silentLog } from '../../../infra/log.ts'
import { readByStoreOnly } from '../../../infra/processors.ts'
import { createChunker } from '../../../infra/runner/chunk.ts'
import { createMetrics } from '../../../infra/runner/counters.ts'
import { deadLetter, givingBack, resurrected } from '../../../infra/runner/deadletter.ts'
import { store } from '../../../processors/store.ts'
import { deadLetters, prompts, type Topic, training } from '../../../schemas/topics.ts'
import * as make from '../../helpers/records.ts'

const codec = createCodec({ idOf: () => 1, schemaOf: async () => undefined })
const chunker = createChunker({
  sink: store,
  codec,
  buried: readByStoreOnly,
  log: silentLog,
  metrics: createMetrics('store')
})

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

test('what is given back to a processor is stored once, from where it was first published', async () => {
  const again = read(resurrected(letter), 1)
  const own = read(resurrected(read(deadLetter(prompt, { ...death, processor: store.name }), 0)), 2)
  const rows = await rowsOf(prompts, 'prompts', [prompt, again, own], ['id', '_offset'])
  assert.deepEqual(rows, [
    ['p', 0],
    ['p', 2]
  ])
})
