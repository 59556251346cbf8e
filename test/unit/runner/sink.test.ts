/** The host of the store on a cluster in memory: what it commits and inserts, in which order, and when it gives up. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createCodec } from '../../../infra/codec.ts'
import { type Commit, CommitRefused, type Position } from '../../../infra/kafka/commit.ts'
import type { GroupEvents } from '../../../infra/kafka/consumer.ts'
import type { OutRecord, RawRecord } from '../../../infra/kafka/record.ts'
import { silentLog } from '../../../infra/log.ts'
import { createMetrics } from '../../../infra/runner/counters.ts'
import { type Chunk, type ChunkWriter, createSinkHost } from '../../../infra/runner/sink.ts'
import { readByStoreOnly } from '../../../infra/processors.ts'
import { store } from '../../../processors/store.ts'
import { EverseedError } from '../../../schemas/errors.ts'
import { candidates, type Topic, training } from '../../../schemas/topics.ts'
import { until } from '../../helpers/until.ts'
import * as make from '../../helpers/records.ts'

const codec = createCodec({ idOf: () => 1, schemaOf: async () => undefined })

const recordOf = (topic: Topic, offset: number, value: Buffer | null): RawRecord => ({
  topic: topic.name,
  partition: 0,
  offset,
  timestamp: 1_700_000_000_000 + offset,
  key: Buffer.from(`k${offset}`),
  value,
  headers: {}
})
const samples = (from: number, to: number, topic: Topic = candidates): RawRecord[] =>
  Array.from({ length: to - from }, (_, index) =>
    recordOf(topic, from + index, codec.encode(topic, make.sample(`s${from + index}`, 'text')))
  )

/** One slot of a cluster in memory, and a database that notes what is written. */
function world(
  t: TestContext,
  given: {
    committed?: { offset: number; metadata: string }
    low?: number
    high?: number
    fromBeginning?: boolean
    /** Called before each write; what it throws the write throws. */
    onWrite?: (how: 'write' | 'recover', chunk: Chunk) => void
    onBury?: () => void
    /** Awaited before the committed offsets are told. */
    opening?: Promise<void>
  } = {}
) {
  const { low = 0, high = 100, onWrite = () => {}, onBury = () => {}, fromBeginning = false } = given
  const log: RawRecord[] = []
  const events: string[] = []
  const letters: OutRecord[] = []
  const errors: Error[] = []
  const seeks = new Map<string, number>()
  let committed = given.committed
  let generation = 0
  let writers = 0
  let on: GroupEvents | undefined
  const newWriter = (): ChunkWriter => {
    const number = ++writers
    const write = (how: 'write' | 'recover') => async (chunk: Chunk) => {
      events.push(`${how} ${chunk.from}-${chunk.to} by ${number}`)
      onWrite(how, chunk)
    }
    return {
      write: write('write'),
      recover: write('recover'),
      mayPass: error => error instanceof EverseedError && error.message.startsWith('passes')
    }
  }
  const host = createSinkHost({
    kafka: {
      consume(told) {
        on = told
        return {
          start: async () => {},
          seek: (topic, slot, offset) => void seeks.set(`${topic}/${slot}`, offset),
          pause: () => {},
          resume: () => {},
          stop: async () => {}
        }
      },
      read: async ({ topic, from, to }) =>
        log.filter(record => record.topic === topic && record.offset >= from && record.offset < to),
      bury: async list => {
        events.push(`bury ${list.length}`)
        onBury()
        letters.push(...list)
      },
      admin: {
        async committed() {
          await given.opening
          return new Map(committed ? [[candidates.name, new Map([[0, committed]])]] : [])
        },
        offsets: async () => [{ low, high }]
      },
      sessionMs: 10_000
    },
    codec,
    sink: store,
    newWriter,
    buried: readByStoreOnly,
    log: silentLog,
    metrics: createMetrics('store'),
    fromBeginning,
    fatal: error => void errors.push(error)
  })
  t.after(() => host.drain())
  /** The broker: it takes commits of the newest generation only. */
  const commitOf =
    (mine: number): Commit =>
    async positions => {
      if (mine !== generation) throw new CommitRefused('over', undefined)
      for (const { topic, offset, metadata } of positions as Position[]) {
        events.push(`commit ${offset} ${metadata}`.trim())
        if (topic === candidates.name) committed = { offset, metadata }
      }
    }
  return {
    host,
    events,
    letters,
    errors,
    seeks,
    assign: () => {
      on!.assigned([0], commitOf(++generation))
    },
    /** Another member joins: commits are refused from here on, and this one has not heard of it yet. */
    rebalance: () => void generation++,
    heartbeat: () => on!.heartbeat(),
    isOpen: (topic: Topic = candidates) => until('the lane to open', () => seeks.has(`${topic.name}/0`)),
    push(records: readonly RawRecord[]) {
      log.push(...records)
      const [first] = records
      on!.batch(first!.topic, 0, records, records.at(-1)!.offset + 1)
    }
  }
}

