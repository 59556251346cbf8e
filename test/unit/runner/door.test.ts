import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDoor } from '../../../infra/runner/door.ts'
import { createTableStore } from '../../../infra/runner/tables.ts'
import { human, prompts, samplesHuman } from '../../../schemas/topics.ts'
import type { Document, Provenance } from '../../../schemas/types.ts'
import { listed, signed } from '../../helpers/keys.ts'
import { document, standing } from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'

test('a key that was listed a moment ago is known when its first document comes; a strange one keeps nothing out', async () => {
  const store = createTableStore(standing)
  store.set('datasets', 'd', make.dataset('d'))
  let refreshed = 0
  const refresh = async (): Promise<void> => {
    refreshed++
    store.set('keys', 'archive', listed())
  }
  const door = createDoor({ ...store, refresh }, 0, 4)
  assert.equal(door.problem(human, document('x')), '')
  assert.equal(refreshed, 0, 'who did not sign needs no key')
  assert.equal(await door.problem(human, signed(document('x'))), '')
  assert.equal(refreshed, 1)
  assert.ok(store.key('archive'))
  assert.equal(door.problem(human, signed(document('y'))), '', 'known by now')
  assert.equal(await door.problem(human, signed(document('x'), 'stranger')), '')
  assert.equal(refreshed, 2)
})

test('what rows are counted by stays short, whoever writes it', () => {
  const store = createTableStore(standing)
  store.set('datasets', 'd', make.dataset('d'))
  const door = createDoor({ ...store, refresh: async () => {} }, 0, 4)
  const long = 'y'.repeat(501)
  const named = (fields: Partial<Document>): unknown => door.entryProblem(human, document('x', fields))
  assert.equal(
    named({ cell: make.cell({ topic: long }) }),
    'label_too_long: topic is 501 characters long, and may have 200'
  )
  assert.equal(
    named({ provenance: make.humanProvenance({ license: long, split: null }) }),
    'label_too_long: license is 501 characters long, and may have 500'
  )
  const from = (source_uri: string) =>
    named({ provenance: make.humanProvenance({ source_uri, split: null }) })
  assert.equal(from('y'.repeat(2000)), '')
  assert.equal(
    from('y'.repeat(2001)),
    'label_too_long: source_uri is 2001 characters long, and may have 2000'
  )
  const cell = make.cell({ topic: long })
  assert.match(door.entryProblem(prompts, make.prompt('p', { cell })), /^label_too_long: topic/)
  const sample = make.humanSample('h', 'x', { cell })
  assert.equal(door.entryProblem(samplesHuman, sample), '', 'what is in stays in')
  assert.equal(door.problem(samplesHuman, sample), '')
})

test('what only the pipeline says, or only of a model, is no document’s; nor are roles nobody knows', () => {
  const door = createDoor({ ...createTableStore(standing), refresh: async () => {} }, 0, 4)
  const said = (fields: Partial<Provenance>): string =>
    door.entryProblem(
      human,
      document('x', { provenance: make.humanProvenance({ split: null, recipe: '', ...fields }) })
    )
  assert.equal(said({}), '')
  for (const fields of [
    { prompt_id: 'p' },
    { sample_index: 0 },
    { output_terms: 'allowed' },
    { temperature: 0.7 },
    { seed: 1 },
    { max_tokens: 5 },
    { repairs: ['r'] },
    { quoted_ids: ['q'] },
    { attempt: 2 },
    { recipe: 'f' }
  ])
    assert.equal(said(fields), `provenance: ${Object.keys(fields)[0]} is said of answers alone: leave it out`)
  assert.equal(said({ origin: 'UNKNOWN', temperature: 0.7 }), '', 'whoever found it may know')
  const messages = [make.message('user', 'x'), make.message('wizard', 'y')]
  assert.equal(
    door.entryProblem(human, document('x', { messages })),
    'role_unknown: messages.1 has role wizard, which is none of system, user, assistant, tool, document'
  )
  assert.match(door.entryProblem(prompts, make.prompt('p', { messages })), /^role_unknown/)
})

test('a strange key is looked for once a second, however many documents are signed with it', async () => {
  const store = createTableStore(standing)
  store.set('datasets', 'd', make.dataset('d'))
  let refreshed = 0
  let time = 0
  const refresh = async (): Promise<void> => void refreshed++
  const door = createDoor({ ...store, refresh }, 0, 4, () => time)
  const strange = (id: string): string | Promise<string> => door.problem(human, signed(document('x'), id))
  for (let index = 0; index < 50; index++) assert.equal(await strange('stranger'), '')
  assert.equal(refreshed, 1)
  await strange('other')
  assert.equal(refreshed, 2)
  time = 1000
  for (let index = 0; index < 50; index++) await strange('stranger')
  assert.equal(refreshed, 3)
  store.set('keys', 'stranger', listed())
  assert.equal(strange('stranger'), '')
})
