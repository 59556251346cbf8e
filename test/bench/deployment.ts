/** Parts and processors for a benchmark: a stack of its own, a prefix of its own, each process on its core. */
import { join } from 'node:path'
import type { Config } from '../../infra/config.ts'
import { readConfig } from '../../infra/config.ts'
import { connect, type Deployment } from '../../infra/deployment.ts'
import { silentLog } from '../../infra/log.ts'
import { allTopics, inputsOf } from '../../infra/processors.ts'
import { openProducer } from '../../infra/kafka/producer.ts'
import { encodeChecked } from '../../infra/codec.ts'
import { processorFlags } from '../../infra/up.ts'
import * as topics from '../../schemas/topics.ts'
import { dataset } from '../helpers/records.ts'
import { openStack, type Stack } from '../helpers/stack.ts'
import { pin, type Helper, startScript } from './processes.ts'
import { benchRun, names } from './samples.ts'

/** The core of what is measured, and of everything around it. */
export const cores = { measured: 0, around: 1 } as const

/** A deployment under measurement. */
export type Bench = {
  readonly stack: Stack
  readonly deployment: Deployment
  readonly config: Config
  /** Environment of a child that works on it. */
  readonly environment: Readonly<Record<string, string>>
  /** Starts a processor and waits until it says that it is ready. */
  processor(name: string, options?: { core?: number; flags?: readonly string[] }): Promise<Helper>
  /** Resolves when a group has committed everything there was when it was asked. */
  drained(group: string, topics?: readonly string[]): Promise<void>
  stop(): Promise<void>
}

/** Makes every topic, and the dataset and run of the samples. */
async function prepare(deployment: Deployment): Promise<void> {
  await deployment.prepare(allTopics)
  const producer = await openProducer(deployment.kafka, deployment.config)
  const entries: [topics.Topic, string, object][] = [
    [topics.datasets, names.dataset, dataset(names.dataset)],
    [topics.runs, names.run, benchRun()]
  ]
  await producer.send(
    entries.map(([topic, key, value]) => ({
      topic: topic.name,
      partition: 0,
      key,
      value: encodeChecked(deployment.codec, topic, value)
    }))
  )
  await producer.close()
}

/**
 * Opens one.
 * @param dir for its data
 */
export async function openBench(dir: string): Promise<Bench> {
  const stack = await openStack(join(dir, 'stack'))
  for (const { pid } of stack.supervisor.states()) if (pid !== null) pin(pid, cores.around)
  // What is measured next in this process is not to be left on one core, nor is what it starts.
  const unpin = pin(process.pid, cores.around)
  const { kafka, registry, clickhouse } = stack
  const environment = {
    EVERSEED_DATA_DIR: join(dir, 'stack'),
    EVERSEED_PREFIX: 'bench.',
    EVERSEED_PARTITIONS: '1',
    EVERSEED_LOG_LEVEL: 'warn',
    EVERSEED_KAFKA_BROKERS: kafka.brokers.join(','),
    EVERSEED_REGISTRY_URL: registry.url,
    EVERSEED_CLICKHOUSE_URL: clickhouse.url,
    EVERSEED_CLICKHOUSE_DATABASE: clickhouse.database,
    EVERSEED_CLICKHOUSE_USER: clickhouse.user,
    EVERSEED_CLICKHOUSE_PASSWORD: clickhouse.password
  }
  const config = readConfig(environment)
  const deployment = await connect(config, silentLog, 'bench')
  await prepare(deployment)
  return {
    stack,
    deployment,
    config,
    environment,
    async processor(name, options = {}) {
      const flags = [...processorFlags, ...(options.flags ?? [])]
      const helper = startScript(['infra/cli/main.ts', 'run', name], { env: environment, ...options, flags })
      await helper.ready
      return helper
    },
    async drained(group, read = inputsOf(group)) {
      while ((await deployment.admin.lag(group, read)) > 0) {
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    },
    async stop() {
      await deployment.close()
      await stack.stop()
      unpin()
    }
  }
}
