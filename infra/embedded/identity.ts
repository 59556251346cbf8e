/** Processes by identity: a pid together with when it started, so that a later process of the same pid is another. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A process that cannot be mistaken for a later one of the same pid. */
export type Identity = { readonly pid: number; readonly started: string }

let boot: string | undefined

/** Start times count from the boot: another boot may repeat them. */
function bootId(): string {
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)
  } catch {
    boot = 'boot'
  }
  return boot
}

/**
 * When a process started, in whatever form the system tells it; undefined when it has ended or never was.
 * @param pid process id
 */
export function startOf(pid: number): string | undefined {
  if (pid <= 0) return undefined
  if (process.platform === 'linux') {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // The name in parentheses may hold anything; what follows are state (field 3) … start time (field 22).
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      // A zombie has ended; nobody has asked how.
      return fields[0] === 'Z' ? undefined : `${bootId()}-${fields[19]}`
    } catch {
      return undefined
    }
  }
  if (process.platform === 'win32') return isAnswering(pid) ? 'unknown' : undefined
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore']
    })
    return text.trim().replaceAll(/[^\w]+/g, '-') || undefined
  } catch {
    return undefined
  }
}

/** Windows tells no start time cheaply; there a pid alone must do. */
function isAnswering(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The identity of a process that lives. */
export function identify(pid: number): Identity | undefined {
  const started = startOf(pid)
  return started === undefined ? undefined : { pid, started }
}

/** Whether exactly this process still lives. */
export function isAlive({ pid, started }: Identity): boolean {
  return startOf(pid) === started
}

/** Sends a signal to exactly this process, if it still lives. */
export function signalTo(target: Identity, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return
  try {
    process.kill(target.pid, signal)
  } catch {
    // It ended in between.
  }
}
