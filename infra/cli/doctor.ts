/** `everseed doctor`: looks at everything that could be wrong and says what to do. */
import { errorCodes, EverseedError } from '../../schemas/errors.ts'
import { type Topic, versions } from '../../schemas/topics.ts'
import { auditRollups } from '../clickhouse/audit.ts'
import { createWarehouse, serverCode, serverCodes, type Warehouse } from '../clickhouse/client.ts'
import { type Owner, ownerOf, refuseOthers } from '../clickhouse/owner.ts'
import { connect, type Deployment } from '../deployment.ts'
import { checkEngine } from '../embedded/clickhouse.ts'
import { locateJava } from '../embedded/java.ts'
import { unproved } from '../erase/erase.ts'
import { eraseGroup } from '../kafka/settings.ts'
import { allTopics } from '../processors.ts'
import { readTable } from '../tables.ts'
import { listVersions } from '../versions/versions.ts'
import { commandLog, readingOnly, resolveConfig, runningUp } from './context.ts'
import { print, printJson } from './output.ts'
import { few } from './retract.ts'

/** One thing that was looked at. */
type Finding = { readonly check: string; readonly ok: boolean; readonly detail: string }

async function look(check: string, work: () => string | Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, detail: await work() }
  } catch (error) {
    return { check, ok: false, detail: (error as Error).message }
  }
}

/** Milliseconds ClickHouse may take to answer. */
const patienceMs = 5000

/** A database and a user of it. */
type Login = {
  readonly url: string
  readonly user: string
  readonly password: string
  readonly database: string
}

async function withWarehouse<Result>(
  login: Login,
  work: (warehouse: Warehouse) => Promise<Result>
): Promise<Result> {
  const warehouse = createWarehouse({ ...login, log: commandLog() })
  try {
    return await work(warehouse)
  } finally {
    await warehouse.close()
  }
}

/** Logs in as a user of a deployment and says what answered. */
async function askClickHouse(login: Login, setting: string, password: string): Promise<string> {
  const { url, user, database } = login
  const version = (warehouse: Warehouse): Promise<{ version: string }[]> =>
    warehouse.rows('SELECT version() AS version', { timeoutMs: patienceMs })
  try {
    const [found] = await withWarehouse(login, version)
    return `version ${found!.version} at ${url}, user ${user}`
  } catch (error) {
    if (serverCode(error) === serverCodes.unknownDatabase)
      return `${url}, user ${user}; database ${database} is made when the store first runs`
    const { message, code } = error as EverseedError
    // What the server did not answer, the message explains already.
    if (serverCode(error) === undefined) throw new EverseedError(code, `${message} (EVERSEED_CLICKHOUSE_URL)`)
    throw new EverseedError(code, `user ${user}: ${message}; check ${setting} and ${password}`)
  }
}

/** Whose the database is, and whether its rollups are right. */
async function askDatabase(login: Login, own: Owner): Promise<Finding[]> {
  const { database } = login
  return await withWarehouse(login, async warehouse => {
    let found: Owner | undefined
    const owner = await look('database', async () => {
      found = await ownerOf(warehouse, { timeoutMs: patienceMs })
      refuseOthers(database, found, own)
      return found
        ? `database ${database} holds the rows of this deployment`
        : `no store has opened database ${database} yet`
    })
    if (!found || !owner.ok) return [owner]
    const rollups = await look('rollups', async () => {
      const { rows, lanes, wrong } = await auditRollups(warehouse)
      if (wrong.length === 0) return `they agree with ${rows} rows in ${lanes} partitions`
      throw new EverseedError(
        'CLICKHOUSE_FAILED',
        `${wrong.join('\n')}\na store that starts recovers what it wrote last; where that does not help, stop it and run everseed rebuild`
      )
    })
    return [owner, rollups]
  })
}

/** Topics that are kept for good and begin late: settings that were put right again do not bring records back. */
async function losses(admin: Deployment['admin']): Promise<string[]> {
  const lost: string[] = []
  for (const topic of allTopics) {
    if (topic.kind !== 'data' || topic.retentionMs >= 0) continue
    for (const [partition, { low }] of (await admin.offsets(topic.name)).entries())
      if (low > 0)
        lost.push(
          `topic ${topic.name}/${partition}: its first ${low} records were deleted, although it is kept for good; versions over them no longer verify: bring them back from a copy, or begin anew under another EVERSEED_PREFIX`
        )
  }
  return lost
}

/** Whether every erasure came to its end. */
async function askErasures(deployment: Deployment): Promise<string> {
  if ((await deployment.admin.members(eraseGroup)) > 0) return 'one is under way'
  const named = await unproved(readingOnly(deployment))
  if (named.length === 0) return 'each one that was begun was proved'
  throw new EverseedError(
    'NOT_ERASED',
    `an erasure was interrupted, and words of ${few(named)} may still be there: run everseed erase for them again`
  )
}

const yesOrNo = [() => true, () => false] as const

