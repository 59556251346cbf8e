import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { CallFailure } from '../../../infra/llm/call.ts'
import { readChatCompletion } from '../../../infra/llm/openai.ts'
import { createProviders } from '../../../infra/llm/providers.ts'
import { retryPolicy } from '../../../infra/llm/retry.ts'
import type { ProviderError } from '../../../processors/ports.ts'
import { startFakeOpenAI } from '../../helpers/fake-openai.ts'
import type { FakeOptions, FakeServer } from '../../helpers/fake-model.ts'
import { memoryLog, messageOf, requestOf, sourceOf } from '../../helpers/model-calls.ts'

const key = 'sk-0123456789abcdef'
const policy = { ...retryPolicy, baseMs: 1, maxMs: 2 }

async function setup(t: TestContext, options: FakeOptions = {}) {
  const server: FakeServer = await startFakeOpenAI({ key, ...options })
  t.after(() => server.close())
  const { log, lines } = memoryLog()
  const providers = createProviders({ env: { OPENAI_API_KEY: key }, log, policy })
  const source = (fields: object = {}) => sourceOf({ provider: 'openai', base_url: server.url, ...fields })
  return { server, providers, source, lines }
}

const messages = [messageOf('user', 'hello')]
/** A body of the protocol with one part replaced. */
function body(fields: object, choice: object = {}, message: object = {}): string {
  const full = { role: 'assistant', content: 'hi', ...message }
  return JSON.stringify({
    choices: [{ index: 0, message: full, finish_reason: 'stop', ...choice }],
    usage: { prompt_tokens: 5, completion_tokens: 2 },
    ...fields
  })
}
const read = (raw: string) => readChatCompletion(raw, { max_tokens: 64 }, messages)

test('a call goes over the wire as the protocol has it and comes back whole', async t => {
  const { server, providers, source } = await setup(t)
  const priced = source({ price: { input: 2, output: 8 }, top_p: 0.9, max_tokens: 300 })
  const completion = await providers.complete(priced, requestOf({ temperature: 1.2, seed: 2 ** 53 - 1 }))
  const [sent] = server.requests
  assert.equal(sent?.path, '/v1/chat/completions')
  assert.equal(sent?.headers['authorization'], `Bearer ${key}`)
  assert.equal(sent?.idempotencyKey, 'request-1')
  assert.equal(sent?.headers['x-client-request-id'], 'request-1')
  assert.deepEqual(sent?.body, {
    model: 'model-1',
    messages: [{ role: 'user', content: 'Say something about rivers.' }],
    max_tokens: 300,
    temperature: 1.2,
    top_p: 0.9,
    seed: 2 ** 53 - 1
  })
  const { reply, raw, finish_reason, usage, calls, sent: decoding } = completion
  const answered = JSON.parse(raw ?? '') as {
    choices: { message: { content: string } }[]
    usage: Record<string, number>
  }
  assert.equal(reply, answered.choices[0]?.message.content)
  assert.equal(finish_reason, 'stop')
  assert.equal(usage.input_tokens, answered.usage['prompt_tokens'])
  assert.equal(usage.output_tokens, answered.usage['completion_tokens'])
  assert.equal(usage.cost_micros, usage.input_tokens * 2 + usage.output_tokens * 8)
  assert.equal(calls, 1)
  assert.deepEqual(decoding, { temperature: 1.2, top_p: 0.9, seed: 2 ** 53 - 1 })
  const { tokens, micros } = providers.worstCase(priced, requestOf())
  assert.ok(usage.input_tokens + usage.output_tokens <= tokens && usage.cost_micros <= micros)
})

test('probabilities of tokens are asked for where the source says so, and their mean is kept', async t => {
  const { server, providers, source, lines } = await setup(t)
  const completion = await providers.complete(source({ logprobs: true }), requestOf())
  assert.equal(server.requests[0]?.body?.['logprobs'], true)
  const { choices } = JSON.parse(completion.raw!) as {
    choices: { logprobs: { content: { logprob: number }[] } }[]
  }
  const told = choices[0]!.logprobs.content.map(({ logprob }) => logprob)
  assert.ok(told.length > 3)
  const mean = told.reduce((sum, one) => sum + one, 0) / told.length
  assert.ok(mean < 0 && completion.log_probability === mean)
  const without = await providers.complete(source(), requestOf())
  assert.ok(!('logprobs' in server.requests[1]!.body!) && !('log_probability' in without))
  // A server that does not know the parameter is asked without it.
  server.next({
    kind: 'error',
    status: 400,
    message: "Unsupported parameter: 'logprobs' is not supported with this model.",
    param: 'logprobs'
  })
  assert.equal((await providers.complete(source({ logprobs: true }), requestOf())).log_probability, undefined)
  assert.ok(lines.some(line => line.includes('refuses a parameter') && line.includes('logprobs')))
})