test('a chunk is inserted between its intent and its end', async t => {
  const { host, assign, isOpen, push, events, errors } = world(t)
  await host.start()
  assign()
  await isOpen()
  push(samples(0, 3))
  await until('the end', () => events.includes('commit 3'))
  assert.deepEqual(events, ['commit 0 {"to":3}', 'write 0-3 by 1', 'commit 3'])
  assert.equal(errors.length, 0)
})

test('an open intent is recovered before anything is read, to the record', async t => {
  const committed = { offset: 2, metadata: '{"to":5,"transform":1}' }
  const { host, assign, isOpen, push, events, seeks } = world(t, { committed })
  await host.start()
  push(samples(0, 9))
  assign()
  await isOpen()
  assert.deepEqual(events, ['recover 2-5 by 1', 'commit 5'])
  assert.equal(seeks.get('candidates/0'), 5)
})

test('a refused commit gives the slots up; the next assignment goes on with a new writer', async t => {
  const { host, assign, rebalance, isOpen, push, events, errors, seeks } = world(t, {})
  await host.start()
  assign()
  await isOpen()
  push(samples(0, 2))
  await until('the first chunk', () => events.includes('commit 2'))
  rebalance()
  push(samples(2, 4))
  await until('the slots to be given up', () => host.health().slots.length === 0)
  seeks.clear()
  assign()
  await isOpen()
  assert.equal(seeks.get('candidates/0'), 2)
  push(samples(2, 6))
  await until('the second chunk', () => events.includes('commit 6'))
  assert.deepEqual(events.slice(3), ['commit 2 {"to":6}', 'write 2-6 by 2', 'commit 6'])
  assert.equal(errors.length, 0)
})

test('a commit refused after the insert leaves the intent to whoever comes next', async t => {
  let moved = false
  const { host, assign, rebalance, isOpen, push, events, errors, seeks } = world(t, {
    onWrite: () => {
      if (moved) return
      moved = true
      rebalance()
    }
  })
  await host.start()
  assign()
  await isOpen()
  push(samples(0, 3))
  await until('the slots to be given up', () => host.health().slots.length === 0)
  seeks.clear()
  assign()
  await isOpen()
  assert.deepEqual(events, ['commit 0 {"to":3}', 'write 0-3 by 1', 'recover 0-3 by 2', 'commit 3'])
  assert.equal(errors.length, 0)
})

test('what may pass is tried again, carefully; what cannot ends the process with the intent open', async t => {
  const failures = ['passes: no answer in 8000 ms', 'passes: overloaded', 'no such table']
  const { host, assign, isOpen, push, events, errors } = world(t, {
    onWrite(_, { from }) {
      if (from === 0 && failures.length > 1) throw new EverseedError('CLICKHOUSE_FAILED', failures.shift()!)
      if (from === 3) throw new EverseedError('CLICKHOUSE_FAILED', failures[0]!)
    }
  })
  await host.start()
  assign()
  await isOpen()
  push(samples(0, 3))
  await until('the end', () => events.includes('commit 3'))
  assert.deepEqual(events, [
    'commit 0 {"to":3}',
    'write 0-3 by 1',
    'recover 0-3 by 1',
    'recover 0-3 by 1',
    'commit 3'
  ])
  assert.equal(errors.length, 0)
  push(samples(3, 4))
  await until('the end of the process', () => errors.length > 0)
  assert.equal(errors[0]!.message, 'no such table')
  assert.deepEqual(events.slice(5), ['commit 3 {"to":4}', 'write 3-4 by 1'])
})

