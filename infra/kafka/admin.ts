/** Looks at and shapes the cluster: topics, offsets, groups. */
import kafkajs, { type Admin, type Cluster, type Kafka } from 'kafkajs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../../schemas/errors.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { KafkaConfig } from '../config.ts'
import { untilNone } from '../patience.ts'
import { slotAssigner } from './assigner.ts'
import type { Range } from './record.ts'
import { type Asked, refusalOf, unreachable } from './refusal.ts'
import { differences, eraseGroup, isErasing, topicSettings } from './settings.ts'

/** A committed offset and the words that were committed with it. */
export type Committed = { readonly offset: number; readonly metadata: string }

/** What the rest of the project asks of the cluster. Topic names here carry no prefix. */
export type ClusterAdmin = {
  /**
   * Creates missing topics and checks the others. Where records are taken out of one at this moment, that is waited for.
   * @throws EverseedError TOPIC_MISMATCH when one is kept in a way that loses data or breaks order; KAFKA_REFUSED
   */
  ensureTopics(topics: readonly Topic[]): Promise<void>
  /** Those of some topics records are taken out of now, or were when an erasure was killed. */
  erasing(topics: readonly Topic[]): Promise<Topic[]>
  /** What is wrong with existing topics, in words; missing topics are named too. */
  topicProblems(topics: readonly Topic[]): Promise<string[]>
  /** @throws EverseedError TOPIC_MISSING when one does not exist */
  requireTopics(topics: readonly Topic[]): Promise<void>
  /** First and end offset (read committed) per partition. */
  offsets(topic: string): Promise<{ low: number; high: number }[]>
  /** Everything that lies in a topic, a range per partition. */
  ranges(topic: string): Promise<Range[]>
  /**
   * Resolves once everything that had been written to the topics when it was called is decided, and so visible or void.
   * A commit answers before its markers are written, so for a moment a group has no lag and its output is not there yet.
   * @param timeoutMs how long; by default longer than a broker leaves a transaction open that nobody ends
   * @throws EverseedError TIMEOUT
   */
  settled(topics: readonly string[], timeoutMs?: number): Promise<void>
  /** Committed offsets of a group; absent partitions have none. */
  committed(group: string, topics: readonly string[]): Promise<Map<string, Map<number, Committed>>>
  /**
   * Offsets between what a group committed and the ends of the topics. What transactions leave at the end of a partition
   * counts until the group has committed past it, which processors do about a second after the last record.
   */
  lag(group: string, topics: readonly string[]): Promise<number>
  /** The same of some ranges: what was there at a moment, whatever comes meanwhile. */
  lagIn(group: string, ranges: readonly Range[]): Promise<number>
  /** The settings a topic has of its own. */
  settings(topic: string): Promise<Map<string, string>>
  /** Gives a topic these settings of its own and no others; resolves when the broker goes by them. */
  setSettings(topic: string, settings: ReadonlyMap<string, string>): Promise<void>
  clusterId(): Promise<string>
  /** How long groups without members keep their offsets, as the brokers say. */
  offsetsRetentionMinutes(): Promise<number | undefined>
  brokers(): Promise<string[]>
  /** Members of a group right now. */
  members(group: string): Promise<number>
  close(): Promise<void>
}

const entriesOf = (settings: Iterable<readonly [string, string]>): { name: string; value: string }[] =>
  Array.from(settings, ([name, value]) => ({ name, value }))

/** Tries of a question to a cluster whose broker is just restarting, and the longest wait between them. */
const tries = 12
const longestWaitMs = 2000

/** Longest an erasure keeps a topic compacted without a break, milliseconds: the broker's cleaner wakes every 15 seconds. */
const erasureMs = 60_000

/**
 * Asks until there is an answer: after a restart leaders are unknown for a moment, and kafkajs gives up at once on some
 * of these answers or stumbles over them. A question may be asked twice; creating topics answers "exists" then.
 */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      const { retriable } = error as { retriable?: boolean }
      if (attempt === tries || !(retriable === true || error instanceof TypeError)) throw error
      await sleep(Math.min(longestWaitMs, 50 * 2 ** attempt))
    }
  }
}

/** End offsets with open transactions counted. The library's admin cannot ask for them; a consumer's cluster can. */
function openUncommitted(kafka: Kafka): { ends(topic: string): Promise<number[]>; close(): Promise<void> } {
  let cluster: Cluster | undefined
  const consumer = kafka.consumer({
    groupId: 'everseed-uncommitted',
    readUncommitted: true,
    partitionAssigners: [
      config => {
        cluster = config.cluster
        return slotAssigner(config)
      }
    ]
  })
  return {
    async ends(topic) {
      await consumer.connect()
      await cluster!.addTargetTopic(topic)
      // Not only where it seems necessary: of a topic that was just made the leaders may be unknown still.
      await cluster!.refreshMetadata()
      const partitions = cluster!
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => ({ partition: partitionId }))
      const [answer] = await cluster!.fetchTopicsOffset([{ topic, partitions, fromBeginning: false }])
      return answer!.partitions
        .toSorted((a, b) => a.partition - b.partition)
        .map(({ offset }) => Number(offset))
    },
    close: () => consumer.disconnect()
  }
}

