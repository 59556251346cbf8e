/** An embedded ClickHouse: a real server in a child process, from the engine's library or an installed program. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { type Spawned, spawnChild, waitReady } from './child.ts'
import { engineArguments, engineUsers, stopStatement, writeConfiguration } from './clickhouse-config.ts'
import type { Child } from './supervisor.ts'

export { type EngineUsers, engineUsers, readerName, writerName } from './clickhouse-config.ts'

/** What runs the server: the library in a Node process, or a program. */
export type Engine = { readonly kind: 'library' } | { readonly kind: 'program'; readonly path: string }

/** Oldest installed program that is used; the library's version is pinned by the lock file. */
const oldestProgram = [26, 7] as const

/** Whether an installed program is new enough; undefined when there is none. */
function isNewEnough(path: string, env: Readonly<Record<string, string | undefined>>): boolean | undefined {
  const { stdout } = spawnSync(path, ['local', '--version'], { encoding: 'utf8', env: { ...env } })
  const match = /version (\d+)\.(\d+)/.exec(stdout ?? '')
  if (!match) return undefined
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > oldestProgram[0] || (major === oldestProgram[0] && minor >= oldestProgram[1])
}

/**
 * Finds what can run a ClickHouse here: the library, whose version is pinned, else `clickhouse` on the PATH.
 * @param env PATH
 * @param resolve finds a file of a package, or throws
 * @throws EverseedError ENGINE_MISSING that says what to do
 */
export function findEngine(
  env: Readonly<Record<string, string | undefined>>,
  resolve: (specifier: string) => string = createRequire(import.meta.url).resolve
): Engine {
  try {
    resolve('@chdb/lib-linux-x64-gnu/libchdb.so')
    resolve('ffi-rs')
    return { kind: 'library' }
  } catch (cause) {
    const newEnough = isNewEnough('clickhouse', env)
    if (newEnough) return { kind: 'program', path: 'clickhouse' }
    const oldest = oldestProgram.join('.')
    const old = newEnough === false ? ` (the clickhouse on the PATH is older than ${oldest})` : ''
    throw new EverseedError(
      'ENGINE_MISSING',
      `the embedded ClickHouse is not installed${old}. On linux x64 run npm ci without --omit=optional; elsewhere (this is ${process.platform} ${process.arch}) put clickhouse ${oldest} or newer on the PATH; or point EVERSEED_CLICKHOUSE_URL to a server of yours`,
      { cause }
    )
  }
}

/**
 * Whether an engine can run here.
 * @throws EverseedError ENGINE_MISSING
 */
export function checkEngine(): void {
  findEngine(process.env)
}

const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

/**
 * The engine as a child to supervise.
 * @param dir absolute folder of its configuration, log and data
 * @param ports on loopback
 * @param database is made when it is missing
 */
export function engineChild(
  dir: string,
  ports: { readonly http: number; readonly tcp: number },
  database: string,
  engine: Engine = findEngine(process.env)
): Child {
  const users = engineUsers(dir)
  const authorization = basic('supervisor', users.supervisor)
  const logFile = join(dir, 'server.log')

  const query = async (sql: string): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${ports.http}/`, {
      method: 'POST',
      body: sql,
      headers: { authorization, connection: 'close' },
      signal: AbortSignal.timeout(5000)
    })
    const text = await response.text()
    if (!response.ok) throw new Error(text.slice(0, 500))
  }

  const spawnEngine = (): Spawned => {
    if (engine.kind === 'program') {
      const child = spawnChild(engine.path, ['local', ...engineArguments(dir)], logFile, { follow: true })
      return { ...child, stop: () => void query(stopStatement).catch(() => child.stop()) }
    }
    const args = [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, `clickhouse-child${extname(import.meta.filename)}`),
      dir,
      String(ports.http)
    ]
    const child = spawnChild(process.execPath, args, logFile, {
      stdin: 'pipe',
      env: { ...process.env, EVERSEED_ENGINE_STOP: authorization }
    })
    // A child that ended on its own has closed the pipe; that it ended is told elsewhere.
    child.process.stdin?.on('error', () => {})
    return { ...child, stop: () => void child.process.stdin?.end() }
  }

  return {
    name: 'clickhouse',
    async start(signal, spawned) {
      mkdirSync(join(dir, 'data'), { recursive: true, mode: 0o700 })
      // The engine keeps system tables in memory and trips over what a killed one left of them.
      rmSync(join(dir, 'data/data/system'), { recursive: true, force: true })
      rmSync(join(dir, 'data/status'), { force: true })
      writeConfiguration(dir, ports, users, database)
      const child = spawnEngine()
      spawned?.(child)
      const probe = async (): Promise<void> => {
        await query('SELECT 1')
        await query(`CREATE DATABASE IF NOT EXISTS ${database} ENGINE = Atomic`)
      }
      await waitReady('ClickHouse', child, logFile, probe, signal)
      return child
    }
  }
}
