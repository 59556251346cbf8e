/** Turns what an SDK throws into what it means. Both SDKs throw the same shapes; neither is imported for it. */
import type { Secret } from '../secret.ts'
import { CallFailure } from './call.ts'
import { retryAfterMs } from './headers.ts'

/** Codes of connections that were never made: the request did not leave this machine. */
const unreached = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'UND_ERR_CONNECT_TIMEOUT'
])
/** Certificates do not mend themselves while a call waits. */
const untrusted = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/

type Thrown = { status?: unknown; headers?: unknown; error?: unknown; code?: unknown; cause?: unknown }

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** One printable line, so that a server cannot fill the log or forge lines in it. */
export function line(message: string): string {
  return message
    .replaceAll(/\p{Cc}+/gu, ' ')
    .slice(0, 500)
    .trim()
}

function codeOf(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; depth < 6 && at; at = (at as Thrown).cause, depth += 1) {
    const code = text((at as Thrown).code)
    if (code !== undefined) return code
    const [first] = at instanceof AggregateError ? (at.errors as unknown[]) : []
    if (first) return codeOf(first)
  }
  return undefined
}

function failureIn(error: unknown): CallFailure | undefined {
  for (let at: unknown = error, depth = 0; depth < 6 && at; at = (at as Thrown).cause, depth += 1) {
    if (at instanceof CallFailure) return at
  }
  return undefined
}

/**
 * What a response with an error status means.
 * A 408 and every 5xx count as possibly paid to the budget, but for 503 and 529, which turn a request away.
 * @param status HTTP status, or the one a body that came with 200 stands for
 * @param body the parsed error body: `{error: {type, code, param, message}}`, with or without the outer object
 * @param now Unix time in milliseconds
 */
export function statusFailure(
  status: number,
  body: unknown,
  headers: Headers,
  key: Secret | undefined,
  now: number
): CallFailure {
  const inner = object(object(body)['error'] ?? body)
  const type = text(inner['type'])
  const code = text(inner['code'])
  const words = text(inner['message']) ?? text(inner['error']) ?? text(body) ?? 'no message'
  const shown = `${status}${type ? ` ${type}` : ''}: ${words}`
  const message = line(key ? key.scrub(shown) : shown)
  const parameter = text(inner['param'])
  const options = { status, parameter, retryAfterMs: retryAfterMs(headers, now) }
  if (status >= 300 && status < 400) {
    return new CallFailure('rejected', `${status}: the server redirects; set base_url to the final address`, {
      status
    })
  }
  // Money that ran out is a 429 at OpenAI and a 402 or a 400 elsewhere; waiting does not bring it back.
  const broke = code === 'insufficient_quota' || type === 'insufficient_quota' || type === 'billing_error'
  if (status === 401 || status === 402 || status === 403 || broke) {
    return new CallFailure('unauthorized', message, options)
  }
  const told = headers.get('x-should-retry')
  const retry = told !== 'false'
  if (status === 429) return new CallFailure('throttled', message, { ...options, retry })
  if (status === 408 || status === 409 || status === 425 || status >= 500) {
    // What broke may have broken after the work was done; only "too busy" says that it was not begun.
    const paid = status === 408 || (status >= 500 && status !== 503 && status !== 529)
    return new CallFailure('transient', message, { ...options, retry, paid })
  }
  return new CallFailure('rejected', message, options)
}

/**
 * What an error of a call means. The error itself is left behind: it holds headers, and sometimes the key.
 * @param error whatever was thrown
 * @param now Unix time in milliseconds
 */
export function failureOf(error: unknown, key: Secret | undefined, now: number): CallFailure {
  const known = failureIn(error)
  if (known) return known
  const { status, headers, error: body } = object(error) as Thrown
  if (typeof status === 'number') {
    return statusFailure(status, body, headers instanceof Headers ? headers : new Headers(), key, now)
  }
  const code = codeOf(error)
  if (code !== undefined && unreached.has(code)) {
    return new CallFailure('transient', `cannot connect (${code})`, { reached: false })
  }
  if (code !== undefined && untrusted.test(code)) {
    return new CallFailure('rejected', `the server's certificate is not trusted (${line(code)})`, {
      reached: false
    })
  }
  if (error instanceof Error) {
    const deepest = code ?? error.message
    const shown = line(key ? key.scrub(deepest) : deepest)
    return new CallFailure('transient', `the connection broke (${shown})`, { paid: true })
  }
  return new CallFailure('transient', 'the connection broke', { paid: true })
}
