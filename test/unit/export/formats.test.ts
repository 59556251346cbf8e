import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Type } from '../../../infra/export/columns.ts'
import { reasons, toolCallsOf, turnsOf } from '../../../infra/export/conversation.ts'
import { type Format, formatNames, formats, type Rejected } from '../../../infra/export/formats.ts'
import { metadataColumns } from '../../../infra/export/metadata.ts'
import type { Message, Sample } from '../../../schemas/types.ts'
import { humanSample, message, provenance, sample, usage } from '../../helpers/records.ts'

const none = (): undefined => undefined
const rejected: Rejected = {
  id: 'r1',
  message: message('assistant', 'no'),
  check: 'length',
  reason: 'too_short',
  model_id: 'beta'
}
const write = (name: keyof typeof formats, one: Sample): unknown => formats[name].write(one, () => rejected)

/** Whether a value is of a type; null is of each. */
function fits(value: unknown, type: Type): boolean {
  if (value === null || value === undefined) return true
  if (type === 'string') return typeof value === 'string'
  if (type === 'bool') return typeof value === 'boolean'
  if (type === 'int64') return Number.isSafeInteger(value)
  if (type === 'float64') return typeof value === 'number'
  if ('list' in type) return Array.isArray(value) && value.every(one => fits(one, type.list))
  return Object.entries(value).every(
    ([key, part]) => Object.hasOwn(type.struct, key) && fits(part, type.struct[key]!)
  )
}

const role = fc.constantFrom('system', 'user', 'assistant', 'tool', 'document')
const text = fc.constantFrom('', ' ', 'a text', 'another')
const messages: fc.Arbitrary<Message[]> = fc.array(
  fc.record({
    role,
    content: text,
    tool_calls: fc.option(fc.constantFrom('[]', '[{"name":"f","arguments":"{}"}]', 'no JSON', '[1]')),
    tool_call_id: fc.option(fc.constant('c1')),
    reasoning_content: fc.option(text)
  }),
  { maxLength: 5 }
)

describe('a format', () => {
  test('writes a row of exactly its columns and their types, or names a reason; whatever the sample', () => {
    fc.assert(
      fc.property(messages, fc.boolean(), (list, pair) => {
        const one = sample('a', 'x', { messages: list })
        for (const name of formatNames) {
          const { columns, write: writeRow }: Format = formats[name]
          const row = writeRow(one, pair ? () => rejected : none)
          if (typeof row === 'string') {
            assert.ok(row in reasons, row)
            continue
          }
          assert.deepEqual(Object.keys(row), Object.keys(columns), name)
          for (const [key, type] of Object.entries(columns)) assert.ok(fits(row[key], type), `${name}.${key}`)
        }
      })
    )
  })

  test('messages takes everything with a text: a document as it is, an answer with its thoughts and calls', () => {
    assert.deepEqual((write('messages', humanSample('h', 'Dear sister')) as { messages: object }).messages, [
      { role: 'document', content: 'Dear sister' }
    ])
    const calls = '[{"type":"tool_use","id":"c1","name":"add","input":{"a":1}}]'
    const thoughtful = sample('a', '', {
      messages: [
        message('user', 'One and one?'),
        { ...message('assistant', ''), tool_calls: calls, reasoning_content: 'so' },
        { ...message('tool', '2'), tool_call_id: 'c1' }
      ]
    })
    assert.deepEqual((write('messages', thoughtful) as { messages: object }).messages, [
      { role: 'user', content: 'One and one?' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
        reasoning_content: 'so'
      },
      { role: 'tool', content: '2', tool_call_id: 'c1' }
    ])
    assert.equal(write('messages', sample('a', ' ')), 'no_text')
  })

  const two = sample('a', '', {
    messages: [
      message('system', 'Be brief.'),
      message('user', 'One?'),
      message('assistant', '1'),
      message('user', 'Two?'),
      message('assistant', '2')
    ]
  })

  test('sharegpt, alpaca, text and preference name their fields as the field does', () => {
    const { metadata: _one, ...sharegpt } = write('sharegpt', two) as Record<string, unknown>
    assert.deepEqual(sharegpt, {
      conversations: [
        { from: 'human', value: 'One?' },
        { from: 'gpt', value: '1' },
        { from: 'human', value: 'Two?' },
        { from: 'gpt', value: '2' }
      ],
      system: 'Be brief.',
      tools: null
    })
    const { metadata: _two, ...alpaca } = write('alpaca', two) as Record<string, unknown>
    assert.deepEqual(alpaca, {
      instruction: 'Two?',
      input: '',
      output: '2',
      system: 'Be brief.',
      history: [['One?', '1']]
    })
    const { metadata: _three, ...plain } = write('text', two) as Record<string, unknown>
    assert.deepEqual(plain, { text: '2', id: 'a' })
    const { metadata, ...pair } = write('preference', sample('a', 'yes')) as Record<
      string,
      Record<string, unknown>
    >
    assert.deepEqual(pair, {
      prompt: [{ role: 'user', content: 'Tell me about it.' }],
      chosen: [{ role: 'assistant', content: 'yes' }],
      rejected: [{ role: 'assistant', content: 'no' }]
    })
    assert.equal(metadata!['rejected_id'], 'r1')
    assert.equal(metadata!['rejected_check'], 'length')
  })

  test('what has no place is told why', () => {
    const document = humanSample('h', 'Dear sister')
    for (const name of ['sharegpt', 'alpaca', 'preference'] as const)
      assert.equal(write(name, document), 'document', name)
    assert.equal(formats.preference.write(sample('a', 'yes'), none), 'no_rejected_answer')
    const question = sample('a', '', { messages: [message('user', 'One?')] })
    assert.equal(write('alpaca', question), 'not_alternating')
    assert.equal(write('text', question), 'no_text')
    const calls = { ...message('assistant', 'x'), tool_calls: 'no JSON' }
    const broken = sample('a', '', { messages: [message('user', 'One?'), calls] })
    assert.equal(write('messages', broken), 'unreadable_tool_calls')
    assert.equal(write('sharegpt', broken), 'tool_calls')
  })
})

