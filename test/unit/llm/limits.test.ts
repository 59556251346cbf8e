import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLimits, type Lease, type Limits } from '../../../infra/llm/limits.ts'
import type { Quota, Quotas } from '../../../infra/llm/headers.ts'
import { createManualClock, settled } from '../../helpers/manual-clock.ts'

const never = new AbortController().signal
const unknown: Quota = { limit: undefined, remaining: undefined, resetMs: undefined }

function ask(limits: Limits, count: number, tokens = 1): Lease[] {
  const leases: Lease[] = []
  for (let call = 0; call < count; call += 1)
    void limits.acquire(tokens, never).then(lease => leases.push(lease))
  return leases
}
async function one(limits: Limits, tokens = 1): Promise<Lease> {
  return await limits.acquire(tokens, never)
}
/** So many clean requests, with as many in flight as may be. */
async function clean(limits: Limits, count: number): Promise<void> {
  for (let left = count; left > 0;) {
    const batch = Math.min(left, limits.state().concurrency)
    const leases = ask(limits, batch)
    await settled()
    for (const lease of leases) lease.release({ kind: 'clean' })
    left -= batch
  }
}

test('no more are in flight than the limit says, first come first served', async () => {
  const limits = createLimits({ clock: createManualClock(), parallel: 4 })
  const leases = ask(limits, 10)
  await settled()
  assert.equal(leases.length, 4)
  assert.deepEqual(limits.state(), {
    concurrency: 4,
    inFlight: 4,
    queued: 6,
    pausedMs: 0,
    requestsPerMinute: undefined,
    tokensPerMinute: undefined
  })
  leases[0]?.release({ kind: 'clean' })
  leases[0]?.release({ kind: 'clean' })
  await settled()
  assert.equal(leases.length, 5)
})

test('25 clean requests that met a full house make room for one more; idle ones prove nothing', async () => {
  const limits = createLimits({ clock: createManualClock(), parallel: 4 })
  await clean(limits, 24)
  assert.equal(limits.state().concurrency, 4)
  await clean(limits, 4)
  assert.equal(limits.state().concurrency, 5)
  for (let call = 0; call < 100; call += 1) {
    const lease = await one(limits)
    lease.release({ kind: 'clean' })
  }
  assert.equal(limits.state().concurrency, 5)
})

test('the first "too many" of a burst shrinks to three quarters, the rest of the burst to nothing more', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 16 })
  const burst = ask(limits, 16)
  await settled()
  for (const lease of burst.slice(0, 10)) lease.release({ kind: 'throttled', tokens: 0 })
  assert.equal(limits.state().concurrency, 12)
  for (const lease of burst.slice(10)) lease.release({ kind: 'clean' })
  const second = ask(limits, 12)
  await clock.advance(1000)
  assert.equal(second.length, 12)
  second[0]?.release({ kind: 'throttled', tokens: 0 })
  assert.equal(limits.state().concurrency, 9)
})

test('it never shrinks below one', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 2 })
  for (let call = 0; call < 5; call += 1) {
    const leases = ask(limits, 1)
    await clock.advance(60_000)
    leases[0]?.release({ kind: 'throttled' })
  }
  assert.equal(limits.state().concurrency, 1)
})

test('"too many" pauses everybody for as long as the server says, up to the ceiling', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 4, maxPauseMs: 60_000 })
  const first = ask(limits, 2)
  await settled()
  first[0]?.release({ kind: 'throttled', retryAfterMs: 20_000 })
  const others = ask(limits, 2)
  await clock.advance(19_999)
  assert.equal(others.length, 0)
  await clock.advance(1)
  assert.equal(others.length, 2)
  others[0]?.release({ kind: 'throttled', retryAfterMs: 3_600_000 })
  assert.equal(limits.state().pausedMs, 60_000)
})

test('where the server says nothing the pause doubles with every burst, and a clean request ends that', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 1, pauseMs: 1000 })
  for (const expected of [1000, 2000, 4000]) {
    const lease = await one(limits)
    lease.release({ kind: 'throttled' })
    assert.equal(limits.state().pausedMs, expected)
    await clock.advance(expected)
  }
  await clean(limits, 1)
  const lease = await one(limits)
  lease.release({ kind: 'throttled' })
  assert.equal(limits.state().pausedMs, 1000)
})

