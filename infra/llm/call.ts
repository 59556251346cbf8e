/** One attempt at one call: what goes in, what comes out, and how it fails. */
import type { CompletionRequest } from '../../processors/ports.ts'
import type { Source } from '../../processors/recipe.ts'
import type { Log } from '../../processors/contract.ts'
import type { Secret } from '../secret.ts'

/** Where calls go and with which key. */
export type Target = {
  readonly url: URL
  /** Undefined: a server on this machine that wants none. */
  readonly key: Secret | undefined
  /** Whether it is the provider's own address. */
  readonly official: boolean
  readonly log: Log
}

/** Decoding parameters as they went over the wire; null where none was sent and the provider's default held. */
export type Sent = {
  readonly temperature: number | null
  readonly top_p: number | null
  readonly seed: number | null
}

/** What a call gave, checked. */
export type Answer = {
  readonly reply: string
  readonly reasoning_content: string | null
  /** Mean natural logarithm of the probability of its tokens; absent: it was not told. */
  readonly log_probability?: number
  readonly raw: string
  readonly finish_reason: 'stop' | 'length' | 'content_filter' | 'tool_calls'
  /** Tokens read, cached ones included. */
  readonly input_tokens: number
  readonly output_tokens: number
  readonly reasoning_tokens: number
  readonly sent: Sent
  readonly headers: Headers
}

/** Makes one attempt. `signal` ends it: by the caller, or by the timeout. */
export type Caller = (
  source: Source,
  request: Omit<CompletionRequest, 'signal'>,
  signal: AbortSignal
) => Promise<Answer>

/**
 * transient: may pass (timeouts, cut connections, 5xx). throttled: too many requests. malformed: a reply without
 * sense. rejected: this request will never be answered. unauthorized: no request will be, with this key.
 */
export type FailureKind = 'transient' | 'throttled' | 'malformed' | 'rejected' | 'unauthorized'

/** Why an attempt failed. Holds no headers, no request and no key: it may be logged. */
export class CallFailure extends Error {
  readonly kind: FailureKind
  readonly status: number | undefined
  /** False when the request never left: nothing was paid, and it says nothing about the request. */
  readonly reached: boolean
  /** Whether the provider may have done the work and charged for it. */
  readonly paid: boolean
  /** False when the server said so, or when trying again cannot help. */
  readonly retry: boolean
  /** Milliseconds the server asked to wait. */
  readonly retryAfterMs: number | undefined
  /** The request parameter the server names as the fault. */
  readonly parameter: string | undefined

  constructor(
    kind: FailureKind,
    message: string,
    options: {
      readonly status?: number | undefined
      readonly reached?: boolean
      readonly paid?: boolean
      readonly retry?: boolean
      readonly retryAfterMs?: number | undefined
      readonly parameter?: string | undefined
    } = {}
  ) {
    super(message)
    this.name = 'CallFailure'
    this.kind = kind
    this.status = options.status
    this.reached = options.reached ?? true
    this.paid = options.paid ?? false
    this.retry = options.retry ?? true
    this.retryAfterMs = options.retryAfterMs
    this.parameter = options.parameter
  }
}

/** A reply that makes no sense: paid for, and worth one more try. */
export function malformed(message: string): CallFailure {
  return new CallFailure('malformed', message, { paid: true })
}