/**
 * @param kafka client
 * @param config prefix, partitions and replication
 * @param firstLook a client that gives up sooner, to reach the cluster with where somebody waits for the answer
 * @throws EverseedError KAFKA_UNREACHABLE
 */
export async function createAdmin(
  kafka: Kafka,
  config: KafkaConfig,
  firstLook?: Kafka
): Promise<ClusterAdmin> {
  const { prefix, partitions, replication } = config
  const admin: Admin = kafka.admin()
  try {
    // A broker that wants a login lets everybody connect: only an answer proves that it lets us in.
    const probe = firstLook?.admin()
    await probe
      ?.connect()
      .then(() => probe.describeCluster())
      .finally(() => probe.disconnect())
    await admin.connect()
    await admin.describeCluster()
  } catch (cause) {
    throw unreachable(config, cause)
  }
  const full = (topic: string): string => prefix + topic
  const asking = <Answer>(asked: Asked, ask: () => Promise<Answer>): Promise<Answer> =>
    patiently(ask).catch((error: unknown) => {
      throw refusalOf(error, config, asked) ?? error
    })
  const partitionsOf = (topic: Topic): number => (topic.kind === 'table' ? 1 : partitions)

  const inspect = async (
    topics: readonly Topic[]
  ): Promise<{ missing: Topic[]; problems: string[]; erasing: Topic[] }> => {
    const existing = new Set(await patiently(() => admin.listTopics()))
    const missing = topics.filter(topic => !existing.has(full(topic.name)))
    const present = topics.filter(topic => existing.has(full(topic.name)))
    if (present.length === 0) return { missing, problems: [], erasing: [] }
    // Of a topic that was just made a broker may know the name and not yet the rest.
    const [configs, metadata] = await patiently(() =>
      Promise.all([
        admin.describeConfigs({
          includeSynonyms: false,
          resources: present.map(topic => ({
            type: kafkajs.ConfigResourceTypes.TOPIC,
            name: full(topic.name)
          }))
        }),
        admin.fetchTopicMetadata({ topics: present.map(topic => full(topic.name)) })
      ])
    )
    const problems: string[] = []
    const erasing: Topic[] = []
    for (const topic of present) {
      const name = full(topic.name)
      const resource = configs.resources.find(one => one.resourceName === name)
      const settings = new Map(resource?.configEntries.map(entry => [entry.configName, entry.configValue]))
      if (isErasing(settings)) erasing.push(topic)
      for (const difference of differences(topic, settings, replication))
        problems.push(`topic ${name}: ${difference}`)
      const count = metadata.topics.find(one => one.name === name)?.partitions.length
      if (count !== undefined && count !== partitionsOf(topic)) {
        problems.push(
          `topic ${name}: it has ${count} partitions, must have ${partitionsOf(topic)}; set EVERSEED_PARTITIONS to what the deployment was made with`
        )
      }
    }
    return { missing, problems, erasing }
  }

  const access: ClusterAdmin = {
    async ensureTopics(topics) {
      let found = await inspect(topics)
      const deadline = performance.now() + erasureMs
      const waits = async (): Promise<boolean> =>
        found.problems.length > 0 && found.erasing.length > 0 && (await access.members(eraseGroup)) > 0
      while (performance.now() < deadline && (await waits())) {
        await sleep(500)
        found = await inspect(topics)
      }
      const { missing, problems, erasing } = found
      if (problems.length > 0) {
        const step =
          erasing.length > 0
            ? 'everseed doctor names the texts; everseed erase finishes it, everseed up gives the settings back'
            : "correct the topic's settings, or choose another EVERSEED_PREFIX"
        throw new EverseedError('TOPIC_MISMATCH', `${problems.join('; ')}. Nothing was changed: ${step}`)
      }
      if (missing.length === 0) return
      const names = missing.map(topic => full(topic.name))
      await asking({ right: 'Create', topics: names }, () =>
        admin.createTopics({
          waitForLeaders: true,
          topics: missing.map(topic => ({
            topic: full(topic.name),
            numPartitions: partitionsOf(topic),
            replicationFactor: replication,
            configEntries: entriesOf(Object.entries(topicSettings(topic, replication)))
          }))
        })
      )
      // The controller answers once they are made, the broker knows them a moment later.
      const unknown = async (): Promise<number> => (await inspect(missing)).missing.length
      const stalled = (): EverseedError =>
        new EverseedError(
          'TIMEOUT',
          `the broker does not know the new topics ${names.join(', ')}: look at its log`
        )
      await untilNone(unknown, { patienceMs: 30_000, stalled })
    },

    async erasing(topics) {
      return (await inspect(topics)).erasing
    },

    async topicProblems(topics) {
      const { missing, problems } = await inspect(topics)
      return [
        ...missing.map(topic => `topic ${full(topic.name)} is missing; everseed up creates it`),
        ...problems
      ]
    },

    async requireTopics(topics) {
      const [missing] = (await inspect(topics)).missing
      if (missing) {
        throw new EverseedError(
          'TOPIC_MISSING',
          `the cluster has no topic ${full(missing.name)}: check EVERSEED_PREFIX; everseed up creates the topics`
        )
      }
    },

    async offsets(topic) {
      const asked: Asked = { right: 'Describe', topics: [full(topic)] }
      const list = await asking(asked, () => admin.fetchTopicOffsets(full(topic)))
      return list
        .toSorted((a, b) => a.partition - b.partition)
        .map(({ low, high }) => ({ low: Number(low), high: Number(high) }))
    },

    async ranges(topic) {
      const bounds = await access.offsets(topic)
      return bounds.map(({ low, high }, partition) => ({ topic, partition, from: low, to: high }))
    },

    async settled(topics, timeoutMs = 90_000) {
      const uncommitted = openUncommitted(kafka)
      const written = new Map<string, number[]>()
      try {
        // Once: whoever goes on writing opens the next transaction before the last one is decided.
        for (const topic of topics) written.set(topic, await patiently(() => uncommitted.ends(full(topic))))
      } finally {
        await uncommitted.close()
      }
      const deadline = performance.now() + timeoutMs
      for (const [topic, ends] of written) {
        for (;;) {
          const decided = await access.offsets(topic)
          const open = decided.findIndex(({ high }, partition) => high < ends[partition]!)
          if (open < 0) break
          if (performance.now() > deadline) {
            throw new EverseedError(
              'TIMEOUT',
              `a transaction in ${full(topic)}/${open} was not ended within ${timeoutMs} ms: the broker ends what a killed process left behind after about a minute; try again, and look at the brokers if that does not help`
            )
          }
          await sleep(20)
        }
      }
    },

    async committed(group, topics) {
      const asked: Asked = { right: 'Describe', topics: topics.map(full), group: full(group) }
      const answer = await asking(asked, () =>
        admin.fetchOffsets({ groupId: prefix + group, topics: topics.map(full) })
      )
      return new Map(
        answer.map(({ topic, partitions: list }) => [
          topic.slice(prefix.length),
          new Map(
            list.flatMap(({ partition, offset, metadata }) =>
              Number(offset) < 0
                ? []
                : [[partition, { offset: Number(offset), metadata: metadata ?? '' }] as const]
            )
          )
        ])
      )
    },

    async lag(group, topics) {
      return await access.lagIn(group, (await Promise.all(topics.map(access.ranges))).flat())
    },

    async lagIn(group, ranges) {
      const committed = await access.committed(group, [...new Set(ranges.map(({ topic }) => topic))])
      let lag = 0
      for (const { topic, partition, from, to } of ranges)
        lag += Math.max(0, to - Math.max(from, committed.get(topic)?.get(partition)?.offset ?? from))
      return lag
    },

    async settings(topic) {
      const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: full(topic) }
      const asked: Asked = { right: 'Describe', topics: [full(topic)] }
      const { resources } = await asking(asked, () =>
        admin.describeConfigs({ includeSynonyms: false, resources: [resource] })
      )
      const own = (resources[0]?.configEntries ?? []).filter(
        ({ configSource }) => configSource === kafkajs.ConfigSource.TOPIC_CONFIG
      )
      return new Map(own.map(({ configName, configValue }) => [configName, configValue]))
    },

    async setSettings(topic, settings) {
      const configEntries = entriesOf(settings)
      const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: full(topic), configEntries }
      await asking({ right: 'AlterConfigs', topics: [full(topic)] }, () =>
        admin.alterConfigs({ validateOnly: false, resources: [resource] })
      )
      // The controller answers once they are written, the broker says them when it has read them.
      const missing = async (): Promise<number> => {
        const said = await access.settings(topic)
        // A number may be said as it was not written: 0 as 0.0.
        const same = (one: string, other = 'none'): boolean => one === other || Number(one) === Number(other)
        const different = [...settings].filter(([name, value]) => !same(value, said.get(name))).length
        return different + [...said.keys()].filter(name => !settings.has(name)).length
      }
      const stalled = (): EverseedError =>
        new EverseedError(
          'TIMEOUT',
          `the broker does not take the settings of ${full(topic)} over: look at its log`
        )
      await untilNone(missing, { patienceMs: 30_000, stalled })
    },

    async clusterId() {
      return (await patiently(() => admin.describeCluster())).clusterId
    },

    async offsetsRetentionMinutes() {
      const [broker] = (await admin.describeCluster()).brokers
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [
          {
            type: kafkajs.ConfigResourceTypes.BROKER,
            name: String(broker!.nodeId),
            configNames: ['offsets.retention.minutes']
          }
        ]
      })
      const value = resources[0]?.configEntries[0]?.configValue
      // Who may not see a value gets none, or an empty one.
      return value ? Number(value) : undefined
    },

    async brokers() {
      return (await admin.describeCluster()).brokers.map(({ host, port }) => `${host}:${port}`)
    },

    async members(group) {
      const { groups } = await admin.describeGroups([prefix + group])
      return groups[0]?.members.length ?? 0
    },

    async close() {
      await admin.disconnect()
    }
  }
  return access
}
