import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { readMessage } from '../../../infra/llm/anthropic.ts'
import { CallFailure } from '../../../infra/llm/call.ts'
import { createProviders } from '../../../infra/llm/providers.ts'
import { retryPolicy } from '../../../infra/llm/retry.ts'
import { startFakeAnthropic } from '../../helpers/fake-anthropic.ts'
import type { FakeOptions } from '../../helpers/fake-model.ts'
import { memoryLog, messageOf, requestOf, sourceOf } from '../../helpers/model-calls.ts'

const key = 'sk-ant-0123456789abcdef'
const policy = { ...retryPolicy, baseMs: 1, maxMs: 2 }

async function setup(t: TestContext, options: FakeOptions = {}) {
  const server = await startFakeAnthropic({ key, ...options })
  t.after(() => server.close())
  const { log, lines } = memoryLog()
  const providers = createProviders({ env: { ANTHROPIC_API_KEY: key }, log, policy })
  const source = (fields: object = {}) => sourceOf({ provider: 'anthropic', base_url: server.url, ...fields })
  return { server, providers, source, lines }
}

test('a call goes over the wire as the protocol has it and comes back whole', async t => {
  const { server, providers, source } = await setup(t)
  const priced = source({ price: { input: 3, output: 15 }, max_tokens: 300 })
  const talk = [
    messageOf('system', 'Be brief.'),
    messageOf('system', 'Be kind.'),
    messageOf('user', 'Hello.')
  ]
  const completion = await providers.complete(priced, requestOf({ messages: talk, temperature: 0.8 }))
  const [sent] = server.requests
  assert.equal(sent?.path, '/v1/messages')
  assert.equal(sent?.headers['x-api-key'], key)
  assert.equal(sent?.headers['authorization'], undefined)
  assert.equal(sent?.headers['anthropic-version'], '2023-06-01')
  assert.equal(sent?.idempotencyKey, 'request-1')
  assert.deepEqual(sent?.body, {
    model: 'model-1',
    max_tokens: 300,
    messages: [{ role: 'user', content: 'Hello.' }],
    system: 'Be brief.\n\nBe kind.',
    temperature: 0.8
  })
  const { reply, finish_reason, usage, raw, sent: decoding } = completion
  const body = JSON.parse(raw ?? '') as { content: { text: string }[]; usage: { output_tokens: number } }
  assert.equal(reply, body.content[0]?.text)
  assert.equal(finish_reason, 'stop')
  assert.equal(usage.output_tokens, body.usage.output_tokens)
  assert.equal(usage.cost_micros, usage.input_tokens * 3 + usage.output_tokens * 15)
  // The protocol has no seed, and provenance must not claim one.
  assert.deepEqual(decoding, { temperature: 0.8, top_p: null, seed: null })
})

test('base_url with or without /v1, and a temperature above the protocol is sent, and told, as its highest', async t => {
  const { server, providers, source } = await setup(t)
  for (const base_url of [server.url, `${server.url}/`, `${server.url}/v1`, `${server.url}/v1/`]) {
    const { sent } = await providers.complete(source({ base_url }), requestOf({ temperature: 1.2 }))
    assert.equal(sent?.temperature, 1)
    assert.equal(server.requests.at(-1)?.path, '/v1/messages')
    assert.equal(server.requests.at(-1)?.body?.['temperature'], 1)
  }
})

test('documents, tools and a conversation of nothing but instructions', async t => {
  const { server, providers, source } = await setup(t)
  const talk = [
    messageOf('document', 'A text.'),
    messageOf('assistant', 'Adding.', {
      tool_calls: '[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\\"a\\":1}"}}]'
    }),
    messageOf('tool', '3', { tool_call_id: 'c1' })
  ]
  await providers.complete(source(), requestOf({ messages: talk }))
  assert.deepEqual(server.requests.at(-1)?.body?.['messages'], [
    { role: 'user', content: 'A text.' },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'Adding.' },
        { type: 'tool_use', id: 'c1', name: 'add', input: { a: 1 } }
      ]
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: '3' }] }
  ])
  await providers.complete(source(), requestOf({ messages: [messageOf('system', 'Write a poem.')] }))
  const { messages, system } = server.requests.at(-1)?.body ?? {}
  assert.deepEqual([messages, system], [[{ role: 'user', content: 'Write a poem.' }], undefined])
})

