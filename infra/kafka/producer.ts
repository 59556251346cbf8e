/** Writing: the transactional producer of a slot, and the plain idempotent one of publishers. */
import type { Kafka, Producer, ProducerRecord } from 'kafkajs'
import { EverseedError } from '../../schemas/errors.ts'
import type { KafkaConfig } from '../config.ts'
import { transactional } from './client.ts'
import type { OutRecord } from './record.ts'
import { type Asked, protocolError, refusalOf } from './refusal.ts'
import { largest, recordBytes, wavesOf } from './waves.ts'

/** A transaction did not provably end. The producer is dead; fence, read the committed offsets again, go on there. */
export class TransactionLost extends Error {
  /** True when another process took over the transactional id. */
  readonly fenced: boolean

  constructor(message: string, fenced: boolean, cause: unknown) {
    super(message, { cause })
    this.name = 'TransactionLost'
    this.fenced = fenced
  }
}

const fencedTypes = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'UNKNOWN_PRODUCER_ID',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'INVALID_TXN_STATE'
])

function grouped(prefix: string, records: readonly OutRecord[]): ProducerRecord[] {
  const topics = new Map<string, ProducerRecord>()
  for (const { topic, partition, key, value, headers } of records) {
    let group = topics.get(topic)
    if (!group) topics.set(topic, (group = { topic: prefix + topic, messages: [] }))
    group.messages.push({ partition, key, value, ...(headers && { headers }) })
  }
  return [...topics.values()]
}

/** Each topic once, as the broker knows it. */
function namesOf(prefix: string, records: readonly OutRecord[]): string[] {
  return Array.from(new Set(records.map(record => record.topic)), topic => prefix + topic)
}

/** What a broker answers to a batch over `max.message.bytes`, or over the size of a segment. */
const tooLargeTypes = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

/**
 * Sends records in batches a broker takes.
 * @throws EverseedError RECORD_TOO_LARGE: trying again would meet the same answer, for ever
 */
async function sendWaves(
  producer: Pick<Producer, 'sendBatch'>,
  prefix: string,
  records: readonly OutRecord[]
): Promise<void> {
  for (const wave of wavesOf(records)) {
    try {
      await producer.sendBatch({ acks: -1, topicMessages: grouped(prefix, wave) })
    } catch (cause) {
      const type = protocolError(cause)?.type
      if (type === undefined || !tooLargeTypes.has(type)) throw cause
      const record = largest(wave)
      const { topic, partition, key } = record
      throw new EverseedError(
        'RECORD_TOO_LARGE',
        `a record of ${recordBytes(record)} bytes for ${prefix}${topic}/${partition}, key ${String(key)}, is larger than the topic allows: raise its max.message.bytes, or make the record smaller where it comes from`,
        { cause }
      )
    }
  }
}

/** Writes records and consumed offsets in one transaction. */
export type TransactionalProducer = {
  /**
   * @param offsets per topic of the group, the offset after the last record consumed
   * @throws TransactionLost, EverseedError RECORD_TOO_LARGE or KAFKA_REFUSED; after any the producer must not be used again
   */
  commit(
    records: readonly OutRecord[],
    group?: { id: string; offsets: ReadonlyMap<string, number>; partition: number }
  ): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a producer: from here on nobody else can commit under the transactional id.
 * @param id transactional id without prefix
 * @param timeoutMs after which the broker aborts a transaction that nobody ends
 * @throws EverseedError KAFKA_REFUSED; what the client says of a broker that does not answer
 */
export async function openTransactional(
  kafka: Kafka,
  config: KafkaConfig,
  id: string,
  timeoutMs = 60_000
): Promise<TransactionalProducer> {
  const { prefix } = config
  const producer: Producer = kafka.producer({
    transactionalId: prefix + id,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: timeoutMs,
    allowAutoTopicCreation: false,
    retry: transactional
  })
  const lane = { right: 'Write', topics: [], transactionalId: prefix + id } as const
  try {
    await producer.connect()
    // kafkajs asks for the producer id with the first transaction, not with the connection; it is the asking that fences.
    const fence = await producer.transaction()
    await fence.abort()
  } catch (error) {
    // Its connections would stay open with nobody to close them, a few more with each try.
    await producer.disconnect().catch(() => {})
    throw refusalOf(error, config, lane) ?? error
  }
  let dead = false

  return {
    async commit(records, group) {
      if (dead) throw new TransactionLost(`${id}: this producer is dead`, false, undefined)
      let ending = false
      let asked: Asked = { ...lane, topics: namesOf(prefix, records) }
      try {
        const transaction = await producer.transaction()
        try {
          await sendWaves(transaction, prefix, records)
          if (group && group.offsets.size > 0) {
            const topics = Array.from(group.offsets.keys(), topic => prefix + topic)
            asked = { ...lane, right: 'Read', topics, group: prefix + group.id }
            await transaction.sendOffsets({
              consumerGroupId: prefix + group.id,
              topics: [...group.offsets].map(([topic, offset]) => ({
                topic: prefix + topic,
                partitions: [{ partition: group.partition, offset: String(offset) }]
              }))
            })
          }
          ending = true
          await transaction.commit()
        } catch (error) {
          // Before EndTxn the outcome is known: nothing was committed. The abort only frees the log sooner.
          if (!ending) await transaction.abort().catch(() => {})
          throw error
        }
      } catch (error) {
        dead = true
        if (error instanceof EverseedError) throw error
        const refused = refusalOf(error, config, asked)
        if (refused) throw refused
        const type = protocolError(error)?.type
        const fenced = type !== undefined && fencedTypes.has(type)
        throw new TransactionLost(`${id}: ${(error as Error).message}`, fenced, error)
      }
    },

    async close() {
      dead = true
      await producer.disconnect().catch(() => {})
    }
  }
}

/** Writes records outside transactions, acknowledged by all replicas, without duplicates from retries. */
export type PlainProducer = {
  /** @throws EverseedError RECORD_TOO_LARGE, KAFKA_REFUSED */
  send(records: readonly OutRecord[]): Promise<void>
  close(): Promise<void>
}

/**
 * @param kafka client
 * @throws EverseedError KAFKA_REFUSED; what the client says of a broker that does not answer
 */
export async function openProducer(kafka: Kafka, config: KafkaConfig): Promise<PlainProducer> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
  try {
    await producer.connect()
  } catch (error) {
    await producer.disconnect().catch(() => {})
    throw refusalOf(error, config, { right: 'Write', topics: [] }) ?? error
  }
  return {
    async send(records) {
      try {
        await sendWaves(producer, config.prefix, records)
      } catch (error) {
        throw refusalOf(error, config, { right: 'Write', topics: namesOf(config.prefix, records) }) ?? error
      }
    },
    async close() {
      await producer.disconnect()
    }
  }
}
