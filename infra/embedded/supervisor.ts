/** Keeps children running: restarts what dies with backoff, and stops everything in order and in time. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../processors/contract.ts'
import { type ErrorCode, EverseedError } from '../../schemas/errors.ts'

/** What a child said it ends with. */
export type Failure = { readonly code: ErrorCode; readonly message: string }

/** What no further start changes: a person has to decide. */
const final = new Set<ErrorCode>(['OFFSETS_LOST'])

/** Whether a child that failed like this would fail like this for ever. */
export function isFinal(error: unknown): boolean {
  return error instanceof EverseedError && final.has(error.code)
}

/** A child that was started. */
export type Running = {
  readonly pid: number
  /** Resolves when it has ended, however. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Why it ends, once it said so. */
  readonly failure?: () => Failure | undefined
  /** Asks it to end. */
  stop(): void
  /** Ends it. */
  kill(): void
}

/** A child to look after. */
export type Child = {
  readonly name: string
  /**
   * Resolves when it is ready.
   * @param signal aborts when it shall stop
   * @param spawned to be called as soon as there is a process, ready or not: from then on a stop, and the next start
   * after a kill, can end it
   */
  start(signal: AbortSignal, spawned?: (running: Running) => void): Promise<Running>
}

/** How a child is. */
export type ChildState = {
  readonly name: string
  state: 'starting' | 'running' | 'backoff' | 'stopped'
  pid: number | null
  restarts: number
  lastError: string | null
}

/** Milliseconds: the first wait after a death, the longest, and how long a child must live to be forgiven. */
export type Backoff = {
  readonly firstMs: number
  readonly longestMs: number
  readonly forgivenAfterMs: number
}
const usualBackoff: Backoff = { firstMs: 200, longestMs: 15_000, forgivenAfterMs: 30_000 }

/** Looks after children. */
export type Supervisor = {
  /** Starts a child and keeps it running; resolves when it is ready for the first time, rejects when it never gets there. */
  supervise(child: Child): Promise<void>
  states(): readonly ChildState[]
  /** Aborts when the first stop begins. */
  readonly stopping: AbortSignal
  /**
   * Stops children; SIGKILL for what takes longer than its grace. Calling it again waits for the same end.
   * @param names which; all by default
   * @param graceMs milliseconds each gets between the request and SIGKILL
   */
  stopAll(names?: readonly string[], graceMs?: number): Promise<void>
}

/** A child, what runs of it, and the loop that keeps it. */
type Kept = {
  readonly child: Child
  readonly state: ChildState
  readonly abort: AbortController
  running: Running | undefined
  loop: Promise<void>
  stopped: Promise<void> | undefined
}

/** Milliseconds to wait for the end after SIGKILL: a process in the kernel's hands must not hold up the others. */
const afterKillMs = 1000

/**
 * @param changed called after every change of a state
 * @param backoff how long to wait between starts
 */
export function createSupervisor(
  log: Log,
  changed: () => void = () => {},
  backoff: Backoff = usualBackoff
): Supervisor {
  const all = new Map<string, Kept>()
  const stopping = new AbortController()

  const set = (kept: Kept, change: Partial<ChildState>): void => {
    Object.assign(kept.state, change)
    changed()
  }

  /** Starts a child and waits for its end. */
  const runOnce = async (kept: Kept, ready: () => void): Promise<void> => {
    const { child, state, abort } = kept
    set(kept, { state: 'starting', pid: null })
    const adopt = (one: Running): void => {
      kept.running = one
      if (abort.signal.aborted) one.stop()
    }
    const one = await child.start(abort.signal, early => {
      adopt(early)
      set(kept, { pid: early.pid })
    })
    adopt(one)
    set(kept, { state: 'running', pid: one.pid })
    ready()
    const { code, signal } = await one.exited
    const ended = `ended with ${signal ?? `code ${code}`}`
    const failure = one.failure?.()
    set(kept, { lastError: failure ? `${ended}: ${failure.message} [${failure.code}]` : ended })
    if (failure && final.has(failure.code)) throw new EverseedError(failure.code, state.lastError!)
  }

  const keep = async (kept: Kept, ready: PromiseWithResolvers<void>): Promise<void> => {
    const { child, state, abort } = kept
    const { name } = child
    let wait = backoff.firstMs
    let wasReady = false
    while (!abort.signal.aborted) {
      const started = Date.now()
      try {
        await runOnce(kept, () => {
          wasReady = true
          ready.resolve()
        })
      } catch (error) {
        set(kept, { lastError: (error as Error).message })
        // What never worked is not tried again: somebody has to correct it first.
        if ((!wasReady || isFinal(error)) && !abort.signal.aborted) {
          if (wasReady) log.error({ child: name }, `${name} ${state.lastError}; it is not started again`)
          ready.reject(error)
          break
        }
      } finally {
        kept.running = undefined
      }
      if (abort.signal.aborted) break
      if (Date.now() - started > backoff.forgivenAfterMs) wait = backoff.firstMs
      const pause = wait * (0.75 + Math.random() / 2)
      wait = Math.min(backoff.longestMs, wait * 2)
      set(kept, { state: 'backoff', pid: null, restarts: state.restarts + 1 })
      log.warn(
        { child: name, restarts: state.restarts, inMs: Math.round(pause) },
        `${name} ${state.lastError}; starting it again`
      )
      await sleep(pause, undefined, { signal: abort.signal }).catch(() => {})
    }
    ready.reject(new Error(`${name} was stopped`))
    set(kept, { state: 'stopped', pid: null })
  }

  const stopOne = async (kept: Kept, graceMs: number): Promise<void> => {
    kept.abort.abort()
    kept.running?.stop()
    const timers = new AbortController()
    const within = (ms: number): Promise<boolean> =>
      Promise.race([
        kept.loop.then(() => true),
        sleep(ms, false, { signal: timers.signal }).catch(() => false)
      ])
    try {
      if (await within(graceMs)) return
      const { name } = kept.child
      log.warn({ child: name }, `${name} did not stop in ${graceMs} ms and is killed`)
      kept.running?.kill()
      await within(afterKillMs)
    } finally {
      timers.abort()
    }
  }

  return {
    stopping: stopping.signal,
    states: () => [...all.values()].map(({ state }) => state),
    supervise(child) {
      const ready = Promise.withResolvers<void>()
      // Who only looks at the states need not wait for this.
      ready.promise.catch(() => {})
      const state: ChildState = {
        name: child.name,
        state: 'starting',
        pid: null,
        restarts: 0,
        lastError: null
      }
      const kept: Kept = {
        child,
        state,
        abort: new AbortController(),
        running: undefined,
        loop: Promise.resolve(),
        stopped: undefined
      }
      all.set(child.name, kept)
      kept.loop = keep(kept, ready)
      return ready.promise
    },
    async stopAll(names = [...all.keys()], graceMs = 4000) {
      stopping.abort()
      const stop = (name: string): Promise<void> => {
        const kept = all.get(name)
        if (!kept) return Promise.resolve()
        return (kept.stopped ??= stopOne(kept, graceMs))
      }
      await Promise.all(names.map(stop))
    }
  }
}
