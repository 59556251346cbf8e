import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createFeatures } from '../../../metrics/features.ts'
import { words } from '../../../metrics/tokenize.ts'
import type { Row, SinkRecord } from '../../../processors/sink.ts'
import { store } from '../../../processors/store.ts'
import { contentHash } from '../../../schemas/identity.ts'
import { tables, topics } from '../../../schemas/topics.ts'
import { stats } from '../../../processors/store/facts.ts'
import type { DiversityStat, Sample } from '../../../schemas/types.ts'
import { anyRecord, nastyString } from '../../helpers/arbitrary.ts'
import * as make from '../../helpers/records.ts'

const record = (value: unknown, headers: Record<string, Buffer> = {}): SinkRecord => ({
  slot: 2,
  offset: 7,
  key: 'k',
  timestamp: 1_700_000_000_123,
  value,
  headers
})

/** A row as an object. */
function named(
  topic: string,
  value: unknown,
  headers: Record<string, Buffer> = {},
  withoutText = false
): Record<string, unknown> {
  const { table, rows } = store.rows(topic, { ...record(value, headers), withoutText })
  assert.equal(rows.length, 1)
  return Object.fromEntries(store.tables[table]!.columns.map((column, index) => [column, rows[0]![index]]))
}

/** Every string in a value, keys included. */
function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(strings)]
}

/** Every number in a value. */
function numbers(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbers) : []
}

const read = Object.values(store.inputs)

test('it reads every data topic and every table', () => {
  const all = topics.filter(topic => topic.kind !== 'state').map(topic => topic.name)
  assert.deepEqual(read.map(topic => topic.name).toSorted(), all.toSorted())
  for (const table of Object.values(tables)) assert.ok(read.includes(table))
})

suite('any record of any topic', () => {
  for (const topic of read) {
    const values =
      topic.record === null
        ? fc.uint8Array().map(bytes => Buffer.from(bytes) as unknown)
        : anyRecord(topic.record)
    test(topic.name, () => {
      fc.assert(
        fc.property(values, nastyString, (value, word) => {
          const given = record(value, { 'x-reason': Buffer.from(word), 'x-offset': Buffer.from(word) })
          const { table, rows } = store.rows(topic.name, given)
          const { columns } = store.tables[table]!
          const metrics = (value as DiversityStat).metrics
          assert.equal(rows.length, topic.name === 'diversity.stats' ? metrics.length : 1)
          for (const row of rows) {
            assert.equal(row.length, columns.length)
            assert.deepEqual(row.slice(0, 4), [topic.name, 2, 7, 1_700_000_000_123])
            for (const field of row) assert.notEqual(field, undefined)
            for (const text of strings(row)) assert.ok(text.isWellFormed(), JSON.stringify(text))
            for (const number of numbers(row)) assert.ok(Number.isFinite(number))
          }
          assert.deepEqual(store.rows(topic.name, given), { table, rows } satisfies {
            table: string
            rows: readonly Row[]
          })
        }),
        { numRuns: 100 }
      )
    })
  }
})

test('columns of a table are different', () => {
  for (const { name, columns } of Object.values(store.tables))
    assert.equal(new Set(columns).size, columns.length, name)
})

test('a sample keeps where it came from, and its text', () => {
  const value: Sample = make.sample('s1', 'an\ud800swer', {
    provenance: make.provenance({
      temperature: Number.NaN,
      parent_ids: ['h1'],
      created_at: 1_700_000_000_000_001
    }),
    metadata: JSON.parse('{"__proto__": "a key like any other"}') as Record<string, string>
  })
  const row = named('samples.verified', value)
  assert.equal(row['source'], 'alpha')
  assert.equal(row['family'], 'a')
  assert.equal(row['temperature'], null)
  assert.equal(row['created_at'], 1_700_000_000_000_001)
  assert.deepEqual(row['parent_ids'], ['h1'])
  assert.equal(JSON.stringify(row['metadata']), '{"__proto__":"a key like any other"}')
  assert.deepEqual(JSON.parse(row['messages'] as string), [
    { role: 'user', content: 'Tell me about it.' },
    { role: 'assistant', content: 'an\ufffdswer' }
  ])
})

test('a document is stored with the id of the sample it becomes, whatever its own', () => {
  const value = make.humanSample('letter-1', 'a text')
  const row = named('human', value)
  assert.deepEqual([row['id'], row['content_hash']], ['letter-1', contentHash(value.messages)])
})

