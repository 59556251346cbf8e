import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../../infra/runner/counters.ts'

test('a scrape tells how each model behind an API is doing at that moment', async () => {
  const metrics = createMetrics('generate')
  const state = {
    server: 'openai example.org',
    model: 'big',
    breaker: 'closed' as 'closed' | 'open' | 'half-open',
    concurrency: 4,
    inFlight: 3,
    queued: 2,
    pausedMs: 0,
    requestsPerMinute: undefined,
    tokensPerMinute: undefined
  }
  metrics.providers(() => [state])
  const values = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await metrics.text())
        .split('\n')
        .filter(line => line.startsWith('everseed_provider_'))
        .map(line => {
          assert.match(line, /\{server="openai example\.org",model="big",processor="generate"\}/)
          return [line.slice('everseed_provider_'.length, line.indexOf('{')), Number(line.split(' ').at(-1))]
        })
    )
  assert.deepEqual(await values(), { down: 0, in_flight: 3, queued: 2, concurrency: 4, paused_seconds: 0 })
  Object.assign(state, { breaker: 'open', inFlight: 0, queued: 9, pausedMs: 1500 })
  assert.deepEqual(await values(), { down: 1, in_flight: 0, queued: 9, concurrency: 4, paused_seconds: 1.5 })
})

test('a scrape tells how long records took, in seconds by processor', async () => {
  const metrics = createMetrics('verify')
  for (const milliseconds of [0.05, 40, 2500]) metrics.handled(milliseconds)
  const text = await metrics.text()
  const bucket = (le: string): number =>
    Number(
      new RegExp(`^everseed_record_seconds_bucket\\{le="${le}",processor="verify"\\} (\\d+)$`, 'm').exec(
        text
      )?.[1]
    )
  assert.deepEqual(['0.0001', '0.01', '0.05', '1', '5', '\\+Inf'].map(bucket), [1, 1, 2, 2, 3, 3])
  assert.match(text, /^everseed_record_seconds_sum\{processor="verify"\} 2\.54005$/m)
})
