/** The model providers: routes a call to its server, and wraps every attempt in limits, breaker, timeout and retry. */
import type { Log } from '../../processors/contract.ts'
import {
  Abandoned,
  ProviderError,
  ProviderSilent,
  type Completion,
  type CompletionRequest,
  type Providers
} from '../../processors/ports.ts'
import type { Source } from '../../processors/recipe.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { Secret } from '../secret.ts'
import { checkUrl, isLoopback } from '../url.ts'
import { createAnthropic } from './anthropic.ts'
import { createBreaker, type Breaker, type BreakerState, type Pass } from './breaker.ts'
import { CallFailure, type Answer, type Caller } from './call.ts'
import { sleep, systemClock, type Clock } from './clock.ts'
import { costMicros, worstCase } from './cost.ts'
import { quotas } from './headers.ts'
import { createLimits, type Lease, type Limits } from './limits.ts'
import { createOpenAI } from './openai.ts'
import { count, newTally, nextAttempt, retryPolicy, type RetryPolicy, type Tally } from './retry.ts'

const protocols = {
  openai: {
    base: 'https://api.openai.com/v1',
    baseEnv: 'OPENAI_BASE_URL',
    keyEnv: 'OPENAI_API_KEY',
    create: createOpenAI
  },
  anthropic: {
    base: 'https://api.anthropic.com',
    baseEnv: 'ANTHROPIC_BASE_URL',
    keyEnv: 'ANTHROPIC_API_KEY',
    create: createAnthropic
  }
} as const

/** What the providers are made of. */
export type ProviderOptions = {
  /** Environment variables: keys and default addresses. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
  readonly clock?: Clock
  /** From 0 to below 1. */
  readonly random?: () => number
  readonly policy?: RetryPolicy
}
/** How a model is doing, for gauges. */
export type ProviderState = {
  readonly server: string
  readonly model: string
  readonly breaker: BreakerState
} & ReturnType<Limits['state']>

type Server = {
  readonly id: string
  readonly name: string
  readonly call: Caller
  readonly breaker: Breaker
  /** Since when nobody was answered, and what was said instead; undefined after an answer. */
  silence: { readonly since: number; reason: string } | undefined
}
type Route = { readonly server: Server; readonly limits: Limits }

