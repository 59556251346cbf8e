/** Takes single records out of the middle of a log: what Kafka has for that is compaction, by the key. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import type { Deployment } from '../deployment.ts'
import type { Topic } from '../../schemas/topics.ts'
import { untilNone } from '../patience.ts'
import { allTopics } from '../processors.ts'
import { eraseGroup, topicSettings, whileErasing } from './settings.ts'
import { openProducer } from './producer.ts'
import { inTurn } from './turn.ts'
import { readRanges } from './reader.ts'
import { erasedHeader, type OutRecord, type Range } from './record.ts'

/** A record that goes. */
export type Doomed = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Null: compaction takes what has no key. */
  readonly key: Buffer | null
}

/** What a topic has when it is not compacted, whatever an erasure that was killed left. */
export function restored(
  topic: Topic,
  own: ReadonlyMap<string, string>,
  replication: number
): Map<string, string> {
  const wanted = topicSettings(topic, replication)
  const isOurs = (name: string, value: string): boolean =>
    name in whileErasing && (value === whileErasing[name] || Number(value) === Number(whileErasing[name]))
  const kept = [...own].filter(([name, value]) => !isOurs(name, value))
  const lost = Object.keys(whileErasing).flatMap(name =>
    wanted[name] === undefined ? [] : [[name, wanted[name]] as const]
  )
  return new Map([...kept, ...lost])
}

/** Gives topics their settings back that an erasure which was killed left compacted. */
export async function restoreTopics({ admin, config }: Deployment): Promise<void> {
  for (const topic of await admin.erasing(allTopics)) {
    const own = await admin.settings(topic.name)
    await admin.setSettings(topic.name, restored(topic, own, config.replication))
  }
}

/** Gives topics their settings back where an erasure was killed; one that is under way is waited for. */
export async function tidyUp(deployment: Deployment, log: Log): Promise<void> {
  const left = await deployment.admin.erasing(allTopics)
  if (left.length === 0) return
  await inTurn(deployment, log, eraseGroup, () => restoreTopics(deployment))
  log.warn(
    { topics: left.map(({ name }) => name) },
    'topics an everseed erase was killed over have their settings back: run it again'
  )
}

/** Milliseconds a broker may do nothing that can be seen; its cleaner sleeps for 15 seconds between two looks. */
const patienceMs = 180_000

/** Which of some records are still in their logs, committed or not. */
async function remaining({ kafka, config, admin }: Deployment, doomed: readonly Doomed[]): Promise<number> {
  let found = 0
  // The last one goes last: as long as it is there, nothing else is looked at.
  for (const which of [-1, 0]) {
    const ranges: Range[] = []
    for (const one of Map.groupBy(doomed, ({ topic, partition }) => `${topic}/${partition}`).values()) {
      const { topic, partition, offset } = one.toSorted((a, b) => a.offset - b.offset).at(which)!
      const { low } = (await admin.offsets(topic))[partition]!
      if (offset >= low) ranges.push({ topic, partition, from: offset, to: offset + 1 })
    }
    const open = new Set(ranges.map(({ topic, partition, from }) => `${topic}/${partition}@${from}`))
    await readRanges(
      kafka,
      config,
      ranges,
      records => {
        for (const { topic, partition, offset } of records)
          if (open.has(`${topic}/${partition}@${offset}`)) found++
      },
      { everything: true }
    )
    if (found > 0) return found
  }
  return 0
}

/**
 * Takes records out of the logs of topics, and leaves for each key one without a value. For as long as it takes the topics are
 * compacted: keys of other records must not repeat, or the older ones go as well. Their settings are as before when it
 * resolves or throws.
 * @param doomed in any order
 * @param reason kept in the header of what is left
 * @param signal stops it
 * @throws EverseedError TIMEOUT when the broker does not clean its log, KAFKA_REFUSED, KAFKA_UNREACHABLE; why it was stopped
 */
export async function takeOut(
  deployment: Deployment,
  doomed: readonly Doomed[],
  reason: string,
  signal?: AbortSignal
): Promise<void> {
  const { admin, kafka, config } = deployment
  const headers = { [erasedHeader]: reason }
  const stones = new Map<string, OutRecord>()
  const again = new Map<string, OutRecord>()
  for (const { topic, partition, key } of doomed) {
    const stone = { topic, partition, key: key ?? erasedHeader, value: null, headers }
    if (key !== null) stones.set(`${topic}/${partition}/${key.toString('hex')}`, stone)
    again.set(`${topic}/${partition}`, stone)
  }
  // One of each partition once more: it begins a new segment, so that the one before can be cleaned.
  const last = [...again.values()]
  const before = new Map<string, Map<string, string>>()
  for (const topic of new Set(doomed.map(one => one.topic))) {
    const known = allTopics.find(({ name }) => name === topic)!
    before.set(topic, restored(known, await admin.settings(topic), config.replication))
  }
  const producer = await openProducer(kafka, config)
  const failures: unknown[] = []
  try {
    signal?.throwIfAborted()
    for (const [topic, settings] of before)
      await admin.setSettings(topic, new Map([...settings, ...Object.entries(whileErasing)]))
    await producer.send([...stones.values(), ...last])
    // Longer than a segment may last.
    await sleep(50)
    await producer.send(last)
    const stalled = (left: number): EverseedError =>
      new EverseedError(
        'TIMEOUT',
        `records of ${[...before.keys()].join(', ')} are still in ${left} logs: the broker does not compact them; look at its log cleaner and erase again`
      )
    const left = async (): Promise<number> => {
      signal?.throwIfAborted()
      return await remaining(deployment, doomed)
    }
    await untilNone(left, { patienceMs, stalled, everyMs: 1000 })
  } catch (error) {
    failures.push(error)
  }
  // What fails here keeps no other topic from getting its settings back.
  const ends = [producer.close(), ...[...before].map(one => admin.setSettings(...one))]
  for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') failures.push(end.reason)
  if (failures.length > 0) throw failures[0]
}
