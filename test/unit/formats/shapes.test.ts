import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { csvRows } from '../../../infra/formats/csv.ts'
import { parquetRows } from '../../../infra/formats/parquet.ts'
import { type Columns, legible } from '../../../infra/formats/shapes.ts'
import { type Defaults, documentOf } from '../../../infra/lines.ts'
import { EverseedError } from '../../../schemas/errors.ts'
import type { Document } from '../../../schemas/types.ts'
import { nastyString } from '../../helpers/arbitrary.ts'
import { asBuffer, chunks, csv, gathered } from '../../helpers/tables.ts'

const origin = 'UNKNOWN'
const of = (row: string | Columns, defaults: Defaults = { origin }): Document =>
  documentOf(row, 'd', 'tester', defaults).value
const json = (row: object, defaults?: Defaults): Document => of(JSON.stringify(row), defaults)
const turns = ({ messages }: Document): string[] => messages.map(({ role, content }) => `${role}: ${content}`)

describe('ShareGPT', () => {
  test('is a conversation; its other fields are metadata', () => {
    const value = json({
      id: 7,
      conversations: [
        { from: 'human', value: 'Who?' },
        { from: 'gpt', value: 'Me.' },
        { from: 'tool', value: '42' },
        { from: 'gpt', value: 'So.' }
      ],
      system: 'Be brief.',
      tools: [{ name: 'add' }],
      text: 'rendered',
      score: 3,
      nothing: null,
      license: 'MIT',
      metadata: { page: 3 }
    })
    assert.deepEqual(turns(value), [
      'system: Be brief.',
      'user: Who?',
      'assistant: Me.',
      'tool: 42',
      'assistant: So.'
    ])
    assert.equal(value.id, '7')
    assert.equal(value.provenance.license, 'MIT')
    assert.deepEqual(value.metadata, { page: '3', score: '3', text: 'rendered', tools: '[{"name":"add"}]' })
  })

  test('has one system message', () => {
    const conversations = [
      { from: 'system', value: 'First.' },
      { from: 'human', value: 'Hm?' }
    ]
    assert.deepEqual(turns(json({ conversations, system: 'Second.' })), ['system: First.', 'user: Hm?'])
    assert.deepEqual(turns(json({ conversations: conversations.slice(1), system: null })), ['user: Hm?'])
  })

  test('that is none is told where', () => {
    const refused: [unknown, RegExp][] = [
      ['Hm?', /^conversations: give a list/],
      [[{ from: 'bing', value: 'x' }], /^conversations\.0\.from: bing is none of human, user, gpt/],
      [[{ from: 'constructor', value: 'x' }], /^conversations\.0\.from: constructor/],
      [[{ from: 'human', value: 'x' }, { from: 'gpt' }], /^conversations\.1\.value: expected text/],
      [[null], /^conversations\.0\.from/],
      [[], /^messages: /]
    ]
    for (const [conversations, message] of refused)
      assert.throws(() => json({ conversations }), { code: 'RECORD_INVALID', message })
  })
})

describe('Alpaca', () => {
  test('is a question and its answer, after what was said before', () => {
    const value = json({
      instruction: 'Add.',
      input: '2, 2',
      output: '4',
      system: 'Be exact.',
      history: [['Hello', 'Hi']],
      text: 'Below is an instruction …'
    })
    assert.deepEqual(turns(value), [
      'system: Be exact.',
      'user: Hello',
      'assistant: Hi',
      'user: Add.\n\n2, 2',
      'assistant: 4'
    ])
    assert.deepEqual(value.metadata, { text: 'Below is an instruction …' })
    assert.deepEqual(turns(json({ instruction: 'Why?', input: '', output: 'So.' })), [
      'user: Why?',
      'assistant: So.'
    ])
  })

  test('that is none is told where', () => {
    const refused: [object, RegExp][] = [
      [{ instruction: 'Why?', output: 3 }, /^output: expected text/],
      [
        { instruction: 'Why?', output: 'So.', history: [['a']] },
        /^history\.0: expected \[question, answer\]/
      ],
      [{ instruction: 'Why?', output: 'So.', history: 'x' }, /^history: give a list/],
      [{ instruction: 'Why?', output: '' }, /no text/],
      // Half of the shape is a line of ours with a field we do not know.
      [{ instruction: 'Why?' }, /unknown field instruction; fields of yours go into metadata/]
    ]
    for (const [row, message] of refused) assert.throws(() => json(row), { code: 'RECORD_INVALID', message })
  })
})

