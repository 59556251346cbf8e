import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noGroup, textOf } from '../../../infra/measure/texts.ts'
import { contentHash } from '../../../schemas/identity.ts'
import * as make from '../../helpers/records.ts'

const text = (value: unknown, wanted = {}): string => textOf(value, wanted).text

test('the text of a row is found by its shape', () => {
  const turns = [
    { role: 'user', content: 'question' },
    { role: 'assistant', content: 'answer' }
  ]
  const shapes: readonly [unknown, string][] = [
    [{ text: 'ours' }, 'ours'],
    ['a string', 'a string'],
    [{ messages: turns }, 'answer'],
    [{ messages: JSON.stringify(turns) }, 'answer'],
    [{ text: '', messages: turns }, 'answer'],
    [
      {
        messages: [
          {
            role: 'assistant',
            content: [{ type: 'text', text: 'a' }, { type: 'image' }, { type: 'text', text: 'b' }]
          }
        ]
      },
      'a\nb'
    ],
    [{ messages: [{ role: 'assistant', content: null, tool_calls: [{ name: 'f' }] }] }, '[{"name":"f"}]'],
    [
      {
        conversations: [
          { from: 'human', value: 'q' },
          { from: 'gpt', value: 'share' }
        ]
      },
      'share'
    ],
    [{ instruction: 'i', input: '', output: 'alpaca', text: 'a template around alpaca' }, 'alpaca'],
    [{ prompt: 'p', completion: 'done' }, 'done'],
    [{ prompt: 'p', response: 'said' }, 'said'],
    [{ text: '' }, '']
  ]
  for (const [row, expected] of shapes) assert.equal(text(row), expected, JSON.stringify(row))
})

test('our own records, as subscribe prints them', () => {
  const sample = make.sample('s', 'a sample', { provenance: make.provenance({ split: 'REFERENCE' }) })
  const printed = { partition: 0, offset: 7, key: 's', value: sample }
  const found = textOf(JSON.parse(JSON.stringify(printed)), { by: 'provenance.model_id' })
  assert.deepEqual(
    [found.text, found.id, found.topic, found.split, found.group],
    ['a sample', 's', sample.cell.topic, 'REFERENCE', sample.provenance.model_id]
  )
  assert.equal(text(make.generation('g', 'a reply')), 'a reply')
  assert.throws(() => text(make.generation('g', '', { error: 'timeout' })), /no answer: timeout/)
  assert.throws(
    () => text(make.generation('g', 'half', { finish_reason: 'content_filter' })),
    /no answer: content_filter/
  )
})

test('a field that is named is taken, with dots into objects', () => {
  assert.equal(text({ text: 'a', other: 'b' }, { field: 'other' }), 'b')
  assert.equal(text({ deep: { er: 'c' } }, { field: 'deep.er' }), 'c')
  assert.equal(text({ 'deep.er': 'd', deep: { er: 'c' } }, { field: 'deep.er' }), 'd')
  assert.equal(
    text(
      {
        chosen: [
          { role: 'user', content: 'q' },
          { role: 'assistant', content: 'yes' }
        ]
      },
      { field: 'chosen' }
    ),
    'yes'
  )
  assert.throws(() => text({ text: 'a' }, { field: 'other' }), /no field other/)
  assert.throws(() => text({ other: 3 }, { field: 'other' }), /other is no text/)
  assert.equal(text({ text: 'a' }, { field: 'other', lenient: true }), 'a')
})

test('what has no text says what it has', () => {
  assert.throws(() => text({ x: 1, y: 2 }), /but x, y: name one with --field/)
  assert.throws(() => text({}), /but nothing/)
  assert.throws(() => text(null), /null is no text/)
  assert.throws(() => text(7), /7 is no text/)
  assert.throws(() => text({ messages: [] }), /messages: the last one has no content/)
})

test('groups, topics and ids', () => {
  const group = (row: unknown, by: string): string => textOf(row, { by }).group
  assert.equal(group({ text: 'a', model: 'm' }, 'model'), 'm')
  assert.equal(group({ text: 'a', metadata: { x: 3 } }, 'metadata.x'), '3')
  assert.equal(group({ text: 'a' }, 'model'), noGroup)
  assert.equal(group('a', 'model'), noGroup)
  assert.equal(textOf({ text: 'a', topic: 't' }).topic, 't')
  // As the pipeline names a document without an id, so that both halve a reference alike.
  assert.equal(textOf({ text: 'a' }).id, contentHash([make.message('document', 'a')]))
  assert.equal(textOf({ text: 'a', id: 'own' }).id, 'own')
})
