import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCodec } from '../../../infra/codec.ts'
import type { OutRecord } from '../../../infra/kafka/record.ts'
import { fits, recordBytes } from '../../../infra/kafka/waves.ts'
import { createEncoder } from '../../../infra/runner/encoder.ts'
import { memoryIds } from '../../../infra/runner/memory.ts'
import { generate } from '../../../processors/generate.ts'
import { mix } from '../../../processors/mix.ts'
import { runs, training } from '../../../schemas/topics.ts'
import * as make from '../../helpers/records.ts'

const codec = createCodec(memoryIds('mix'))
const laid = (id: string, fields: object = {}) => ({
  to: 'laid',
  key: id,
  value: { ...make.sample(id, 'x'), ...fields }
})

test('outputs are seen once all of a verdict could be encoded, or not at all', () => {
  const seen: string[] = []
  const encoder = createEncoder(mix, 2, codec, (topic, value) =>
    seen.push(`${topic.name} ${(value as { id: string }).id}`)
  )
  assert.throws(() => encoder.outputs([laid('a'), laid('b', { run: 7 })]), { name: 'EncodeError' })
  assert.deepEqual(seen, [])
  const records = encoder.outputs([laid('a'), { to: 'laid', key: 'gone', value: null }, laid('b')])
  assert.deepEqual(seen, ['training a', 'training b'])
  assert.deepEqual(
    records.map(({ topic, partition, key }) => [topic, partition, key]),
    ['a', 'gone', 'b'].map(key => [training.name, 2, key])
  )
})

test('what breaks the provenance rules is not written, nor what is about it', () => {
  const encoder = createEncoder(generate, 0, createCodec(memoryIds('generate')))
  const nameless = make.provenance({ model_id: null })
  const refused = {
    name: 'EncodeError',
    message: /not a legal record of .*: provenance: origin SYNTHETIC needs/
  }
  const value = make.generation('g', 'x', { provenance: nameless })
  assert.throws(() => encoder.outputs([{ to: 'generated', key: 'g', value }]), refused)
  const prompt = make.prompt('p', { provenance: nameless })
  const parked = { prompt, reason: 'stopped', samples: 1, parked_at: 0 }
  assert.throws(() => encoder.outputs([{ to: 'parked', key: 'p', value: parked }]), refused)
  assert.throws(() => createEncoder(mix, 0, codec).outputs([laid('a', { provenance: nameless })]), refused)
  assert.throws(
    () => encoder.outputs([{ to: 'generated', key: 'g', value: { ...value, provenance: undefined } }]),
    { name: 'EncodeError', message: /provenance: there is none/ }
  )
})

test('the largest output that is let through is one its topic takes, with its key', () => {
  const encoder = createEncoder(mix, 0, codec)
  const encoded = (key: string, characters: number): OutRecord =>
    encoder.outputs([laid(key, { messages: [make.message('user', 'x'.repeat(characters))] })])[0]!
  const some = 4e6
  const most = some + training.maxBytes - recordBytes(encoded('k', some))
  const largest = encoded('k', most)
  assert.equal(recordBytes(largest), training.maxBytes)
  assert.ok(fits(largest, training))
  const over = {
    name: 'EncodeError',
    message: /a record of 838861\d bytes with its key for training is over its limit of 8388608/
  }
  assert.throws(() => encoded('k', most + 2), over)
  assert.throws(() => encoded('kk', most), over)
})

test('tables have one partition, whatever the slot', () => {
  const operator = { ...mix, outputs: { runs } }
  const [record] = createEncoder(operator, 3, codec).outputs([
    { to: 'runs', key: 'r', value: make.run('r'), slot: 1 }
  ])
  assert.equal(record?.partition, 0)
})

test('changes of the memory become entries of the state topic, a forgotten one a tombstone', () => {
  const records = createEncoder(mix, 1, codec).changes([
    { table: 'datasets', key: 'a|b', value: { rows: 1 } },
    { table: 'datasets', key: 'c', value: undefined }
  ])
  assert.deepEqual(
    records.map(({ topic, partition, key, value }) => [topic, partition, key, value === null]),
    [
      ['state.mix', 1, 'datasets|a|b', false],
      ['state.mix', 1, 'datasets|c', true]
    ]
  )
})
