/** Ports of the embedded parts: the usual ones when they are free, kept over restarts. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { Log } from '../../processors/contract.ts'
import { silentLog } from '../log.ts'
import { cacheBase } from './download.ts'
import { identify, isAlive } from './identity.ts'

/** What the parts listen on. */
export type PartPorts = {
  kafka: number
  controller: number
  registry: number
  clickhouse: number
  clickhouseTcp: number
}

const usual: PartPorts = {
  kafka: 9092,
  controller: 9093,
  registry: 8081,
  clickhouse: 8123,
  clickhouseTcp: 9000
}

/** Whether a port on loopback can be listened on. */
export async function isFree(port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** A port outside the range systems take for outgoing connections, where a free one may be gone a moment later. */
const anyPort = (): number => 15_000 + Math.floor(Math.random() * 17_000)

/** Ports that stacks of this user claim for as long as their supervisors live, listened on or not. */
type Claims = {
  /** False when another living process, or another stack of this one, claims it. */
  claim(port: number): boolean
}

/** Without a place for them there are no claims, and a port that nobody listens on has to do. */
const without = 'ports cannot be claimed for this stack; another may take one while a part of it restarts'

/**
 * A broker that is being restarted does not listen for some seconds. Were its port free for others then, its clients
 * would find themselves in another cluster, and write there.
 * @param folder one file per claim
 * @param file of the stack that claims
 * @param log hears of a folder that cannot be written
 */
function claimsIn(folder: string, file: string, log: Log): Claims {
  const { pid, started } = identify(process.pid)!
  const own = `${pid}.${started}.${createHash('sha256').update(file).digest('hex').slice(0, 8)}`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    log.debug({ err: error, folder }, without)
    return { claim: () => true }
  }
  /** Claims by others that still live; those of ended processes are removed. */
  const standing = (): string[] => {
    const lives = new Map<string, boolean>()
    return readdirSync(folder).filter(name => {
      const [, itsPid = '', itsStart = ''] = name.split('.')
      const process = `${itsPid}.${itsStart}`
      const alive = lives.get(process) ?? isAlive({ pid: Number(itsPid), started: itsStart })
      lives.set(process, alive)
      if (!alive) rmSync(join(folder, name), { force: true })
      return alive && !name.endsWith(`.${own}`)
    })
  }
  return {
    claim(port) {
      const mine = join(folder, `${port}.${own}`)
      try {
        writeFileSync(mine, '')
        // Of two that claim at once both see the other: both look elsewhere.
        const free = !standing().some(name => name.startsWith(`${port}.`))
        if (!free) rmSync(mine, { force: true })
        return free
      } catch (error) {
        log.debug({ err: error, folder }, without)
        return true
      }
    }
  }
}

/**
 * Chooses ports: those of the last start, else the usual ones, else free ones; never one that another stack of this user
 * may come back to.
 * @param file where they are remembered
 * @param first `free` passes over the usual ones
 * @param folder of the claims, see {@link claimsIn}
 * @param log hears of claims that cannot be written
 */
export async function choosePorts(
  file: string,
  first: 'usual' | 'free' = 'usual',
  folder: string = join(cacheBase(process.env), 'ports'),
  log: Log = silentLog
): Promise<PartPorts> {
  const claims = claimsIn(folder, file, log)
  let last: Partial<PartPorts> = {}
  try {
    last = JSON.parse(readFileSync(file, 'utf8')) as Partial<PartPorts>
  } catch {
    // The first start of this folder.
  }
  const taken = new Set<number>()
  const ports = { ...usual }
  for (const part of Object.keys(usual) as (keyof PartPorts)[]) {
    let port = last[part] ?? (first === 'usual' ? usual[part] : anyPort())
    for (let tries = 0; taken.has(port) || !claims.claim(port) || !(await isFree(port)); tries++) {
      port = tries === 0 && first === 'usual' ? usual[part] : anyPort()
    }
    ports[part] = port
    taken.add(port)
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(ports))
  return ports
}
