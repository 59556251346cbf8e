/** Child processes of the embedded stack: output into a log file, an end that is always noticed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../../schemas/errors.ts'
import type { Failure, Running } from './supervisor.ts'

/** A child with its process. */
export type Spawned = Running & { readonly process: ChildProcess; readonly ended: () => boolean }

let canFollow: boolean | undefined

/**
 * The command that runs another one and has the kernel end it when this process ends, by SIGKILL too. Linux alone can do
 * that for a program that does not take part (setpriv of util-linux); elsewhere the command comes back as it was, and the
 * next start ends what a killed supervisor left.
 */
export function followParent(command: string, args: readonly string[]): [string, string[]] {
  canFollow ??=
    process.platform === 'linux' &&
    spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' }).status === 0
  return canFollow ? ['setpriv', ['--pdeathsig', 'TERM', command, ...args]] : [command, [...args]]
}

/** A log longer than this many bytes is set aside at the next start; one older log is kept. */
const longestLog = 16 * 1024 * 1024

function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size > longestLog) renameSync(file, `${file}.1`)
  return openSync(file, 'a', 0o600)
}

/**
 * Starts a program.
 * @param logFile gets stdout and stderr, appended
 * @param options `stdin`: pipe, to end the child by closing it; `ipc`: a channel of messages;
 * `follow`: end it with this process, see {@link followParent}
 */
export function spawnChild(
  command: string,
  args: readonly string[],
  logFile: string,
  options: {
    readonly env?: NodeJS.ProcessEnv
    readonly stdin?: 'ignore' | 'pipe'
    readonly ipc?: boolean
    readonly follow?: boolean
  } = {}
): Spawned {
  const { stdin = 'ignore', ipc = false, follow = false, ...rest } = options
  const [program, all] = follow ? followParent(command, args) : [command, [...args]]
  const log = openLog(logFile)
  // Its own process group: an interrupt of the terminal reaches the supervisor alone, which stops things in order.
  const child = spawn(program, all, {
    stdio: [stdin, log, log, ...(ipc ? (['ipc'] as const) : [])],
    detached: true,
    ...rest
  })
  closeSync(log)
  let over = false
  let failure: Failure | undefined
  child.on('message', message => {
    const { type, ...said } = message as Partial<FailedMessage>
    if (type === 'failed') failure ??= said as Failure
  })
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(resolve => {
    child.once('error', error => {
      if (child.pid !== undefined) return
      appendFileSync(logFile, `${error.message}\n`)
      over = true
      resolve({ code: 1, signal: null })
    })
    child.once('exit', (code, signal) => {
      over = true
      resolve({ code, signal })
    })
  })
  return {
    process: child,
    pid: child.pid ?? 0,
    exited,
    ended: () => over,
    failure: () => failure,
    stop: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL')
  }
}

/** Milliseconds after which a question counts as not answered: a client library may wait for ever. */
const answerMs = 10_000

/** What a probe says; rejects when the child ends, everything stops or it takes too long. */
async function withoutWaiting(answer: Promise<void>, child: Spawned, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const ends = AbortSignal.any([signal, over.signal])
  const late = async (): Promise<never> => {
    await sleep(answerMs, undefined, { signal: ends })
    throw new Error(`nothing in ${answerMs / 1000} s`)
  }
  const ended = child.exited.then(() => Promise.reject(new Error('it ended')))
  try {
    await Promise.race([answer, late(), ended])
  } finally {
    over.abort()
  }
}

/**
 * Waits until a child answers, by asking it again and again.
 * @param probe resolves when it answers, rejects otherwise
 * @throws EverseedError PART_FAILED with the end of its log
 */
export async function waitReady(
  name: string,
  child: Spawned,
  logFile: string,
  probe: () => Promise<void>,
  signal: AbortSignal,
  timeoutMs = 90_000
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  const fail = async (why: string): Promise<never> => {
    child.kill()
    await child.exited
    throw new EverseedError(
      'PART_FAILED',
      `${name} did not start: ${why}.\n${tail(logFile)}\nIts log: ${logFile}`
    )
  }
  // What answers may be somebody else on the same port, so a child that ended never counts as ready.
  for (;;) {
    if (child.ended()) await fail('it ended')
    if (signal.aborted) await fail('stopped')
    try {
      await withoutWaiting(probe(), child, signal)
      if (!child.ended()) return
    } catch (error) {
      if (Date.now() > deadline) await fail(`no answer in ${timeoutMs / 1000} s: ${(error as Error).message}`)
    }
    await sleep(50)
  }
}

/** The last lines of a log. */
export function tail(file: string, lines = 15): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } catch {
    return ''
  }
}

/** What a child process says over its channel once it works. */
export type ReadyMessage = { readonly type: 'ready' }
/** What it says before it ends because it cannot go on: whoever looks at the states sees it there, not only in a log. */
export type FailedMessage = Failure & { readonly type: 'failed' }

/**
 * Waits until a child of Node says that it is ready, by a message `{ type: 'ready', … }`.
 * @returns the message
 * @throws EverseedError what it says it ends with, PART_FAILED when it ends without a word; the cause is the exit code, null
 * after a signal
 */
export async function saysReady<Message extends ReadyMessage>(
  name: string,
  child: Spawned,
  logFile: string
): Promise<Message> {
  return await new Promise((resolve, reject) => {
    child.process.on('message', message => {
      if ((message as Partial<ReadyMessage>).type === 'ready') resolve(message as Message)
    })
    void child.exited.then(({ code: cause, signal }) => {
      const { code, message } = child.failure?.() ?? {
        code: 'PART_FAILED' as const,
        message: `${name} ended with ${signal ?? `code ${cause}`} before it was ready.\n${tail(logFile, 5)}`
      }
      reject(new EverseedError(code, `${message}\nIts log: ${logFile}`, { cause }))
    })
  })
}
