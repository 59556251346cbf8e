import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import {
  createCodec,
  DecodeError,
  EncodeError,
  encodeChecked,
  ifReadable,
  recordType
} from '../../infra/codec.ts'
import { datasets, deadLetters, samplesVerified, type Topic, topics } from '../../schemas/topics.ts'
import { selfContained } from '../../schemas/load.ts'
import type { Sample } from '../../schemas/types.ts'
import { anyRecord } from '../helpers/arbitrary.ts'
import * as make from '../helpers/records.ts'

/** A codec whose topics are all written under schema 258 (0x0102). */
const codecOf = (schemas: Record<number, unknown> = {}, asked: number[] = []) =>
  createCodec({
    idOf: () => 258,
    async schemaOf(id) {
      asked.push(id)
      return schemas[id]
    }
  })
/** What the doors let in: lone surrogates have no UTF-8 form, so publishing and generating replace them. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map(wellFormed)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  // A map's key __proto__ is lost in decoding, as it is with every plain object.
  const entries = Object.entries(value).filter(([key]) => key !== '__proto__')
  return Object.fromEntries(entries.map(([key, one]) => [key.toWellFormed(), wellFormed(one)]))
}
const one = make.sample('a', 'an answer')

describe('frames', () => {
  test('are a zero byte, the schema id, and Avro', () => {
    const frame = codecOf().encode(samplesVerified, one)
    assert.deepEqual([...frame.subarray(0, 5)], [0, 0, 0, 1, 2])
    assert.deepEqual(frame.subarray(5), recordType('Sample').toBuffer(one))
  })

  test('hold every record of every topic, byte for byte', () => {
    const codec = codecOf()
    const records = new Map<string, Topic>(
      topics.flatMap(topic => (topic.record ? [[topic.record, topic]] : []))
    )
    for (const [record, topic] of records) {
      const type = recordType(record as 'Sample')
      fc.assert(
        fc.property(anyRecord(record).map(wellFormed), value => {
          fc.pre(type.isValid(value))
          const frame = codec.encode(topic, value as object)
          const back = codec.decode(topic, frame)
          assert.ok(!(back instanceof Promise))
          assert.deepEqual(codec.encode(topic, back as object), frame)
        }),
        { numRuns: 30 }
      )
    }
  })

  test('of any size fit, and do not share memory', () => {
    const codec = codecOf()
    const texts = ['x', 'y'.repeat(100_000), 'z'.repeat(1_000_000), 'short again']
    const frames = texts.map(text => codec.encode(samplesVerified, make.sample('a', text)))
    for (const [index, frame] of frames.entries()) {
      const { messages } = codec.decode(samplesVerified, frame) as Sample
      assert.equal(messages[1]?.content, texts[index])
    }
  })

  test('of a topic of original bytes are the bytes', () => {
    const bytes = Buffer.from([9, 9])
    assert.equal(codecOf().decode(deadLetters, bytes), bytes)
  })
})

describe('what cannot be decoded says why', () => {
  const codec = codecOf()
  const good = codec.encode(samplesVerified, one)
  const reasonOf = (bytes: Buffer | null): unknown => {
    try {
      return codec.decode(samplesVerified, bytes)
    } catch (error) {
      assert.ok(error instanceof DecodeError)
      return [error.reason, error.schemaId]
    }
  }

  test('at once where the schema is known', () => {
    assert.deepEqual(reasonOf(null), ['no_value', undefined])
    assert.deepEqual(reasonOf(Buffer.alloc(0)), ['malformed_frame', undefined])
    assert.deepEqual(reasonOf(good.subarray(0, 4)), ['malformed_frame', undefined])
    assert.deepEqual(reasonOf(Buffer.from('{"id":"a"}')), ['malformed_frame', undefined])
    assert.deepEqual(reasonOf(good.subarray(0, good.length - 1)), ['malformed_record', 258])
    assert.deepEqual(reasonOf(Buffer.concat([good, Buffer.from([1])])), ['malformed_record', 258])
  })

  test('no bytes make it throw anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), tail => {
        const bytes = Buffer.concat([Buffer.from([0, 0, 0, 1, 2]), tail])
        const result = reasonOf(bytes)
        if (Array.isArray(result)) assert.equal(result[0], 'malformed_record')
      })
    )
  })

  test('later where the registry has to be asked', async () => {
    const foreign = Buffer.from(good)
    foreign.writeInt32BE(7, 1)
    const decoded = (schemas: Record<number, unknown>): Promise<unknown> => {
      const result = codecOf(schemas).decode(samplesVerified, foreign)
      assert.ok(result instanceof Promise)
      return result
    }
    await assert.rejects(decoded({}), {
      reason: 'unknown_schema',
      schemaId: 7,
      message: /registry does not know schema 7/
    })
    await assert.rejects(decoded({ 7: 'string' }), {
      reason: 'unknown_schema',
      message: /cannot be read as Sample/
    })
  })

  test('without asking again about each record of a schema nobody knows, and after a while once more', async () => {
    const foreign = Buffer.from(good)
    foreign.writeInt32BE(7, 1)
    const asked: number[] = []
    let now = 0
    const patient = createCodec(
      {
        idOf: () => 258,
        async schemaOf(id) {
          asked.push(id)
          return undefined
        }
      },
      () => now
    )
    const decode = async (): Promise<unknown> => patient.decode(samplesVerified, foreign)
    for (let record = 0; record < 3; record++) await assert.rejects(decode(), { reason: 'unknown_schema' })
    assert.deepEqual(asked, [7])
    now = 10_000
    await assert.rejects(decode(), { reason: 'unknown_schema' })
    assert.deepEqual(asked, [7, 7])
  })
})

describe('a schema of another writer', () => {
  const older = {
    type: 'record',
    name: 'Dataset',
    namespace: 'everseed',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'shards', type: 'int', default: 1 }
    ]
  }
  // name "d" (length 1, zigzag 2), shards 3 (zigzag 6).
  const frame = Buffer.from([0, 0, 0, 0, 7, 2, 0x64, 6])

  test('is resolved, fields it does not have at their defaults, and asked for once', async () => {
    const asked: number[] = []
    const codec = codecOf({ 7: older }, asked)
    const first = await codec.decode(datasets, frame)
    assert.deepEqual([first.name, first.shards, first.floor], ['d', 3, 0.5])
    const second = codec.decode(datasets, frame)
    assert.ok(!(second instanceof Promise), 'known by now')
    assert.deepEqual(structuredClone(second), structuredClone(first))
    assert.deepEqual(asked, [7])
  })
})

test('a record that cannot be read is none, at once and later; every other error stays one', async () => {
  const codec = codecOf()
  const torn = codec.encode(samplesVerified, one).subarray(0, 20)
  const unread = (): never => {
    throw new DecodeError('malformed_record', 'torn')
  }
  assert.deepEqual(
    ifReadable(() => 7),
    7
  )
  assert.equal(
    ifReadable(() => codec.decode(samplesVerified, torn)),
    undefined
  )
  assert.equal(await ifReadable(async () => 7), 7)
  assert.equal(await ifReadable(async () => unread()), undefined)
  const unknown = Buffer.from(codec.encode(samplesVerified, one))
  unknown.writeInt32BE(7, 1)
  const missing = (where?: () => string) => ifReadable(() => codec.decode(samplesVerified, unknown), where)
  assert.equal(await missing(), undefined)
  await assert.rejects(async () => await missing(() => 'versions/0@3'), {
    code: 'RECORD_INVALID',
    message: /^versions\/0@3: the registry does not know schema 7; it may lag/
  })
  const foreign = codecOf({ 7: { type: 'record', name: 'Other', fields: [] } })
  for (let twice = 0; twice < 2; twice++)
    assert.equal(
      await ifReadable(
        () => foreign.decode(samplesVerified, unknown),
        () => 'nowhere'
      ),
      undefined,
      'it never can be'
    )
  const lost = new Error('the registry is not there')
  assert.throws(
    () =>
      ifReadable(() => {
        throw lost
      }),
    lost
  )
  await assert.rejects(async () => await ifReadable(() => Promise.reject(lost)), lost)
})

test('a value that does not fit is refused with the names of its fields', () => {
  const codec = codecOf()
  const wrong = { ...one, run: 7, provenance: { ...one.provenance, attempt: 1.5 } }
  assert.throws(
    () => encodeChecked(codec, samplesVerified, wrong),
    (error: Error) =>
      error instanceof EncodeError && /^not a Sample: field run, provenance.attempt$/.test(error.message)
  )
  const { id: _id, ...torn } = one
  assert.throws(() => encodeChecked(codec, samplesVerified, torn), /not a Sample: field id/)
  assert.deepEqual(encodeChecked(codec, samplesVerified, one), codec.encode(samplesVerified, one))
})

describe('some fields of a record', () => {
  const fields = ['id', 'dataset', 'cell', 'provenance'] as const

  test('are what the whole record says, whoever wrote it, in any schema', async () => {
    const own = codecOf()
    // The same schema under the id of somebody else: it is asked for once.
    const asked: number[] = []
    const other = codecOf({ 7: selfContained('Sample') }, asked)
    const type = recordType('Sample')
    await fc.assert(
      fc.asyncProperty(anyRecord('Sample').map(wellFormed), async value => {
        fc.pre(type.isValid(value))
        const frame = own.encode(samplesVerified, value as object)
        const whole = own.decode(samplesVerified, frame) as Sample
        const wanted = Object.fromEntries(fields.map(field => [field, whole[field]]))
        const some = own.decodeFields(samplesVerified, fields, frame)
        assert.ok(!(some instanceof Promise))
        assert.deepEqual(structuredClone(some), structuredClone(wanted))
        frame.writeInt32BE(7, 1)
        const theirs = await other.decodeFields(samplesVerified, fields, frame)
        assert.deepEqual(structuredClone(theirs), structuredClone(wanted))
      }),
      { numRuns: 60 }
    )
    assert.deepEqual(asked, [7])
  })

  test('of what cannot be decoded: the reason is the same', async () => {
    const codec = codecOf()
    const good = codec.encode(samplesVerified, one)
    const unknown = Buffer.from(good)
    unknown.writeInt32BE(9, 1)
    const wrong: [Buffer | null, string][] = [
      [null, 'no_value'],
      [Buffer.from('{}'), 'malformed_frame'],
      [good.subarray(0, 20), 'malformed_record'],
      [unknown, 'unknown_schema']
    ]
    for (const [bytes, reason] of wrong)
      await assert.rejects(async () => codec.decodeFields(samplesVerified, fields, bytes), { reason })
  })
})
