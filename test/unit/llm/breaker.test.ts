import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBreaker, type Breaker, type Pass } from '../../../infra/llm/breaker.ts'
import { createManualClock, settled } from '../../helpers/manual-clock.ts'

const never = new AbortController().signal

async function open(breaker: Breaker, failures = 5): Promise<void> {
  for (let one = 0; one < failures; one += 1) (await breaker.pass(never)).fail()
}
/** Passes that were let through so far. */
function waiters(breaker: Breaker, count: number, signal = never): Pass[] {
  const passed: Pass[] = []
  for (let one = 0; one < count; one += 1) {
    breaker.pass(signal).then(
      pass => passed.push(pass),
      () => {}
    )
  }
  return passed
}

test('failures in a row open it; an answer in between does not let them add up', async () => {
  const breaker = createBreaker({ clock: createManualClock() })
  await open(breaker, 4)
  ;(await breaker.pass(never)).succeed()
  await open(breaker, 4)
  assert.equal(breaker.state(), 'closed')
  await open(breaker, 1)
  assert.equal(breaker.state(), 'open')
})

test('open, calls wait; after the cooldown exactly one is the probe, and its answer lets all through', async () => {
  const clock = createManualClock()
  const changes: string[] = []
  const breaker = createBreaker({ clock, onChange: state => changes.push(state) })
  await open(breaker)
  const passed = waiters(breaker, 10)
  await clock.advance(999)
  assert.equal(passed.length, 0)
  await clock.advance(1)
  assert.equal(passed.length, 1)
  assert.equal(breaker.state(), 'half-open')
  passed[0]?.succeed()
  await settled()
  assert.equal(passed.length, 10)
  assert.deepEqual(changes, ['open', 'half-open', 'closed'])
  assert.deepEqual(clock.alarms(), [])
})

test('every failed probe doubles the cooldown up to its ceiling; an answer resets it', async () => {
  const clock = createManualClock()
  const breaker = createBreaker({ clock, cooldownMs: 1000, maxCooldownMs: 4000 })
  await open(breaker)
  const passed = waiters(breaker, 6)
  for (const [probe, cooldown] of [1000, 2000, 4000, 4000].entries()) {
    assert.deepEqual(clock.alarms(), [cooldown])
    await clock.advance(cooldown)
    assert.equal(passed.length, probe + 1)
    passed[probe]?.fail()
    await settled()
  }
  await clock.advance(4000)
  passed[4]?.succeed()
  await settled()
  assert.equal(passed.length, 6)
  await open(breaker)
  waiters(breaker, 1)
  assert.deepEqual(clock.alarms(), [1000])
})

test('a probe that is abandoned hands over to the next in line', async () => {
  const clock = createManualClock()
  const breaker = createBreaker({ clock })
  await open(breaker)
  const passed = waiters(breaker, 2)
  await clock.advance(1000)
  passed[0]?.abandon()
  await settled()
  assert.equal(passed.length, 2)
  assert.equal(breaker.state(), 'half-open')
})

test('calls that were under way when it opened do not open it again, and a pass ends once', async () => {
  const clock = createManualClock()
  const breaker = createBreaker({ clock })
  const early = await Promise.all(Array.from({ length: 16 }, () => breaker.pass(never)))
  for (const pass of early) pass.fail()
  const passed = waiters(breaker, 1)
  assert.deepEqual(clock.alarms(), [1000])
  await clock.advance(1000)
  passed[0]?.succeed()
  passed[0]?.fail()
  for (const pass of early) pass.fail()
  assert.equal(breaker.state(), 'closed')
})

test('who is aborted while waiting leaves the line', async () => {
  const clock = createManualClock()
  const breaker = createBreaker({ clock })
  await open(breaker)
  const controller = new AbortController()
  const gone = breaker.pass(controller.signal)
  const passed = waiters(breaker, 1)
  controller.abort(new Error('slot lost'))
  await assert.rejects(gone, /slot lost/)
  await clock.advance(1000)
  assert.equal(passed.length, 1)
  await assert.rejects(breaker.pass(controller.signal), /slot lost/)
})
