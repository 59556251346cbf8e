/** The group consumer of a processor: assignments by slot, batches of raw records, manual positions. */
import type { Cluster, Consumer, Kafka } from 'kafkajs'
import type { Log } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import type { KafkaConfig } from '../config.ts'
import { type Claim, noClaim, stickyAssigner } from './assigner.ts'
import { patient, subscribeTo } from './client.ts'
import { type Commit, commitOf } from './commit.ts'
import { createPulse } from './pulse.ts'
import { rawRecord, type RawRecord } from './record.ts'
import { refusalOf } from './refusal.ts'

/** What the owner of a group consumer is told. Topics carry no prefix. */
export type GroupEvents = {
  /**
   * A new assignment: every slot was paused before this is called; seek and resume the ones to read. `commit` commits
   * offsets for as long as this assignment lasts, and is refused afterwards.
   */
  assigned(slots: readonly number[], commit: Commit): void
  /** The broker confirmed that this process is still a member. */
  heartbeat(): void
  /** Records of one partition, in order. `position` is where the next fetch starts, past trailing control records. */
  batch(topic: string, slot: number, records: readonly RawRecord[], position: number): void
  /** The consumer will not come back; KAFKA_REFUSED where its user lacks a right, KAFKA_UNREACHABLE otherwise. */
  dead(error: EverseedError): void
}

/** A group consumer. Offsets are committed elsewhere: in transactions, or by the `commit` of an assignment. */
export type GroupConsumer = {
  /** @throws EverseedError KAFKA_REFUSED */
  start(): Promise<void>
  /** Without effect between a crash and the next assignment, as are `pause` and `resume`. */
  seek(topic: string, slot: number, offset: number): void
  pause(topic: string, slot: number): void
  resume(topic: string, slot: number): void
  stop(): Promise<void>
}

/** Milliseconds the broker may hold a fetch that finds nothing: what an idle deployment costs is mostly these fetches. */
const longestWaitMs = 500

/** Milliseconds a broker that restarts is away; no silence shorter than that means anything. */
const restartMs = 20_000

/**
 * A consumer that was a member of its group and shows no sign of it for twice the session timeout is dead: its slots are
 * somebody else's by then.
 * @param kafka client
 * @param options group and topics without prefix
 */
