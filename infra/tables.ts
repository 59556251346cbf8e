/** Tables, read whole and written entry by entry by commands; processors follow them instead. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../schemas/errors.ts'
import type { Topic } from '../schemas/topics.ts'
import { DecodeError, encodeChecked, missingSchema } from './codec.ts'
import type { Deployment } from './deployment.ts'
import { openProducer, openTransactional, TransactionLost } from './kafka/producer.ts'
import { readRanges } from './kafka/reader.ts'

/**
 * Whether a value takes the place of another: by its revision where it is counted, for a late writer may come behind a
 * newer word; otherwise what comes later is newer.
 */
function isNewer(value: unknown, before: unknown): boolean {
  const [after, earlier] = [value, before].map(one => (one as { revision?: unknown } | undefined)?.revision)
  return typeof after !== 'number' || typeof earlier !== 'number' || after > earlier
}

/**
 * Everything in a table, newest value per key. What cannot be read says nothing, as to the processors: the store buries it,
 * and `doctor` names it.
 * @param name what an entry is called, where the key alone does not say it
 * @param unread told where the newest entries lie that cannot be read, and what they are called
 * @throws EverseedError RECORD_INVALID for one of a schema the registry does not know, where nobody is told
 */
export async function readTable<Value>(
  deployment: Deployment,
  topic: Topic<Value>,
  name: (key: string, partition: number) => string = key => key,
  unread?: (place: string, called: string | null) => void
): Promise<Map<string, Value>> {
  const { kafka, config, admin, codec } = deployment
  const entries = new Map<string, Value>()
  /** Newest entries that cannot be read, and why. */
  const broken = new Map<string, { readonly place: string; readonly error: DecodeError }>()
  await readRanges(kafka, config, await admin.ranges(topic.name), async records => {
    for (const { key, value, partition, offset } of records) {
      const called = key && name(key.toString(), partition)
      const place = `${topic.name}/${partition}@${offset}`
      let decoded: Value | null | undefined
      let error: DecodeError | undefined
      try {
        decoded = value === null ? null : await codec.decode(topic, value)
      } catch (cause) {
        if (!(cause instanceof DecodeError)) throw cause
        error = cause
      }
      if (called === null) unread?.(place, null)
      else if (error !== undefined) broken.set(called, { place, error })
      else {
        broken.delete(called)
        if (decoded == null) entries.delete(called)
        else if (isNewer(decoded, entries.get(called))) entries.set(called, decoded)
      }
    }
  })
  for (const [called, { place, error }] of broken) {
    if (unread) unread(place, called)
    else if (error.mayCome) throw missingSchema(place, error)
  }
  return entries
}

/** Entries sent at once. */
const batch = 1000

/** Writes entries, those of a long list in stretches: who is killed over it leaves the first of them. */
export async function writeTable(
  deployment: Deployment,
  topic: Topic,
  entries: readonly (readonly [string, object])[]
): Promise<void> {
  const producer = await openProducer(deployment.kafka, deployment.config)
  try {
    for (let from = 0; from < entries.length; from += batch)
      await producer.send(
        entries.slice(from, from + batch).map(([key, value]) => ({
          topic: topic.name,
          partition: 0,
          key,
          value: encodeChecked(deployment.codec, topic, value)
        }))
      )
  } finally {
    await producer.close()
  }
}

/** Milliseconds after which the broker ends what a killed writer of an entry began. */
const transactionMs = 15_000

/** How often a change begins anew because somebody else changed the entry, and the longest wait before it does. */
const changes = 10
const changeMs = 500

/** What comes of a change: what it answers, and the entry to write, if any. */
type Change<Value, Result> = { readonly result: Result; readonly entry?: readonly [string, Value] }

/**
 * Changes a table while nobody else does who uses the same lock: from reading to writing. Who was overtaken looks again.
 * @param what what is changed, in words; its lock, part of a transactional id
 * @param change looks at the table as it is
 * @throws EverseedError FENCED, KAFKA_UNREACHABLE; RECORD_INVALID where the entry is there and cannot be read; what `change` throws
 */
export async function changeAlone<Value extends object, Result>(
  deployment: Deployment,
  topic: Topic<Value>,
  what: { readonly lock: string; readonly words: string },
  change: (table: ReadonlyMap<string, Value>) => Promise<Change<Value, Result>>
): Promise<Result> {
  const { kafka, config, admin, codec } = deployment
  for (let attempt = 1; ; attempt++) {
    const producer = await openTransactional(kafka, config, what.lock, transactionMs)
    try {
      await admin.settled([topic.name])
      const unread = new Map<string | null, string>()
      const table = await readTable(deployment, topic, undefined, (place, called) =>
        unread.set(called, place)
      )
      const { result, entry } = await change(table)
      if (!entry) return result
      const [key, value] = entry
      const place = unread.get(key)
      if (place !== undefined)
        throw new EverseedError(
          'RECORD_INVALID',
          `${what.words} was not changed: its newest entry ${config.prefix}${place} cannot be read, and may say what must not be lost: look at who wrote it, and write the entry before it again`
        )
      await producer.commit([
        { topic: topic.name, partition: 0, key, value: encodeChecked(codec, topic, value) }
      ])
      // A commit answers before its records are visible; who reads the table now must find the entry.
      await admin.settled([topic.name])
      return result
    } catch (cause) {
      if (!(cause instanceof TransactionLost)) throw cause
      if (!cause.fenced || attempt === changes) {
        const why = cause.fenced ? 'others keep changing it' : `the cluster was lost (${cause.message})`
        throw new EverseedError(
          cause.fenced ? 'FENCED' : 'KAFKA_UNREACHABLE',
          `${what.words} was not changed: ${why}; try again`,
          { cause }
        )
      }
      // Whoever overtook us gets the time to finish.
      await sleep(changeMs * (0.5 + Math.random() / 2))
    } finally {
      await producer.close()
    }
  }
}

/**
 * Changes an entry of a table, alone with it.
 * @param what the entry is, in one word
 * @param change the entry as it should be, or as it is: then nothing is written
 * @throws EverseedError FENCED, KAFKA_UNREACHABLE; what `change` throws
 */
export async function changeEntry<Value extends object>(
  deployment: Deployment,
  topic: Topic<Value>,
  what: string,
  id: string,
  change: (found: Value | undefined) => Value | Promise<Value>
): Promise<Value> {
  const named = { lock: `${what}.${id}`, words: `${what} ${id}` }
  return await changeAlone(deployment, topic, named, async table => {
    const found = table.get(id)
    const result = await change(found)
    return result === found ? { result } : { result, entry: [id, result] }
  })
}
