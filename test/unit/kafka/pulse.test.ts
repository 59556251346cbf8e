import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { createPulse } from '../../../infra/kafka/pulse.ts'

test('silence is counted from the last sign of life and told once', t => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.after(() => mock.timers.reset())
  const silences: number[] = []
  const pulse = createPulse(3000, silentMs => void silences.push(silentMs))
  mock.timers.tick(60_000)
  assert.deepEqual(silences, [], 'who has not begun is not silent')
  for (let beat = 0; beat < 5; beat++) {
    pulse.beat()
    mock.timers.tick(2500)
  }
  assert.deepEqual(silences, [])
  pulse.beat()
  mock.timers.tick(3000)
  assert.deepEqual(silences, [])
  mock.timers.tick(60_000)
  assert.deepEqual(silences, [4000])
})

test('who stops is not missed', t => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.after(() => mock.timers.reset())
  const pulse = createPulse(3000, () => assert.fail('told'))
  pulse.beat()
  pulse.stop()
  mock.timers.tick(60_000)
})