test('topics of samples share a table and are told apart by _topic', () => {
  for (const topic of ['candidates', 'samples.verified', 'samples.human', 'training']) {
    assert.equal(store.rows(topic, record(make.sample('s1', 'x'))).table, 'samples')
    assert.equal(named(topic, make.sample('s1', 'x'))['_topic'], topic)
  }
})

test('a dead letter is told by its headers; of its bytes only the number is kept', () => {
  const headers = {
    'x-key': 'own',
    'x-reason': 'unknown_schema',
    'x-message': 'schema 77 is not registered',
    'x-error-class': 'DecodeError',
    'x-processor': 'generate',
    'x-topic': 'prompts',
    'x-partition': '3',
    'x-offset': '41',
    'x-schema-id': '77',
    'x-attempt': '1',
    'x-settles': '2',
    'x-run': 'r'
  }
  const buffers = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)])
  )
  assert.deepEqual(named('dead-letters', Buffer.from('broken'), buffers), {
    _topic: 'dead-letters',
    slot: 2,
    _offset: 7,
    recorded_at: 1_700_000_000_123,
    key: 'own',
    reason: 'unknown_schema',
    message: 'schema 77 is not registered',
    error_class: 'DecodeError',
    processor: 'generate',
    source_topic: 'prompts',
    source_slot: 3,
    source_offset: 41,
    schema_id: '77',
    attempt: 1,
    settles: 2,
    run: 'r',
    bytes: 6
  })
  const bare = named('dead-letters', null)
  assert.deepEqual([bare['bytes'], bare['reason'], bare['settles']], [0, '', 0])
})

suite('a record whose recipe keeps texts out', () => {
  const word = 'confidential'
  const metadata = { [word]: word }
  const sample = make.sample('s1', word, {
    messages: [make.message('user', word), make.message('assistant', `${word} words`)],
    verdicts: [
      { check: 'refusal', version: '1', is_valid: true, score: 1, reasoning: word },
      { check: 'shape', version: '2', is_valid: true, score: null, reasoning: '' }
    ],
    metadata
  })
  const prompt = make.prompt('p1', { messages: [make.message('user', word)], feedback: word, metadata })
  const generation = make.generation('g1', word, {
    reasoning_content: word,
    error: `rejected: ${word}`,
    metadata
  })
  const records: Record<string, object> = {
    prompts: prompt,
    'prompts.parked': { reason: 'stopped', samples: 1, parked_at: 0, prompt },
    generations: generation,
    candidates: sample,
    'samples.verified': sample,
    training: sample,
    'samples.rejected': {
      sample,
      processor: 'verify',
      check: 'shape',
      version: '1',
      reason: 'too_short',
      detail: word,
      hit: '',
      retried: false,
      rejected_at: 0
    }
  }
  for (const [topic, value] of Object.entries(records)) {
    test(`of ${topic} is stored with everything but its words`, () => {
      const kept = named(topic, value)
      const without = named(topic, value, {}, true)
      assert.ok(strings(kept).some(text => text.includes(word)))
      assert.deepEqual(
        strings(without).filter(text => text.includes(word)),
        []
      )
      const emptied = Object.keys(kept).filter(
        name => JSON.stringify(kept[name]) !== JSON.stringify(without[name])
      )
      const wordy = [
        'messages',
        'verdicts',
        'metadata',
        'feedback',
        'detail',
        'reply',
        'reasoning_content',
        'error'
      ]
      for (const name of emptied) assert.ok(wordy.includes(name), name)
    })
  }

  test('says of which kind an error was, and what checks found', () => {
    assert.equal(named('generations', generation, {}, true)['error'], 'rejected')
    const other = (error: string) => named('generations', { ...generation, error }, {}, true)['error']
    assert.deepEqual([other(''), other(word), other(`two words: ${word}`)], ['', 'withheld', 'withheld'])
    const row = named('samples.verified', sample, {}, true)
    assert.equal(row['refused'], true)
    assert.deepEqual(
      (JSON.parse(row['verdicts'] as string) as object[]).map(one => Object.values(one)),
      [
        ['refusal', '1', true, 1, ''],
        ['shape', '2', true, null, '']
      ]
    )
  })
})