test('requests per minute: a full bucket at once, then one by one', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 1000, requestsPerMinute: 60 })
  const leases = ask(limits, 63)
  await settled()
  assert.equal(leases.length, 60)
  await clock.advance(1000)
  assert.equal(leases.length, 61)
  await clock.advance(2000)
  assert.equal(leases.length, 63)
})

test('tokens are reserved at their worst and refunded after', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 100, tokensPerMinute: 1000 })
  const leases = ask(limits, 3, 400)
  await settled()
  assert.equal(leases.length, 2)
  leases[0]?.release({ kind: 'clean', tokens: 100 })
  await settled()
  assert.equal(leases.length, 3)
})

test('a call larger than the whole bucket waits for a full one and is not stuck', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 100, tokensPerMinute: 1000 })
  const leases = ask(limits, 2, 5000)
  await settled()
  assert.equal(leases.length, 1)
  await clock.advance(60_000)
  assert.equal(leases.length, 2)
})

test('limits are learnt from headers, and a stated one is only tightened', async () => {
  const quotas = (limit: number, remaining: number): Quotas => ({
    requests: { limit, remaining, resetMs: 30_000 },
    tokens: unknown
  })
  for (const [stated, learnt] of [
    [undefined, 120],
    [60, 60],
    [1000, 120]
  ] as const) {
    const limits = createLimits({ clock: createManualClock(), parallel: 4, requestsPerMinute: stated })
    const lease = await one(limits)
    lease.release({ kind: 'clean', quotas: quotas(120, 50) })
    assert.equal(limits.state().requestsPerMinute, learnt)
  }
})

test('what the server says is left holds, and nothing left pauses until it is whole', async () => {
  const clock = createManualClock()
  const limits = createLimits({ clock, parallel: 100 })
  const first = await one(limits)
  first.release({
    kind: 'clean',
    quotas: { requests: { limit: 60, remaining: 2, resetMs: 58_000 }, tokens: unknown }
  })
  const leases = ask(limits, 3)
  await settled()
  assert.equal(leases.length, 2)
  leases[0]?.release({
    kind: 'clean',
    quotas: { requests: unknown, tokens: { limit: 10_000, remaining: 0, resetMs: 6000 } }
  })
  assert.equal(limits.state().pausedMs, 6000)
})

test('an aborted wait leaves the line and takes nothing', async () => {
  const limits = createLimits({ clock: createManualClock(), parallel: 1 })
  const held = await one(limits)
  const controller = new AbortController()
  const gone = limits.acquire(1, controller.signal)
  const after = ask(limits, 1)
  controller.abort(new Error('draining'))
  await assert.rejects(gone, /draining/)
  held.release({ kind: 'clean' })
  await settled()
  assert.equal(after.length, 1)
  assert.equal(limits.state().inFlight, 1)
})

test('whatever happens: never more in flight than allowed, nobody is forgotten, no bucket is overdrawn', async () => {
  const kinds = fc.constantFrom('clean', 'throttled', 'failed')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ kind: kinds, tokens: fc.nat(300), used: fc.nat(300) }), {
        minLength: 1,
        maxLength: 60
      }),
      async calls => {
        const clock = createManualClock()
        const limits = createLimits({ clock, parallel: 8, requestsPerMinute: 100, tokensPerMinute: 2000 })
        const started = clock.now()
        let done = 0
        let reserved = 0
        const all = calls.map(async ({ kind, tokens, used }) => {
          const lease = await limits.acquire(tokens, never)
          reserved += tokens
          // What was granted fits into one full bucket and what has flowed in since.
          const refunds = done * 300
          assert.ok(reserved <= 2000 + ((clock.now() - started) * 2000) / 60_000 + refunds + 1)
          assert.ok(limits.state().inFlight <= 8)
          await new Promise<void>(resolve => clock.after(100, resolve))
          done += 1
          lease.release({ kind, tokens: Math.min(used, tokens) })
        })
        for (let minute = 0; minute < 200 && done < calls.length; minute += 1) await clock.advance(60_000)
        assert.equal(done, calls.length)
        await Promise.all(all)
        assert.equal(limits.state().inFlight, 0)
        assert.equal(limits.state().queued, 0)
      }
    ),
    { numRuns: 25 }
  )
})
