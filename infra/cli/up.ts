/** `everseed up` and `everseed down`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../../schemas/errors.ts'
import { type Config, readConfig } from '../config.ts'
import { connect } from '../deployment.ts'
import { isAlive } from '../embedded/identity.ts'
import { holderOf } from '../embedded/lock.ts'
import { createLog, silentLog } from '../log.ts'
import { readMixWarnings } from '../mixes.ts'
import { processorNames } from '../processors.ts'
import { startUp, type Up } from '../up.ts'
import { note, print } from './output.ts'

/** Runs until an interrupt; everything is stopped within 10 seconds. */
export async function up(options: { only?: string }): Promise<void> {
  const config = readConfig(process.env)
  const processors = options.only?.split(',').filter(name => name !== 'none')
  const unknown = processors?.find(name => !processorNames.includes(name))
  if (unknown !== undefined)
    throw new EverseedError(
      'UNKNOWN_NAME',
      `there is no processor ${unknown}; there are ${processorNames.join(', ')}`
    )
  const { promise: interrupt, signal } = interruption()
  const started = performance.now()
  let running: Up
  try {
    running = await startUp({
      config,
      env: process.env,
      log: createLog(config.logLevel, 'up'),
      progress: note,
      signal,
      ...(processors && { processors })
    })
  } catch (error) {
    if (!signal.aborted) throw error
    note('interrupted before everything was up; what ran is stopped')
    process.exit(interruptedExit)
  }
  const { kafka, registry, clickhouse } = running.config
  print(
    `everseed is up after ${((performance.now() - started) / 1000).toFixed(1)} s, data in ${config.dataDir}`
  )
  print(`  Kafka       ${kafka.brokers.join(',')}  (topics ${kafka.prefix}…)`)
  print(`  registry    ${registry!.url}`)
  print(`  ClickHouse  ${clickhouse!.url}  (database ${clickhouse!.database})`)
  print(
    `  processors  ${running
      .states()
      .filter(({ name }) => processorNames.includes(name))
      .map(({ name }) => name)
      .join(', ')}`
  )
  for (const warning of await datasetWarnings(running.config)) print(`  warning     ${warning}`)
  print('Ctrl-C stops everything.')
  await interrupt
  await running.stop()
}

/** What whoever trains on a dataset there is must know of its mix. What cannot be read now is said by `status`. */
async function datasetWarnings(config: Config): Promise<string[]> {
  const deployment = await connect(config, silentLog, 'everseed-up', { hurried: true }).catch(() => undefined)
  try {
    return deployment ? await readMixWarnings(deployment) : []
  } catch {
    return []
  } finally {
    await deployment?.close()
  }
}

/** Exit code of what an interrupt ended before it was done, as shells count it. */
export const interruptedExit = 130

/** Milliseconds in which one Ctrl-C arrives several times: from the terminal, from npm, from the shell. */
const sameInterruptMs = 500

/** Resolves at the first interrupt; a second, later one ends the process at once. */
export function untilInterrupted(): Promise<void> {
  return new Promise(resolve => {
    let first = 0
    const onSignal = (): void => {
      const now = Date.now()
      if (first === 0) {
        first = now
        resolve()
      } else if (now - first > sameInterruptMs) process.exit(interruptedExit)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  })
}

/** The first interrupt, for what waits on promises and for what takes a signal. */
export function interruption(): { promise: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController()
  const promise = untilInterrupted().then(() => {
    note('stopping …')
    controller.abort(new Error('interrupted'))
  })
  return { promise, signal: controller.signal }
}

/** Stops the supervisor of a data folder and waits until it is gone. */
export async function down(): Promise<void> {
  const { dataDir } = readConfig(process.env)
  const holder = holderOf(dataDir)
  if (!holder) throw new EverseedError('NOT_RUNNING', `nothing runs on ${dataDir}`)
  process.kill(holder.pid, 'SIGTERM')
  for (let waited = 0; waited < 150; waited++) {
    if (!isAlive(holder)) return print(`stopped process ${holder.pid} on ${dataDir}`)
    await sleep(100)
  }
  throw new EverseedError(
    'TIMEOUT',
    `process ${holder.pid} did not end in 15 s; end it with kill -9 ${holder.pid}: the next start cleans up`
  )
}
