import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { OutRecord } from '../../../infra/kafka/record.ts'
import { batchBytes, fits, headroom, largest, recordBytes, wavesOf } from '../../../infra/kafka/waves.ts'

const require = createRequire(import.meta.url)
type Encoded = { readonly buffer: Buffer }
const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (one: object) => Encoded
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(batch: { records: Encoded[] }): Promise<Encoded>
}

const record = (topic: string, partition: number, bytes: number, key = 'k'): OutRecord => ({
  topic,
  partition,
  key,
  value: Buffer.alloc(bytes)
})
const placeOf = ({ topic, partition }: OutRecord): string => `${topic}/${partition}`

describe('sends', () => {
  const records = fc.array(
    fc
      .tuple(fc.constantFrom('a', 'b'), fc.nat(2), fc.nat(600))
      .map(([topic, partition, bytes]) => record(topic, partition, bytes)),
    { maxLength: 60 }
  )

  test('hold everything in the order of its partition, and no batch over the limit but a record alone', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 100, max: 1000 }), (all, limit) => {
        const waves = wavesOf(all, limit)
        const places = new Set(all.map(placeOf))
        for (const place of places) {
          const of = (list: readonly OutRecord[]): OutRecord[] => list.filter(one => placeOf(one) === place)
          assert.deepEqual(of(waves.flat()), of(all))
          for (const wave of waves) {
            const bytes = of(wave).reduce((sum, one) => sum + recordBytes(one), 0)
            assert.ok(bytes <= limit || wave.length === 1, `${bytes} bytes in ${wave.length} records`)
          }
        }
        assert.equal(waves.flat().length, all.length)
        assert.ok(waves.every(({ length }) => length > 0))
      })
    )
  })

  test('what a mix lays down when a run ends: 20,000 documents of 1 KB become batches of a megabyte', () => {
    const all = Array.from({ length: 20_000 }, () => record('training', 1, 1024))
    const waves = wavesOf(all)
    assert.ok(waves.length >= 20 && waves.length <= 24, `${waves.length} sends`)
    for (const wave of waves) assert.ok(wave.length * 1024 <= batchBytes)
  })

  test('partitions do not share a limit, and small things need one send', () => {
    const all = Array.from({ length: 4 }, (_, partition) => record('t', partition, 0.7 * batchBytes))
    assert.equal(wavesOf(all).length, 1)
    assert.deepEqual(wavesOf([]), [])
  })

  test('a record nearly as large as its topic allows goes alone', () => {
    const large = record('human', 0, 7.5 * batchBytes, 'large')
    const waves = wavesOf([record('human', 0, 10), large, record('human', 0, 10)])
    assert.deepEqual(
      waves.map(({ length }) => length),
      [1, 1, 1]
    )
    assert.equal(waves[1]![0], large)
  })
})

test('keys and headers have weight too', () => {
  const key = 'ä'.repeat(500)
  assert.ok(recordBytes({ topic: 't', partition: 0, key, value: null }) >= 1000)
  assert.ok(
    recordBytes({ topic: 't', partition: 0, key: null, value: null, headers: { h: 'ä'.repeat(500) } }) >= 1000
  )
})

test('no record takes more in a batch than is counted, whatever its key and headers are', async () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map(array => Buffer.from(array))
  const anything = fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(fc.string({ unit: 'binary', maxLength: 40 }), bytes, { maxKeys: 20 })
  })
  const property = fc.asyncProperty(anything, async one => {
    const { length } = (await RecordBatch({ records: [Record(one)] })).buffer
    const out = { topic: 't', partition: 0, ...one }
    assert.ok(length - emptyBatch <= recordBytes(out), `${length} bytes, ${recordBytes(out)} were counted`)
    assert.ok(!fits(out, { maxBytes: length - 1 - headroom }), 'one that its topic would refuse fits')
  })
  const emptyBatch = (await RecordBatch({ records: [] })).buffer.length
  await fc.assert(property)
})

test('the largest record is found', () => {
  const big = record('b', 0, 30)
  assert.equal(largest([record('a', 0, 10), big, record('c', 0, 20)]), big)
})
