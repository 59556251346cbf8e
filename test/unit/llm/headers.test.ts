import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { durationMs, quotas, retryAfterMs } from '../../../infra/llm/headers.ts'

const now = Date.parse('2025-03-01T12:00:00Z')

test('durations as OpenAI writes them', () => {
  const cases: [string, number | undefined][] = [
    ['1s', 1000],
    ['12ms', 12],
    ['6m0s', 360_000],
    ['1h2m3.5s', 3_723_500],
    ['8.64s', 8640],
    ['1d', 86_400_000],
    ['20', 20_000],
    ['', undefined],
    ['-3s', undefined],
    ['3 s', undefined],
    ['soon', undefined]
  ]
  for (const [text, ms] of cases) assert.equal(durationMs(text), ms, text)
})

test('Retry-After: milliseconds before seconds before a date; a date that has passed is now', () => {
  const of = (fields: Record<string, string>): number | undefined => retryAfterMs(new Headers(fields), now)
  assert.equal(of({ 'retry-after-ms': '250', 'retry-after': '9' }), 250)
  assert.equal(of({ 'retry-after': '9' }), 9000)
  assert.equal(of({ 'retry-after': '0.5' }), 500)
  assert.equal(of({ 'retry-after': 'Sat, 01 Mar 2025 12:00:30 GMT' }), 30_000)
  assert.equal(of({ 'retry-after': 'Sat, 01 Mar 2025 11:00:00 GMT' }), 0)
  assert.equal(of({ 'retry-after': 'later' }), undefined)
  assert.equal(of({ 'retry-after-ms': 'x', 'retry-after': '2' }), 2000)
  assert.equal(of({}), undefined)
})

test('whatever a server sends, the wait is undefined or a number from 0', () => {
  const printable = fc.string({ maxLength: 30 }).map(text => text.replaceAll(/[^\x20-\x7e]/g, ''))
  fc.assert(
    fc.property(printable, printable, (ms, after) => {
      const wait = retryAfterMs(new Headers({ 'retry-after-ms': ms, 'retry-after': after }), now)
      assert.ok(wait === undefined || wait >= 0)
    })
  )
})

test('quotas of OpenAI', () => {
  const headers = new Headers({
    'x-ratelimit-limit-requests': '500',
    'x-ratelimit-remaining-requests': '499',
    'x-ratelimit-reset-requests': '120ms',
    'x-ratelimit-limit-tokens': '30000',
    'x-ratelimit-remaining-tokens': '0',
    'x-ratelimit-reset-tokens': '6m0s'
  })
  assert.deepEqual(quotas(headers, now), {
    requests: { limit: 500, remaining: 499, resetMs: 120 },
    tokens: { limit: 30_000, remaining: 0, resetMs: 360_000 }
  })
})

test('quotas of Anthropic, with dates; read tokens stand in where there is no joint count', () => {
  const requests = {
    'anthropic-ratelimit-requests-limit': '50',
    'anthropic-ratelimit-requests-remaining': '49',
    'anthropic-ratelimit-requests-reset': '2025-03-01T12:00:02Z'
  }
  const part = (name: string): Record<string, string> => ({
    [`anthropic-ratelimit-${name}-limit`]: '40000',
    [`anthropic-ratelimit-${name}-remaining`]: '39000',
    [`anthropic-ratelimit-${name}-reset`]: '2025-03-01T12:00:01Z'
  })
  const expected = {
    requests: { limit: 50, remaining: 49, resetMs: 2000 },
    tokens: { limit: 40_000, remaining: 39_000, resetMs: 1000 }
  }
  assert.deepEqual(quotas(new Headers({ ...requests, ...part('tokens') }), now), expected)
  assert.deepEqual(quotas(new Headers({ ...requests, ...part('input-tokens') }), now), expected)
})

test('headers that are missing or nonsense teach nothing', () => {
  const nothing = { limit: undefined, remaining: undefined, resetMs: undefined }
  assert.deepEqual(quotas(new Headers(), now), { requests: nothing, tokens: nothing })
  const odd = new Headers({ 'x-ratelimit-limit-requests': '-5', 'x-ratelimit-remaining-requests': '1e9' })
  assert.deepEqual(quotas(odd, now).requests, nothing)
})
