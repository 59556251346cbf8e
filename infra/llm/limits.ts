/**
 * How fast one model of one provider may be asked: calls in flight, requests and tokens per minute. The limits are the
 * recipe's where it states them, else learnt from response headers. What is in flight grows by one after 25 clean
 * requests and shrinks to three quarters at the first "too many" of a burst (additive increase, multiplicative decrease).
 */
import type { Clock } from './clock.ts'
import type { Quota, Quotas } from './headers.ts'

/** Clean requests before one more may be in flight. */
const cleanBeforeGrowth = 25
/** What stays in flight after "too many". */
const shrink = 0.75

/** Limits of a model. */
export type LimitOptions = {
  readonly clock: Clock
  /** Calls in flight to start with. */
  readonly parallel: number
  /** Stated limits; a learnt one only tightens them. */
  readonly requestsPerMinute?: number | undefined
  readonly tokensPerMinute?: number | undefined
  /** Longest pause that is honoured, milliseconds. */
  readonly maxPauseMs?: number
  /** Pause after "too many" where the server names none, milliseconds; doubles with every burst. */
  readonly pauseMs?: number
  /** From 0 to below 1: spreads pauses the server did not name. */
  readonly random?: () => number
}
/** How a call ended. */
export type Outcome = {
  /** clean: answered. throttled: too many. failed: neither. */
  readonly kind: 'clean' | 'throttled' | 'failed'
  /** Tokens it really took; absent: what was reserved. */
  readonly tokens?: number | undefined
  /** Milliseconds the server asked to wait. */
  readonly retryAfterMs?: number | undefined
  readonly quotas?: Quotas | undefined
}
/** Leave to make one call. */
export type Lease = {
  /** Gives back the place and the tokens not taken. A second call does nothing. */
  release(outcome: Outcome): void
}
/** Limits at work. */
export type Limits = {
  /**
   * Resolves when a call may be made, in order of asking.
   * @param tokens the most it can take: prompt and answer
   * @throws the signal's reason when it is aborted first
   */
  acquire(tokens: number, signal: AbortSignal): Promise<Lease>
  state(): {
    readonly concurrency: number
    readonly inFlight: number
    readonly queued: number
    /** Milliseconds of pause left. */
    readonly pausedMs: number
    readonly requestsPerMinute: number | undefined
    readonly tokensPerMinute: number | undefined
  }
}

type Bucket = { stated: number | undefined; limit: number; level: number; at: number }

function createBucket(stated: number | undefined, now: number): Bucket {
  return { stated, limit: stated ?? Infinity, level: stated ?? Infinity, at: now }
}

function refill(bucket: Bucket, now: number): void {
  if (bucket.limit === Infinity) return
  bucket.level = Math.min(bucket.limit, bucket.level + (Math.max(0, now - bucket.at) * bucket.limit) / 60_000)
  bucket.at = now
}

/** Milliseconds until the bucket holds enough; a call larger than the bucket waits for a full one. */
function waitFor(bucket: Bucket, amount: number): number {
  if (bucket.limit === Infinity) return 0
  const missing = Math.min(amount, bucket.limit) - bucket.level
  return missing <= 1e-9 ? 0 : Math.ceil((missing * 60_000) / bucket.limit)
}

/**
 * Takes over what the server says. Its remainder can only lower ours: it does not know of calls still under way.
 * @returns milliseconds until the limit is whole when nothing is left of it
 */
function learn(bucket: Bucket, quota: Quota, now: number): number {
  const { limit, remaining, resetMs } = quota
  if (limit !== undefined && limit > 0) {
    const effective = Math.min(limit, bucket.stated ?? Infinity)
    if (bucket.limit === Infinity) {
      bucket.level = effective
      bucket.at = now
    }
    bucket.limit = effective
  }
  if (bucket.limit === Infinity || remaining === undefined) return 0
  bucket.level = Math.min(bucket.level, remaining)
  return remaining === 0 ? (resetMs ?? 0) : 0
}

