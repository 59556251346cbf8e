/** What every command starts from: the configuration, completed by what a running `up` left in the data folder. */
import { open } from 'node:fs/promises'
import { EverseedError } from '../../schemas/errors.ts'
import type { Log } from '../../processors/contract.ts'
import { type Config, dataDirOf, partSettings, readConfig } from '../config.ts'
import { createCodec } from '../codec.ts'
import { connect, type Deployment } from '../deployment.ts'
import { createLog } from '../log.ts'
import type { Line } from '../publish.ts'
import { readOnly } from '../registry.ts'
import { type Endpoints, readEndpoints } from '../up.ts'
import { isAlive } from '../embedded/identity.ts'

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
  const deployment = await connect(config, commandLog(), 'everseed-cli', { hurried: true })
  try {
    return await work(deployment, config)
  } finally {
    await deployment.close()
  }
}

/** The same for those who only read: whatever schema a record was written with is looked up, and none is registered. */
export async function withReader<Result>(
  work: (deployment: Deployment, config: Config) => Promise<Result>
): Promise<Result> {
  return await withDeployment((deployment, config) =>
    work({ ...deployment, codec: createCodec(readOnly(deployment.registry)) }, config)
  )
}

/** A line longer than this many bytes is no line of a JSON file: no topic takes a record of that size. */
const longestLine = 16 * 1024 * 1024

const newline = 10
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A line as text, or what is wrong with its bytes. */
function decodeLine(number: number, bytes: Buffer): Line {
  if (bytes.length > longestLine) {
    const text = bytes.toString('latin1', 0, 200)
    return { number, text, problem: `longer than ${longestLine / 1024 / 1024} MiB: is this JSON lines?` }
  }
  try {
    // The decoder drops a byte order mark, which only the first line of a file may have.
    const text = utf8.decode(bytes)
    return { number, text: text.endsWith('\r') ? text.slice(0, -1) : text }
  } catch {
    return { number, text: bytes.toString(), problem: 'not UTF-8: convert the file first (iconv -t UTF-8)' }
  }
}

/**
 * The lines of a file, numbered from 1; `-` is standard input. Only a line feed ends a line, with or without a carriage
 * return before it: JSON may hold every other separator of Unicode as it is.
 * @throws EverseedError FILE_UNREADABLE
 */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  const unreadable = (cause: unknown): EverseedError =>
    new EverseedError('FILE_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}`, { cause })
  let input: AsyncIterable<Buffer> = process.stdin
  if (path !== '-') {
    try {
      // Opening first: an error of a stream that nobody reads yet would go unheard.
      input = (await open(path)).createReadStream({ highWaterMark: 256 * 1024 })
    } catch (cause) {
      throw unreadable(cause)
    }
  }
  let number = 0
  let parts: Buffer[] = []
  let held = 0
  const hold = (part: Buffer): void => {
    // Of a line that is refused anyway only the beginning is kept.
    if (held <= longestLine) parts.push(part)
    held += part.length
  }
  const line = (): Line => {
    const bytes = Buffer.concat(parts)
    parts = []
    held = 0
    return decodeLine(++number, bytes)
  }
  try {
    for await (const chunk of input) {
      let from = 0
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
        hold(chunk.subarray(from, end))
        yield line()
        from = end + 1
      }
      if (from < chunk.length) hold(chunk.subarray(from))
    }
  } catch (cause) {
    if (cause instanceof Error && 'errno' in cause) throw unreadable(cause)
    throw cause
  }
  if (held > 0) yield line()
}

/**
 * The number given to an option.
 * @throws EverseedError CONFIG_INVALID when it is no positive whole number
 */
export function countOf(option: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new EverseedError('CONFIG_INVALID', `${option} ${text}: give a positive whole number`)
  return Number(text)
}

/** What the system says about a file, in words. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as { code?: string; message: string }
  const words: Record<string, string> = {
    ENOENT: 'there is no such file or folder',
    EISDIR: 'it is a folder',
    ENOTDIR: 'part of the path is not a folder',
    EACCES: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space is left on the device'
  }
  return (code && words[code]) ?? message
}
