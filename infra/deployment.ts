/** A connection to a deployment: cluster, registry and codec, as processors and commands share it. */
import type { Log } from '../processors/contract.ts'
import { EverseedError } from '../schemas/errors.ts'
import type { Topic } from '../schemas/topics.ts'
import { type Codec, createCodec } from './codec.ts'
import type { Config, KafkaConfig, RegistryConfig } from './config.ts'
import { type ClusterAdmin, createAdmin } from './kafka/admin.ts'
import { releaseSockets, createKafka, hurried, type Kafka } from './kafka/client.ts'
import { openTransactional } from './kafka/producer.ts'
import { createRegistry, type Registry } from './registry.ts'

/** Kafka and registry of a deployment, connected. */
export type Deployment = {
  readonly kafka: Kafka
  readonly config: KafkaConfig
  readonly admin: ClusterAdmin
  readonly registry: Registry
  readonly codec: Codec
  /** Creates and checks topics and registers their schemas; what it did once it does not do again. */
  prepare(topics: readonly Topic[]): Promise<void>
  close(): Promise<void>
}

/** Unix time in microseconds. */
export function microseconds(): number {
  return Date.now() * 1000
}

/**
 * Makes a new broker load the coordinators of groups and transactions, which it does at their first use and slowly: the
 * first processors would wait for it one by one.
 */
export async function warmCoordinators({
  kafka,
  config,
  admin
}: Pick<Deployment, 'kafka' | 'config' | 'admin'>): Promise<void> {
  const warm = async (): Promise<void> => (await openTransactional(kafka, config, 'warm')).close()
  await Promise.all([admin.committed('warm', []), warm()])
}

/**
 * Connects.
 * @param options `hurried`: somebody waits and wants to hear soon that the cluster does not answer
 * @throws EverseedError NOT_RUNNING when neither the environment nor a running `up` says where the parts are
 */
export async function connect(
  config: Config,
  log: Log,
  clientId: string,
  options: { readonly hurried?: boolean } = {}
): Promise<Deployment> {
  const { brokers } = config.kafka
  if (!brokers || !config.registry) {
    throw new EverseedError(
      'NOT_RUNNING',
      `nothing runs on ${config.dataDir}: start it with everseed up, or set EVERSEED_KAFKA_BROKERS and EVERSEED_REGISTRY_URL`
    )
  }
  const kafkaConfig: KafkaConfig = { ...config.kafka, brokers }
  const registryConfig: RegistryConfig = config.registry
  const kafka = createKafka(kafkaConfig, log, clientId)
  const firstLook = options.hurried ? createKafka(kafkaConfig, log, clientId, hurried) : undefined
  const release = (): void => {
    releaseSockets(kafka)
    if (firstLook) releaseSockets(firstLook)
  }
  const admin = await createAdmin(kafka, kafkaConfig, firstLook).catch((error: unknown) => {
    release()
    throw error
  })
  const registry = createRegistry(registryConfig)
  const prepared = new Set<string>()
  return {
    kafka,
    config: kafkaConfig,
    admin,
    registry,
    codec: createCodec(registry),
    async prepare(topics) {
      const fresh = [...new Set(topics)].filter(topic => !prepared.has(topic.name))
      if (fresh.length === 0) return
      await Promise.all([admin.ensureTopics(fresh), registry.register(fresh, kafkaConfig.prefix)])
      for (const topic of fresh) prepared.add(topic.name)
    },
    async close() {
      await admin.close()
      release()
    }
  }
}
