/** A whole `everseed up` as people run it: a process of its own, with everything it starts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig, type Config } from '../../infra/config.ts'
import { type Endpoints, readEndpoints } from '../../infra/endpoints.ts'
import { bareEnvironment } from '../helpers/cli.ts'
import { root } from './processes.ts'

/** A running `up`. */
export type Live = {
  /** Seconds from the command to the line that says it is up. */
  readonly seconds: number
  readonly endpoints: Endpoints
  readonly config: Config
  /** Its processes by what they are: the supervisor, the parts, the processors. */
  processes(): Map<string, number>
  stop(): Promise<void>
}

/** Child processes by parent. */
function childrenOf(): Map<number, number[]> {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    } catch {
      // It ended while it was looked at.
    }
  }
  return children
}

/**
 * Starts one.
 * @param dataDir its folder
 * @param options `only`: the processors, see `everseed up --only`
 */
export async function startLive(dataDir: string, options: { only?: string } = {}): Promise<Live> {
  const started = performance.now()
  const args = ['infra/cli/main.ts', '--data-dir', dataDir, 'up']
  if (options.only !== undefined) args.push('--only', options.only)
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: root,
    env: { ...bareEnvironment(), EVERSEED_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  const seconds = await new Promise<number>((resolve, reject) => {
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('everseed is up')) resolve((performance.now() - started) / 1000)
    })
    void exited.then(() => reject(new Error(`up ended before it was up: ${said}`)))
  })
  const endpoints = readEndpoints(dataDir)!
  return {
    seconds,
    endpoints,
    config: readConfig({ EVERSEED_DATA_DIR: dataDir, ...endpoints.environment }),
    processes() {
      const names = new Map<number, string>([[child.pid!, 'up']])
      for (const { name, pid } of readEndpoints(dataDir)?.children ?? [])
        if (pid !== null) names.set(pid, name)
      const all = childrenOf()
      const found = new Map<string, number>()
      const walk = (pid: number, name: string): void => {
        const own = names.get(pid) ?? name
        found.set(found.has(own) && pid !== child.pid ? `${own} (helper ${pid})` : own, pid)
        for (const one of all.get(pid) ?? []) walk(one, own)
      }
      walk(child.pid!, 'up')
      return found
    },
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM')
      await exited
    }
  }
}

/** A data folder below the benchmark's. */
export const folder = (dir: string, name: string): string => join(dir, name)
