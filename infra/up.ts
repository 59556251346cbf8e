/** `everseed up`: the embedded parts and every processor, supervised, on one data folder. */
import { mkdirSync, rmSync } from 'node:fs'
import { extname, join, resolve as absolute } from 'node:path'
import type { Log } from '../processors/contract.ts'
import type { Config } from './config.ts'
import { connect, warmCoordinators } from './deployment.ts'
import { saysReady, spawnChild, type Spawned } from './embedded/child.ts'
import { identify } from './embedded/identity.ts'
import { lockDataDir, replaceFile } from './embedded/lock.ts'
import { partNames, startStack } from './embedded/stack.ts'
import { type Child, type ChildState, createSupervisor, isFinal } from './embedded/supervisor.ts'
import type { Endpoints } from './endpoints.ts'
import { EverseedError } from '../schemas/errors.ts'
import { brokerAnswers } from './kafka/client.ts'
import { tidyUp } from './kafka/compaction.ts'
import { allTopics, processorNames } from './processors.ts'
import type { ReadyMessage } from './run.ts'

/** A running stack. */
export type Up = {
  readonly config: Config & { kafka: { brokers: readonly string[] } }
  /** Environment variables that lead another process to this stack. */
  readonly environment: Readonly<Record<string, string>>
  states(): readonly ChildState[]
  /** Stops processors, then parts; at most 10 seconds. Calling it again changes nothing. */
  stop(): Promise<void>
}

/** Settings that are paths: another command may be called from another folder. */
const pathSettings = new Set(['EVERSEED_KAFKA_CA', 'EVERSEED_KAFKA_CERT', 'EVERSEED_KAFKA_KEY'])

/** The environment variables that lead other processes to these parts: what `up` was given, completed by what it made. */
function environmentOf(config: Up['config'], env: NodeJS.ProcessEnv): Record<string, string> {
  const { kafka, registry, clickhouse } = config
  const entries: Record<string, string | undefined> = {
    EVERSEED_PREFIX: kafka.prefix,
    EVERSEED_PARTITIONS: String(kafka.partitions),
    EVERSEED_KAFKA_BROKERS: kafka.brokers.join(','),
    EVERSEED_REGISTRY_URL: registry?.url,
    EVERSEED_CLICKHOUSE_URL: clickhouse?.url,
    EVERSEED_CLICKHOUSE_DATABASE: clickhouse?.database,
    EVERSEED_CLICKHOUSE_USER: clickhouse?.user,
    EVERSEED_CLICKHOUSE_PASSWORD: clickhouse?.password,
    EVERSEED_CLICKHOUSE_READER: clickhouse?.reader?.user,
    EVERSEED_CLICKHOUSE_READER_PASSWORD: clickhouse?.reader?.password
  }
  const given = Object.entries(env).flatMap(([name, value]) =>
    value && /^EVERSEED_(KAFKA|REGISTRY|CLICKHOUSE)_/.test(name)
      ? [[name, pathSettings.has(name) ? absolute(value) : value] as const]
      : []
  )
  const made = Object.entries(entries).flatMap(([name, value]) => (value ? [[name, value] as const] : []))
  return Object.fromEntries([...given, ...made])
}

/**
 * The port of a processor's health among eight on one machine: the one that was set is the first one's, the others follow.
 * @param port 0 takes any free one
 * @throws EverseedError CONFIG_INVALID when there are not enough ports behind it
 */
export function healthPort(port: number, name: string): { EVERSEED_HEALTH_PORT: string } {
  const own = port === 0 ? 0 : port + processorNames.indexOf(name)
  if (own > 65_535)
    throw new EverseedError(
      'CONFIG_INVALID',
      `EVERSEED_HEALTH_PORT ${port}: the ${processorNames.length} processors take that port and the ones after it, up to 65535`
    )
  return { EVERSEED_HEALTH_PORT: String(own) }
}

/** Milliseconds processors, and then parts, get to stop before they are killed; a drain has to be done by then. */
const graceMs = 4000
const longestDrainMs = graceMs - 500

/** Starts of a processor before its failure counts as one that somebody has to correct. */
const processorTries = 3
/** Exit codes that say the configuration or the input is wrong: trying again changes nothing. */
const wrongInput = new Set([2, 3])

/** Options of Node for a processor: a small young generation costs little time and saves memory, eight times. */
export const processorFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8'] as const

