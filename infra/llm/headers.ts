/** What response headers say about waiting and limits. */

/** How much of a limit is left. */
export type Quota = {
  /** Per minute. */
  readonly limit: number | undefined
  readonly remaining: number | undefined
  /** Milliseconds until it is whole again. */
  readonly resetMs: number | undefined
}
/** Limits of requests and tokens. */
export type Quotas = { readonly requests: Quota; readonly tokens: Quota }

function count(text: string | null): number | undefined {
  if (text === null || !/^\d{1,15}$/.test(text.trim())) return undefined
  return Number(text)
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a duration as OpenAI writes it: `1s`, `6m0s`, `12ms`, `1h2m3.5s`; a bare number is seconds.
 * @returns undefined when it is none
 */
export function durationMs(text: string): number | undefined {
  const trimmed = text.trim()
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1000
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(trimmed)) return undefined
  let sum = 0
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    sum += Number(amount) * (units[unit ?? ''] ?? 0)
  }
  return sum
}

function untilMs(text: string | null, now: number): number | undefined {
  if (text === null) return undefined
  const duration = durationMs(text)
  if (duration !== undefined) return duration
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/**
 * How long the server asks to wait: `retry-after-ms`, or `retry-after` as seconds or as a date (RFC 9110, 10.2.3).
 * @param now Unix time in milliseconds
 * @returns milliseconds; undefined where it says nothing that can be read
 */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const ms = headers.get('retry-after-ms')
  if (ms !== null && /^\d+(\.\d+)?$/.test(ms.trim())) return Number(ms)
  return untilMs(headers.get('retry-after'), now)
}

/**
 * The limits a response speaks of: OpenAI's `x-ratelimit-*` with durations, Anthropic's `anthropic-ratelimit-*` with
 * dates. Anthropic counts read and written tokens apart as well; the joint count is the one that binds first, and
 * where it is missing the one for read tokens stands in.
 * @param now Unix time in milliseconds
 */
export function quotas(headers: Headers, now: number): Quotas {
  const openai = (what: string): Quota => ({
    limit: count(headers.get(`x-ratelimit-limit-${what}`)),
    remaining: count(headers.get(`x-ratelimit-remaining-${what}`)),
    resetMs: untilMs(headers.get(`x-ratelimit-reset-${what}`), now)
  })
  const anthropic = (what: string): Quota => ({
    limit: count(headers.get(`anthropic-ratelimit-${what}-limit`)),
    remaining: count(headers.get(`anthropic-ratelimit-${what}-remaining`)),
    resetMs: untilMs(headers.get(`anthropic-ratelimit-${what}-reset`), now)
  })
  if (headers.has('anthropic-ratelimit-requests-limit') || headers.has('anthropic-ratelimit-tokens-limit')) {
    const joint = anthropic('tokens')
    return {
      requests: anthropic('requests'),
      tokens: joint.limit === undefined ? anthropic('input-tokens') : joint
    }
  }
  return { requests: openai('requests'), tokens: openai('tokens') }
}
