/** One processor as a process: `everseed run NAME`. */
import type { Tagger } from '../metrics/pos-compression-ratio.ts'
import type { Ports, Processor } from '../processors/contract.ts'
import { type ErrorCode, EverseedError } from '../schemas/errors.ts'
import { tables as tableTopics } from '../schemas/topics.ts'
import type { Config } from './config.ts'
import { connect, type Deployment, microseconds } from './deployment.ts'
import type { FailedMessage } from './embedded/child.ts'
import { createLog } from './log.ts'
import { createTagger } from './measure/tagger.ts'
import { allTopics, findProcessor, loadStore, readByStoreOnly, storeName } from './processors.ts'
import { createMetrics } from './runner/counters.ts'
import { serveHealth } from './runner/health.ts'
import { createHost, topicsOf } from './runner/process.ts'
import { openTables } from './runner/tables.ts'

/** What a supervisor is told over the channel it opened, once the first slots are open. */
export type ReadyMessage = { readonly type: 'ready'; readonly url: string }

/** Tells a supervisor why this process ends; resolves when it was told, or there is nobody to tell. */
async function tellFailure(error: Error): Promise<void> {
  if (!process.send || !process.connected) return
  const { message } = error
  const told: FailedMessage = { type: 'failed', code: codeOf(error), message }
  await new Promise<void>(resolve => process.send!(told, undefined, undefined, () => resolve()))
}

const codeOf = (error: Error): ErrorCode => (error instanceof EverseedError ? error.code : 'PROCESSOR_FAILED')

type Health = { state: string; slots: number[]; backlog: number; memory: number }

/**
 * Runs until told to stop.
 * @param name processor name
 * @returns the exit code
 * @throws EverseedError UNKNOWN_NAME, NOT_RUNNING and whatever kept it from starting
 */
export async function runProcessor(
  name: string,
  config: Config,
  options: { fromBeginning?: boolean } = {}
): Promise<number> {
  try {
    return await run(name, config, options)
  } catch (error) {
    await tellFailure(error as Error)
    throw error
  }
}

async function run(name: string, config: Config, options: { fromBeginning?: boolean }): Promise<number> {
  // A wrong name is told before anything is asked of a cluster.
  const processor = name === storeName ? undefined : await findProcessor(name)
  const log = createLog(config.logLevel, name)
  const ending = Promise.withResolvers<number>()
  let told = Promise.resolve()
  const fatal = (error: Error): void => {
    log.error({ err: error, code: codeOf(error) }, `${name} ends: ${error.message}`)
    told = tellFailure(error)
    ending.resolve(1)
  }
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', reason =>
    fatal(reason instanceof Error ? reason : new Error(String(reason)))
  )
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ending.resolve(0))
  // A supervisor that was killed leaves nobody who would restart this process: it ends with it.
  if (process.send) process.on('disconnect', () => ending.resolve(0))

  const metrics = createMetrics(name)
  let running: Running | undefined
  // First: a port that is taken is told before a place in the group is.
  const endpoint = await serveHealth(
    config.health,
    () => {
      const health = running?.health() ?? { state: 'starting' }
      return { ok: health.state === 'running', processor: name, pid: process.pid, ...health }
    },
    metrics
  )
  let deployment: Deployment | undefined
  const start = async (): Promise<void> => {
    deployment = await connect(config, log, `everseed-${name}`)
    running =
      processor === undefined
        ? await makeStore(deployment, config, log, metrics, fatal, options)
        : await makeHost(deployment, processor, log, metrics, fatal, options)
    await running.start()
  }
  const starting = start()
  // A cluster that does not answer is waited for; who is told to stop waits for nothing.
  if (await Promise.race([starting.then(() => true), ending.promise.then(() => false)])) {
    log.info({ health: endpoint.url }, `${name} is up`)
    process.send?.({ type: 'ready', url: endpoint.url } satisfies ReadyMessage)
  }

  const code = await ending.promise
  const { drainMs } = config
  const late = setTimeout(() => {
    log.warn(
      {},
      `the drain took longer than ${drainMs} ms; what was not committed is done again by the next owner`
    )
    process.exit(code)
  }, drainMs)
  try {
    await told
    // What has connected is about to join its group, which it has to leave.
    if (deployment && !running) await starting
    await running?.drain()
    await endpoint.close()
    await deployment?.close()
  } catch (error) {
    log.warn({ err: error }, 'the drain failed; what was not committed is done again by the next owner')
  }
  clearTimeout(late)
  return code
}