test('metadata says everything else: provenance, cell, cost, verdicts, and the map of the sample', () => {
  const one = sample('a', 'yes', {
    usage: usage({ cost_micros: 1500 }),
    provenance: provenance({ parent_ids: ['h1'], quoted_ids: ['h2'], license: 'MIT', temperature: 0.7 }),
    verdicts: [{ check: 'length', version: '1', is_valid: true, score: null, reasoning: 'fits' }],
    metadata: { source: 'alpha', finish_reason: 'stop', a: 'b' },
    epoch: 2
  })
  const { metadata } = write('text', one) as { metadata: Record<string, unknown> }
  const { verdicts, ...rest } = metadata
  assert.deepEqual(verdicts, [
    { check: 'length', version: '1', is_valid: true, score: null, reasoning: 'fits' }
  ])
  for (const [key, value] of Object.entries({
    id: 'a',
    origin: 'SYNTHETIC',
    model_id: 'alpha',
    model_family: 'a',
    generation: 1,
    license: 'MIT',
    temperature: 0.7,
    epoch: 2,
    topic: 'history',
    response_cost: 0.0015,
    finish_reason: 'stop',
    extra: '{"a":"b","source":"alpha"}'
  }))
    assert.equal(rest[key], value, key)
  assert.deepEqual([rest['parent_ids'], rest['quoted_ids']], [['h1'], ['h2']])
  assert.deepEqual(Object.keys(metadata), Object.keys(metadataColumns), 'in the order of the columns')
  // Every field of the provenance but the split, which is that of every row.
  for (const key of Object.keys(one.provenance)) assert.equal(key in metadata, key !== 'split', key)
})

test('tool calls of every provider become those that trainers read, or are found to be none', () => {
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }
  for (const json of [
    JSON.stringify([call]),
    '[{"id":"c","name":"f","arguments":"{\\"a\\":1}"}]',
    '[{"type":"tool_use","id":"c","name":"f","input":{"a":1}}]'
  ])
    assert.deepEqual(toolCallsOf(json), [call], json)
  assert.deepEqual(toolCallsOf('null'), [])
  for (const json of ['{', '{}', '[null]', '["f"]', '[{"id":"c"}]'])
    assert.equal(toolCallsOf(json), undefined, json)
})

test('turns alternate and end with an answer', () => {
  const roles = (...list: string[]): Message[] => list.map(one => message(one, 'x'))
  assert.ok(typeof turnsOf(roles('user', 'assistant')) === 'object')
  for (const wrong of [
    [],
    ['user'],
    ['assistant', 'user'],
    ['user', 'user'],
    ['user', 'assistant', 'user'],
    ['user', 'system', 'assistant']
  ])
    assert.equal(turnsOf(roles(...wrong)), 'not_alternating', wrong.join())
})
