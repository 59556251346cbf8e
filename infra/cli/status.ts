/** `everseed status`. */
import { EverseedError } from '../../schemas/errors.ts'
import type { Config } from '../config.ts'
import { connect } from '../deployment.ts'
import { type MixStatus, readMixes } from '../mixes.ts'
import { inputsOf, processorNames } from '../processors.ts'
import { commandLog, resolveConfig, runningUp } from './context.ts'
import { note, print, printJson, table } from './output.ts'

/** A processor in `status --json`; `lag`: records it has not processed yet, null when the cluster does not say. */
type ProcessorStatus = {
  readonly name: string
  readonly state: string
  readonly pid: number | null
  readonly lag: number | null
}

/** What people see besides: how often the supervisor started it again, and what it died of last. */
type Restarts = { readonly restarts: number; readonly lastError: string | null }

/** What `status --json` prints: one object. */
export type Status = {
  readonly kafka: { readonly brokers: readonly string[]; readonly prefix: string }
  readonly registry: { readonly url: string }
  readonly clickhouse: {
    readonly url: string
    readonly database: string
    readonly user: string
    readonly password: string
  } | null
  readonly processors: readonly ProcessorStatus[]
  /** How the mix of every dataset stands; null when the cluster does not say. */
  readonly datasets: readonly MixStatus[] | null
}

/** The read-only user of an embedded ClickHouse is everybody's; an external password is nobody's business. */
function clickhouseOf(config: Config, embedded: boolean): Status['clickhouse'] {
  if (!config.clickhouse) return null
  const { url, database, reader } = config.clickhouse
  return {
    url,
    database,
    user: reader?.user ?? config.clickhouse.user,
    password: embedded ? (reader?.password ?? '') : '[secret]'
  }
}

/** Where the parts are and how the processors do. */
async function readStatus(): Promise<{
  status: Status
  restarts: ReadonlyMap<string, Restarts>
  /** Why the cluster says nothing of the datasets. */
  problem: string | undefined
}> {
  const config = resolveConfig()
  const { kafka, registry } = config
  if (!kafka.brokers || !registry)
    throw new EverseedError('NOT_RUNNING', `nothing runs on ${config.dataDir}: start it with everseed up`)
  const up = runningUp(config.dataDir)
  const deployment = await connect(config, commandLog(), 'everseed-status', { hurried: true })
  try {
    const processors: ProcessorStatus[] = await Promise.all(
      processorNames.map(async name => {
        const child = up?.children.find(one => one.name === name)
        const [lag, members] = await Promise.all([
          deployment.admin.lag(name, inputsOf(name)).catch(() => null),
          deployment.admin.members(name).catch(() => 0)
        ])
        // A processor that this up does not run may run elsewhere: its group knows.
        const state = child?.state ?? (members > 0 ? 'running' : 'stopped')
        return { name, state, pid: child?.pid ?? null, lag }
      })
    )
    let problem: string | undefined
    const datasets = await readMixes(deployment).catch((error: unknown) => {
      problem = (error as Error).message
      return null
    })
    // An external server that `up` was told of is external here too, whoever asks.
    const embedded =
      up?.children.some(child => child.name === 'clickhouse') === true &&
      !process.env['EVERSEED_CLICKHOUSE_URL']
    return {
      status: {
        kafka: { brokers: kafka.brokers, prefix: kafka.prefix },
        registry: { url: registry.url },
        clickhouse: clickhouseOf(config, embedded),
        processors,
        datasets
      },
      problem,
      restarts: new Map(up?.children.map(child => [child.name, child]))
    }
  } finally {
    await deployment.close()
  }
}

export async function status(options: { json?: boolean }): Promise<void> {
  const { status: found, restarts, problem } = await readStatus()
  if (options.json) return printJson(found)
  print(`Kafka       ${found.kafka.brokers.join(',')}  (prefix ${found.kafka.prefix})`)
  print(`registry    ${found.registry.url}`)
  if (found.clickhouse)
    print(
      `ClickHouse  ${found.clickhouse.url}  (database ${found.clickhouse.database}, read-only user ${found.clickhouse.user})`
    )
  print('')
  print(
    table(
      ['processor', 'state', 'pid', 'lag', 'restarts'],
      found.processors.map(({ name, state, pid, lag }) => [
        name,
        state,
        pid,
        lag,
        restarts.get(name)?.restarts ?? 0
      ])
    )
  )
  if (problem !== undefined) note(`the datasets could not be read: ${problem}`)
  const datasets = found.datasets ?? []
  if (datasets.length > 0) {
    print('')
    print(
      table(
        ['dataset', 'rows', 'real_share', 'floor', 'verified waiting', 'human waiting'],
        datasets.map(({ dataset, rows, real_share, floor, waiting }) => [
          dataset,
          rows,
          real_share,
          floor,
          waiting.verified,
          waiting.human
        ])
      )
    )
  }
  for (const { dataset, missing, warnings } of datasets) {
    if (missing !== null) note(`STOP_MIX: ${missing}`)
    for (const warning of warnings) note(`warning: dataset ${dataset}: ${warning}`)
  }
  for (const { name, state } of found.processors) {
    const why = restarts.get(name)?.lastError
    if (state !== 'running' && why) note(`${name}: ${why}`)
  }
}
