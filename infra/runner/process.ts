/** The host of a processor: joins its group, opens and closes slots, and says how it is. */
import type { Kafka } from '../kafka/client.ts'
import type { Log, Ports, Processor } from '../../processors/contract.ts'
import { type ErrorCode, EverseedError } from '../../schemas/errors.ts'
import { deadLetters, journal as journalTopic, stateTopic, type Topic } from '../../schemas/topics.ts'
import type { JournalEntry } from '../../schemas/types.ts'
import type { Codec } from '../codec.ts'
import type { KafkaConfig } from '../config.ts'
import type { ClusterAdmin } from '../kafka/admin.ts'
import { createGroupConsumer, type GroupConsumer } from '../kafka/consumer.ts'
import { openTransactional, TransactionLost, type TransactionalProducer } from '../kafka/producer.ts'
import { readRanges } from '../kafka/reader.ts'
import type { MetricsEndpoint } from './counters.ts'
import { createLiveness, type Worker } from './health.ts'
import { createJournal, type SlotJournal } from './journal.ts'
import { createOffsets } from './offsets.ts'
import { createSlot, defaultLimits, type Limits, type Slot } from './slot.ts'
import type { LiveTables } from './tables.ts'

/** What a host needs. */
export type HostOptions = {
  readonly kafka: Kafka
  readonly config: KafkaConfig
  readonly admin: ClusterAdmin
  readonly codec: Codec
  readonly processor: Processor
  readonly tables: LiveTables
  readonly ports: Omit<Ports, 'journal'>
  readonly log: Log
  readonly metrics: MetricsEndpoint
  readonly now: () => number
  readonly limits?: Partial<Limits>
  /** Read from the start where output or state exists without committed offsets, or the offsets are outside the log. */
  readonly fromBeginning?: boolean
  /** The process must end with this error. */
  readonly fatal: (error: Error) => void
}

/** A processor at work. */
export type Host = Worker & {
  /** Tables changed. */
  tick(): void
}

type Owned = {
  slot: Slot | undefined
  producers: TransactionalProducer[]
  /** Opening failed or a transaction was lost; opened again once the group confirms that the slot is still ours. */
  lost: boolean
  readonly paused: Set<string>
}

/** What may pass by itself while a slot is opened; anything else a person has to correct. */
const passing = new Set<ErrorCode>(['KAFKA_UNREACHABLE', 'REGISTRY_UNREACHABLE'])

/** A slot that was opened again and again, and lost what it wrote each time: going on would look like work for ever. */
function hopeless(name: string, slot: number, losses: number, cause: TransactionLost): EverseedError {
  const advice = cause.fenced
    ? 'somebody else writes under its transactional id: is another deployment running under this prefix?'
    : 'look at the logs of the brokers'
  return new EverseedError(
    cause.fenced ? 'FENCED' : 'KAFKA_UNREACHABLE',
    `${name}, slot ${slot}: ${losses} transactions in a row were lost, the last one because ${cause.message}; ${advice}`,
    { cause }
  )
}

/** Topics a processor touches: what must exist and be registered before it runs. */
export function topicsOf(processor: Processor): Topic[] {
  const list = [...Object.values(processor.inputs), ...Object.values(processor.outputs), deadLetters]
  if (Object.keys(processor.state).length > 0) list.push(stateTopic(processor.name))
  if (processor.needs?.includes('journal')) list.push(journalTopic)
  return [...new Map(list.map(topic => [topic.name, topic])).values()]
}

/**
 * @param options what it works with
 */