/** A processor, or the store, that is connected. */
type Running = {
  /** Resolves once the first slots are open, or could not be opened. */
  start(): Promise<void>
  health(): Health
  drain(): Promise<void>
}

async function makeHost(
  deployment: Deployment,
  processor: Processor,
  log: ReturnType<typeof createLog>,
  metrics: ReturnType<typeof createMetrics>,
  fatal: (error: Error) => void,
  options: { fromBeginning?: boolean }
): Promise<Running> {
  const { kafka, config, admin, codec } = deployment
  await deployment.prepare([...topicsOf(processor), ...Object.values(tableTopics)])
  let tick: () => void = () => {}
  const tables = await openTables(kafka, config, { admin, codec, log, now: microseconds }, () => tick())
  // Clients of providers are loaded for who calls them.
  const calls = processor.needs?.some(need => need !== 'tagger') ?? false
  const { createPorts } = calls ? await import('./llm/ports.ts') : { createPorts: undefined }
  const ports = createPorts?.(deployment, log)
  let tagger: Tagger | undefined
  if (ports) metrics.providers(() => ports.states())
  const host = createHost({
    kafka,
    config,
    admin,
    codec,
    processor,
    tables,
    ports: { ...ports, tagger: () => (tagger ??= createTagger()) } as Omit<Ports, 'journal'>,
    log,
    metrics,
    now: microseconds,
    fatal,
    fromBeginning: options.fromBeginning ?? false
  })
  tick = () => host.tick()
  return {
    start: () => host.start().then(() => host.opened),
    health: () => host.health(),
    async drain() {
      await host.drain()
      await tables.stop()
    }
  }
}

async function makeStore(
  deployment: Deployment,
  config: Config,
  log: ReturnType<typeof createLog>,
  metrics: ReturnType<typeof createMetrics>,
  fatal: (error: Error) => void,
  options: { fromBeginning?: boolean }
): Promise<Running> {
  if (!config.clickhouse) {
    throw new EverseedError(
      'CONFIG_INVALID',
      'store needs ClickHouse: set EVERSEED_CLICKHOUSE_URL, or run everseed up'
    )
  }
  const [{ createSinkHost }, { clusterOf }, { openStore }] = await Promise.all([
    import('./runner/sink.ts'),
    import('./runner/cluster.ts'),
    import('./clickhouse/open.ts')
  ])
  const store = await loadStore()
  await deployment.prepare(allTopics.filter(topic => topic.kind !== 'state'))
  const { newWriter, close } = await openStore(
    config.clickhouse,
    { clusterId: await deployment.admin.clusterId(), prefix: deployment.config.prefix },
    deployment.config.sessionTimeoutMs,
    log
  )
  const { kafka, config: kafkaConfig, admin, codec } = deployment
  const tables = await openTables(kafka, kafkaConfig, { admin, codec, log, now: microseconds }, () => {})
  tables.failed.catch((error: unknown) => fatal(error as Error))
  const cluster = clusterOf(deployment, store, log)
  const host = createSinkHost({
    kafka: cluster,
    codec,
    sink: store,
    newWriter,
    recipes: tables,
    buried: readByStoreOnly,
    log,
    metrics,
    fromBeginning: options.fromBeginning ?? false,
    fatal
  })
  return {
    start: () => host.start().then(() => host.opened),
    health: () => host.health(),
    async drain() {
      await host.drain()
      await tables.stop()
      await cluster.close()
      await close()
    }
  }
}