/** Limits of one model. */
export function createLimits(options: LimitOptions): Limits {
  const { clock, parallel, requestsPerMinute, tokensPerMinute, random = () => 0 } = options
  const { maxPauseMs = 60_000, pauseMs = 1000 } = options
  const requests = createBucket(requestsPerMinute, clock.now())
  const tokens = createBucket(tokensPerMinute, clock.now())
  const queue: { readonly need: number; readonly go: () => void }[] = []
  let concurrency = parallel
  let inFlight = 0
  let clean = 0
  /** How often every place was taken. */
  let fullHouses = 0
  let bursts = 0
  let epoch = 0
  let pausedUntil = 0
  let cancelAlarm: (() => void) | undefined

  const pause = (ms: number): void => {
    pausedUntil = Math.max(pausedUntil, clock.now() + Math.min(ms, maxPauseMs))
  }

  function settle(reserved: number, leaseEpoch: number, full: boolean, outcome: Outcome): void {
    const now = clock.now()
    inFlight -= 1
    refill(tokens, now)
    if (outcome.tokens !== undefined) {
      tokens.level = Math.min(tokens.limit, tokens.level + reserved - outcome.tokens)
    }
    if (outcome.quotas) {
      refill(requests, now)
      pause(learn(requests, outcome.quotas.requests, now))
      pause(learn(tokens, outcome.quotas.tokens, now))
    }
    if (outcome.kind === 'throttled') {
      clean = 0
      // Calls that were under way when the burst began belong to it and do not shrink it again.
      if (leaseEpoch === epoch) {
        epoch += 1
        bursts += 1
        concurrency = Math.max(1, Math.floor(concurrency * shrink))
      }
      const own = pauseMs * 2 ** Math.min(bursts - 1, 20) * (1 - random() / 2)
      pause(outcome.retryAfterMs ?? own)
    } else if (outcome.retryAfterMs !== undefined) {
      pause(outcome.retryAfterMs)
    }
    if (outcome.kind === 'clean') {
      if (leaseEpoch === epoch) bursts = 0
      // A place that is never used proves nothing: only requests that met a full house count.
      if (full) clean += 1
      if (clean >= cleanBeforeGrowth) {
        clean = 0
        concurrency += 1
      }
    }
    pump()
  }

  function admit(need: number): Lease {
    const before = fullHouses
    inFlight += 1
    if (inFlight >= concurrency) fullHouses += 1
    requests.level -= 1
    tokens.level -= Math.min(need, tokens.limit)
    const leaseEpoch = epoch
    const reserved = Math.min(need, tokens.limit)
    let released = false
    return {
      release(outcome) {
        if (released) return
        released = true
        settle(reserved, leaseEpoch, fullHouses > before, outcome)
      }
    }
  }

  /** Lets through whoever may go, in order, and sets the alarm for the next. */
  function pump(): void {
    cancelAlarm?.()
    cancelAlarm = undefined
    const hasPlace = (): boolean => inFlight < concurrency
    for (let [head] = queue; head && hasPlace(); [head] = queue) {
      const now = clock.now()
      refill(requests, now)
      refill(tokens, now)
      const wait = Math.max(pausedUntil - now, waitFor(requests, 1), waitFor(tokens, head.need))
      if (wait > 0) {
        cancelAlarm = clock.after(wait, pump)
        return
      }
      queue.shift()
      head.go()
    }
  }

  return {
    state: () => ({
      concurrency,
      inFlight,
      queued: queue.length,
      pausedMs: Math.max(0, pausedUntil - clock.now()),
      requestsPerMinute: requests.limit === Infinity ? undefined : requests.limit,
      tokensPerMinute: tokens.limit === Infinity ? undefined : tokens.limit
    }),
    acquire(need, signal) {
      if (signal.aborted) return Promise.reject(signal.reason as Error)
      return new Promise((resolve, reject) => {
        const entry = {
          need,
          go: (): void => {
            signal.removeEventListener('abort', onAbort)
            resolve(admit(need))
          }
        }
        const onAbort = (): void => {
          queue.splice(queue.indexOf(entry), 1)
          pump()
          reject(signal.reason as Error)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        queue.push(entry)
        pump()
      })
    }
  }
}