export function createGroupConsumer(
  kafka: Kafka,
  config: KafkaConfig,
  log: Log,
  options: { group: string; topics: readonly string[] },
  on: GroupEvents
): GroupConsumer {
  const { prefix } = config
  const full = (topic: string): string => prefix + topic
  const short = (topic: string): string => topic.slice(prefix.length)
  let cluster: Cluster | undefined
  /** What the next assignment should leave here. */
  let claim: Claim = noClaim
  const topics = options.topics.map(full)
  const refused = (error: unknown): EverseedError | undefined =>
    refusalOf(error, config, { right: 'Read', topics, group: full(options.group) })
  const dead = (cause: Error): void => {
    if (stopping) return
    const ended = `the consumer of ${options.group} ended: ${cause.message}`
    on.dead(refused(cause) ?? new EverseedError('KAFKA_UNREACHABLE', ended, { cause }))
  }
  const pulse = createPulse(Math.max(2 * config.sessionTimeoutMs, restartMs), silentMs =>
    dead(new Error(`no heartbeat for ${silentMs / 1000} s`))
  )
  const consumer: Consumer = kafka.consumer({
    groupId: full(options.group),
    partitionAssigners: [
      assigning => {
        cluster = assigning.cluster
        return stickyAssigner(() => claim)(assigning)
      }
    ],
    sessionTimeout: config.sessionTimeoutMs,
    heartbeatInterval: config.heartbeatMs,
    rebalanceTimeout: Math.max(config.sessionTimeoutMs, 10_000),
    // Whatever is written ends the wait; a heartbeat that is due has to wait for it.
    maxWaitTimeInMs: Math.min(longestWaitMs, config.heartbeatMs),
    maxBytesPerPartition: 2 * 1024 * 1024,
    readUncommitted: false,
    retry: { ...patient, restartOnFailure: async () => !stopping }
  })
  let stopping = false
  /** While the library restarts itself after a crash it has no group: the next join says anew what to read from where. */
  let joined = false
  let paused = new Set<string>()
  /** Where what was handed over ends, by partition; a seek sets it. Empty after a join, until the owner has sought. */
  const taken = new Map<string, number>()
  const { GROUP_JOIN, HEARTBEAT, CRASH, END_BATCH_PROCESS, REBALANCING, STOP } = consumer.events

  const handOver = (topic: string, slot: number, records: readonly RawRecord[], position: number): void => {
    taken.set(`${topic}/${slot}`, position)
    on.batch(topic, slot, records, position)
  }

  consumer.on(GROUP_JOIN, ({ payload }) => {
    const slots = new Set(Object.values(payload.memberAssignment).flat())
    const partitions = [...slots]
    joined = true
    pulse.beat()
    claim = { ...claim, slots: partitions }
    paused = new Set()
    taken.clear()
    for (const topic of options.topics) consumer.pause([{ topic: full(topic), partitions }])
    for (const topic of options.topics) for (const slot of slots) paused.add(`${topic}/${slot}`)
    on.assigned(
      partitions.toSorted((a, b) => a - b),
      commitOf(cluster!, prefix)
    )
  })
  consumer.on(REBALANCING, () => log.debug({ group: options.group }, 'rebalancing'))
  consumer.on(HEARTBEAT, ({ payload }) => {
    pulse.beat()
    claim = { ...claim, generation: payload.groupGenerationId }
    on.heartbeat()
  })
  // Before the CRASH, which is told of once the connections are closed.
  consumer.on(STOP, () => void (joined = false))
  consumer.on(CRASH, ({ payload }) => {
    // The library restarts itself after what may pass; what it gives up on must end the process.
    if (!payload.restart) dead(payload.error)
  })
  consumer.on(END_BATCH_PROCESS, ({ payload }) => {
    // A batch of nothing but control and aborted records never reaches eachBatch, nor does anybody ask whether it is stale:
    // one that does not join on was fetched before a seek back, and the records in between are still to come.
    if (payload.batchSize > 0) return
    const topic = short(payload.topic)
    const first = Number((payload.firstOffset as string | null) ?? payload.lastOffset)
    const next = taken.get(`${topic}/${payload.partition}`)
    if (next === undefined || first > next) return
    handOver(topic, payload.partition, [], Number(payload.lastOffset) + 1)
  })

  return {
    async start() {
      try {
        await consumer.connect()
        await subscribeTo(consumer, topics)
      } catch (error) {
        throw refused(error) ?? error
      }
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
          const topic = short(batch.topic)
          if (!isRunning() || isStale() || paused.has(`${topic}/${batch.partition}`)) return
          const records = batch.messages.map(message => rawRecord(topic, batch.partition, message as never))
          handOver(topic, batch.partition, records, Number(batch.lastOffset()) + 1)
          resolveOffset(batch.messages.at(-1)!.offset)
          await heartbeat()
        }
      })
    },

    seek(topic, slot, offset) {
      if (!joined) return
      taken.set(`${topic}/${slot}`, offset)
      consumer.seek({ topic: full(topic), partition: slot, offset: String(offset) })
    },

    pause(topic, slot) {
      if (!joined) return
      paused.add(`${topic}/${slot}`)
      consumer.pause([{ topic: full(topic), partitions: [slot] }])
    },

    resume(topic, slot) {
      if (!joined) return
      paused.delete(`${topic}/${slot}`)
      consumer.resume([{ topic: full(topic), partitions: [slot] }])
    },

    async stop() {
      stopping = true
      pulse.stop()
      await consumer.disconnect()
    }
  }
}
