/** A server that speaks Anthropic's messages, in both versions of the protocol: checks, answers, errors, headers. */
import { hash } from 'node:crypto'
import {
  countTokens,
  startFake,
  textFor,
  type Dialect,
  type FakeOptions,
  type FakeServer,
  type Recorded,
  type Reply
} from './fake-model.ts'

const versions = ['2023-01-01', '2023-06-01', '2026-10-21']
const known = new Set(
  'cache_control,container,context_management,inference_geo,max_tokens,mcp_servers,messages,metadata,model,output_config,service_tier,speed,stop_sequences,stream,system,temperature,thinking,tool_choice,tools,top_k,top_p'.split(
    ','
  )
)
const types: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error'
}
const words: Readonly<Record<number, string>> = {
  429: "This request would exceed your organization's rate limit.",
  500: 'Internal server error',
  529: 'Overloaded'
}

/** Starts the server; `url` has no path. */
export function startFakeAnthropic(options: FakeOptions = {}): Promise<FakeServer> {
  const { key, models, fixedSampling = [], limits } = options
  const requestIdOf = (request: Recorded): string =>
    `req_${hash('sha256', `anthropic ${request.number}`, 'hex').slice(0, 24)}`

  const headersOf = (request: Recorded): Record<string, string> => {
    const reset = new Date(Date.now() + 60_000).toISOString()
    const quota = (name: string, limit: number, used: number): Record<string, string> => ({
      [`anthropic-ratelimit-${name}-limit`]: String(limit),
      [`anthropic-ratelimit-${name}-remaining`]: String(Math.max(0, limit - used)),
      [`anthropic-ratelimit-${name}-reset`]: reset
    })
    return {
      'request-id': requestIdOf(request),
      'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
      ...(limits && {
        ...quota('requests', limits.requests, request.number),
        ...quota('tokens', limits.tokens, request.number * 100)
      })
    }
  }
  const error = (request: Recorded, status: number, message: string, type?: string): Reply => ({
    status,
    headers: headersOf(request),
    body: {
      type: 'error',
      error: { type: type ?? types[status] ?? 'api_error', message },
      request_id: requestIdOf(request)
    }
  })

  const dialect: Dialect = {
    base: '',
    refuse(request, method) {
      const { path, headers, body } = request
      const bad = (message: string): Reply => error(request, 400, message)
      if (path !== '/v1/messages') return error(request, 404, 'Not Found')
      if (method !== 'POST') return error(request, 405, 'Method Not Allowed', 'invalid_request_error')
      const bearer = /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1]
      const given = headers['x-api-key'] ?? bearer
      if (key !== undefined) {
        if (!given) return error(request, 401, 'x-api-key header is required')
        if (given !== key) return error(request, 401, 'invalid x-api-key')
      }
      const version = headers['anthropic-version']
      if (!version) return bad('anthropic-version: header is required')
      if (!versions.includes(version)) return bad(`anthropic-version: "${version}" is not a valid version`)
      if (!headers['content-type']?.startsWith('application/json') || !body) {
        return bad('The request body is not valid JSON')
      }
      const { model, messages, max_tokens: most, temperature, top_p, system } = body
      for (const name of ['model', 'messages', 'max_tokens']) {
        if (body[name] === undefined) return bad(`${name}: Field required`)
      }
      const unknown = Object.keys(body).find(
        name =>
          !known.has(name) || (version === '2026-10-21' && ['temperature', 'top_p', 'top_k'].includes(name))
      )
      if (unknown) return bad(`${unknown}: Extra inputs are not permitted`)
      if (typeof model !== 'string') return bad('model: Input should be a valid string')
      if (models && !models.includes(model)) return error(request, 404, `model: ${model}`)
      if (!Number.isInteger(most) || Number(most) < 1) {
        return bad('max_tokens: Input should be greater than or equal to 1')
      }
      if (system !== undefined && typeof system !== 'string' && !Array.isArray(system)) {
        return bad('system: Input should be a valid list')
      }
      if (!Array.isArray(messages)) return bad('messages: Input should be a valid list')
      if (messages.length === 0) return bad('messages: at least one message is required')
      for (const [at, message] of (messages as Record<string, unknown>[]).entries()) {
        const { role, content } = message
        if (role === 'system') {
          return bad(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role.'
          )
        }
        if (role !== 'user' && role !== 'assistant') {
          return bad(`messages.${at}.role: Input should be 'user' or 'assistant'`)
        }
        if (typeof content !== 'string' && !Array.isArray(content)) {
          return bad(`messages.${at}.content: Input should be a valid list`)
        }
        if (content.length === 0) return bad(`messages.${at}: user messages must have non-empty content`)
      }
      const range = (name: string, value: unknown): Reply | undefined => {
        if (value === undefined) return undefined
        if (typeof value !== 'number') return bad(`${name}: Input should be a valid number`)
        if (value < 0) return bad(`${name}: Input should be greater than or equal to 0`)
        if (value > 1) return bad(`${name}: Input should be less than or equal to 1`)
        return undefined
      }
      if (fixedSampling.includes(model)) {
        if (temperature !== undefined && temperature !== 1)
          return bad('`temperature` is deprecated for this model.')
        if (top_p !== undefined) return bad('`top_p` is deprecated for this model.')
      }
      return range('temperature', temperature) ?? range('top_p', top_p)
    },

    answer(request, behaviour) {
      const { model, messages, system, temperature, max_tokens } = request.body ?? {}
      const most = Number(max_tokens)
      // The protocol has no seed; what is asked again is answered anew, so the number tells requests apart.
      const call = request.idempotencyKey ?? request.number
      const derived = textFor(JSON.stringify([messages, system, model, temperature, call]))
      const whole = behaviour.kind === 'ok' ? (behaviour.text ?? derived) : derived
      const cut =
        behaviour.kind === 'length' ||
        (behaviour.kind === 'ok' && behaviour.uncut !== true && countTokens(whole) > most)
      const filtered = behaviour.kind === 'filtered'
      const text = cut ? whole.slice(0, Math.min(most * 4, whole.length - 1)) : whole
      const reasoning = behaviour.kind === 'ok' ? behaviour.reasoning : undefined
      const cached = behaviour.kind === 'ok' ? (behaviour.cachedTokens ?? 0) : 0
      const thought = reasoning === undefined ? 0 : countTokens(reasoning)
      const output = filtered ? 1 : (cut ? Math.min(most, countTokens(text)) : countTokens(text)) + thought
      const body = {
        id: `msg_${hash('sha256', derived, 'hex').slice(0, 24)}`,
        type: 'message',
        role: 'assistant',
        model,
        content: filtered
          ? []
          : [
              ...(reasoning === undefined
                ? []
                : [{ type: 'thinking', thinking: reasoning, signature: 'c2lnbmF0dXJl' }]),
              { type: 'text', text, citations: null }
            ],
        stop_reason: filtered ? 'refusal' : cut ? 'max_tokens' : 'end_turn',
        stop_sequence: null,
        usage: {
          input_tokens: Math.max(0, countTokens(JSON.stringify([system, messages])) - cached),
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: cached,
          cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
          output_tokens: output,
          ...(thought > 0 && { output_tokens_details: { thinking_tokens: thought } }),
          service_tier: 'standard'
        }
      }
      return { status: 200, headers: headersOf(request), body }
    },

    fail(request, { status, headers = {}, message, type }) {
      const reply = error(request, status, message ?? words[status] ?? 'An error occurred', type)
      return { ...reply, headers: { ...reply.headers, ...headers } }
    }
  }
  return startFake(dialect, options)
}