test('an offset or an intent outside the log is refused, and given up when that was asked for', async t => {
  for (const committed of [
    { offset: 3, metadata: '' },
    { offset: 90, metadata: '' },
    { offset: 20, metadata: '{"to":60}' }
  ]) {
    const refused = world(t, { committed, low: 10, high: 50 })
    await refused.host.start()
    refused.assign()
    await until('the refusal', () => refused.errors.length > 0)
    const { code, message } = refused.errors[0] as EverseedError
    assert.equal(code, 'OFFSETS_LOST')
    assert.match(message, /candidates\/0.*--from-beginning/)

    const told = world(t, { committed, low: 10, high: 50, fromBeginning: true })
    await told.host.start()
    told.assign()
    await told.isOpen()
    assert.equal(told.seeks.get('candidates/0'), 10)
    assert.deepEqual(told.events, [])
    assert.deepEqual(told.errors, [])
  }
})

test('inside the log a committed offset holds, asked for the beginning or not', async t => {
  const { host, assign, isOpen, seeks } = world(t, {
    committed: { offset: 30, metadata: '' },
    fromBeginning: true
  })
  await host.start()
  assign()
  await isOpen()
  assert.equal(seeks.get('candidates/0'), 30)
})

test('what nobody else reads is buried before its offset is committed; what a processor reads is left to it', async t => {
  let failed = false
  const { host, assign, isOpen, push, events, letters, errors } = world(t, {
    onBury() {
      if (failed) return
      failed = true
      throw Object.assign(new Error('no leader'), { name: 'KafkaJSProtocolError' })
    }
  })
  await host.start()
  assign()
  await isOpen(training)
  const torn = Buffer.from('torn')
  push([...samples(0, 2, training), recordOf(training, 2, torn)])
  await until('training', () => events.includes('commit 3'))
  assert.deepEqual(events, ['bury 1', 'bury 1', 'commit 0 {"to":3}', 'write 0-3 by 1', 'commit 3'])
  push([recordOf(candidates, 0, torn)])
  await until('candidates', () => events.includes('commit 1'))
  assert.equal(letters.length, 1)
  const { key, value, headers, topic, partition } = letters[0]!
  assert.deepEqual(
    { topic, partition, key, value, own: headers!['x-key'] },
    { topic: 'dead-letters', partition: 0, key: 'store/training/0/2', value: torn, own: Buffer.from('k2') }
  )
  assert.deepEqual(
    ['x-reason', 'x-processor', 'x-topic', 'x-partition', 'x-offset', 'x-settles'].map(
      name => headers![name]
    ),
    ['malformed_frame', 'store', 'training', '0', '2', '0']
  )
  assert.equal(errors.length, 0)
})

test('a store is stuck when its group has not heard of it for a session', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { host, assign, heartbeat } = world(t)
  await host.start()
  t.mock.timers.tick(60_000)
  assert.equal(host.health().state, 'starting', 'the cluster may need its time')
  assign()
  await until(() => host.health().state === 'running')
  t.mock.timers.tick(10_000)
  assert.deepEqual(host.health(), { state: 'running', slots: [0], backlog: 0, memory: 0 })
  t.mock.timers.tick(1000)
  const { state, problem } = host.health()
  assert.deepEqual({ state, problem }, { state: 'stuck', problem: 'no heartbeat for 11 s' })
  heartbeat()
  assert.equal(host.health().state, 'running')
})

test('a store is stuck when its slots cannot be opened, until they are', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const opening = Promise.withResolvers<void>()
  t.after(() => opening.resolve())
  const { host, assign, heartbeat } = world(t, { opening: opening.promise })
  await host.start()
  assign()
  for (let second = 0; second < 16; second++) {
    assert.equal(host.health().state, 'starting')
    heartbeat()
    t.mock.timers.tick(1000)
  }
  const { state, problem } = host.health()
  assert.deepEqual({ state, problem }, { state: 'stuck', problem: 'slot 0 could not be opened for 16 s' })
  opening.resolve()
  await until(() => {
    t.mock.timers.tick(1000)
    heartbeat()
    return host.health().state === 'running'
  })
})
