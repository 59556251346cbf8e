/**
 * Runs a processor on an in-memory log with the real codecs: the same slot, the same bytes, no broker. Transactions can
 * be made to fail, after which the slot is opened again from what was committed, as it would be on Kafka.
 */
import type { Ports, Processor } from '../../processors/contract.ts'
import { journal as journalTopic, stateTopic, tables as tableTopics } from '../../schemas/topics.ts'
import { topics, type Topic } from '../../schemas/topics.ts'
import type { JournalEntry } from '../../schemas/types.ts'
import { type Codec, createCodec, type SchemaIds } from '../codec.ts'
import type { OutRecord, RawRecord } from '../kafka/record.ts'
import { silentLog } from '../log.ts'
import { noMetrics, type ProcessorMetrics } from './counters.ts'
import { createJournal, type SlotJournal } from './journal.ts'
import { createSlot, type Limits, type Slot } from './slot.ts'
import { createTableStore } from './tables.ts'

/** A decoded record of the in-memory log. */
export type LogRecord = {
  readonly offset: number
  readonly key: string
  readonly value: unknown
  readonly headers: Record<string, string>
  readonly partition: number
}

/** An in-memory deployment of one processor. */
export type Tester = {
  readonly codec: Codec
  /** Appends a value to an input topic, encoded. */
  feed(topic: Topic, key: string, value: object, headers?: Record<string, string>): void
  /** Appends bytes as they are. */
  feedRaw(
    topic: Topic,
    key: string | null,
    value: Buffer | null,
    headers?: Record<string, string | Buffer>
  ): void
  /** Puts an entry into a table. */
  table(name: keyof typeof tableTopics, key: string, value: object): void
  /** Whether everything fed is processed and committed. */
  readonly quiet: boolean
  /** Resolves when everything fed is processed and committed. @throws what ended the processor */
  settle(): Promise<void>
  /** Time passes: resolves when the processor looked around and what it said is committed. */
  tick(): Promise<void>
  /** Records committed to a topic, decoded, partition by partition. */
  read<Value>(topic: Topic<Value>): (LogRecord & { readonly value: Value })[]
  /** Offsets committed of a topic. */
  committed(topic: Topic): number
  /** The next `count` commits fail: without effect, or after they took effect (an unanswered EndTxn). */
  failCommits(count: number, when?: 'before' | 'after'): void
  /** Every other commit fails from now on: each transaction fails once and succeeds when it is tried again. */
  failEveryCommit(when?: 'before' | 'after'): void
  /** The next `count` writes of the journal fail. */
  failJournal(count: number): void
  /** Commits so far, failed ones included. */
  readonly commits: number
  /** Drops the slot as a killed process would and opens it again. */
  restart(): Promise<void>
  /** Drains the slot: what was begun is finished and committed. */
  stop(): Promise<void>
}

/** A failure that was asked for: the slot is opened again, as after a lost transaction. */
class Planned extends Error {}

/** Schema ids by topic, in the order of the table; good enough where nobody else reads. */
export function memoryIds(processor: string, schemas: ReadonlyMap<number, unknown> = new Map()): SchemaIds {
  const names = [...topics.map(topic => topic.name), stateTopic(processor).name]
  return { idOf: topic => names.indexOf(topic.name) + 1, schemaOf: async id => schemas.get(id) }
}

/**
 * @param processor the processor under test
 * @param options ports it needs, its clock, the slot it works on, schemas of other writers by id
 */
