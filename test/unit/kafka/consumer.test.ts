/** The group consumer on a library that is a puppet: what it is told, and what it tells. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test, type TestContext } from 'node:test'
import type { Cluster, ConsumerConfig, Kafka, PartitionAssigner } from 'kafkajs'
import { readConfig } from '../../../infra/config.ts'
import { createGroupConsumer, type GroupConsumer } from '../../../infra/kafka/consumer.ts'
import { silentLog } from '../../../infra/log.ts'

const { prototype } = createRequire(import.meta.url)('kafkajs/src/consumer/consumerGroup') as {
  prototype: { connect(): Promise<void> }
}

type Puppet = {
  readonly consumer: GroupConsumer
  /** What the library was told, and what the owner was. */
  readonly told: string[]
  emit(event: string, payload: object): void
  /** A batch that was fetched, as the library hands it over. */
  fetched(offsets: readonly number[]): Promise<void>
  /** A batch of control and aborted records; the library processes it without asking. */
  filtered(firstOffset: number | null, lastOffset: number): void
}

/** A consumer of one topic, joined. */
async function joined(t: TestContext): Promise<Puppet> {
  const { kafka: config } = readConfig({ EVERSEED_KAFKA_BROKERS: 'nowhere:9092', EVERSEED_PREFIX: 'p.' })
  const listeners = new Map<string, (event: { payload: object }) => void>()
  const told: string[] = []
  let initialized = false
  let eachBatch: (payload: object) => Promise<void>
  const say = (what: string, slot: number, more = ''): void => {
    if (!initialized) throw new Error('Consumer group was not initialized, consumer#run must be called first')
    told.push(`${what} ${slot}${more}`)
  }
  type Places = { partitions: number[] }[]
  const library = {
    events: Object.fromEntries(
      ['GROUP_JOIN', 'HEARTBEAT', 'CRASH', 'END_BATCH_PROCESS', 'REBALANCING', 'STOP'].map(name => [
        name,
        name
      ])
    ),
    on: (event: string, listener: (event: { payload: object }) => void) => listeners.set(event, listener),
    connect: async () => {},
    subscribe: async () => {},
    run: async (options: { eachBatch: typeof eachBatch }) => void (eachBatch = options.eachBatch),
    disconnect: async () => {},
    pause: ([place]: Places) => say('pause', place!.partitions[0]!),
    resume: ([place]: Places) => say('resume', place!.partitions[0]!),
    seek: ({ partition, offset }: { partition: number; offset: string }) =>
      say('seek', partition, ` ${offset}`)
  }
  const emit = (event: string, payload: object): void => {
    // The library has let go of its group before it tells of it.
    if (event === 'STOP') initialized = false
    if (event === 'GROUP_JOIN') initialized = true
    listeners.get(event)?.({ payload })
  }
  const cluster = {
    connect: async () => {},
    refreshMetadataIfNecessary: async () => {}
  } as unknown as Cluster
  const consumer = ({ partitionAssigners }: ConsumerConfig): typeof library => {
    partitionAssigners![0]!({ cluster } as Parameters<PartitionAssigner>[0])
    return library
  }
  await prototype.connect.call({
    cluster,
    instrumentationEmitter: { emit: () => {} },
    offsetManager: {}
  } as never)
  const group = createGroupConsumer(
    { consumer } as unknown as Kafka,
    { ...config, brokers: ['nowhere:9092'] },
    silentLog,
    { group: 'g', topics: ['a'] },
    {
      assigned: slots => told.push(`assigned ${slots.join()}`),
      heartbeat: () => {},
      batch: (topic, slot, records, position) =>
        told.push(`${topic}/${slot}: ${records.map(({ offset }) => offset).join()} to ${position}`),
      dead: error => told.push(`dead ${error.code}`)
    }
  )
  t.after(() => group.stop())
  await group.start()
  emit('GROUP_JOIN', { memberAssignment: { 'p.a': [0] } })
  assert.deepEqual(told.splice(0), ['pause 0', 'assigned 0'])
  return {
    consumer: group,
    told,
    emit,
    fetched: offsets =>
      eachBatch({
        batch: {
          topic: 'p.a',
          partition: 0,
          messages: offsets.map(offset => ({ offset: String(offset), timestamp: '0', headers: {} })),
          lastOffset: () => String(offsets.at(-1)!)
        },
        resolveOffset: () => {},
        heartbeat: async () => {},
        isRunning: () => true,
        isStale: () => false
      }),
    filtered: (firstOffset, lastOffset) =>
      emit('END_BATCH_PROCESS', {
        topic: 'p.a',
        partition: 0,
        batchSize: 0,
        firstOffset: firstOffset === null ? null : String(firstOffset),
        lastOffset: String(lastOffset)
      })
  }
}

test('control records move a slot on where they join on to what was taken', async t => {
  const { consumer, told, fetched, filtered } = await joined(t)
  consumer.seek('a', 0, 5)
  consumer.resume('a', 0)
  await fetched([5, 6])
  filtered(7, 8)
  // One that was under way when the partition was paused: the library will not fetch it again.
  consumer.pause('a', 0)
  filtered(9, 9)
  filtered(null, 10)
  assert.deepEqual(told, [
    'seek 0 5',
    'resume 0',
    'a/0: 5,6 to 7',
    'a/0:  to 9',
    'pause 0',
    'a/0:  to 10',
    'a/0:  to 11'
  ])
})

test('control records that were fetched before a seek back skip nothing', async t => {
  const { consumer, told, emit, fetched, filtered } = await joined(t)
  consumer.seek('a', 0, 5)
  consumer.resume('a', 0)
  await fetched([5, 6])
  told.length = 0
  consumer.seek('a', 0, 3)
  filtered(7, 7)
  assert.deepEqual(told.splice(0), ['seek 0 3'])
  await fetched([3, 4, 5, 6])
  filtered(7, 7)
  assert.deepEqual(told.splice(0), ['a/0: 3,4,5,6 to 7', 'a/0:  to 8'])
  emit('GROUP_JOIN', { memberAssignment: { 'p.a': [0] } })
  told.length = 0
  filtered(8, 8)
  assert.deepEqual(told, [], 'nobody has said where to read from')
})

test('while the library restarts itself there is nothing to pause, resume or seek; the next join begins anew', async t => {
  const { consumer, told, emit, filtered } = await joined(t)
  consumer.seek('a', 0, 5)
  consumer.resume('a', 0)
  told.length = 0
  emit('STOP', {})
  for (const restarting of [false, true]) {
    if (restarting) emit('CRASH', { restart: true, error: new Error('the coordinator went away') })
    consumer.pause('a', 0)
    consumer.resume('a', 0)
    consumer.seek('a', 0, 9)
  }
  assert.deepEqual(told.splice(0), [])
  emit('GROUP_JOIN', { memberAssignment: { 'p.a': [0] } })
  consumer.seek('a', 0, 7)
  consumer.resume('a', 0)
  filtered(7, 7)
  assert.deepEqual(told.splice(0), ['pause 0', 'assigned 0', 'seek 0 7', 'resume 0', 'a/0:  to 8'])
  emit('CRASH', { restart: false, error: new Error('no hope') })
  assert.deepEqual(told, ['dead KAFKA_UNREACHABLE'])
})
