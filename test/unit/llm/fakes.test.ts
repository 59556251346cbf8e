/** The fakes are what other tests believe in: here plain fetch holds them to the two protocols. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FakeServer } from '../../helpers/fake-model.ts'
import { startFakeAnthropic } from '../../helpers/fake-anthropic.ts'
import { startFakeOpenAI } from '../../helpers/fake-openai.ts'

type Json = { [field: string]: unknown } & {
  error: { type: string; message: string; code: string | null; param: string | null }
}
type Answered = { status: number; headers: Headers; body: Json }

async function post(
  url: string,
  headers: Record<string, string>,
  body: unknown,
  method = 'POST'
): Promise<Answered> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(method === 'POST' && { body: text })
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Json }
}
async function closing<Server extends FakeServer>(t: TestContext, server: Promise<Server>): Promise<Server> {
  const started = await server
  t.after(() => started.close())
  return started
}

const ask = [{ role: 'user', content: 'hello' }]

test('OpenAI: an answer has every field of the protocol', async t => {
  const limits = { requests: 60, tokens: 10_000 }
  const server = await closing(t, startFakeOpenAI({ key: 'sk-1', limits }))
  const url = `${server.url}/chat/completions`
  const auth = { authorization: 'Bearer sk-1' }
  const body = { model: 'gpt', messages: ask, seed: 1, temperature: 0.5, max_tokens: 500 }
  const first = await post(url, { ...auth, 'idempotency-key': 'k1' }, body)
  assert.equal(first.status, 200)
  assert.equal(first.body['object'], 'chat.completion')
  assert.match(String(first.body['id']), /^chatcmpl-[0-9a-f]{29}$/)
  const [choice] = first.body['choices'] as {
    message: { content: string; role: string }
    finish_reason: string
  }[]
  assert.equal(choice?.finish_reason, 'stop')
  assert.equal(choice?.message.role, 'assistant')
  const usage = first.body['usage'] as Record<string, number>
  assert.equal(usage['total_tokens'], usage['prompt_tokens']! + usage['completion_tokens']!)
  assert.equal(first.headers.get('x-ratelimit-remaining-requests'), '59')
  assert.match(first.headers.get('x-request-id') ?? '', /^req_/)

  const again = await post(url, auth, body)
  assert.deepEqual(again.body['choices'], first.body['choices'])
  const other = await post(url, auth, { ...body, seed: 2 })
  assert.notDeepEqual(other.body['choices'], first.body['choices'])
  assert.deepEqual(
    server.requests.map(request => [request.number, request.status, request.paid, request.idempotencyKey]),
    [
      [1, 200, true, 'k1'],
      [2, 200, true, undefined],
      [3, 200, true, undefined]
    ]
  )
})

test('OpenAI: what the API refuses is refused in its words, and nobody pays', async t => {
  const server = await closing(
    t,
    startFakeOpenAI({ key: 'sk-right-key', models: ['gpt', 'o'], fixedSampling: ['o'] })
  )
  const url = `${server.url}/chat/completions`
  const auth = { authorization: 'Bearer sk-right-key' }
  const good = { model: 'gpt', messages: ask }
  const cases: [string, Record<string, string>, unknown, number, Partial<Json['error']>][] = [
    [url, {}, good, 401, { type: 'invalid_request_error', code: null }],
    [url, { authorization: 'Bearer sk-wrong-key' }, good, 401, { code: 'invalid_api_key' }],
    [`${server.url}/completions`, auth, good, 404, { type: 'invalid_request_error' }],
    [url, auth, { ...good, model: 'no' }, 404, { code: 'model_not_found' }],
    [url, auth, '{"model":', 400, { type: 'invalid_request_error' }],
    [url, auth, { messages: ask }, 400, { message: 'you must provide a model parameter' }],
    [url, auth, { model: 'gpt' }, 400, { param: 'messages' }],
    [url, auth, { model: 'gpt', messages: [] }, 400, { code: 'empty_array' }],
    [
      url,
      auth,
      { ...good, messages: [{ role: 'document', content: 'x' }] },
      400,
      { param: 'messages[0].role' }
    ],
    [url, auth, { ...good, temperature: 2.5 }, 400, { code: 'decimal_above_max_value' }],
    [url, auth, { ...good, max_tokens: 0 }, 400, { code: 'integer_below_min_value' }],
    [url, auth, { ...good, top_k: 5 }, 400, { message: 'Unrecognized request argument supplied: top_k' }],
    [
      url,
      auth,
      { ...good, model: 'o', temperature: 0.5 },
      400,
      { code: 'unsupported_value', param: 'temperature' }
    ],
    [
      url,
      auth,
      { ...good, model: 'o', max_tokens: 5 },
      400,
      { code: 'unsupported_parameter', param: 'max_tokens' }
    ]
  ]
  for (const [to, headers, body, status, expected] of cases) {
    const answered = await post(to, headers, body)
    assert.equal(answered.status, status, JSON.stringify(body))
    assert.deepEqual(Object.keys(answered.body.error).toSorted(), ['code', 'message', 'param', 'type'])
    for (const [field, value] of Object.entries(expected)) {
      assert.equal(answered.body.error[field as 'type'], value, JSON.stringify(answered.body))
    }
  }
  assert.equal(server.paid(), 0)
  assert.equal(server.requests.length, cases.length)
})

test('Anthropic: an answer has every field of the protocol, with either header for the key', async t => {
  const server = await closing(
    t,
    startFakeAnthropic({ key: 'sk-ant', limits: { requests: 50, tokens: 40_000 } })
  )
  const url = `${server.url}/v1/messages`
  const version = { 'anthropic-version': '2023-06-01' }
  const body = { model: 'claude', messages: ask, max_tokens: 500, temperature: 1 }
  const keys: Record<string, string>[] = [{ 'x-api-key': 'sk-ant' }, { authorization: 'Bearer sk-ant' }]
  for (const auth of keys) {
    const { status, body: message, headers } = await post(url, { ...version, ...auth }, body)
    assert.equal(status, 200)
    assert.equal(message['type'], 'message')
    assert.match(String(message['id']), /^msg_/)
    assert.equal(message['stop_reason'], 'end_turn')
    const [block] = message['content'] as { type: string; text: string }[]
    assert.equal(block?.type, 'text')
    assert.match(headers.get('request-id') ?? '', /^req_/)
    assert.ok(Date.parse(headers.get('anthropic-ratelimit-requests-reset') ?? '') > Date.now())
  }
})

test('Anthropic: what the API refuses is refused in its words, by version too', async t => {
  const server = await closing(
    t,
    startFakeAnthropic({ key: 'sk-ant', models: ['claude', 'new'], fixedSampling: ['new'] })
  )
  const url = `${server.url}/v1/messages`
  const ok = { 'x-api-key': 'sk-ant', 'anthropic-version': '2023-06-01' }
  const good = { model: 'claude', messages: ask, max_tokens: 9 }
  const cases: [string, Record<string, string>, unknown, number, string, RegExp][] = [
    [
      url,
      { 'anthropic-version': '2023-06-01' },
      good,
      401,
      'authentication_error',
      /x-api-key header is required/
    ],
    [url, { ...ok, 'x-api-key': 'no' }, good, 401, 'authentication_error', /invalid x-api-key/],
    [
      url,
      { 'x-api-key': 'sk-ant' },
      good,
      400,
      'invalid_request_error',
      /anthropic-version: header is required/
    ],
    [
      url,
      { ...ok, 'anthropic-version': '2024-01-01' },
      good,
      400,
      'invalid_request_error',
      /not a valid version/
    ],
    [`${server.url}/messages`, ok, good, 404, 'not_found_error', /Not Found/],
    [url, ok, { ...good, model: 'no' }, 404, 'not_found_error', /^model: no$/],
    [url, ok, { model: 'claude', messages: ask }, 400, 'invalid_request_error', /max_tokens: Field required/],
    [url, ok, { ...good, messages: [] }, 400, 'invalid_request_error', /at least one message/],
    [
      url,
      ok,
      { ...good, messages: [{ role: 'system', content: 'x' }] },
      400,
      'invalid_request_error',
      /top-level `system`/
    ],
    [url, ok, { ...good, temperature: 1.2 }, 400, 'invalid_request_error', /less than or equal to 1/],
    [url, ok, { ...good, seed: 1 }, 400, 'invalid_request_error', /seed: Extra inputs are not permitted/],
    [
      url,
      ok,
      { ...good, model: 'new', temperature: 0.5 },
      400,
      'invalid_request_error',
      /deprecated for this model/
    ],
    [
      url,
      { ...ok, 'anthropic-version': '2026-10-21' },
      { ...good, temperature: 1 },
      400,
      'invalid_request_error',
      /temperature: Extra inputs/
    ]
  ]
  for (const [to, headers, body, status, type, message] of cases) {
    const answered = await post(to, headers, body)
    assert.equal(answered.status, status, JSON.stringify(answered.body))
    assert.equal(answered.body['type'], 'error')
    assert.equal(answered.body.error.type, type)
    assert.match(answered.body.error.message, message)
    assert.match(String(answered.body['request_id']), /^req_/)
  }
  assert.equal(server.paid(), 0)
})

test('scripted errors have the type each status has', async t => {
  const openai = await closing(t, startFakeOpenAI())
  const anthropic = await closing(t, startFakeAnthropic())
  for (const [status, type] of [
    [400, 'invalid_request_error'],
    [403, 'permission_error'],
    [413, 'request_too_large'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [529, 'overloaded_error']
  ] as const) {
    anthropic.next({ kind: 'error', status, headers: { 'retry-after': '3' } })
    const headers = { 'anthropic-version': '2023-06-01' }
    const answered = await post(`${anthropic.url}/v1/messages`, headers, {
      model: 'm',
      max_tokens: 1,
      messages: ask
    })
    assert.deepEqual([answered.status, answered.body.error.type], [status, type])
    assert.equal(answered.headers.get('retry-after'), '3')
  }
  for (const [status, type, code] of [
    [429, 'requests', 'rate_limit_exceeded'],
    [500, 'server_error', null],
    [503, 'server_error', null]
  ] as const) {
    openai.next({ kind: 'error', status })
    const { body } = await post(`${openai.url}/chat/completions`, {}, { model: 'm', messages: ask })
    assert.deepEqual([body.error.type, body.error.code], [type, code])
  }
})

test('bodies that are broken and connections that are cut', async t => {
  const server = await closing(t, startFakeOpenAI())
  const url = `${server.url}/chat/completions`
  const send = (): Promise<Answered> => post(url, {}, { model: 'm', messages: ask })
  server.next({ kind: 'garbage' }, { kind: 'cut' }, { kind: 'redirect', to: 'https://example.com/' })
  await assert.rejects(send, SyntaxError)
  await assert.rejects(send, TypeError)
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: ask }),
    redirect: 'manual'
  })
  assert.equal(response.status, 307)
  assert.equal(response.headers.get('location'), 'https://example.com/')
  assert.deepEqual(
    server.requests.map(request => request.paid),
    [true, true, false]
  )
})