export function createHost(options: HostOptions): Host {
  const { kafka, config, admin, codec, processor, tables, log, metrics, now, fatal } = options
  const inputs = Object.values(processor.inputs).map(topic => topic.name)
  const stateful = Object.keys(processor.state).length > 0
  const memoryTopic = stateTopic(processor.name).name
  const limits = { ...defaultLimits, ...options.limits }
  const starts = createOffsets(options)
  const opened = Promise.withResolvers<void>()
  /** Transactions each slot lost since its last commit. */
  const losses = new Map<number, number>()
  const owned = new Map<number, Owned>()
  let state: 'starting' | 'running' | 'draining' = 'starting'
  let timer: NodeJS.Timeout | undefined
  const liveness = createLiveness(config.sessionTimeoutMs)

  const restoreFrom = async (
    topic: string,
    slot: number,
    entry: (key: string, value: Buffer | null) => void | Promise<void>
  ): Promise<void> => {
    const end = (await admin.offsets(topic))[slot]
    if (!end || end.high <= end.low) return
    await readRanges(
      kafka,
      config,
      [{ topic, partition: slot, from: end.low, to: end.high }],
      async records => {
        for (const record of records) {
          // A promise only for entries written under an older schema.
          const late = entry(record.key?.toString() ?? '', record.value)
          if (late) await late
        }
      }
    )
  }

  const openSlot = async (slot: number): Promise<void> => {
    const one: Owned = { slot: undefined, producers: [], lost: false, paused: new Set(inputs) }
    owned.set(slot, one)
    const current = (): boolean => owned.get(slot) === one && state !== 'draining'
    const lost = (error: unknown): void => {
      if (!current()) return
      if (!(error instanceof TransactionLost)) return fatal(error as Error)
      if (one.lost) return
      const inRow = (losses.get(slot) ?? 0) + 1
      losses.set(slot, inRow)
      if (inRow >= limits.losses) return fatal(hopeless(processor.name, slot, inRow, error))
      metrics.lost(error.fenced ? 'fenced' : 'unknown')
      log.warn(
        { slot, fenced: error.fenced },
        `the transaction was lost: ${error.message}; the slot is opened again from its committed offsets`
      )
      for (const topic of inputs) consumer.pause(topic, slot)
      one.slot?.close()
      one.lost = true
      void closeProducers(one)
    }
    try {
      const producer = await openTransactional(kafka, config, `${processor.name}.${slot}`)
      one.producers.push(producer)
      let journal: SlotJournal | undefined
      if (processor.needs?.includes('journal')) {
        const journalProducer = await openTransactional(kafka, config, `${processor.name}.${slot}.journal`)
        one.producers.push(journalProducer)
        const journalLog = {
          restore: (entry: (key: string, value: Buffer | null) => void | Promise<void>) =>
            restoreFrom(journalTopic.name, slot, entry),
          commit: (records: Parameters<TransactionalProducer['commit']>[0]) => journalProducer.commit(records)
        }
        journal = createJournal(slot, journalLog, codec, now, lost)
        await journal.open()
      }
      const committed = await starts.ofSlot(slot)
      if (!current()) return await closeProducers(one)
      const created = createSlot({
        processor,
        slot,
        partitions: config.partitions,
        log: {
          restore: entry => (stateful ? restoreFrom(memoryTopic, slot, entry) : Promise.resolve()),
          read: (topic, from, to, records) =>
            readRanges(kafka, config, [{ topic, partition: slot, from, to }], records),
          async commit(records, offsets) {
            await producer.commit(records, { id: processor.name, offsets, partition: slot })
            losses.delete(slot)
            // What was held back may be wanted again; waiting for the next tick would leave the slot without work.
            feed()
          }
        },
        codec,
        tables,
        ports: { ...options.ports, journal: journal as SlotJournal },
        logger: log,
        metrics,
        now,
        limits,
        onLost: lost,
        ...(journal && {
          onOutput: (topic: Topic, value: object) => {
            if (topic.name === journalTopic.name) journal.settled(value as JournalEntry)
          }
        })
      })
      const positions = await created.open(committed)
      if (!current()) {
        created.close()
        return await closeProducers(one)
      }
      one.slot = created
      for (const [topic, offset] of positions) {
        consumer.seek(topic, slot, offset)
        consumer.resume(topic, slot)
        one.paused.delete(topic)
      }
      log.debug({ slot, positions: Object.fromEntries(positions) }, 'slot open')
    } catch (error) {
      await closeProducers(one)
      if (!current()) return
      if (error instanceof EverseedError && !passing.has(error.code)) return fatal(error)
      log.warn({ err: error, slot }, 'the slot could not be opened; trying again with the next heartbeat')
      one.lost = true
    }
  }

  const closeProducers = async (one: Owned): Promise<void> => {
    await Promise.all(one.producers.splice(0).map(producer => producer.close()))
  }

  const release = (slot: number): void => {
    const one = owned.get(slot)
    owned.delete(slot)
    one?.slot?.close()
    if (one) void closeProducers(one)
  }

  const reopenLost = (): void => {
    for (const [slot, one] of owned) if (one.lost) void openSlot(slot)
  }

  const feed = (): void => {
    for (const [slot, one] of owned) {
      if (!one.slot) continue
      for (const topic of inputs) {
        const hungry = one.slot.hungry(topic)
        if (hungry && one.paused.delete(topic)) consumer.resume(topic, slot)
        else if (!hungry && !one.paused.has(topic)) {
          one.paused.add(topic)
          consumer.pause(topic, slot)
        }
      }
    }
  }

  const consumer: GroupConsumer = createGroupConsumer(
    kafka,
    config,
    log,
    { group: processor.name, topics: inputs },
    {
      assigned(slots) {
        if (state === 'draining') return
        state = 'running'
        liveness.beat()
        const kept = new Set(slots)
        const openings: Promise<void>[] = []
        for (const slot of owned.keys()) if (!kept.has(slot)) release(slot)
        for (const slot of slots) {
          const one = owned.get(slot)
          // A slot that stays is not opened anew: had somebody owned it in between, its producer would be fenced.
          if (one?.slot && !one.lost) {
            for (const topic of inputs) {
              consumer.seek(topic, slot, one.slot.position(topic))
              if (!one.paused.has(topic)) consumer.resume(topic, slot)
            }
          } else if (!one || one.lost) openings.push(openSlot(slot))
        }
        void Promise.all(openings).then(() => opened.resolve())
        log.info({ slots }, 'slots assigned')
      },
      heartbeat() {
        liveness.beat()
        reopenLost()
      },
      batch(topic, slot, records, position) {
        owned.get(slot)?.slot?.push(topic, records, position)
        feed()
      },
      dead: fatal
    }
  )

  const backlog = (): number => [...owned.values()].reduce((sum, one) => sum + (one.slot?.backlog ?? 0), 0)
  const memorySize = (): number => [...owned.values()].reduce((sum, one) => sum + (one.slot?.memory ?? 0), 0)

  return {
    opened: opened.promise,
    async start() {
      metrics.gauges(() => ({ backlog: backlog(), memory: memorySize(), slots: owned.size }))
      tables.failed.catch((error: unknown) => fatal(error as Error))
      await consumer.start()
      timer = setInterval(() => {
        liveness.look(Array.from(owned, ([slot, one]) => [slot, one.slot !== undefined && !one.lost]))
        for (const one of owned.values()) one.slot?.tick()
        feed()
      }, 1000)
    },
    tick() {
      for (const one of owned.values()) one.slot?.tick()
    },
    health() {
      const { stuck } = liveness
      return {
        state: state === 'running' && stuck !== undefined ? 'stuck' : state,
        slots: [...owned.keys()],
        backlog: backlog(),
        memory: memorySize(),
        ...(stuck !== undefined && { problem: stuck })
      }
    },
    async drain() {
      state = 'draining'
      clearInterval(timer)
      await Promise.all([...owned.values()].flatMap(({ slot }) => (slot ? [slot.drain()] : [])))
      await consumer.stop()
      await Promise.all(Array.from(owned.values(), closeProducers))
    }
  }
}