test('probabilities that are none are left out: the answer is as good without', () => {
  const of = (logprobs: unknown) => read(body({}, { logprobs })).log_probability
  assert.equal(of({ content: [{ logprob: -1 }, { logprob: -2 }] }), -1.5)
  assert.equal(of({ content: [{ logprob: 0 }] }), 0)
  for (const none of [
    null,
    undefined,
    'x',
    {},
    { content: null },
    { content: [] },
    { content: [null] },
    { content: [{ logprob: 0.1 }] },
    { content: [{ logprob: '-1' }] },
    { content: [{ logprob: -1 }, {}] },
    { content: [{ logprob: -0.5 }, { logprob: -9999 }] },
    { content: [{ logprob: -1e308 }, { logprob: -1e308 }] }
  ])
    assert.equal(of(none), undefined, JSON.stringify(none))
})

test('roles the protocol lacks become what it has; tool calls of either provider become its own', async t => {
  const { server, providers, source } = await setup(t)
  const openaiCall = '[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\\"a\\":1}"}}]'
  const anthropicCall = '[{"type":"tool_use","id":"c1","name":"add","input":{"a":1}}]'
  for (const tool_calls of [openaiCall, anthropicCall]) {
    const talk = [
      messageOf('system', 'Be brief.'),
      messageOf('document', 'A text.'),
      messageOf('assistant', '', { tool_calls, reasoning_content: 'not sent back' }),
      messageOf('tool', '3', { tool_call_id: 'c1' })
    ]
    await providers.complete(source(), requestOf({ messages: talk }))
    assert.deepEqual(server.requests.at(-1)?.body?.['messages'], [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'A text.' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }]
      },
      { role: 'tool', content: '3', tool_call_id: 'c1' }
    ])
  }
  const broken = requestOf({ messages: [messageOf('assistant', '', { tool_calls: '{' })] })
  await assert.rejects(providers.complete(source(), broken), { kind: 'rejected', calls: 0 })
  assert.equal(server.requests.length, 2)
})

test('every finish_reason, reasoning and cached tokens', async t => {
  const { server, providers, source } = await setup(t)
  server.next(
    { kind: 'length' },
    { kind: 'filtered' },
    { kind: 'ok', text: 'yes', reasoning: 'because', cachedTokens: 4 }
  )
  assert.equal((await providers.complete(source(), requestOf())).finish_reason, 'length')
  assert.equal((await providers.complete(source(), requestOf())).finish_reason, 'content_filter')
  const { reply, reasoning_content, usage } = await providers.complete(source(), requestOf())
  assert.equal(reply, 'yes')
  assert.equal(reasoning_content, 'because')
  assert.equal(usage.reasoning_tokens, 2)
  assert.equal(usage.output_tokens, 3)
  for (const [reason, mapped] of [
    ['stop', 'stop'],
    ['eos', 'stop'],
    ['length', 'length'],
    ['model_length', 'length'],
    ['content_filter', 'content_filter'],
    ['tool_calls', 'tool_calls'],
    ['function_call', 'tool_calls']
  ]) {
    assert.equal(read(body({}, { finish_reason: reason })).finish_reason, mapped)
  }
})

test('a refusal is its own text; no content is legal only where the reason explains it', () => {
  const refused = read(body({}, {}, { content: null, refusal: 'I cannot help with that.' }))
  assert.deepEqual([refused.reply, refused.finish_reason], ['I cannot help with that.', 'content_filter'])
  assert.equal(read(body({}, { finish_reason: 'length' }, { content: null })).reply, '')
  assert.equal(read(body({}, { finish_reason: 'tool_calls' }, { content: null })).reply, '')
  assert.equal(read(body({}, {}, { content: '' })).reply, '')
  assert.equal(read(body({}, {}, { reasoning: 'thought' })).reasoning_content, 'thought')
})

