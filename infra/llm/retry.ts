/** Whether a failed attempt deserves another, and when. */
import { maxPaidCalls } from '../../processors/ports.ts'
import type { CallFailure } from './call.ts'

/** Ceilings of the attempts of one call. */
export type RetryPolicy = {
  /** Attempts that reached the provider and failed, throttled ones apart. */
  readonly attempts: number
  /** Attempts the provider may have charged for: the bound of what one answer can cost, in calls. */
  readonly paid: number
  /** Attempts that were turned away as too many. */
  readonly throttles: number
  /** Milliseconds spent in attempts and pauses between them; waiting for a limit or the breaker is not counted. */
  readonly elapsedMs: number
  /** Longest Retry-After that is honoured, milliseconds; a longer one counts as this. */
  readonly retryAfterMs: number
  /** First pause, milliseconds; doubles each time. */
  readonly baseMs: number
  /** Longest pause, milliseconds. */
  readonly maxMs: number
}

/** The policy in force. */
export const retryPolicy: RetryPolicy = {
  attempts: 6,
  paid: maxPaidCalls,
  throttles: 30,
  elapsedMs: 600_000,
  retryAfterMs: 60_000,
  baseMs: 500,
  maxMs: 30_000
}

/** What a call went through so far. */
export type Tally = { attempts: number; paid: number; throttles: number; elapsedMs: number }

/** A call that has not been tried. */
export function newTally(): Tally {
  return { attempts: 0, paid: 0, throttles: 0, elapsedMs: 0 }
}

/**
 * A pause that doubles with every failure, of which a random part up to half is left out, so that calls that failed
 * together do not come back together.
 * @param failures how many there were, from 1
 * @param random from 0 to below 1
 * @returns milliseconds
 */
export function backoffMs(
  policy: Pick<RetryPolicy, 'baseMs' | 'maxMs'>,
  failures: number,
  random: number
): number {
  const whole = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failures - 1, 30))
  return whole * (1 - random / 2)
}

/** Notes a failed attempt. */
export function count(tally: Tally, failure: CallFailure, latencyMs: number): void {
  tally.elapsedMs += latencyMs
  if (failure.paid) tally.paid += 1
  if (failure.kind === 'throttled') tally.throttles += 1
  // A provider that cannot be reached says nothing about this call: the breaker paces it, and nothing is used up.
  else if (failure.reached) tally.attempts += 1
}

/**
 * What to do after a failure that was counted.
 * @param random from 0 to below 1
 * @returns milliseconds to wait before the next attempt, or undefined to give up
 */
export function nextAttempt(
  policy: RetryPolicy,
  tally: Tally,
  failure: CallFailure,
  random: number
): number | undefined {
  if (!failure.retry || failure.kind === 'rejected' || failure.kind === 'unauthorized') return undefined
  const { attempts, paid, throttles, elapsedMs } = tally
  if (attempts >= policy.attempts || paid >= policy.paid || throttles >= policy.throttles) return undefined
  // The pause after "too many" is the bucket's: it holds for every call, not only for this one.
  if (failure.kind === 'throttled') return 0
  const asked = Math.min(failure.retryAfterMs ?? 0, policy.retryAfterMs)
  const wait = Math.max(asked, backoffMs(policy, Math.max(1, attempts), random))
  return elapsedMs + wait > policy.elapsedMs ? undefined : wait
}