describe('pretraining text and messages', () => {
  test('are lines of ours, whatever is in their metadata', () => {
    const value = json({ text: 'x', id: 'a', metadata: { url: 'u', lines: [1, 2], none: null } })
    assert.deepEqual([value.id, value.metadata], ['a', { url: 'u', lines: '[1,2]', none: 'null' }])
    assert.throws(() => json({ text: 'x', source: 'y' }), {
      message: /unknown field source; fields of yours/
    })
  })

  test('say null where there is nothing', () => {
    const call = [{ id: 'c', function: { name: 'add' } }]
    const full = [
      { role: 'user', content: 'x', tool_calls: null, tool_call_id: null, reasoning_content: null },
      { role: 'assistant', content: null, tool_calls: call }
    ]
    const short = [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: '', tool_calls: JSON.stringify(call) }
    ]
    assert.equal(json({ messages: full }).id, json({ messages: short }).id)
  })
})

describe('a row of a table', () => {
  test('has lists and objects as JSON, entries of the metadata by name, and no empty cells', () => {
    const value = of({
      id: 12n,
      messages: '[{"role":"user","content":"Hm?"}]',
      text: '',
      parent_ids: ' a; b;',
      license: '',
      author: null,
      topic: 3,
      metadata: '{"page":3}',
      'metadata.shelf': 'A',
      stars: 5,
      column_1: ''
    })
    assert.deepEqual(turns(value), ['user: Hm?'])
    const { parent_ids, license, author } = value.provenance
    assert.deepEqual(
      [value.id, value.cell.topic, parent_ids, license, author],
      ['12', '3', ['a', 'b'], null, null]
    )
    assert.deepEqual({ ...value.metadata }, { page: '3', shelf: 'A', stars: '5' })
    assert.deepEqual(of({ text: 'x', parent_ids: '["a;b"]' }).provenance.parent_ids, ['a;b'])
  })

  test('may be Alpaca or ShareGPT, without the cells it does not need', () => {
    assert.deepEqual(turns(of({ instruction: 'Why?', input: '', output: 'So.', system: '' })), [
      'user: Why?',
      'assistant: So.'
    ])
    assert.deepEqual(turns(of({ conversations: '[{"from":"human","value":"Hm?"}]', text: null })), [
      'user: Hm?'
    ])
  })

  test('is refused with a reason', () => {
    const refused: [Columns, RegExp][] = [
      [{ text: '' }, /no text in it/],
      [{ messages: "[{'role': 'user'}]" }, /^messages: not JSON: /],
      [{ text: 'x', metadata: '[]' }, /^metadata: /],
      [{ text: 'x', parent_ids: '[1' }, /^parent_ids: not JSON/],
      [{ text: 'x', refusal: true }, /^refusal: /],
      [{ text: ['x'] }, /^text: /],
      [{ text: new Uint8Array([1]) }, /^text: bytes that are not UTF-8/],
      [{ author: 'x' }, /give either text or messages/]
    ]
    for (const [row, message] of refused) assert.throws(() => of(row), { code: 'RECORD_INVALID', message })
  })
})

