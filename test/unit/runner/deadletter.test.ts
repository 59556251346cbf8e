import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RawRecord } from '../../../infra/kafka/record.ts'
import { fits } from '../../../infra/kafka/waves.ts'
import {
  type Death,
  deadLetter,
  givingBack,
  noticeOf,
  resurrected
} from '../../../infra/runner/deadletter.ts'
import { deadLetters } from '../../../schemas/topics.ts'

const record: RawRecord = {
  topic: 'prompts',
  partition: 3,
  offset: 41,
  timestamp: 5,
  key: Buffer.from('k'),
  value: Buffer.from([0, 0, 0, 1, 2, 99]),
  headers: {
    trace: Buffer.from([0xff, 0]),
    'x-reason': Buffer.from('an older death'),
    'x-for-group': Buffer.from('g')
  }
}
const death: Death = {
  processor: 'verify',
  reason: 'unencodable',
  message: 'm'.repeat(5000),
  errorClass: 'EncodeError',
  attempts: 2,
  settles: 3,
  sampleAttempt: 2,
  run: 'r'
}

test('a dead letter is the record as it was, in its partition, with its story', () => {
  const letter = deadLetter(record, death)
  assert.equal(letter.topic, 'dead-letters')
  assert.equal(letter.partition, 3)
  assert.equal(letter.key, 'verify/prompts/3/41')
  assert.equal(letter.value, record.value)
  assert.deepEqual(letter.headers, {
    trace: record.headers['trace'],
    'x-key': record.key,
    'x-reason': 'unencodable',
    'x-message': 'm'.repeat(1000),
    'x-error-class': 'EncodeError',
    'x-processor': 'verify',
    'x-topic': 'prompts',
    'x-partition': '3',
    'x-offset': '41',
    'x-schema-id': '258',
    'x-attempt': '2',
    'x-settles': '3',
    'x-sample-attempt': '2',
    'x-run': 'r'
  })
})

test('a record that no topic takes any more leaves a letter that says where it lies', () => {
  const huge = (fields: Partial<RawRecord>) =>
    deadLetter({ ...record, value: Buffer.alloc(11e6), ...fields }, death)
  const letter = huge({})
  assert.ok(fits(letter, deadLetters))
  assert.deepEqual([letter.partition, letter.headers?.['x-key'], letter.value], [3, record.key, null])
  assert.equal(letter.headers?.['x-offset'], '41')
  assert.match(
    String(letter.headers?.['x-message']),
    /^110\d{5} bytes are more than dead-letters takes, .* only in prompts: mmm/
  )
  for (const fields of [{ headers: { trace: Buffer.alloc(11e6) } }, { key: Buffer.alloc(11e6) }])
    assert.ok(fits(huge(fields), deadLetters))
  assert.ok(fits(deadLetter(record, { ...death, run: 'r'.repeat(11e6) }), deadLetters))
})

test('a record as large as any topic takes keeps its body, with every header', () => {
  const value = Buffer.alloc(deadLetters.maxBytes - 200)
  const letter = deadLetter({ ...record, value, key: Buffer.alloc(100) }, death)
  assert.equal(letter.value, value)
})

test('without a frame there is no schema id', () => {
  for (const value of [null, Buffer.alloc(0), Buffer.from([0, 0, 0, 1]), Buffer.from([1, 0, 0, 1, 2, 9])])
    assert.equal(deadLetter({ ...record, value }, death).headers?.['x-schema-id'], '')
})

/** A dead letter as it is read back. */
const read = (settles = 3): RawRecord => {
  const { partition, key, value, headers } = deadLetter(record, { ...death, settles })
  return {
    topic: 'dead-letters',
    partition,
    offset: 7,
    timestamp: 6,
    key: key as Buffer,
    value,
    headers: Object.fromEntries(
      Object.entries(headers!).map(([name, text]) => [name, Buffer.isBuffer(text) ? text : Buffer.from(text)])
    )
  }
}

test('given back it is the record as it was, for the one who buried it', () => {
  const letter = read()
  assert.deepEqual(resurrected(letter), {
    topic: 'prompts',
    partition: 3,
    key: record.key,
    value: record.value,
    headers: { trace: record.headers['trace'], 'x-for-group': 'verify', 'x-replay-of': '3@7' }
  })
  assert.equal(noticeOf(letter), undefined)
})

test('a record without a key has a letter like every other, and comes back without one', () => {
  const letter = deadLetter({ ...record, key: null }, death)
  assert.equal(letter.key, 'verify/prompts/3/41')
  assert.ok(!('x-key' in letter.headers!))
  const headers = { 'x-topic': Buffer.from('prompts'), 'x-partition': Buffer.from('3') }
  assert.equal(resurrected({ ...read(), headers }).key, null)
})

test('the notice that it was takes back what it settled, for the guard alone', () => {
  const notice = givingBack(read())
  assert.deepEqual(notice, {
    topic: 'dead-letters',
    partition: 3,
    key: 'given_back/3@7',
    value: null,
    headers: {
      'x-key': record.key,
      'x-processor': Buffer.from('verify'),
      'x-topic': Buffer.from('prompts'),
      'x-partition': Buffer.from('3'),
      'x-offset': Buffer.from('41'),
      'x-sample-attempt': Buffer.from('2'),
      'x-run': Buffer.from('r'),
      'x-reason': 'given_back',
      'x-settles': '-3',
      'x-for-group': 'guard',
      'x-replay-of': '3@7'
    }
  })
  const headers = { 'x-replay-of': Buffer.from(notice.headers?.['x-replay-of'] ?? '') }
  assert.equal(noticeOf({ ...read(), headers }), '3@7')
  // What settled nothing takes nothing back; there is no negative nought on the wire.
  assert.equal(givingBack(read(0)).headers?.['x-settles'], '0')
})
