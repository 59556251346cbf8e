import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { documentOf, promptOf } from '../../infra/publish.ts'
import { contentHash } from '../../schemas/identity.ts'
import type { Message } from '../../schemas/types.ts'
import { nastyString } from '../helpers/arbitrary.ts'
import * as make from '../helpers/records.ts'

const run = { id: 'r', dataset: 'd', fingerprint: 'f'.repeat(32) }
const document = (line: object | string) =>
  documentOf(typeof line === 'string' ? line : JSON.stringify(line), 'd', 'tester').value
const prompt = (line: object, samples = 1) => promptOf(JSON.stringify(line), run, samples, 'tester').value
const authored = { origin: 'HUMAN_AUTHORED' }
const plain = (messages: readonly Message[]): string[] =>
  messages.map(({ role, content }) => `${role}: ${content}`)

describe('a document from a line', () => {
  test('of text is one message', () => {
    const value = document({ ...authored, text: 'It rained.', topic: 'weather', metadata: { page: 3 } })
    assert.deepEqual(value.messages, [make.message('document', 'It rained.')])
    assert.equal(value.id, contentHash(value.messages))
    assert.equal(value.dataset, 'd')
    assert.deepEqual(value.cell, { task: '', topic: 'weather', format: '', refusal: 'reject' })
    assert.deepEqual(value.metadata, { page: '3' })
    const { origin, generation, created_by, split, created_at } = value.provenance
    assert.deepEqual([origin, generation, created_by, split], ['HUMAN_AUTHORED', 0, 'tester', null])
    assert.ok(created_at > 1.7e15, 'microseconds')
  })

  test('of messages keeps them, tool calls as text', () => {
    const value = document({
      ...authored,
      id: 'mine',
      messages: [
        { role: 'user', content: 'Two and two?' },
        { role: 'assistant', content: '', tool_calls: [{ id: 'c', name: 'add' }], reasoning_content: 'hm' },
        { role: 'tool', content: '4', tool_call_id: 'c' }
      ]
    })
    assert.equal(value.id, 'mine')
    assert.deepEqual(value.messages[1], {
      role: 'assistant',
      content: '',
      tool_calls: '[{"id":"c","name":"add"}]',
      tool_call_id: null,
      reasoning_content: 'hm'
    })
    assert.equal(value.messages[2]?.tool_call_id, 'c')
  })

  test('without calls of tools has none, whichever way that is written', () => {
    const [absent, nothing] = [{}, { tool_calls: null }].map(
      calls => document({ ...authored, messages: [{ role: 'assistant', content: 'x', ...calls }] }).messages
    )
    assert.deepEqual(nothing, absent)
    assert.equal(nothing?.[0]?.tool_calls, null)
  })

  test('carries where it was found', () => {
    const { provenance } = document({
      origin: 'HUMAN_EDITED',
      text: 'x',
      parent_ids: ['p'],
      source_uri: 'https://example.org',
      license: 'CC0-1.0',
      author: 'A. Person'
    })
    assert.deepEqual(
      [
        provenance.parent_ids,
        provenance.source_uri,
        provenance.license,
        provenance.author,
        provenance.generation
      ],
      [['p'], 'https://example.org', 'CC0-1.0', 'A. Person', null]
    )
  })

  test('is the same document for the same text, whatever else differs', () => {
    const one = document({ ...authored, text: 'caf\u00e9', topic: 'a' })
    const other = document({ ...authored, text: 'cafe\u0301', topic: 'b' })
    assert.equal(one.id, other.id)
  })

  test('has its halves of characters replaced', () => {
    assert.deepEqual(plain(document('{"origin":"UNKNOWN","text":"a \\ud83d b"}').messages), [
      'document: a \ufffd b'
    ])
    assert.deepEqual(plain(document('{"origin":"UNKNOWN","text":"\\uD83D\\uDE00"}').messages), [
      'document: \u{1f600}'
    ])
    fc.assert(
      fc.property(nastyString, text => {
        fc.pre(/\S/.test(text))
        const [message] = document({ origin: 'UNKNOWN', text }).messages
        assert.equal(message?.content, text.toWellFormed())
      })
    )
  })

  test('is refused with a reason a publisher can act on', () => {
    const refused: [object | string, string, RegExp][] = [
      ['{"text": ', 'RECORD_INVALID', /^not JSON: /],
      ['[]', 'RECORD_INVALID', /expected object/],
      [{ text: 'x' }, 'RECORD_INVALID', /^origin: /],
      [{ ...authored }, 'RECORD_INVALID', /give either text or messages/],
      [
        { ...authored, text: 'x', messages: [{ role: 'user', content: 'y' }] },
        'RECORD_INVALID',
        /give either/
      ],
      [{ ...authored, messages: [] }, 'RECORD_INVALID', /^messages: /],
      [{ ...authored, text: ' \n' }, 'RECORD_INVALID', /^there is no text in it/],
      [
        {
          ...authored,
          messages: [
            { role: 'user', content: 'x' },
            { role: 'assistant', content: '', tool_calls: [] }
          ]
        },
        'RECORD_INVALID',
        /last message with content or tool_calls/
      ],
      [
        { ...authored, messages: [{ role: 'robot', content: 'x' }] },
        'RECORD_INVALID',
        /^messages\.0\.role: /
      ],
      [{ ...authored, text: 'x', txet: 'y' }, 'RECORD_INVALID', /txet/],
      [{ ...authored, text: 'x', refusal: 'maybe' }, 'RECORD_INVALID', /^refusal: /],
      [
        { origin: 'SYNTHETIC', text: 'x', model_id: 'm' },
        'PROVENANCE_INVALID',
        /not published as human data/
      ],
      [{ origin: 'HUMAN_EDITED', text: 'x' }, 'PROVENANCE_INVALID', /parent_ids/],
      [{ ...authored, text: 'x', parent_ids: ['p'] }, 'PROVENANCE_INVALID', /HUMAN_EDITED or UNKNOWN/],
      [{ ...authored, text: 'x', model_id: 'm' }, 'PROVENANCE_INVALID', /SYNTHETIC/],
      [
        { ...authored, text: 'x', metadata: { origin: 'SYNTHETIC' } },
        'PROVENANCE_INVALID',
        /its metadata say that a model wrote it \(origin SYNTHETIC\), as in an export/
      ],
      ...(['task', 'topic', 'format', 'license', 'author', 'source_uri'] as const).map(
        (label): [object, string, RegExp] => [
          { ...authored, text: 'x', [label]: 'y'.repeat(2001) },
          'PROVENANCE_INVALID',
          new RegExp(`^${label} is 2001 characters long, and may have (200|500|2000)$`)
        ]
      )
    ]
    for (const [line, code, message] of refused)
      assert.throws(() => document(line), { code, message }, JSON.stringify(line))
  })
})