test('a deletion makes no rows', () => {
  for (const topic of read)
    if (topic.record !== null) assert.deepEqual(store.rows(topic.name, record(null)).rows, [], topic.name)
})

test('a topic it does not read is refused by name', () => {
  assert.throws(() => store.rows('journal', record({})), { code: 'UNKNOWN_NAME', message: /journal/ })
})

suite('the fingerprint of a text', () => {
  const numbersOf = (row: Record<string, unknown>): number[] => {
    const bytes = Buffer.from(row['words_base64'] as string, 'base64')
    return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(4 * index))
  }
  const featuresOf = (row: Record<string, unknown>): number[] => [
    ...new Int8Array(Buffer.from(row['features_base64'] as string, 'base64'))
  ]
  const rowOf = (text: string) => named('generations', make.generation('g', text))

  test('numbers the words as metrics cut them, one number a word', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom('the', 'The', 'a', 'İ', '東京都', 'x-y'), nastyString)),
        parts => {
          const text = parts.join(' ')
          const expected = words(text)
          const row = named('samples.verified', make.sample('s', text))
          const told = numbersOf(row)
          assert.equal(told.length, expected.length)
          const known = new Map<string, number>()
          for (const [index, word] of expected.entries()) {
            assert.equal(known.get(word) ?? told[index], told[index])
            known.set(word, told[index]!)
          }
          assert.equal(new Set(known.values()).size, known.size)
        }
      )
    )
  })

  test('holds features that are those of metrics once they are scaled', () => {
    const text = `${'the cat sat on the mat and '.repeat(12)}looked at everything else there was`
    const features = featuresOf(rowOf(text))
    const expected = createFeatures()(text)!
    const length = Math.hypot(...features)
    for (const [at, value] of expected.entries()) assert.ok(Math.abs(features[at]! / length - value) < 1e-12)
  })

  test('keeps the direction of features that do not fit into a byte', () => {
    const text = `${'many '.repeat(3000)}and some more`
    const features = featuresOf(rowOf(text))
    assert.equal(Math.max(...features.map(Math.abs)), 127)
    const expected = createFeatures()(text)!
    const length = Math.hypot(...features)
    for (const [at, value] of expected.entries()) assert.ok(Math.abs(features[at]! / length - value) < 0.004)
  })

  test('is that of what is measured, and empty where nothing is', () => {
    const none = { words_base64: '', features_base64: '' }
    const fingerprint = ({ words_base64, features_base64 }: Record<string, unknown>) => ({
      words_base64,
      features_base64
    })
    const whole = make.generation('g', 'a good answer')
    assert.notDeepEqual(fingerprint(named('generations', whole)), none)
    assert.deepEqual(fingerprint(named('generations', { ...whole, error: 'HTTP 500' })), none)
    assert.deepEqual(fingerprint(rowOf('— …')), none)
    const sample = make.sample('s', 'a good answer')
    assert.deepEqual(fingerprint(named('samples.verified', sample)), fingerprint(named('generations', whole)))
    // The same object, and the same text again.
    for (const topic of ['training', 'candidates']) assert.deepEqual(fingerprint(named(topic, sample)), none)
    const human = make.humanSample('h', 'a good answer')
    assert.deepEqual(fingerprint(named('samples.human', human)), fingerprint(named('generations', whole)))
  })
})

test('a value that was counted by another tokenizer than its window says so; what adds up stands in the first row alone', () => {
  const one = (name: string, tokenizer: string) => ({
    name,
    value: 1,
    undefined: '',
    human_mean: null,
    human_sd: null,
    z: null,
    model: '',
    tokenizer
  })
  const value = {
    metrics: [one('documents', ''), one('self_repetition_4', 'whitespace-1')],
    tokenizer: 'words-1',
    clusters: [],
    embeddings: { count: 2, sum: [1], products: [3] },
    log_perplexities: [5, Number.NaN]
  } as unknown as DiversityStat
  const rows = stats.rows('diversity.stats', { slot: 0, offset: 0, timestamp: 0, value } as never)
  const column = (name: string) => rows.map(row => row[stats.columns.indexOf(name)])
  assert.deepEqual(column('tokenizer'), ['words-1', 'whitespace-1'])
  assert.deepEqual(column('embeddings'), [2, 0])
  assert.deepEqual(column('embedding_products'), [[3], []])
  assert.deepEqual(column('log_perplexities'), [[5], []])
})
