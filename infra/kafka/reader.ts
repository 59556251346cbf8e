/** Reading outside a processor's group: bounded ranges, and whole topics followed live. Always read committed. */
import { randomUUID } from 'node:crypto'
import type { Consumer, Kafka } from 'kafkajs'
import { EverseedError } from '../../schemas/errors.ts'
import type { KafkaConfig } from '../config.ts'
import { fixedAssigner } from './assigner.ts'
import { subscribeTo } from './client.ts'
import { isErasure, rawRecord, type Range, type RawRecord } from './record.ts'
import { refusalOf } from './refusal.ts'

/** Receives records of one partition, in order. A returned promise holds the next batch back. */
export type OnRecords = (records: readonly RawRecord[]) => void | Promise<void>

type Position = { next: number; readonly to: number; topic: string; partition: number }

/** A reader at work. */
export type Follower = {
  /** Resolves once everything that lay in the partitions when the reader started was handed over. */
  readonly caughtUp: Promise<void>
  /** Rejects when the reader dies; never resolves while it lives. */
  readonly failed: Promise<never>
  /** Resolves once everything before the given offsets was handed over, control records counted. */
  reached(ends: ReadonlyMap<string, number>): Promise<void>
  stop(): Promise<void>
}

/**
 * Reads partitions from given offsets and goes on until stopped. A throw-away group that commits nothing is used:
 * kafkajs has no reader without one.
 * @param ranges `from` is where to start, `to` what "caught up" means
 * @param onRecords gets the records; those at or past `to` too, unless `bounded`. What it throws ends the reader, or with
 *   `again` has it called again with the same records
 * @param options.everything also what was never committed, and what says that a record was erased; `erasures`: only the latter
 */
export function follow(
  kafka: Kafka,
  config: KafkaConfig,
  ranges: readonly Range[],
  onRecords: OnRecords,
  options: {
    bounded?: boolean
    again?: boolean
    maxWaitMs?: number
    group?: string
    everything?: boolean
    erasures?: boolean
  } = {}
): Follower {
  const { bounded = false, again = false, maxWaitMs = 200, everything = false } = options
  const erasures = options.erasures ?? everything
  const { prefix } = config
  const partitions = new Map<string, number[]>()
  const positions = new Map<string, Position>()
  for (const { topic, partition, from, to } of ranges) {
    const list = partitions.get(prefix + topic) ?? []
    partitions.set(prefix + topic, [...list, partition])
    positions.set(`${topic}/${partition}`, { topic, partition, next: from, to })
  }
  const caughtUp = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  caughtUp.promise.catch(() => {})
  const die = (error: unknown): void => {
    failed.reject(error)
    caughtUp.reject(error)
  }
  const group = options.group ?? `${prefix}reader.${randomUUID()}`
  let waiters: (() => boolean)[] = []
  let waiting = [...positions.values()].filter(position => position.next < position.to).length

  const consumer: Consumer = kafka.consumer({
    groupId: group,
    partitionAssigners: [fixedAssigner(partitions)],
    sessionTimeout: config.sessionTimeoutMs,
    // Nobody waits for a place in this group: now and then is enough.
    heartbeatInterval: Math.floor(config.sessionTimeoutMs / 4),
    maxWaitTimeInMs: maxWaitMs,
    maxBytesPerPartition: 4 * 1024 * 1024,
    readUncommitted: everything
  })
  const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = consumer.events

  const advance = (key: string, next: number): void => {
    const position = positions.get(key)
    if (!position || next <= position.next) return
    const before = position.next < position.to
    position.next = next
    if (before && next >= position.to && --waiting === 0) caughtUp.resolve()
    waiters = waiters.filter(waiter => !waiter())
  }
  consumer.on(GROUP_JOIN, () => {
    for (const { topic, partition, next } of positions.values()) {
      consumer.seek({ topic: prefix + topic, partition, offset: String(next) })
    }
  })
  consumer.on(END_BATCH_PROCESS, ({ payload }) => {
    if (payload.batchSize === 0)
      advance(`${payload.topic.slice(prefix.length)}/${payload.partition}`, Number(payload.lastOffset) + 1)
  })
  consumer.on(CRASH, ({ payload }) => {
    if (payload.restart) return
    const { error: cause } = payload
    const topics = [...partitions.keys()]
    const message = `reading ${topics.join(', ')} failed: ${cause.message}`
    die(
      refusalOf(cause, config, { right: 'Read', topics, group }) ??
        new EverseedError('KAFKA_UNREACHABLE', message, { cause })
    )
  })
  const hand = async (records: readonly RawRecord[]): Promise<void> => {
    try {
      await onRecords(records)
    } catch (error) {
      if (!again) die(error)
      throw error
    }
  }

  const run = async (): Promise<void> => {
    await consumer.connect()
    await subscribeTo(consumer, [...partitions.keys()])
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, isStale, isRunning }) => {
        const topic = batch.topic.slice(prefix.length)
        const key = `${topic}/${batch.partition}`
        const position = positions.get(key)
        if (!position || isStale() || !isRunning()) return
        const records: RawRecord[] = []
        for (const message of batch.messages) {
          const record = rawRecord(topic, batch.partition, message)
          if (record.offset < position.next || (bounded && record.offset >= position.to)) continue
          if (erasures || !isErasure(record)) records.push(record)
        }
        if (records.length > 0) await hand(records)
        resolveOffset(batch.messages.at(-1)!.offset)
        advance(key, Number(batch.lastOffset()) + 1)
        await heartbeat()
      }
    })
  }
  if (waiting === 0) caughtUp.resolve()
  const started = run().catch(die)

  return {
    caughtUp: caughtUp.promise,
    failed: failed.promise,
    async reached(ends) {
      const there = (): boolean =>
        [...positions.values()].every(
          ({ topic, partition, next }) => next >= (ends.get(`${topic}/${partition}`) ?? 0)
        )
      if (there()) return
      const arrival = Promise.withResolvers<void>()
      waiters.push(() => {
        if (!there()) return false
        arrival.resolve()
        return true
      })
      await Promise.race([arrival.promise, failed.promise])
    },
    async stop() {
      await started
      await consumer.disconnect()
    }
  }
}

/**
 * Reads bounded ranges and returns when all was handed over.
 * @param options `everything`, `erasures`: see {@link follow}
 * @throws EverseedError KAFKA_UNREACHABLE, KAFKA_REFUSED
 */
export async function readRanges(
  kafka: Kafka,
  config: KafkaConfig,
  ranges: readonly Range[],
  onRecords: OnRecords,
  options: { everything?: boolean; erasures?: boolean } = {}
): Promise<void> {
  const open = ranges.filter(range => range.from < range.to)
  if (open.length === 0) return
  const reader = follow(kafka, config, open, onRecords, { bounded: true, maxWaitMs: 50, ...options })
  try {
    await reader.caughtUp
  } finally {
    await reader.stop()
  }
}