/** Tables are asked at every turn, and what of them cannot be read says nothing. */
async function askTables(deployment: Deployment, tables: readonly Topic[]): Promise<string> {
  const unread: string[] = []
  const strays: string[] = []
  const reader = readingOnly(deployment)
  for (const topic of tables) {
    if (topic === versions) await listVersions(reader, undefined, place => strays.push(place))
    else await readTable(reader, topic, undefined, place => unread.push(place))
  }
  if (unread.length > 0)
    throw new EverseedError(
      'RECORD_INVALID',
      `${unread.length} entries cannot be read, and say nothing: ${few(unread)}; look at who writes there, and write each of them again (everseed subscribe TABLE prints what was there before)`
    )
  // A log of versions keeps everything: nothing ends it.
  return strays.length === 0
    ? 'every entry can be read'
    : `every entry can be read; what cannot is no version: ${few(strays)}`
}

export async function doctor(options: { json?: boolean }): Promise<void> {
  const findings: Finding[] = []
  const config = resolveConfig()
  const up = runningUp(config.dataDir)
  let own: Owner | undefined
  findings.push(await look('node', () => process.version))
  if (!process.env['EVERSEED_KAFKA_BROKERS'] || !process.env['EVERSEED_REGISTRY_URL'])
    findings.push(
      await look('java', () => {
        const { release, path } = locateJava(process.env)
        return `Java ${release} (${path})`
      })
    )
  if (!process.env['EVERSEED_CLICKHOUSE_URL']) {
    findings.push(
      await look('engine', () => {
        checkEngine()
        return 'the embedded ClickHouse is installed'
      })
    )
  }
  findings.push({
    check: 'supervisor',
    ok: true,
    detail: up
      ? `process ${up.pid} runs everseed up on ${config.dataDir}`
      : `no everseed up runs on ${config.dataDir}`
  })
  if (config.kafka.brokers && config.registry) {
    const deployment = await connect(config, commandLog(), 'everseed-doctor', { hurried: true }).catch(
      (error: unknown) => error as EverseedError
    )
    if (deployment instanceof Error) findings.push({ check: 'kafka', ok: false, detail: deployment.message })
    else {
      findings.push(
        await look('kafka', async () => {
          own = { clusterId: await deployment.admin.clusterId(), prefix: deployment.config.prefix }
          return `brokers ${(await deployment.admin.brokers()).join(', ')}`
        })
      )
      findings.push(
        await look('topics', async () => {
          const problems = await deployment.admin.topicProblems(allTopics)
          if (problems.length === 0) problems.push(...(await losses(deployment.admin)))
          if (problems.length > 0) throw new EverseedError('TOPIC_MISMATCH', problems.join('\n'))
          return `${allTopics.length} topics are kept as they must be`
        })
      )
      const tables = allTopics.filter(topic => topic.kind === 'table' || topic === versions)
      if (await deployment.admin.requireTopics(tables).then(...yesOrNo)) {
        findings.push(await look('erasures', () => askErasures(deployment)))
        findings.push(await look('tables', () => askTables(deployment, tables)))
      }
      findings.push(
        await look('offsets', async () => {
          const minutes = await deployment.admin.offsetsRetentionMinutes()
          if (minutes === undefined) {
            throw new EverseedError(
              'CONFIG_INVALID',
              'unknown: the brokers do not tell this user their offsets.retention.minutes; ask who runs them whether it is 2147483647 (kafka-configs.sh --describe --entity-type brokers --all), or allow DESCRIBE_CONFIGS on the cluster'
            )
          }
          if (minutes < 2_147_483_647) {
            throw new EverseedError(
              'CONFIG_INVALID',
              `offsets.retention.minutes is ${minutes}: a group idle for longer forgets where it was and would be refused at its start; set it to 2147483647 on the brokers`
            )
          }
          return 'committed offsets are kept for good'
        })
      )
      findings.push(
        await look('registry', async () => {
          const missing = await deployment.registry.missing(allTopics, deployment.config.prefix)
          if (missing.length > 0) {
            throw new EverseedError(
              'SCHEMA_INCOMPATIBLE',
              `${config.registry!.url} does not hold the schemas of this version under ${missing.join(', ')}: check EVERSEED_PREFIX; everseed up registers them, and says so if they do not fit what is there`
            )
          }
          return `schemas are registered at ${config.registry!.url}`
        })
      )
      await deployment.close()
    }
  } else
    findings.push({
      check: 'kafka',
      ok: false,
      detail: 'nothing runs and nothing is configured: everseed up starts it'
    })
  if (config.clickhouse) {
    const { reader, ...writer } = config.clickhouse
    const answer = await look('clickhouse', () =>
      askClickHouse(writer, 'EVERSEED_CLICKHOUSE_USER', 'EVERSEED_CLICKHOUSE_PASSWORD')
    )
    findings.push(answer)
    const asking = own
    if (asking && answer.ok) findings.push(...(await askDatabase(writer, asking)))
    if (reader) {
      findings.push(
        await look('reader', () =>
          askClickHouse(
            { ...writer, ...reader },
            'EVERSEED_CLICKHOUSE_READER',
            'EVERSEED_CLICKHOUSE_READER_PASSWORD'
          )
        )
      )
    }
  }
  if (options.json) printJson(findings)
  else
    for (const { check, ok, detail } of findings)
      print(`${ok ? 'ok  ' : 'FAIL'}  ${check.padEnd(11)} ${detail.replaceAll('\n', '\n                  ')}`)
  if (findings.some(finding => !finding.ok)) process.exitCode = errorCodes.PART_FAILED.exit
}
