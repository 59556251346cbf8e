/** How the embedded ClickHouse is configured: users, grants, settings, and the arguments it is started with. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Passwords of the engine's users, made at the first start and kept in the data folder. */
export type EngineUsers = { readonly writer: string; readonly reader: string; readonly supervisor: string }

/** Users processors and people connect as. */
export const writerName = 'everseed'
export const readerName = 'reader'

const newPassword = (): string => randomBytes(24).toString('hex')

/** The users' passwords of a data folder. */
export function engineUsers(dir: string): EngineUsers {
  const file = join(dir, 'users.json')
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as EngineUsers
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const users = { writer: newPassword(), reader: newPassword(), supervisor: newPassword() }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.part`, JSON.stringify(users), { mode: 0o600 })
  renameSync(`${file}.part`, file)
  return users
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function user(
  name: string,
  password: string,
  options: { readonly profile?: string; readonly grants: readonly string[] }
): string {
  const { profile = 'default', grants } = options
  const key =
    password === '' ? '<password/>' : `<password_sha256_hex>${sha256(password)}</password_sha256_hex>`
  const queries = grants.map(grant => `<query>GRANT ${grant}</query>`).join('')
  return `<${name}>${key}<networks><ip>127.0.0.1</ip></networks>
    <profile>${profile}</profile><quota>default</quota><grants>${queries}</grants></${name}>`
}

/**
 * Writes the configuration of an engine.
 * @param dir its folder
 * @param ports on loopback
 * @param database the one the users may see
 */
export function writeConfiguration(
  dir: string,
  ports: { readonly http: number; readonly tcp: number },
  users: EngineUsers,
  database: string
): void {
  const usersFile = join(dir, 'users.xml')
  writeFileSync(
    configFile(dir),
    `<clickhouse>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host><http_port>${ports.http}</http_port><tcp_port>${ports.tcp}</tcp_port>
  <users_config>${escaped(usersFile)}</users_config><default_profile>default</default_profile>
  <max_server_memory_usage>4G</max_server_memory_usage><keep_alive_timeout>30</keep_alive_timeout>
  <merge_tree><cleanup_delay_period>5</cleanup_delay_period><max_cleanup_delay_period>10</max_cleanup_delay_period>
    <cleanup_delay_period_random_add>0</cleanup_delay_period_random_add></merge_tree>
  <mark_cache_size>134217728</mark_cache_size><background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <query_log><database>system</database><table>query_log</table><ttl>event_date + INTERVAL 7 DAY</ttl>
    <flush_interval_milliseconds>7500</flush_interval_milliseconds></query_log>
</clickhouse>
`,
    { mode: 0o600 }
  )
  // The engine starts as user default, which must have an empty password: it may do nothing but start to listen.
  const bootstrap = { grants: ['SYSTEM LISTEN ON *.*', 'SELECT ON system.numbers'] }
  // A profile that is read-only still lets file() and url() read: only the grants keep a reader to the database.
  const reader = { profile: 'reader', grants: [`SELECT ON ${database}.*`] }
  const writer = {
    grants: [
      `ALL ON ${database}.*`,
      'SELECT ON system.*',
      'KILL QUERY ON *.*',
      'TABLE ENGINE ON *',
      'CREATE DATABASE ON *.*'
    ]
  }
  // Who looks for a text by its words leaves them in no log, where erasing the text would not find them.
  const reading =
    '<readonly>2</readonly><log_queries>0</log_queries><max_execution_time>60</max_execution_time>'
  // 26.7 loses such columns on their way through a view: "Unknown expression identifier run.size".
  const common =
    '<max_threads>2</max_threads><optimize_functions_to_subcolumns>0</optimize_functions_to_subcolumns>'
  writeFileSync(
    usersFile,
    `<clickhouse><profiles><default>${common}</default>
  <reader>${reading}${common}</reader></profiles>
  <quotas><default/></quotas><users>
  ${user('default', '', bootstrap)}
  ${user('supervisor', users.supervisor, { grants: ['ALL ON *.* WITH GRANT OPTION'] })}
  ${user(writerName, users.writer, writer)}
  ${user(readerName, users.reader, reader)}
  </users></clickhouse>
`,
    { mode: 0o600 }
  )
}

const configFile = (dir: string): string => join(dir, 'config.xml')

/** A query that never ends: while it runs, `clickhouse local` stays and listens. Stopping is killing it. */
const keepAlive =
  'SELECT sleepEachRow(0.25) FROM system.numbers FORMAT Null SETTINGS max_block_size=1, max_threads=1'

/** The statement that ends the engine in an orderly way; the user supervisor may run it. */
export const stopStatement = "KILL QUERY WHERE query LIKE 'SELECT sleepEachRow(0.25)%' ASYNC"

/** Arguments with which `clickhouse local` becomes a server. */
export function engineArguments(dir: string): string[] {
  return [
    `--path=${join(dir, 'data')}`,
    `--config-file=${configFile(dir)}`,
    '--log-level=warning',
    `--query=SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; ${keepAlive}`
  ]
}