/** The providers a recipe names. Nothing is loaded or checked before the first call of a source. */
export function createProviders(options: ProviderOptions): Providers & { states(): ProviderState[] } {
  const { env, log, clock = systemClock, random = Math.random, policy = retryPolicy } = options
  const servers = new Map<string, Server>()
  const routes = new Map<string, Route & { readonly model: string }>()
  const bySource = new WeakMap<Source, Route>()

  function serverOf(source: Source): Server {
    if (source.provider === 'offline') {
      throw new EverseedError(
        'PROVIDER_UNCONFIGURED',
        `source ${source.name} is offline: it is sampled, not called; name openai or anthropic as provider`
      )
    }
    const protocol = protocols[source.provider]
    const written = source.base_url ?? env[protocol.baseEnv]
    const url = checkUrl(written || protocol.base, {
      name: source.base_url ? `base_url of source ${source.name}` : protocol.baseEnv,
      // Written into the recipe it is a decision; in an environment variable it may be an accident.
      plainHttp: source.base_url !== undefined,
      code: 'PROVIDER_UNCONFIGURED'
    })
    const keyEnv = source.api_key_env ?? protocol.keyEnv
    const value = env[keyEnv]?.trim()
    if (!value && !(written && isLoopback(url.hostname))) {
      throw new EverseedError(
        'PROVIDER_UNCONFIGURED',
        `source ${source.name} has no key: set ${keyEnv} (only a base_url on this machine needs none)`
      )
    }
    // Anything else would fail in every call, as a header that cannot be sent.
    if (value && !/^[\x21-\x7e]+$/.test(value)) {
      throw new EverseedError(
        'PROVIDER_UNCONFIGURED',
        `${keyEnv} of source ${source.name} holds white space or signs no key has: set it again, without quotes`
      )
    }
    const id = JSON.stringify([source.provider, url.href, keyEnv])
    const known = servers.get(id)
    if (known) return known
    const name = `${source.provider} ${url.host}`
    const key = value ? new Secret(value) : undefined
    const official = url.origin === new URL(protocol.base).origin
    const server: Server = {
      id,
      name,
      silence: undefined,
      call: protocol.create({ url, key, official, log }, () => clock.now()),
      breaker: createBreaker({
        clock,
        onChange: (state, before) => {
          // A probe that fails is no news.
          if (before === 'closed') {
            log.warn({ server: name }, 'provider is down; calls wait, one probe at a time')
          } else if (state === 'closed') {
            log.info({ server: name }, 'provider answers again')
          }
        }
      })
    }
    servers.set(id, server)
    return server
  }

  function routeOf(source: Source): Route {
    const cached = bySource.get(source)
    if (cached) return cached
    const server = serverOf(source)
    const id = JSON.stringify([server.id, source.model])
    let route = routes.get(id)
    if (!route) {
      const { parallel, requests_per_minute: requestsPerMinute, tokens_per_minute: tokensPerMinute } = source
      const pauses = { pauseMs: 2 * policy.baseMs, maxPauseMs: policy.retryAfterMs }
      const limits = createLimits({ clock, random, parallel, requestsPerMinute, tokensPerMinute, ...pauses })
      route = { server, limits, model: source.model }
      routes.set(id, route)
    }
    bySource.set(source, route)
    return route
  }

  /** One attempt under its timeout. @throws CallFailure, or the caller's reason to abort */
  async function attempt(server: Server, source: Source, request: CompletionRequest): Promise<Answer> {
    const { signal, lost = signal } = request
    const controller = new AbortController()
    const onAbort = (): void => controller.abort(lost.reason)
    lost.addEventListener('abort', onAbort, { once: true })
    let late = false
    const cancel = clock.after(source.timeout_ms, () => {
      late = true
      controller.abort()
    })
    try {
      return await server.call(source, request, controller.signal)
    } catch (error) {
      if (lost.aborted) throw lost.reason
      if (late) {
        throw new CallFailure('transient', `no answer within ${source.timeout_ms} ms`, { paid: true })
      }
      throw error
    } finally {
      cancel()
      lost.removeEventListener('abort', onAbort)
    }
  }

  /**
   * Waits for leave to call, but not longer than the caller is patient with a server that answers nobody. Who may go at
   * once goes: that is how a server that came back is noticed.
   * @param calls calls that may have been paid so far
   */
  async function patiently<Leave>(
    { server }: Route,
    source: Source,
    { signal, patienceMs = Infinity }: CompletionRequest,
    calls: number,
    wait: (signal: AbortSignal) => Promise<Leave>
  ): Promise<Leave> {
    if (patienceMs === Infinity || signal.aborted) return await wait(signal)
    const controller = new AbortController()
    const onAbort = (): void => controller.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    let cancel = (): void => {}
    const look = (): void => {
      const { silence } = server
      const left =
        silence === undefined ? Math.max(patienceMs, 1000) : silence.since + patienceMs - clock.now()
      if (silence === undefined || left > 0) cancel = clock.after(left, look)
      else {
        const seconds = Math.round((clock.now() - silence.since) / 1000)
        const message = `source ${source.name} (${server.name}) has answered nobody for ${seconds} s: ${silence.reason}`
        controller.abort(new ProviderSilent(message, calls))
      }
    }
    cancel = clock.after(0, look)
    try {
      return await wait(controller.signal)
    } finally {
      cancel()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Notes whether a server answers. What never left this machine says nothing about it, but for a connection refused. */
  function listen(server: Server, failure: CallFailure | undefined): void {
    if (failure === undefined) server.silence = undefined
    else if (failure.kind === 'transient' || failure.kind === 'throttled') {
      server.silence = { since: server.silence?.since ?? clock.now(), reason: failure.message }
    } else if (failure.reached) server.silence = undefined
  }

  /**
   * Waits until a call may be sent. What the caller does before it comes last: from then on it counts as sent.
   * @param calls calls that may have been paid so far
   */
  async function turn(
    route: Route,
    source: Source,
    request: CompletionRequest,
    calls: number,
    before: CompletionRequest['before']
  ): Promise<{ lease: Lease; pass: Pass }> {
    const { server, limits } = route
    const { tokens } = worstCase(source, request.messages)
    const lease = await patiently(route, source, request, calls, signal => limits.acquire(tokens, signal))
    let pass: Pass | undefined
    try {
      pass = await patiently(route, source, request, calls, signal => server.breaker.pass(signal))
      await before?.()
      request.signal.throwIfAborted()
      return { lease, pass }
    } catch (error) {
      pass?.abandon()
      lease.release({ kind: 'failed', tokens: 0 })
      throw error
    }
  }

  async function complete(source: Source, request: CompletionRequest): Promise<Completion> {
    const tally = newTally()
    try {
      return await answered(source, request, tally)
    } catch (error) {
      const { signal } = request
      if (signal.aborted && error === signal.reason) throw new Abandoned(error as Error, tally.paid)
      throw error
    }
  }

  async function answered(source: Source, request: CompletionRequest, tally: Tally): Promise<Completion> {
    const route = routeOf(source)
    const { server } = route
    const { signal, requestId } = request
    let { before } = request
    for (;;) {
      const { lease, pass } = await turn(route, source, request, tally.paid, before)
      before = undefined
      const started = clock.now()
      try {
        const answer = await attempt(server, source, request)
        const latency = Math.max(0, clock.now() - started)
        const { headers, sent, input_tokens, output_tokens, reasoning_tokens, ...rest } = answer
        pass.succeed()
        listen(server, undefined)
        const tokens = input_tokens + output_tokens
        lease.release({ kind: 'clean', tokens, quotas: quotas(headers, clock.now()) })
        return {
          ...rest,
          usage: {
            input_tokens,
            output_tokens,
            reasoning_tokens,
            cost_micros: costMicros(source.price, input_tokens, output_tokens)
          },
          latency_ms: latency,
          calls: tally.paid + 1,
          sent
        }
      } catch (error) {
        if (!(error instanceof CallFailure)) {
          // Aborted: what was asked may still be answered and counted over there.
          tally.paid += 1
          pass.abandon()
          lease.release({ kind: 'failed' })
          throw error
        }
        const { kind, status, reached, retryAfterMs } = error
        listen(server, error)
        if (kind === 'transient') pass.fail()
        else if (reached) pass.succeed()
        else pass.abandon()
        lease.release({
          kind: kind === 'throttled' || status === 529 ? 'throttled' : 'failed',
          tokens: error.paid ? undefined : 0,
          retryAfterMs
        })
        count(tally, error, clock.now() - started)
        const wait = nextAttempt(policy, tally, error, random())
        const fields = { source: source.name, request_id: requestId, kind, status, reason: error.message }
        if (wait === undefined) throw giveUp(server, source, error, tally.paid)
        log.debug({ ...fields, wait_ms: Math.round(wait) }, 'call failed; it is tried again')
        tally.elapsedMs += wait
        if (wait > 0) await sleep(clock, wait, signal)
      }
    }
  }

  return {
    complete,
    problem(source) {
      try {
        routeOf(source)
        return undefined
      } catch (error) {
        if (error instanceof EverseedError && error.code === 'PROVIDER_UNCONFIGURED') return error.message
        throw error
      }
    },
    worstCase: (source, { messages }) => worstCase(source, messages),
    states: () =>
      Array.from(routes.values(), ({ server, limits, model }) => ({
        server: server.name,
        model,
        breaker: server.breaker.state(),
        ...limits.state()
      }))
  }
}

function giveUp(server: Server, source: Source, failure: CallFailure, calls: number): ProviderError {
  const { kind, status, message } = failure
  const final = kind === 'transient' || kind === 'throttled' ? 'unavailable' : kind
  return new ProviderError(final, `source ${source.name} (${server.name}, ${source.model}): ${message}`, {
    ...(status !== undefined && { status }),
    calls
  })
}