/** Starts a processor once; resolves when it says that it is ready. */
async function startProcessor(
  name: string,
  logFile: string,
  env: NodeJS.ProcessEnv,
  health: Map<string, string>,
  early: ((child: Spawned) => void) | undefined
): Promise<Spawned> {
  const main = join(import.meta.dirname, `cli/main${extname(import.meta.filename)}`)
  const args = [...processorFlags, main, 'run', name]
  const child = spawnChild(process.execPath, args, logFile, { ipc: true, env })
  early?.(child)
  const { url } = await saysReady<ReadyMessage>(name, child, logFile)
  health.set(name, url)
  return child
}

/** A processor as a child process. Its first start may meet a broker that is still loading, so it gets more than one. */
function processorChild(
  name: string,
  dataDir: string,
  env: NodeJS.ProcessEnv,
  health: Map<string, string>
): Child {
  const logFile = join(dataDir, 'logs', `${name}.log`)
  return {
    name,
    async start(signal, early) {
      for (let tries = 1; ; tries++) {
        try {
          return await startProcessor(name, logFile, env, health, early)
        } catch (error) {
          const hopeless = isFinal(error) || wrongInput.has((error as EverseedError).cause as number)
          if (hopeless || tries === processorTries || signal.aborted) throw error
        }
      }
    }
  }
}

/**
 * Starts everything that is not there yet.
 * @param options `processors`: which to run; all by default; `signal`: gives up while it starts, and stops what runs by then
 * @throws EverseedError DATA_DIR_HELD and whatever kept a part from starting; the reason of an aborted signal
 */
export async function startUp(options: {
  config: Config
  env: NodeJS.ProcessEnv
  log: Log
  progress: (line: string) => void
  processors?: readonly string[]
  signal?: AbortSignal
}): Promise<Up> {
  const { config, env, log, progress, processors = processorNames, signal } = options
  const { dataDir } = config
  const lock = await lockDataDir(dataDir)
  mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 })
  const file = join(dataDir, 'endpoints.json')
  const health = new Map<string, string>()
  const self = identify(process.pid)!
  let environment: Record<string, string> = {}
  let stopping: Promise<void> | undefined

  const publish = (): void => {
    if (stopping) return
    const children = supervisor.states().map(state => ({ ...state, health: health.get(state.name) ?? null }))
    try {
      lock.children(children.flatMap(({ pid }) => (pid === null ? [] : [pid])))
      if (Object.keys(environment).length === 0) return
      replaceFile(file, JSON.stringify({ ...self, environment, children } satisfies Endpoints))
    } catch (error) {
      // A full disk: what runs goes on, and the next change writes again.
      log.warn({ err: error, file }, `what runs could not be written down: ${(error as Error).message}`)
    }
  }
  const supervisor = createSupervisor(log, publish)

  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      await supervisor.stopAll(processorNames, graceMs)
      await supervisor.stopAll(partNames, graceMs)
      rmSync(file, { force: true })
      lock.release()
    })()
    return stopping
  }

  const start = async (): Promise<Up> => {
    const full = await startStack({
      config,
      supervisor,
      env,
      log,
      progress,
      ready: brokers => brokerAnswers(config.kafka, brokers)
    })
    environment = environmentOf(full, env)
    // Topics and schemas once, here, so that eight processes find them and do not race to make them.
    const deployment = await connect(full, log, 'everseed-up', { hurried: true })
    try {
      // The command that would do it needs what is started here.
      await tidyUp(deployment, log)
      await deployment.prepare(allTopics).catch((error: unknown) => {
        const { code, message } = error as EverseedError
        if (code !== 'TOPIC_MISMATCH') throw error
        if (processors.length > 0)
          throw new EverseedError(code, `${message}; everseed up --only none starts the parts alone for that`)
        progress(`${message}; the parts run all the same, so that it can be done`)
      })
      await warmCoordinators(deployment)
    } finally {
      await deployment.close()
    }
    // Who was told to stop by now starts nothing more.
    signal?.throwIfAborted()
    await Promise.all(
      processors.map(name => {
        const childEnv = {
          ...env,
          ...environment,
          ...healthPort(config.health.port, name),
          EVERSEED_DRAIN_MS: String(Math.min(config.drainMs, longestDrainMs))
        }
        return supervisor.supervise(processorChild(name, dataDir, childEnv, health))
      })
    )
    publish()
    return { config: full, environment, states: () => supervisor.states(), stop }
  }

  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => {})
  // What waits for a part that is being stopped may wait long: it is left to itself.
  const abort = (): void => void stop().finally(() => aborted.reject(signal?.reason))
  signal?.addEventListener('abort', abort, { once: true })
  try {
    signal?.throwIfAborted()
    const starting = start()
    starting.catch(() => {})
    return await Promise.race([starting, aborted.promise])
  } catch (error) {
    await stop()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
