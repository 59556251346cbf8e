/** The parts of a deployment on this machine: each embedded, unless the configuration points to one elsewhere. */
import { join } from 'node:path'
import type { Log } from '../../processors/contract.ts'
import type { Config } from '../config.ts'
import { engineChild, engineUsers, findEngine, readerName, writerName } from './clickhouse.ts'
import { fetchJars } from './download.ts'
import { javaEnvironment, locateJava } from './java.ts'
import { brokerChild, brokerSettings } from './kafka.ts'
import { choosePorts } from './ports.ts'
import { registryChild, registryPath } from './registry.ts'
import { makeArchives } from './rehearsal.ts'
import type { Supervisor } from './supervisor.ts'

/** Names of the embedded parts. */
export const partNames = ['registry', 'clickhouse', 'kafka'] as const

/** The database of the embedded ClickHouse. */
const database = 'everseed'

/** A configuration with every part filled in. */
export type FullConfig = Config & {
  readonly kafka: { readonly brokers: readonly string[] }
  readonly registry: NonNullable<Config['registry']>
  readonly clickhouse: NonNullable<Config['clickhouse']>
}

/**
 * Starts what is not external, all at once, under the supervisor; class archives that are missing are made in the
 * background afterwards.
 * @param options `ready` asks a broker something real; `progress` gets a line now and then; `ports`: usual takes the
 * well-known ones where they are free, free takes any
 * @returns the configuration with every part filled in
 * @throws EverseedError JAVA_MISSING, DOWNLOAD_FAILED, ENGINE_MISSING, PART_FAILED; what was started by then goes on
 * until the supervisor stops it
 */
export async function startStack(options: {
  config: Config
  supervisor: Supervisor
  env: NodeJS.ProcessEnv
  log: Log
  progress: (line: string) => void
  ready: (brokers: readonly string[]) => Promise<void>
  ports?: 'usual' | 'free'
}): Promise<FullConfig> {
  const { config, supervisor, env, log, progress, ready } = options
  const { dataDir } = config
  const embedKafka = config.kafka.brokers === undefined
  const embedRegistry = config.registry === undefined
  const embedEngine = config.clickhouse === undefined
  // Everything that may be missing is looked for before anything is started.
  const java = embedKafka || embedRegistry ? locateJava(env) : undefined
  const engine = embedEngine ? findEngine(env) : undefined
  const ports = await choosePorts(join(dataDir, 'ports.json'), options.ports, undefined, log)
  const brokers = config.kafka.brokers ?? [`127.0.0.1:${ports.kafka}`]
  const engineDir = join(dataDir, 'clickhouse')

  const startEngine = async (): Promise<void> => {
    if (!engine) return
    const { clickhouse: http, clickhouseTcp: tcp } = ports
    await supervisor.supervise(engineChild(engineDir, { http, tcp }, database, engine))
  }
  const startJava = async (): Promise<void> => {
    if (!java) return
    const jars = await fetchJars(javaEnvironment(env, java), progress, supervisor.stopping)
    if (supervisor.stopping.aborted) return
    const dir = join(dataDir, 'kafka')
    const settings = brokerSettings(ports, join(dir, 'logs'))
    await Promise.all([
      embedKafka && supervisor.supervise(brokerChild(java, jars, dir, settings, () => ready(brokers))),
      embedRegistry &&
        supervisor.supervise(registryChild(java, jars, join(dataDir, 'registry'), ports.registry))
    ])
    void makeArchives({ java, jars, ready, signal: supervisor.stopping, log })
  }
  await Promise.all([startEngine(), startJava()])

  const users = engine && engineUsers(engineDir)
  return {
    ...config,
    kafka: { ...config.kafka, brokers },
    registry: config.registry ?? {
      url: `http://127.0.0.1:${ports.registry}${registryPath}`,
      user: undefined,
      password: undefined
    },
    clickhouse: config.clickhouse ?? {
      url: `http://127.0.0.1:${ports.clickhouse}`,
      database,
      user: writerName,
      password: users!.writer,
      reader: { user: readerName, password: users!.reader }
    }
  }
}
