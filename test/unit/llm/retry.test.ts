import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallFailure, malformed } from '../../../infra/llm/call.ts'
import { backoffMs, count, newTally, nextAttempt, retryPolicy } from '../../../infra/llm/retry.ts'

const transient = new CallFailure('transient', '503', { status: 503 })
const throttled = new CallFailure('throttled', '429', { status: 429, retryAfterMs: 5000 })

/** Attempts until it gives up, each taking `latencyMs`. */
function attempts(failure: CallFailure, latencyMs = 0): number {
  const tally = newTally()
  for (let made = 1; made < 10_000; made += 1) {
    count(tally, failure, latencyMs)
    const wait = nextAttempt(retryPolicy, tally, failure, 0)
    if (wait === undefined) return made
    tally.elapsedMs += wait
  }
  return Infinity
}

test('a pause doubles up to its ceiling and loses at most half of itself', () => {
  assert.deepEqual(
    [1, 2, 3, 7, 50].map(failures => backoffMs(retryPolicy, failures, 0)),
    [500, 1000, 2000, 30_000, 30_000]
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, random) => {
        const pause = backoffMs(retryPolicy, failures, random)
        const whole = backoffMs(retryPolicy, failures, 0)
        assert.ok(pause >= whole / 2 && pause <= whole && whole <= retryPolicy.maxMs)
      }
    )
  )
})

test('each class has its ceiling of attempts', () => {
  assert.equal(attempts(transient), 6)
  assert.equal(attempts(malformed('x')), 3)
  assert.equal(attempts(new CallFailure('transient', 'timeout', { paid: true })), 3)
  assert.equal(attempts(throttled), 30)
  assert.equal(attempts(new CallFailure('rejected', '400')), 1)
  assert.equal(attempts(new CallFailure('unauthorized', '401')), 1)
  assert.equal(attempts(new CallFailure('transient', 'x-should-retry: false', { retry: false })), 1)
})

test('a provider that cannot be reached uses up nothing but time', () => {
  const refused = new CallFailure('transient', 'ECONNREFUSED', { reached: false })
  assert.ok(attempts(refused) > 100)
  assert.notEqual(attempts(refused), Infinity)
})

test('time spent is a ceiling too', () => {
  assert.equal(attempts(transient, retryPolicy.elapsedMs / 2), 2)
})

test('Retry-After lengthens the pause up to its ceiling and never shortens it', () => {
  const waitOf = (retryAfterMs: number): number | undefined => {
    const failure = new CallFailure('transient', '503', { status: 503, retryAfterMs })
    return nextAttempt(retryPolicy, { ...newTally(), attempts: 1 }, failure, 0)
  }
  assert.equal(waitOf(10), 500)
  assert.equal(waitOf(7000), 7000)
  assert.equal(waitOf(86_400_000), retryPolicy.retryAfterMs)
})

test('the pause after "too many" is left to the bucket', () => {
  const tally = newTally()
  count(tally, throttled, 10)
  assert.equal(nextAttempt(retryPolicy, tally, throttled, 0), 0)
  assert.deepEqual(tally, { attempts: 0, paid: 0, throttles: 1, elapsedMs: 10 })
})