test('every stop_reason, thinking and cached tokens', async t => {
  const { server, providers, source } = await setup(t)
  server.next(
    { kind: 'length' },
    { kind: 'filtered' },
    { kind: 'ok', text: 'yes' },
    { kind: 'ok', text: 'yes', reasoning: 'because', cachedTokens: 4 }
  )
  assert.equal((await providers.complete(source(), requestOf())).finish_reason, 'length')
  const refused = await providers.complete(source(), requestOf())
  assert.deepEqual([refused.finish_reason, refused.reply], ['content_filter', ''])
  const plain = await providers.complete(source(), requestOf())
  const thought = await providers.complete(source(), requestOf())
  assert.deepEqual([thought.reply, thought.reasoning_content], ['yes', 'because'])
  assert.equal(thought.usage.reasoning_tokens, 2)
  // Cached tokens are read all the same: input_tokens of the protocol leaves them out.
  assert.equal(thought.usage.input_tokens, plain.usage.input_tokens)
  const usage = { input_tokens: 1, output_tokens: 1 }
  for (const [reason, mapped] of [
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'content_filter'],
    ['tool_use', 'tool_calls']
  ]) {
    assert.equal(
      readMessage(JSON.stringify({ content: [], stop_reason: reason, usage })).finish_reason,
      mapped
    )
  }
})

test('replies without sense are malformed', () => {
  const good = {
    content: [{ type: 'text', text: 'hi' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 1 }
  }
  assert.equal(readMessage(JSON.stringify(good)).reply, 'hi')
  for (const part of [
    { content: null },
    { content: 'hi' },
    { content: [null] },
    { content: [{ type: 'text' }] },
    { content: [{ type: 'text', text: 5 }] },
    { content: [{ type: 'thinking', thinking: 5 }] },
    { stop_reason: null },
    { stop_reason: 'pause_turn' },
    { usage: null },
    { usage: {} },
    { usage: { input_tokens: 1, output_tokens: -1 } },
    { usage: { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 'x' } }
  ]) {
    assert.throws(
      () => readMessage(JSON.stringify({ ...good, ...part })),
      (error: CallFailure) => error instanceof CallFailure && error.kind === 'malformed' && error.paid,
      JSON.stringify(part)
    )
  }
  const errorBody = JSON.stringify({
    type: 'error',
    error: { type: 'overloaded_error', message: 'Overloaded' }
  })
  assert.throws(() => readMessage(errorBody), { kind: 'transient', paid: true })
})

test('whatever JSON comes, it is read or it is a CallFailure', () => {
  const part = fc.jsonValue({ maxDepth: 2 })
  const shaped = fc.record(
    { content: fc.oneof(part, fc.array(part)), stop_reason: part, usage: part },
    { requiredKeys: [] }
  )
  fc.assert(
    fc.property(fc.oneof(part, shaped), value => {
      try {
        assert.equal(typeof readMessage(JSON.stringify(value)).reply, 'string')
      } catch (error) {
        assert.ok(error instanceof CallFailure)
      }
    }),
    { numRuns: 500 }
  )
})

test('a model that takes no sampling parameters is asked without them, and the answer says so', async t => {
  const { server, providers, source, lines } = await setup(t, { fixedSampling: ['model-1'] })
  const fixed = source({ top_p: 0.9 })
  const { sent } = await providers.complete(fixed, requestOf({ temperature: 0.2 }))
  assert.deepEqual(sent, { temperature: null, top_p: null, seed: null })
  assert.equal(server.paid(), 1)
  const before = server.requests.length
  await providers.complete(fixed, requestOf({ temperature: 0.2 }))
  assert.equal(server.requests.length, before + 1)
  assert.equal(lines.filter(line => line.includes('refuses a parameter')).length, 2)
})
