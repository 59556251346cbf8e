/**
 * A circuit breaker that makes calls wait instead of failing them: while a provider is down, nothing is lost and
 * nothing is hammered; one probe at a time finds out whether it is back.
 */
import type { Clock } from './clock.ts'

/** How a breaker is set. */
export type BreakerOptions = {
  readonly clock: Clock
  /** Failures in a row that open it. */
  readonly failures?: number
  /** Milliseconds it stays open at first; doubles with every failed probe. */
  readonly cooldownMs?: number
  /** Longest it stays open, milliseconds. */
  readonly maxCooldownMs?: number
  /** Told about every change. */
  readonly onChange?: (state: BreakerState, before: BreakerState) => void
}
/** closed: calls pass. open: they wait. half-open: one of them is the probe. */
export type BreakerState = 'closed' | 'open' | 'half-open'
/** Leave to make one call; exactly one of the three ends it. */
export type Pass = {
  /** The provider answered, whatever it said. */
  succeed(): void
  /** The provider did not answer, or said it is broken. */
  fail(): void
  /** Nothing was learnt. */
  abandon(): void
}
/** A breaker. */
export type Breaker = {
  /**
   * Resolves when a call may be made.
   * @throws the signal's reason when it is aborted first
   */
  pass(signal: AbortSignal): Promise<Pass>
  state(): BreakerState
}

/** A closed breaker. */
export function createBreaker(options: BreakerOptions): Breaker {
  const { clock, failures: threshold = 5, cooldownMs = 1000, maxCooldownMs = 60_000, onChange } = options
  let state: BreakerState = 'closed'
  let failures = 0
  let cooldown = cooldownMs
  let openUntil = 0
  let cancelAlarm: (() => void) | undefined
  const waiting: (() => void)[] = []

  const change = (to: BreakerState): void => {
    if (state === to) return
    const before = state
    state = to
    onChange?.(to, before)
  }
  const open = (): void => {
    openUntil = clock.now() + cooldown
    cooldown = Math.min(maxCooldownMs, cooldown * 2)
    change('open')
  }
  const succeed = (): void => {
    failures = 0
    cooldown = cooldownMs
    change('closed')
    pump()
  }

  function makePass(probe: boolean): Pass {
    let ended = false
    const once = (then: () => void) => (): void => {
      if (ended) return
      ended = true
      then()
    }
    return {
      succeed: once(succeed),
      fail: once(() => {
        failures += 1
        if (probe || (state === 'closed' && failures >= threshold)) open()
        pump()
      }),
      abandon: once(() => {
        // The next in line becomes the probe, at once: this one has cost nothing.
        if (probe && state === 'half-open') change('open')
        pump()
      })
    }
  }

  /** Lets through whoever may go, and sets the alarm for the next. */
  function pump(): void {
    cancelAlarm?.()
    cancelAlarm = undefined
    while (waiting.length > 0) {
      if (state === 'half-open') return
      if (state === 'open' && clock.now() < openUntil) {
        cancelAlarm = clock.after(openUntil - clock.now(), pump)
        return
      }
      if (state === 'open') change('half-open')
      waiting.shift()?.()
    }
  }

  return {
    state: () => state,
    pass(signal) {
      if (signal.aborted) return Promise.reject(signal.reason as Error)
      return new Promise((resolve, reject) => {
        const go = (): void => {
          signal.removeEventListener('abort', onAbort)
          resolve(makePass(state === 'half-open'))
        }
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(go), 1)
          pump()
          reject(signal.reason as Error)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        waiting.push(go)
        pump()
      })
    }
  }
}