test('a server that does not count is charged its bound, so that a budget holds', () => {
  const { input_tokens, output_tokens } = read(body({ usage: undefined }, {}, { content: 'abcdef' }))
  assert.ok(input_tokens >= 5)
  assert.equal(output_tokens, 6)
})

test('replies without sense are malformed', () => {
  const bad = [
    '',
    'null',
    '[]',
    '"text"',
    '{}',
    '{"choices":{}}',
    body({ choices: [] }),
    body({ choices: [null] }),
    body({ choices: ['x'] }),
    body({}, { message: null }),
    body({}, { message: undefined }),
    body({}, {}, { content: null }),
    body({}, {}, { content: undefined }),
    body({}, {}, { content: 5 }),
    body({}, {}, { content: [{ type: 'text', text: 'x' }] }),
    body({}, {}, { reasoning_content: {} }),
    body({}, { finish_reason: null }),
    body({}, { finish_reason: 'abort' }),
    body({}, { finish_reason: 1 }),
    body({ usage: 'many' }),
    body({ usage: { prompt_tokens: -1, completion_tokens: 1 } }),
    body({ usage: { prompt_tokens: '5', completion_tokens: 1 } }),
    body({ usage: { prompt_tokens: 1.5, completion_tokens: 1 } }),
    body({ usage: { prompt_tokens: 5, completion_tokens: 1e300 } })
  ]
  for (const raw of bad) {
    assert.throws(
      () => read(raw),
      (error: CallFailure) => error instanceof CallFailure && error.kind === 'malformed' && error.paid,
      raw
    )
  }
})

test('whatever JSON comes, it is read or it is a CallFailure', () => {
  const part = fc.jsonValue({ maxDepth: 2 })
  const shaped = fc.record(
    {
      choices: fc.array(fc.record({ message: part, finish_reason: part, error: part }, { requiredKeys: [] })),
      usage: part,
      error: part
    },
    { requiredKeys: [] }
  )
  fc.assert(
    fc.property(fc.oneof(part, shaped), value => {
      try {
        assert.equal(typeof read(JSON.stringify(value)).reply, 'string')
      } catch (error) {
        assert.ok(error instanceof CallFailure)
      }
    }),
    { numRuns: 500 }
  )
})

test('an error in the clothes of an answer is the error it is', () => {
  const kindOf = (raw: string): unknown => {
    try {
      return read(raw)
    } catch (error) {
      const { kind, paid } = error as CallFailure
      return paid ? `${kind}, perhaps paid` : kind
    }
  }
  assert.equal(kindOf('{"error":{"code":429,"message":"slow down"}}'), 'throttled')
  assert.equal(kindOf('{"error":{"code":"weird","message":"upstream"}}'), 'transient, perhaps paid')
  assert.equal(kindOf('{"error":{"code":503,"message":"busy"}}'), 'transient')
  assert.equal(kindOf(body({}, { error: { code: 502, message: 'upstream' } })), 'transient, perhaps paid')
})

test('a model that refuses sampling parameters is asked without them, once and for all', async t => {
  const { server, providers, source, lines } = await setup(t, { fixedSampling: ['model-1'] })
  const fixed = source({ top_p: 0.9 })
  const { sent } = await providers.complete(fixed, requestOf({ temperature: 0.2 }))
  assert.deepEqual(sent, { temperature: null, top_p: null, seed: 7 })
  const last = server.requests.at(-1)?.body ?? {}
  assert.deepEqual(Object.keys(last).toSorted(), ['max_completion_tokens', 'messages', 'model', 'seed'])
  assert.equal(server.paid(), 1)
  const before = server.requests.length
  await providers.complete(fixed, requestOf({ temperature: 0.2 }))
  assert.equal(server.requests.length, before + 1)
  assert.equal(lines.filter(line => line.includes('refuses a parameter')).length, 3)
})

test('a value out of range is the request at fault, not a parameter to leave out', async t => {
  const { server, providers, source } = await setup(t)
  await assert.rejects(
    providers.complete(source(), requestOf({ temperature: 3 })),
    (error: ProviderError) => error.kind === 'rejected' && error.status === 400 && error.calls === 0
  )
  assert.equal(server.requests.length, 1)
})