test('what is said of all holds where a row does not say it', () => {
  const defaults = {
    origin: 'HUMAN_AUTHORED',
    license: 'MIT',
    author: 'A',
    source_uri: 's',
    topic: 't',
    task: 'k'
  }
  const kept = ({
    provenance: { origin: who, license, author, source_uri },
    cell: { topic, task }
  }: Document) => [who, license, author, source_uri, topic, task].join()
  assert.equal(kept(json({ text: 'x' }, defaults)), 'HUMAN_AUTHORED,MIT,A,s,t,k')
  assert.equal(kept(of({ text: 'x', author: '' }, defaults)), 'HUMAN_AUTHORED,MIT,A,s,t,k')
  const own = {
    text: 'x',
    origin: 'UNKNOWN',
    license: 'L',
    author: 'B',
    source_uri: 'u',
    topic: 'o',
    task: 'w'
  }
  for (const value of [json(own, defaults), of(own, defaults)]) assert.equal(kept(value), 'UNKNOWN,L,B,u,o,w')
  for (const row of [JSON.stringify({ text: 'x' }), { text: 'x' }])
    assert.throws(() => of(row, {}), { message: /^origin: say who wrote it: .* --origin$/ })
})

test('any documents are the same records from JSON lines, CSV and Parquet', async () => {
  const some = (text: fc.Arbitrary<string>) => fc.option(text, { nil: undefined })
  // What Unicode has no bytes for is replaced on any way; an empty cell is none.
  const word = nastyString.filter(text => text !== '').map(text => text.toWellFormed())
  const written = word.filter(text => /\S/.test(text))
  const messages = fc.array(
    fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content: written }),
    { minLength: 1, maxLength: 3 }
  )
  const row = fc
    .record({
      content: fc.oneof(fc.record({ text: written }), fc.record({ messages })),
      id: some(word),
      topic: some(word),
      license: some(word),
      author: some(word),
      source_uri: some(word),
      parents: some(fc.constantFrom('["parent a","parent b"]')),
      metadata: fc.dictionary(
        word.filter(key => !key.includes('\0')),
        word,
        { maxKeys: 3 }
      )
    })
    .map(({ content, parents, ...rest }) => ({
      ...content,
      ...rest,
      origin: parents === undefined ? 'HUMAN_AUTHORED' : 'HUMAN_EDITED',
      parent_ids: parents === undefined ? undefined : (JSON.parse(parents) as string[])
    }))
  const names = [
    'text',
    'messages',
    'id',
    'topic',
    'license',
    'author',
    'source_uri',
    'origin',
    'parent_ids',
    'metadata'
  ]
  const cellOf = (value: unknown): string | undefined =>
    value === undefined || typeof value === 'string' ? value : JSON.stringify(value)
  const record = (line: string | Columns): unknown => {
    const { provenance, ...rest } = documentOf(line, 'd', 'tester').value
    return { ...rest, provenance: { ...provenance, created_at: 0 } }
  }
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 4 }), async rows => {
      const expected = rows.map(one => record(JSON.stringify(one)))
      const cells = rows.map(one => names.map(name => cellOf((one as Columns)[name])))
      const table = csv([names, ...cells.map(line => line.map(cell => cell ?? ''))])
      const fromCsv = await gathered(csvRows(chunks(table, 7)))
      assert.deepEqual(
        fromCsv.map(({ columns }) => record(columns!)),
        expected
      )
      const bytes = parquetWriteBuffer({
        columnData: names.map((name, index) => ({
          name,
          type: 'STRING',
          nullable: true,
          data: cells.map(line => line[index] ?? null)
        })),
        rowGroupSize: 2
      })
      const fromParquet = await gathered(parquetRows(asBuffer(new Uint8Array(bytes)), 'x'))
      assert.deepEqual(
        fromParquet.map(({ columns }) => record(columns!)),
        expected
      )
    }),
    { numRuns: 60 }
  )
})

test('lists in lists without end are a mistake of their row, and every other failure stays what it is', () => {
  const depth = 200_000
  const row = `{"text":"x","metadata":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`
  let cause: unknown
  assert.throws(
    () => of(row),
    error => {
      cause = error
      return true
    }
  )
  const told = legible(cause)
  assert.ok(told instanceof EverseedError)
  assert.deepEqual([told.code, told.message], ['RECORD_INVALID', 'lists and objects are nested too deep'])
  for (const other of [new RangeError('Invalid array length'), new Error('call stack'), 'x'])
    assert.equal(legible(other), other)
})
