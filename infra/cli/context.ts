/** What every command starts from: the configuration, completed by what a running `up` left in the data folder. */
import { EverseedError } from '../../schemas/errors.ts'
import type { Log } from '../../processors/contract.ts'
import { type Config, dataDirOf, partSettings, readConfig } from '../config.ts'
import { createCodec } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import { createLog } from '../log.ts'
import { readOnly } from '../registry.ts'
import { type Endpoints, readEndpoints } from '../endpoints.ts'
import { isAlive } from '../embedded/identity.ts'

export { countOf, linesOf, reasonOf } from '../bytes.ts'

/** The running `up` of a data folder, if it lives. */
export function runningUp(dataDir: string): Endpoints | undefined {
  const endpoints = readEndpoints(dataDir)
  return endpoints && isAlive(endpoints) ? endpoints : undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** Whether a setting names no other place than the running `up` does. */
function samePlace(name: string, own: string | undefined, running: string | undefined): boolean {
  const plain = (text = ''): string => text.replaceAll(/\s/g, '')
  return !own || (name === 'EVERSEED_KAFKA_BROKERS' ? plain(own) === plain(running) : own === running)
}

/**
 * The settings of a command: its own, completed by those of the running `up`. A part that is elsewhere gets nothing of the
 * running one, or a password would be sent to a stranger, and records written under the ids of another registry.
 * @param env of the command; an empty value counts as absent
 * @param running what leads to the running `up`
 */
export function completed(env: Environment, running: Environment): Record<string, string> {
  const settings: Record<string, string> = {}
  const take = (from: Environment, wanted: (name: string) => boolean): void => {
    for (const [name, value] of Object.entries(from)) if (value && wanted(name)) settings[name] = value
  }
  const elsewhere = Object.values(partSettings).filter(
    ({ addresses }) => !addresses.every(name => samePlace(name, env[name], running[name]))
  )
  take(running, name => !elsewhere.some(({ pattern }) => pattern.test(name)))
  take(env, () => true)
  return settings
}

/**
 * The configuration; parts the environment does not name come from the running `up`.
 * @throws EverseedError CONFIG_INVALID, also for a cluster without its registry and the reverse
 */
export function resolveConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const config = readConfig(completed(env, runningUp(dataDirOf(env))?.environment ?? {}))
  if ((config.kafka.brokers === undefined) !== (config.registry === undefined)) {
    const [set, missing] = config.registry
      ? ['EVERSEED_REGISTRY_URL', 'EVERSEED_KAFKA_BROKERS']
      : ['EVERSEED_KAFKA_BROKERS', 'EVERSEED_REGISTRY_URL']
    throw new EverseedError(
      'CONFIG_INVALID',
      `${set} is set without ${missing}: records carry the schema ids of one registry, so set both or neither`
    )
  }
  return config
}

/**
 * Where ClickHouse is.
 * @throws EverseedError NOT_RUNNING when nowhere
 */
export function clickhouseOf({ clickhouse, dataDir }: Config): NonNullable<Config['clickhouse']> {
  if (clickhouse) return clickhouse
  throw new EverseedError(
    'NOT_RUNNING',
    `no ClickHouse runs on ${dataDir}: start it with everseed up, or set EVERSEED_CLICKHOUSE_URL`
  )
}

/** The log of a command: quiet unless the environment asks for more. */
export function commandLog(env: NodeJS.ProcessEnv = process.env): Log {
  return createLog(env['EVERSEED_LOG_LEVEL'] ?? 'warn', 'everseed')
}

/** Runs something with a connection that is closed afterwards. */
export async function withDeployment<Result>(
  work: (deployment: Deployment, config: Config) => Promise<Result>
): Promise<Result> {
  const config = resolveConfig()
  // Loaded when it is needed: who asks ClickHouse alone, or is told that nothing runs, needs no Kafka.
  const { connect } = await import('../deployment.ts')
  const deployment = await connect(config, commandLog(), 'everseed-cli', { hurried: true })
  try {
    return await work(deployment, config)
  } finally {
    await deployment.close()
  }
}

/** A deployment for who only reads: whatever schema a record was written with is looked up, and none is registered. */
export const readingOnly = (deployment: Deployment): Deployment => ({
  ...deployment,
  codec: createCodec(readOnly(deployment.registry))
})

/** Runs something with a connection that only reads. */
export async function withReader<Result>(
  work: (deployment: Deployment, config: Config) => Promise<Result>
): Promise<Result> {
  return await withDeployment((deployment, config) => work(readingOnly(deployment), config))
}