describe('a prompt from a line', () => {
  test('of text becomes one turn, or two with a system message', () => {
    assert.deepEqual(plain(prompt({ prompt: 'Why?' }).messages), ['user: Why?'])
    assert.deepEqual(plain(prompt({ prompt: 'Why?', system: 'Be kind.' }).messages), [
      'system: Be kind.',
      'user: Why?'
    ])
    const conversation = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'Why?' }
    ]
    assert.deepEqual(plain(prompt({ messages: conversation }).messages), [
      'user: Hi',
      'assistant: Hello',
      'user: Why?'
    ])
  })

  test('belongs to its run and asks for as many samples as it or the recipe says', () => {
    const value = prompt({ prompt: 'Why?' }, 4)
    assert.deepEqual([value.run, value.dataset, value.attempt, value.feedback], ['r', 'd', 1, null])
    assert.equal(value.samples, 4)
    assert.equal(prompt({ prompt: 'Why?', samples: 2 }, 4).samples, 2)
    assert.equal(value.provenance.recipe, run.fingerprint)
    assert.equal(value.provenance.origin, 'HUMAN_AUTHORED')
  })

  test('has an id of its own: of the run, the text and the cell', () => {
    const one = prompt({ prompt: 'Why?', topic: 'a' })
    assert.equal(prompt({ prompt: 'Why?', topic: 'a', samples: 9 }).id, one.id)
    assert.notEqual(prompt({ prompt: 'Why?', topic: 'b' }).id, one.id)
    assert.notEqual(prompt({ prompt: 'How?', topic: 'a' }).id, one.id)
    assert.notEqual(promptOf('{"prompt":"Why?","topic":"a"}', { ...run, id: 's' }, 1, 'x').id, one.id)
    assert.equal(prompt({ prompt: 'Why?', id: 'mine' }).id, 'mine')
  })

  test('is refused with a reason', () => {
    const refused: [object, string, RegExp][] = [
      [{}, 'RECORD_INVALID', /give either prompt or messages/],
      [{ prompt: '' }, 'RECORD_INVALID', /^prompt: /],
      [{ prompt: 'x', samples: 0 }, 'RECORD_INVALID', /^samples: /],
      [{ prompt: 'x', samples: 1001 }, 'RECORD_INVALID', /^samples: /],
      [{ prompt: 'x', id: '' }, 'RECORD_INVALID', /^id: /],
      [{ system: 'x', messages: [{ role: 'user', content: 'y' }] }, 'RECORD_INVALID', /system .*messages/],
      [{ prompt: 'x', origin: 'SYNTHETIC' }, 'PROVENANCE_INVALID', /model_id/],
      // A prompt that quotes a sample would pass its generation off as 0.
      [{ prompt: 'x', parent_ids: ['p'] }, 'PROVENANCE_INVALID', /HUMAN_EDITED or UNKNOWN/]
    ]
    for (const [line, code, message] of refused) assert.throws(() => prompt(line), { code, message })
  })

  test('derives from others with an origin that says so, and is then of unknown generation', () => {
    for (const origin of ['HUMAN_EDITED', 'UNKNOWN']) {
      const { provenance } = prompt({ prompt: 'x', origin, parent_ids: ['p'] })
      assert.deepEqual([provenance.parent_ids, provenance.generation], [['p'], null])
    }
  })

  test('a model wrote is legal, with its model named', () => {
    const { provenance } = prompt({ prompt: 'x', origin: 'SYNTHETIC', model_id: 'm', model_family: 'f' })
    assert.deepEqual(
      [provenance.origin, provenance.model_id, provenance.generation],
      ['SYNTHETIC', 'm', null]
    )
  })
})
