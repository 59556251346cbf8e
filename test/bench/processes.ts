/** Processes under measurement: where they run, what they cost. Linux: the figures come from /proc. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bareEnvironment } from '../helpers/cli.ts'

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100

/** Processor seconds a process has used, user and system. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Proportional memory in MiB: shared pages are split between those who share them. */
export function proportionalMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? Number.NaN) / 1024
}

/** Context switches a process made by itself: how often it woke up. */
export function wakeUps(pid: number): number {
  let count = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')
    count += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }
  return count
}

/** Whether there are two cores to keep things apart on, and a program that does it. */
const canPin = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0

/**
 * Moves a process with all its threads to one core.
 * @returns gives it back the cores it had
 */
export function pin(pid: number, core: number): () => void {
  if (!canPin) return () => {}
  const had = spawnSync('taskset', ['-cp', String(pid)], { encoding: 'utf8' }).stdout
  const move = (cores: string): void => void spawnSync('taskset', ['-acp', cores, String(pid)])
  move(String(core))
  return () => move(had.slice(had.lastIndexOf(':') + 1).trim())
}

/** A child of the benchmark that says when it is ready. */
export type Helper = {
  readonly pid: number
  readonly process: ChildProcess
  /** What it said last over its channel. */
  readonly ready: Promise<unknown>
  stop(): Promise<void>
}

/** The project's folder. */
export const root = join(import.meta.dirname, '../..')

/**
 * Starts a script of this project, on one core if asked to.
 * @param args script and arguments; the script is relative to the project
 */
export function startScript(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; core?: number; flags?: readonly string[] } = {}
): Helper {
  const { env = {}, core, flags = [] } = options
  const [script, ...rest] = args
  const command = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    ...flags,
    join(root, script!),
    ...rest
  ]
  const pinned = core !== undefined && canPin ? ['taskset', '-c', String(core), ...command] : command
  const child = spawn(pinned[0]!, pinned.slice(1), {
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  const ready = new Promise<unknown>((resolve, reject) => {
    child.once('message', resolve)
    void exited.then(([code, signal]) => reject(new Error(`${args.join(' ')} ended: ${signal ?? code}`)))
  })
  ready.catch(() => {})
  return {
    pid: child.pid!,
    process: child,
    ready,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exited
    }
  }
}