export async function createTester(
  processor: Processor,
  options: {
    ports?: Partial<Ports>
    now?: () => number
    slot?: number
    partitions?: number
    limits?: Partial<Limits>
    metrics?: ProcessorMetrics
    schemas?: ReadonlyMap<number, unknown>
  } = {}
): Promise<Tester> {
  const { slot = 0, partitions = 1, now = () => Date.now() * 1000 } = options
  const codec = createCodec(memoryIds(processor.name, options.schemas))
  const store = createTableStore(now)
  const logs = new Map<string, RawRecord[]>()
  const committed = new Map<string, number>()
  const inputs = new Map(Object.values(processor.inputs).map(topic => [topic.name, topic]))
  const tableNames = new Map<string, { name: keyof typeof tableTopics; topic: Topic }>(
    Object.entries(tableTopics).map(([name, topic]) => [
      topic.name,
      { name: name as keyof typeof tableTopics, topic }
    ])
  )
  const fail = { count: 0, when: 'before' as 'before' | 'after', every: false, journal: 0 }
  let commits = 0
  /** Rises with every opening: what an earlier owner still has under way is fenced. */
  let epoch = 0
  let current: Slot | undefined
  let opening: Promise<void> | undefined
  let failure: unknown

  const logOf = (topic: string, partition: number): RawRecord[] => {
    const key = `${topic}/${partition}`
    let records = logs.get(key)
    if (!records) logs.set(key, (records = []))
    return records
  }
  const bytes = (text: string | Buffer): Buffer => (Buffer.isBuffer(text) ? text : Buffer.from(text))
  const append = ({ topic, partition, key, value, headers = {} }: OutRecord): void => {
    const records = logOf(topic, partition)
    records.push({
      topic,
      partition,
      offset: records.length,
      timestamp: 0,
      key: key === null ? null : bytes(key),
      value,
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, bytes(text)]))
    })
    const table = tableNames.get(topic)
    if (table && key !== null) {
      const decoded = value === null ? undefined : (codec.decode(table.topic, value) as object)
      store.set(table.name, key.toString(), decoded)
    }
  }
  const deliver = (topic: string, from: number): void => {
    const records = logOf(topic, slot).slice(from)
    if (records.length > 0) current?.push(topic, records, records.at(-1)!.offset + 1)
  }

  const commit = (records: readonly OutRecord[], offsets: ReadonlyMap<string, number>): void => {
    commits++
    const failing = fail.every ? commits % 2 === 1 : fail.count > 0
    if (failing && !fail.every) fail.count--
    if (failing && fail.when === 'before') throw new Planned('the transaction was aborted')
    const ends = new Map([...inputs.keys()].map(topic => [topic, logOf(topic, slot).length]))
    for (const record of records) append(record)
    for (const [topic, offset] of offsets) committed.set(topic, offset)
    if (failing) throw new Planned('the commit was not answered')
    // Some processors read what they write.
    for (const [topic, end] of ends) deliver(topic, end)
  }
  const restore =
    (topic: string) =>
    async (entry: (key: string, value: Buffer | null) => void | Promise<void>): Promise<void> => {
      for (const { key, value } of logOf(topic, slot)) await entry(key?.toString() ?? '', value)
    }

  const open = async (): Promise<void> => {
    const mine = ++epoch
    current = undefined
    const fence = (): void => {
      if (mine !== epoch) throw new Planned('fenced')
    }
    const onLost = (error: unknown): void => {
      if (mine !== epoch) return
      if (error instanceof Planned) opening = open()
      else failure = error
    }
    let journal: SlotJournal | undefined
    if (processor.needs?.includes('journal')) {
      const journalLog = {
        restore: restore(journalTopic.name),
        commit: async (records: readonly OutRecord[]) => {
          fence()
          if (fail.journal > 0) {
            fail.journal--
            throw new Planned('the journal could not be written')
          }
          for (const record of records) append(record)
        }
      }
      journal = createJournal(slot, journalLog, codec, now, error => {
        created?.close()
        onLost(error)
      })
      await journal.open()
    }
    const created: Slot = createSlot({
      processor,
      slot,
      partitions,
      codec,
      tables: { ...store, refresh: async () => {} },
      ports: { ...options.ports, ...(journal && { journal }) } as Ports,
      logger: silentLog,
      metrics: options.metrics ?? noMetrics,
      now,
      ...(options.limits && { limits: options.limits }),
      log: {
        restore: restore(stateTopic(processor.name).name),
        async read(topic, from, to, records) {
          await new Promise(resolve => setImmediate(resolve))
          await records(logOf(topic, slot).slice(from, to))
        },
        async commit(records, offsets) {
          fence()
          commit(records, offsets)
        }
      },
      ...(journal && {
        onOutput: (topic: Topic, value: object) => {
          if (topic.name === journalTopic.name) journal.settled(value as JournalEntry)
        }
      }),
      onLost
    })
    const from = new Map([...inputs.keys()].map(topic => [topic, committed.get(topic) ?? 0]))
    const positions = await created.open(from)
    if (mine !== epoch) return created.close()
    current = created
    for (const [topic, offset] of positions) deliver(topic, offset)
  }

  const settled = (): boolean =>
    current !== undefined &&
    current.idle &&
    [...inputs.keys()].every(topic => (committed.get(topic) ?? 0) >= logOf(topic, slot).length)
  const settle = async (): Promise<void> => {
    const deadline = Date.now() + 20_000
    while (!settled()) {
      if (failure !== undefined) throw failure
      if (Date.now() > deadline)
        throw new Error(`the slot did not settle: committed ${JSON.stringify([...committed])}`)
      await opening
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  const feedRaw: Tester['feedRaw'] = ({ name }, key, value, headers = {}) => {
    append({ topic: name, partition: slot, key, value, headers })
    deliver(name, logOf(name, slot).length - 1)
  }
  await open()

  return {
    codec,
    feed: (topic, key, value, headers) => feedRaw(topic, key, codec.encode(topic, value), headers),
    feedRaw,
    table(name, key, value) {
      // Whatever was there, a newer revision included.
      store.set(name, key, undefined)
      store.set(name, key, value)
    },
    get quiet() {
      return settled()
    },
    settle,
    async tick() {
      await settle()
      current!.tick()
      await settle()
    },
    read: <Value>(topic: Topic<Value>) =>
      Array.from({ length: partitions }, (_, partition) => logOf(topic.name, partition))
        .flat()
        .map(({ offset, partition, key, value, headers }) => ({
          offset,
          partition,
          key: key?.toString() ?? '',
          // A plain object: the codec's are instances of a class per record.
          value: (value === null || topic.record === null
            ? value
            : structuredClone(codec.decode(topic, value))) as Value,
          headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, text.toString()]))
        })),
    committed: topic => committed.get(topic.name) ?? 0,
    failCommits(count, when = 'before') {
      Object.assign(fail, { count, when, every: false })
    },
    failEveryCommit(when = 'before') {
      commits = 0
      Object.assign(fail, { count: 0, when, every: true })
    },
    failJournal(count) {
      fail.journal = count
    },
    get commits() {
      return commits
    },
    async restart() {
      await opening
      current?.close()
      await open()
    },
    async stop() {
      await opening
      await current?.drain()
    }
  }
}
