/** A server that speaks OpenAI's chat completions: its checks, its answers, its errors and its headers. */
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

const known = new Set(
  'audio,frequency_penalty,function_call,functions,logit_bias,logprobs,max_completion_tokens,max_tokens,messages,metadata,modalities,model,moderation,n,parallel_tool_calls,prediction,presence_penalty,prompt_cache_key,prompt_cache_retention,reasoning_effort,response_format,safety_identifier,seed,service_tier,stop,store,stream,stream_options,temperature,tool_choice,tools,top_logprobs,top_p,user,verbosity,web_search_options'.split(
    ','
  )
)
const roles = ['system', 'developer', 'user', 'assistant', 'tool', 'function']
const types: Readonly<Record<number, string>> = {
  401: 'invalid_request_error',
  429: 'requests',
  500: 'server_error',
  503: 'server_error'
}
const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded'
}

/** Tokens of four characters, as probable as their first one says. */
function logprobsOf(content: string): object[] {
  return (content.match(/[^]{1,4}/g) ?? []).map(token => ({
    token,
    logprob: -(token.charCodeAt(0) % 8) / 4,
    bytes: [...Buffer.from(token)],
    top_logprobs: []
  }))
}

/** Starts the server; `url` ends in /v1. */
export function startFakeOpenAI(options: FakeOptions = {}): Promise<FakeServer> {
  const { key, models, fixedSampling = [], limits } = options

  const headersOf = (request: Recorded): Record<string, string> => ({
    'x-request-id': `req_${hash('sha256', `openai ${request.number}`, 'hex').slice(0, 32)}`,
    'openai-organization': 'org-fake',
    'openai-processing-ms': '20',
    'openai-version': '2020-10-01',
    ...(limits && {
      'x-ratelimit-limit-requests': String(limits.requests),
      'x-ratelimit-limit-tokens': String(limits.tokens),
      'x-ratelimit-remaining-requests': String(Math.max(0, limits.requests - request.number)),
      'x-ratelimit-remaining-tokens': String(Math.max(0, limits.tokens - request.number * 100)),
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-reset-tokens': '6m0s'
    })
  })
  const error = (
    request: Recorded,
    status: number,
    message: string,
    type = 'invalid_request_error',
    param: string | null = null,
    code: string | null = null
  ): Reply => ({ status, headers: headersOf(request), body: { error: { message, type, param, code } } })

  const dialect: Dialect = {
    base: '/v1',
    refuse(request, method) {
      const { path, headers, body } = request
      const bad = (message: string, param: string | null = null, code: string | null = null): Reply =>
        error(request, 400, message, 'invalid_request_error', param, code)
      if (method !== 'POST' || path !== '/v1/chat/completions') {
        return error(request, 404, `Invalid URL (${method} ${path})`)
      }
      const [scheme, given] = (headers['authorization'] ?? '').split(' ')
      if (key !== undefined) {
        if (scheme !== 'Bearer' || !given) {
          return error(
            request,
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
          )
        }
        if (given !== key) {
          const shown = `${given.slice(0, 4)}${'*'.repeat(8)}${given.slice(-4)}`
          return error(
            request,
            401,
            `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`,
            'invalid_request_error',
            null,
            'invalid_api_key'
          )
        }
      }
      if (!headers['content-type']?.startsWith('application/json') || !body) {
        return bad('We could not parse the JSON body of your request.')
      }
      const { model, messages, temperature, top_p, seed } = body
      const unknown = Object.keys(body).find(name => !known.has(name))
      if (unknown) return bad(`Unrecognized request argument supplied: ${unknown}`, unknown, null)
      if (typeof model !== 'string') return bad('you must provide a model parameter')
      if (models && !models.includes(model)) {
        return error(
          request,
          404,
          `The model \`${model}\` does not exist or you do not have access to it.`,
          'invalid_request_error',
          null,
          'model_not_found'
        )
      }
      if (!Array.isArray(messages))
        return bad("Missing required parameter: 'messages'.", 'messages', 'missing_required_parameter')
      if (messages.length === 0) {
        return bad(
          "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
          'messages',
          'empty_array'
        )
      }
      for (const [at, message] of (messages as Record<string, unknown>[]).entries()) {
        const { role, content, tool_calls, tool_call_id } = message
        if (!roles.includes(String(role))) {
          return bad(
            `Invalid value: '${String(role)}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.`,
            `messages[${at}].role`,
            'invalid_value'
          )
        }
        if (typeof content !== 'string' && !Array.isArray(content) && !(content === null && tool_calls)) {
          return bad(
            `Invalid value for 'content': expected a string, got ${content === null ? 'null' : typeof content}.`,
            `messages.[${at}].content`
          )
        }
        if (role === 'tool' && typeof tool_call_id !== 'string')
          return bad(`Missing parameter 'tool_call_id'`, `messages.[${at}].tool_call_id`)
      }
      const range = (name: string, value: unknown, low: number, high: number): Reply | undefined => {
        if (value === undefined || value === null) return undefined
        if (typeof value !== 'number')
          return bad(
            `Invalid type for '${name}': expected a decimal, but got a ${typeof value} instead.`,
            name,
            'invalid_type'
          )
        if (value < low)
          return bad(
            `Invalid '${name}': decimal below minimum value. Expected a value >= ${low}, but got ${value} instead.`,
            name,
            'decimal_below_min_value'
          )
        if (value > high)
          return bad(
            `Invalid '${name}': decimal above maximum value. Expected a value <= ${high}, but got ${value} instead.`,
            name,
            'decimal_above_max_value'
          )
        return undefined
      }
      if (seed !== undefined && !Number.isSafeInteger(seed))
        return bad("Invalid type for 'seed': expected an integer.", 'seed', 'invalid_type')
      for (const name of ['max_tokens', 'max_completion_tokens']) {
        const value = body[name]
        if (value !== undefined && !(Number.isInteger(value) && Number(value) >= 1)) {
          return bad(
            `Invalid '${name}': integer below minimum value. Expected a value >= 1, but got ${JSON.stringify(value)} instead.`,
            name,
            'integer_below_min_value'
          )
        }
      }
      if (fixedSampling.includes(model)) {
        if (body['max_tokens'] !== undefined)
          return bad(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            'max_tokens',
            'unsupported_parameter'
          )
        if (temperature !== undefined && temperature !== 1)
          return bad(
            `Unsupported value: 'temperature' does not support ${JSON.stringify(temperature)} with this model. Only the default (1) value is supported.`,
            'temperature',
            'unsupported_value'
          )
        if (top_p !== undefined)
          return bad(
            "Unsupported parameter: 'top_p' is not supported with this model.",
            'top_p',
            'unsupported_parameter'
          )
      }
      return range('temperature', temperature, 0, 2) ?? range('top_p', top_p, 0, 1)
    },

    answer(request, behaviour) {
      const { model, messages, temperature, seed, max_tokens, max_completion_tokens } = request.body ?? {}
      const most = Number(max_completion_tokens ?? max_tokens ?? Infinity)
      const derived = textFor(JSON.stringify([messages, model, temperature, seed]))
      const whole = behaviour.kind === 'ok' ? (behaviour.text ?? derived) : derived
      const cut =
        behaviour.kind === 'length' ||
        (behaviour.kind === 'ok' && behaviour.uncut !== true && countTokens(whole) > most)
      const filtered = behaviour.kind === 'filtered'
      const content = filtered ? '' : cut ? whole.slice(0, Math.min(most * 4, whole.length - 1)) : whole
      const reasoning = behaviour.kind === 'ok' ? behaviour.reasoning : undefined
      const cached = behaviour.kind === 'ok' ? (behaviour.cachedTokens ?? 0) : 0
      const prompt = countTokens(JSON.stringify(messages))
      const thought = reasoning === undefined ? 0 : countTokens(reasoning)
      const completion = (cut ? Math.min(most, countTokens(content)) : countTokens(content)) + thought
      const body = {
        id: `chatcmpl-${hash('sha256', derived, 'hex').slice(0, 29)}`,
        object: 'chat.completion',
        created: 1_735_689_600 + request.number,
        model,
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content,
              refusal: null,
              annotations: [],
              ...(reasoning !== undefined && { reasoning_content: reasoning })
            },
            logprobs:
              request.body?.['logprobs'] === true ? { content: logprobsOf(content), refusal: null } : null,
            finish_reason: filtered ? 'content_filter' : cut ? 'length' : 'stop'
          }
        ],
        usage: {
          prompt_tokens: prompt,
          completion_tokens: completion,
          total_tokens: prompt + completion,
          prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
          completion_tokens_details: {
            reasoning_tokens: thought,
            audio_tokens: 0,
            accepted_prediction_tokens: 0,
            rejected_prediction_tokens: 0
          }
        },
        service_tier: 'default',
        system_fingerprint: 'fp_0123456789'
      }
      return { status: 200, headers: headersOf(request), body }
    },

    fail(request, { status, headers = {}, message, type, code, param }) {
      const words =
        message ??
        (status === 429
          ? 'Rate limit reached for requests'
          : status === 503
            ? 'The engine is currently overloaded, please try again later'
            : 'The server had an error while processing your request. Sorry about that!')
      const reply = error(
        request,
        status,
        words,
        type ?? types[status] ?? 'invalid_request_error',
        param ?? null,
        code === undefined ? (codes[status] ?? null) : code
      )
      return { ...reply, headers: { ...reply.headers, ...headers } }
    }
  }
  return startFake(dialect, options)
}
