/** A deployment of its own on the shared stack: a random prefix, so that tests do not see each other. */
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { type Config, readConfig } from '../../infra/config.ts'
import { connect, type Deployment, microseconds } from '../../infra/deployment.ts'
import { openProducer } from '../../infra/kafka/producer.ts'
import { readRanges } from '../../infra/kafka/reader.ts'
import type { RawRecord } from '../../infra/kafka/record.ts'
import { silentLog } from '../../infra/log.ts'
import { createMetrics } from '../../infra/runner/counters.ts'
import { createHost, type Host, topicsOf } from '../../infra/runner/process.ts'
import type { Limits } from '../../infra/runner/slot.ts'
import { openTables } from '../../infra/runner/tables.ts'
import type { Processor } from '../../processors/contract.ts'
import { tables as tableTopics, type Topic } from '../../schemas/topics.ts'
import { sharedStack } from './stack.ts'

/** The configuration of a deployment under a random prefix, with quick sessions. */
export async function randomConfig(): Promise<Config> {
  const { kafka, registry } = await sharedStack()
  return readConfig({
    EVERSEED_PREFIX: `t${randomBytes(5).toString('hex')}.`,
    EVERSEED_KAFKA_BROKERS: kafka.brokers.join(','),
    EVERSEED_REGISTRY_URL: registry.url,
    EVERSEED_SESSION_TIMEOUT_MS: '3000',
    EVERSEED_HEARTBEAT_MS: '300'
  })
}

const endings = new WeakMap<TestContext, (() => unknown)[]>()

/** Does something after a test: what was begun last ends first, where `after` itself keeps the order of beginning. */
function lastly(t: TestContext, end: () => unknown): void {
  const all = endings.get(t)
  if (all) return void all.push(end)
  const own = [end]
  endings.set(t, own)
  t.after(async () => {
    for (const one of own.toReversed()) await one()
  })
}

/** Connects for the length of a test. */
export async function connectFor(t: TestContext, config?: Config): Promise<Deployment> {
  const deployment = await connect(config ?? (await randomConfig()), silentLog, 'test')
  lastly(t, () => deployment.close())
  return deployment
}

/** Looks at or changes the cluster as an operator does, with tools of their own. */
async function operate<Result>(
  { kafka }: Deployment,
  work: (admin: ReturnType<Deployment['kafka']['admin']>) => Promise<Result>
): Promise<Result> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Forgets what a group committed. */
export async function deleteGroup(deployment: Deployment, group: string): Promise<void> {
  await operate(deployment, admin => admin.deleteGroups([deployment.config.prefix + group]))
}

/** Commits offsets of a group nobody is a member of. */
export async function setOffset(
  deployment: Deployment,
  group: string,
  topic: string,
  partition: number,
  offset: number
): Promise<void> {
  const { prefix } = deployment.config
  await operate(deployment, admin =>
    admin.setOffsets({
      groupId: prefix + group,
      topic: prefix + topic,
      partitions: [{ partition, offset: String(offset) }]
    })
  )
}

/** Deletes the records of a partition before an offset, as retention does. */
export async function deleteRecords(
  deployment: Deployment,
  topic: string,
  partition: number,
  before: number
): Promise<void> {
  const name = deployment.config.prefix + topic
  await operate(deployment, async admin => {
    // The library deletes only where it has learnt of the topic before.
    await admin.fetchTopicOffsets(name)
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition, offset: String(before) }] })
  })
}

/** Runs a processor in this process for the length of a test. */
export async function runHost(
  t: TestContext,
  deployment: Deployment,
  processor: Processor,
  options: { fromBeginning?: boolean; limits?: Partial<Limits>; fatal?: (error: Error) => void } = {}
): Promise<Host> {
  const { kafka, config, admin, codec } = deployment
  const {
    fromBeginning = false,
    limits = {},
    fatal = error => {
      throw error
    }
  } = options
  await deployment.prepare([...topicsOf(processor), ...Object.values(tableTopics)])
  const tables = await openTables(
    kafka,
    config,
    { admin, codec, log: silentLog, now: microseconds },
    () => {}
  )
  const metrics = createMetrics(processor.name)
  const host = createHost({
    kafka,
    config,
    admin,
    codec,
    processor,
    tables,
    ports: {} as never,
    log: silentLog,
    metrics,
    now: microseconds,
    fatal,
    limits,
    fromBeginning
  })
  await host.start()
  let drained: Promise<void> | undefined
  const drain = (): Promise<void> => (drained ??= host.drain().then(() => tables.stop()))
  lastly(t, drain)
  return { ...host, drain }
}

/** Writes values to a topic, encoded. */
export async function write(
  deployment: Deployment,
  topic: Topic,
  entries: readonly {
    key: string | null
    value: object | Buffer | null
    partition?: number
    headers?: Record<string, string>
  }[]
): Promise<void> {
  await deployment.prepare([topic])
  const producer = await openProducer(deployment.kafka, deployment.config)
  try {
    await producer.send(
      entries.map(({ key, value, partition = 0, headers }) => ({
        topic: topic.name,
        partition,
        key,
        value: value === null || Buffer.isBuffer(value) ? value : deployment.codec.encode(topic, value),
        ...(headers && { headers })
      }))
    )
  } finally {
    await producer.close()
  }
}

/** Everything in a topic, read committed. */
export async function readRaw(
  deployment: Deployment,
  topic: string,
  options?: { erasures: boolean }
): Promise<RawRecord[]> {
  const { kafka, config, admin } = deployment
  const records: RawRecord[] = []
  await readRanges(kafka, config, await admin.ranges(topic), batch => void records.push(...batch), options)
  return records
}

/** Everything in a topic, decoded. */
export async function readAll<Value>(
  deployment: Deployment,
  topic: Topic<Value>
): Promise<(RawRecord & { decoded: Value })[]> {
  const records = await readRaw(deployment, topic.name)
  return await Promise.all(
    records.map(async record => ({ ...record, decoded: await deployment.codec.decode(topic, record.value) }))
  )
}
