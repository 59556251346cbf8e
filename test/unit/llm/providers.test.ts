import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { createProviders, type ProviderOptions } from '../../../infra/llm/providers.ts'
import { retryPolicy } from '../../../infra/llm/retry.ts'
import { Abandoned, maxPaidCalls, ProviderError, ProviderSilent } from '../../../processors/ports.ts'
import { EverseedError } from '../../../schemas/errors.ts'
import { startFakeAnthropic } from '../../helpers/fake-anthropic.ts'
import type { Behaviour, FakeOptions } from '../../helpers/fake-model.ts'
import { startFakeOpenAI } from '../../helpers/fake-openai.ts'
import { createManualClock, settled } from '../../helpers/manual-clock.ts'
import { memoryLog, requestOf, sourceOf } from '../../helpers/model-calls.ts'
import { until } from '../../helpers/until.ts'

const key = 'sk-secret-0123456789abcdef'
/** The policy in force, its pauses shortened. */
const policy = { ...retryPolicy, baseMs: 1, maxMs: 2 }

const protocols = ['openai', 'anthropic'] as const

async function setup(
  t: TestContext,
  provider: (typeof protocols)[number],
  options: FakeOptions & { providers?: Partial<ProviderOptions> } = {}
) {
  const { providers: overrides, ...fake } = options
  const server = await (provider === 'openai' ? startFakeOpenAI : startFakeAnthropic)({ key, ...fake })
  t.after(() => server.close())
  const { log, lines } = memoryLog()
  const env = { OPENAI_API_KEY: key, ANTHROPIC_API_KEY: key }
  const providers = createProviders({ env, log, policy, ...overrides })
  const source = sourceOf({ provider, base_url: server.url, price: { input: 1, output: 2 } })
  const sourceWith = (fields: object) => sourceOf({ provider, base_url: server.url, ...fields })
  return { server, providers, source, sourceWith, lines }
}

async function failureOf(promise: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await promise.then(
    () => assert.fail('it did not fail'),
    (thrown: unknown) => thrown
  )
  assert.ok(error instanceof ProviderError, inspect(error))
  return error
}

const error = (status: number, headers: Record<string, string> = {}): Behaviour => ({
  kind: 'error',
  status,
  headers
})

for (const provider of protocols) {
  test(`${provider}: what passes is retried, and the answer is counted once`, async t => {
    const { server, providers, source } = await setup(t, provider)
    for (const status of [408, 409, 500, 503, 529]) {
      const before = server.paid()
      server.next(error(status), error(status))
      const completion = await providers.complete(source, requestOf({ requestId: `call-${status}` }))
      assert.equal(server.paid(), before + 1)
      const mine = server.requests.filter(request => request.idempotencyKey === `call-${status}`)
      assert.equal(mine.length, 3, `status ${status}`)
      const alone = await providers.complete(source, requestOf({ requestId: `call-${status}` }))
      assert.deepEqual(completion.usage, alone.usage)
      // What timed out or broke may have been worked on; the others were turned away.
      assert.equal(completion.calls, status === 408 || status === 500 ? 3 : 1)
    }
  })

  test(`${provider}: connections that are cut and bodies that are broken are tried three times in all`, async t => {
    for (const [kind, final] of [
      ['cut', 'unavailable'],
      ['garbage', 'malformed']
    ] as const) {
      const { server, providers, source } = await setup(t, provider)
      server.next({ kind }, { kind })
      const completion = await providers.complete(source, requestOf())
      assert.equal(completion.calls, 3)
      assert.equal(server.paid(), 3)
      server.next({ kind }, { kind }, { kind }, { kind })
      const failure = await failureOf(providers.complete(source, requestOf()))
      assert.deepEqual([failure.kind, failure.calls], [final, maxPaidCalls])
      assert.equal(server.requests.length, 6)
    }
  })

  test(`${provider}: what is at fault is not retried`, async t => {
    const { server, providers, source } = await setup(t, provider, { models: ['model-1'] })
    for (const [status, kind] of [
      [400, 'rejected'],
      [413, 'rejected'],
      [422, 'rejected'],
      [401, 'unauthorized'],
      [402, 'unauthorized'],
      [403, 'unauthorized']
    ] as const) {
      const before = server.requests.length
      server.next(error(status))
      const failure = await failureOf(providers.complete(source, requestOf()))
      assert.deepEqual([failure.kind, failure.status, failure.calls], [kind, status, 0])
      assert.match(
        failure.message,
        new RegExp(`^source one \\(${provider} 127\\.0\\.0\\.1:\\d+, model-1\\): ${status} `)
      )
      assert.equal(server.requests.length, before + 1)
    }
    const unknown = sourceOf({ ...source, model: 'no-such-model' })
    const failure = await failureOf(providers.complete(unknown, requestOf()))
    assert.deepEqual([failure.kind, failure.status], ['rejected', 404])
    assert.match(failure.message, /no-such-model/)
    assert.equal(providers.states()[0]?.breaker, 'closed')
  })

  test(`${provider}: retries have a ceiling`, async t => {
    const { server, providers, source } = await setup(t, provider, {
      script: () => error(500),
      providers: { policy: { ...policy, attempts: 3 } }
    })
    const failure = await failureOf(providers.complete(source, requestOf()))
    assert.deepEqual([failure.kind, failure.status, failure.calls], ['unavailable', 500, 3])
    assert.equal(server.requests.length, 3)
    server.next(error(503, { 'x-should-retry': 'false' }))
    await failureOf(providers.complete(source, requestOf()))
    assert.equal(server.requests.length, 4)
  })

  test(`${provider}: a timeout ends the attempt and counts as one that may have been paid`, async t => {
    const clock = createManualClock()
    const { server, providers, sourceWith } = await setup(t, provider, { providers: { clock } })
    const source = sourceWith({ timeout_ms: 5000 })
    server.next({ kind: 'silent' }, { kind: 'silent' }, { kind: 'silent' })
    const call = failureOf(providers.complete(source, requestOf()))
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await server.arrived(attempt)
      await clock.advance(4999)
      assert.equal(server.requests.length, attempt)
      await clock.advance(policy.maxMs + 1)
    }
    const failure = await call
    assert.deepEqual([failure.kind, failure.status, failure.calls], ['unavailable', undefined, 3])
    assert.match(failure.message, /no answer within 5000 ms/)
    assert.deepEqual(clock.alarms(), [])
  })

  test(`${provider}: 429 with Retry-After pauses every call of the model, up to the ceiling`, async t => {
    const clock = createManualClock()
    const { server, providers, sourceWith } = await setup(t, provider, { providers: { clock } })
    const source = sourceWith({ parallel: 2 })
    const paused = (): number => providers.states()[0]?.pausedMs ?? 0
    const cases: [Record<string, string>, number][] = [
      [{ 'retry-after': '7' }, 7000],
      [{ 'retry-after-ms': '300' }, 300],
      [{ 'retry-after': new Date(clock.now() + 20_000 + 7300).toUTCString() }, 20_000],
      [{ 'retry-after': '86400' }, 60_000]
    ]
    for (const [headers, ms] of cases) {
      const before = server.requests.length
      server.next(error(429, headers))
      const first = providers.complete(source, requestOf({ requestId: 'first' }))
      await until(() => paused() > 0)
      // Dates have whole seconds.
      assert.ok(Math.abs(paused() - ms) < 1000, `${paused()} for ${JSON.stringify(headers)}`)
      const second = providers.complete(source, requestOf({ requestId: 'second' }))
      await clock.advance(paused() - 1)
      assert.equal(server.requests.length, before + 1)
      await clock.advance(1)
      await Promise.all([first, second])
      assert.equal(server.requests.length, before + 3)
    }
    // Being turned away is not paid.
    assert.equal(server.paid(), cases.length * 2)
  })

  test(`${provider}: aborted while it is called, while it waits its turn, before it began`, async t => {
    const { server, providers, sourceWith } = await setup(t, provider)
    const source = sourceWith({ parallel: 1 })
    const controller = new AbortController()
    server.next({ kind: 'silent' })
    const called = providers.complete(source, requestOf({ signal: controller.signal }))
    const queued = providers.complete(source, requestOf({ signal: controller.signal }))
    await server.arrived(1)
    const reason = new Error('slot lost')
    controller.abort(reason)
    const abandoned = (calls: number) => (thrown: unknown) =>
      thrown instanceof Abandoned && thrown.cause === reason && thrown.calls === calls
    await assert.rejects(called, abandoned(1))
    await assert.rejects(queued, abandoned(0))
    await assert.rejects(providers.complete(source, requestOf({ signal: controller.signal })), abandoned(0))
    assert.equal(server.requests.length, 1)
    const state = providers.states()[0]
    assert.deepEqual([state?.inFlight, state?.queued, state?.breaker], [0, 0, 'closed'])
    // The place is free again.
    await providers.complete(source, requestOf())
  })

  test(`${provider}: in a drain what was sent is answered, unless all is lost, and nothing else is sent`, async t => {
    const { server, providers, sourceWith } = await setup(t, provider)
    const source = sourceWith({ parallel: 2 })
    const [leaving, lost] = [new AbortController(), new AbortController()]
    const signals = { signal: leaving.signal, lost: lost.signal }
    const written: string[] = []
    const call = (requestId: string) =>
      providers
        .complete(
          source,
          requestOf({ requestId, ...signals, before: async () => void written.push(requestId) })
        )
        .then(
          ({ reply }) => (reply === '' ? 'empty' : 'answered'),
          (thrown: unknown) => (thrown instanceof Abandoned ? `${thrown.calls} sent` : String(thrown))
        )
    server.next({ kind: 'slow', ms: 200 }, { kind: 'silent' })
    const slow = call('slow')
    await server.arrived(1)
    const silent = call('silent')
    await server.arrived(2)
    const queued = call('queued')
    leaving.abort(new Error('draining'))
    assert.equal(await queued, '0 sent')
    assert.equal(await slow, 'answered')
    lost.abort(new Error('slot lost'))
    assert.equal(await silent, 'Error: slot lost')
    assert.deepEqual([server.requests.length, written], [2, ['slow', 'silent']])
  })

  test(`${provider}: a call abandoned between two tries says how many may have been paid`, async t => {
    const clock = createManualClock()
    const { server, providers, source } = await setup(t, provider, { providers: { clock } })
    const controller = new AbortController()
    let begun = 0
    server.next(error(500), error(503, { 'retry-after': '30' }))
    const before = async (): Promise<void> => void begun++
    const call = providers.complete(source, requestOf({ signal: controller.signal, before }))
    const failed = (attempt: number): Promise<void> =>
      until(() => server.requests.length === attempt && providers.states()[0]?.inFlight === 0)
    await failed(1)
    await clock.advance(policy.maxMs)
    await failed(2)
    controller.abort(new Error('draining'))
    await assert.rejects(call, { name: 'Abandoned', calls: 1 })
    assert.deepEqual([server.requests.length, begun], [2, 1])
  })

  test(`${provider}: what comes before a call comes when it has its place, and can call it off`, async t => {
    const { server, providers, sourceWith } = await setup(t, provider)
    const source = sourceWith({ parallel: 1 })
    const order: string[] = []
    const gates = new Map<string, PromiseWithResolvers<void>>()
    const call = (requestId: string) => {
      gates.set(requestId, Promise.withResolvers())
      const before = (): Promise<void> => {
        order.push(requestId)
        return gates.get(requestId)!.promise
      }
      return providers.complete(source, requestOf({ requestId, before }))
    }
    const first = call('first')
    const second = call('second')
    await settled()
    assert.deepEqual([order, server.requests.length], [['first'], 0], 'nothing is sent before it is through')
    gates.get('first')!.reject(new Error('fenced'))
    await assert.rejects(first, /fenced/)
    await settled()
    assert.deepEqual([order, server.requests.length], [['first', 'second'], 0])
    gates.get('second')!.resolve()
    await second
    assert.deepEqual(
      server.requests.map(({ idempotencyKey }) => idempotencyKey),
      ['second']
    )
    const controller = new AbortController()
    const before = async (): Promise<void> => controller.abort(new Error('draining'))
    await assert.rejects(providers.complete(source, requestOf({ signal: controller.signal, before })), {
      name: 'Abandoned',
      calls: 0
    })
    const state = providers.states()[0]
    assert.deepEqual([server.requests.length, state?.inFlight, state?.queued], [1, 0, 0])
  })

  test(`${provider}: limits are learnt from the headers of answers`, async t => {
    const { providers, source } = await setup(t, provider, { limits: { requests: 50, tokens: 40_000 } })
    await providers.complete(source, requestOf())
    const [state] = providers.states()
    assert.deepEqual([state?.requestsPerMinute, state?.tokensPerMinute], [50, 40_000])
  })

  test(`${provider}: a redirect is not followed, and nothing goes to the other host`, async t => {
    const other = await startFakeOpenAI()
    t.after(() => other.close())
    const { server, providers, source } = await setup(t, provider)
    for (const status of [301, 302, 307, 308]) {
      server.next({ kind: 'redirect', status, to: `${other.url}/chat/completions` })
      const failure = await failureOf(providers.complete(source, requestOf()))
      assert.deepEqual([failure.kind, failure.calls], ['rejected', 0])
      assert.match(failure.message, /redirects; set base_url/)
    }
    assert.equal(other.requests.length, 0)
  })

  test(`${provider}: neither errors nor logs hold the key, whatever the server repeats`, async t => {
    const { server, providers, source, lines } = await setup(t, provider, {
      providers: { policy: { ...policy, attempts: 2 } }
    })
    const echo = `you sent ${key} and Authorization: Bearer ${key}\n{"level":50,"forged":true}`
    const failures: unknown[] = []
    for (const status of [400, 401, 403, 404, 429, 500]) {
      const behaviour: Behaviour = {
        kind: 'error',
        status,
        message: echo,
        headers: { 'x-should-retry': 'false', 'x-echo': key }
      }
      server.next(behaviour)
      failures.push(await failureOf(providers.complete(source, requestOf())))
    }
    server.next({ kind: 'error', status: 500, message: echo })
    await providers.complete(source, requestOf())
    for (const failure of failures) {
      const shown = [
        inspect(failure, { depth: 20, showHidden: true }),
        JSON.stringify(failure),
        String((failure as Error).stack),
        JSON.stringify(failure, Object.getOwnPropertyNames(failure))
      ].join('\n')
      assert.ok(shown.includes('[secret]'), shown)
      assert.ok(!shown.includes(key), shown)
      assert.ok(!/authorization: bearer sk|x-echo|headers/i.test(shown), shown)
      assert.ok(!(failure as Error).message.includes('\n'))
    }
    assert.ok(lines.length > 0)
    assert.ok(!lines.join('\n').includes(key))
    assert.ok(!inspect(providers, { depth: 20, showHidden: true }).includes(key))
  })

  test(`${provider}: an answer above the ceiling is malformed and not asked for again`, async t => {
    const { server, providers, source } = await setup(t, provider)
    server.next({ kind: 'json', body: { padding: 'x'.repeat(17 * 1024 * 1024) } })
    const failure = await failureOf(providers.complete(source, requestOf()))
    assert.deepEqual([failure.kind, failure.calls], ['malformed', 1])
    assert.equal(server.requests.length, 1)
  })
}

test('a burst of 429 shrinks what is in flight once; clean requests grow it again', async t => {
  const clock = createManualClock()
  const { server, providers, sourceWith } = await setup(t, 'openai', {
    providers: { clock },
    script: ({ number }) => (number <= 16 ? error(429, { 'retry-after': '20' }) : { kind: 'ok' })
  })
  const source = sourceWith({ parallel: 16 })
  const many = (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, (_, call) =>
        providers.complete(source, requestOf({ requestId: `${call}` }))
      )
    )
  const burst = many(16)
  await until(() => server.requests.length === 16 && providers.states()[0]?.inFlight === 0)
  assert.equal(providers.states()[0]?.concurrency, 12)
  assert.equal(providers.states()[0]?.queued, 16)
  await clock.advance(20_000)
  await burst
  await many(60)
  const grown = providers.states()[0]?.concurrency ?? 0
  assert.ok(grown > 12 && grown <= 15, `${grown}`)
  assert.equal(server.paid(), 76)
})

test('tokens are reserved at their worst, refunded after, and not taken twice by a retry', async t => {
  const clock = createManualClock()
  const { server, providers, sourceWith } = await setup(t, 'openai', { providers: { clock } })
  // A bucket as large as one worst case: whatever is not given back makes the next call wait.
  const { tokens } = providers.worstCase(sourceWith({}), requestOf())
  const source = sourceWith({ tokens_per_minute: tokens, parallel: 1 })
  server.next(error(503))
  const first = providers.complete(source, requestOf())
  await until(() => server.requests[0]?.status === 503 && providers.states()[0]?.inFlight === 0)
  await clock.advance(policy.maxMs)
  const { usage } = await first
  assert.equal(server.requests.length, 2)
  const second = providers.complete(source, requestOf())
  await settled()
  const missing = usage.input_tokens + usage.output_tokens - (policy.maxMs * tokens) / 60_000
  const [wait = 0] = clock.alarms()
  assert.ok(Math.abs(wait - (missing * 60_000) / tokens) <= policy.maxMs + 1, `${wait}`)
  await clock.advance(60_000)
  await second
})

test('a provider that is down makes calls wait, and they are answered when it is back', async t => {
  const clock = createManualClock()
  let down = true
  const { server, providers, sourceWith, lines } = await setup(t, 'openai', {
    providers: { clock },
    script: () => (down ? error(503) : { kind: 'ok' })
  })
  const source = sourceWith({ parallel: 8 })
  const calls = Array.from({ length: 20 }, (_, call) =>
    providers.complete(source, requestOf({ requestId: `${call}` }))
  )
  await until(() => providers.states()[0]?.breaker === 'open')
  // Those under way when it opened come back; after that nothing moves until time does.
  const ended = (): boolean => server.requests.every(request => request.status !== undefined)
  await until(ended)
  await settled()
  const before = server.requests.length
  assert.ok(before >= 5 && before <= 5 + 8, `${before}`)
  // Open: time passes, single probes go out, nobody gives up.
  for (let asked = before; asked < before + 3; asked = server.requests.length) {
    await clock.advance(500)
    await until(ended)
    await settled()
    assert.ok(server.requests.length <= asked + 1, `${server.requests.length} after ${asked}`)
  }
  down = false
  const done = Promise.all(calls)
  let finished = false
  void done.then(() => (finished = true))
  while (!finished) {
    await clock.advance(500)
    await until(ended)
    await settled()
  }
  assert.equal(server.paid(), 20)
  assert.equal(providers.states()[0]?.breaker, 'closed')
  assert.equal(lines.filter(line => line.includes('provider is down')).length, 1)
  assert.equal(lines.filter(line => line.includes('answers again')).length, 1)
})

test('a server that is not there uses up no attempt', async () => {
  const gone = await startFakeOpenAI()
  await gone.close()
  const clock = createManualClock()
  const { log } = memoryLog()
  const providers = createProviders({ env: {}, log, policy: { ...policy, attempts: 1 }, clock })
  const source = sourceOf({ provider: 'openai', base_url: gone.url })
  const controller = new AbortController()
  const call = providers.complete(source, requestOf({ signal: controller.signal }))
  let settledEarly = false
  call.then(
    () => (settledEarly = true),
    () => (settledEarly = true)
  )
  await until(() => {
    void clock.advance(5)
    return providers.states()[0]?.breaker === 'open'
  })
  assert.ok(!settledEarly)
  controller.abort(new Error('draining'))
  await assert.rejects(call, /draining/)
})

test('a caller is patient with a server that answers nobody, and no longer; whoever may go at once still tries', async t => {
  const clock = createManualClock()
  let down = true
  const { server, providers, sourceWith } = await setup(t, 'openai', {
    providers: { clock },
    script: () => (down ? error(503) : { kind: 'ok' })
  })
  const source = sourceWith({ parallel: 2 })
  const { signal } = new AbortController()
  const ask = (patienceMs: number) =>
    providers.complete(source, requestOf({ patienceMs, signal })).then(
      () => 'answered',
      (thrown: unknown) =>
        thrown instanceof ProviderSilent ? `${thrown.calls}: ${thrown.message}` : 'failed'
    )
  // A server that answers is waited for, however many stand before.
  down = false
  assert.deepEqual(await Promise.all(Array.from({ length: 20 }, () => ask(0))), Array(20).fill('answered'))
  down = true
  let ended = 0
  const calls = Array.from({ length: 10 }, () => ask(30_000).finally(() => (ended += 1)))
  await until(() => providers.states()[0]?.breaker === 'open')
  const opened = clock.now()
  await clock.advance(29_000)
  assert.equal(ended, 0)
  while (ended < 10) await clock.advance(500)
  assert.ok(clock.now() - opened <= 31_000, `${clock.now() - opened}`)
  for (const outcome of await Promise.all(calls)) {
    assert.match(outcome, /^0: source one \(openai 127\.0\.0\.1:\d+\) has answered nobody for 3[01] s: 503/)
  }
  assert.deepEqual(clock.alarms(), [], 'nobody waits any more')
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  const state = providers.states()[0]
  assert.deepEqual([state?.inFlight, state?.queued], [0, 0])
  // The next one asks once more when the pause is over, does not wait for another, and another finds the server back.
  await clock.advance(60_000)
  const before = server.requests.length
  const late = ask(30_000)
  for (let over = false; !over;) {
    void late.then(() => (over = true))
    await clock.advance(1)
  }
  assert.match(await late, /^0: .* answered nobody/)
  assert.equal(server.requests.length, before + 1)
  down = false
  await clock.advance(60_000)
  assert.equal(await ask(30_000), 'answered')
})

test('money that ran out does not come back by waiting', async t => {
  const { server, providers, source } = await setup(t, 'openai')
  server.next({ kind: 'error', status: 429, type: 'insufficient_quota', code: 'insufficient_quota' })
  assert.equal((await failureOf(providers.complete(source, requestOf()))).kind, 'unauthorized')
  assert.equal(server.requests.length, 1)
})

test('a missing key names its variable; a server on this machine needs none and is sent none', async t => {
  const { log } = memoryLog()
  const providers = createProviders({ env: { MY_KEY: '' }, log })
  const refused = (fields: object): Promise<void> => {
    assert.match(
      providers.problem(sourceOf({ provider: 'openai', ...fields })) ?? '',
      /^source one has no key: set (OPENAI_API_KEY|MY_KEY)/
    )
    return assert.rejects(
      providers.complete(sourceOf({ provider: 'openai', ...fields }), requestOf()),
      (thrown: unknown) =>
        thrown instanceof EverseedError &&
        thrown.code === 'PROVIDER_UNCONFIGURED' &&
        /OPENAI_API_KEY|MY_KEY/.test(thrown.message)
    )
  }
  await refused({})
  await refused({ api_key_env: 'MY_KEY' })
  await refused({ base_url: 'https://models.example.com/v1' })
  await assert.rejects(
    providers.complete(sourceOf({ provider: 'anthropic' }), requestOf()),
    /ANTHROPIC_API_KEY/
  )
  await assert.rejects(providers.complete(sourceOf({ provider: 'offline' }), requestOf()), {
    code: 'PROVIDER_UNCONFIGURED'
  })

  const openai = await startFakeOpenAI()
  const anthropic = await startFakeAnthropic()
  t.after(() => Promise.all([openai.close(), anthropic.close()]))
  assert.equal(providers.problem(sourceOf({ provider: 'openai', base_url: openai.url })), undefined)
  await providers.complete(sourceOf({ provider: 'openai', base_url: openai.url }), requestOf())
  await providers.complete(sourceOf({ provider: 'anthropic', base_url: anthropic.url }), requestOf())
  assert.equal(openai.requests[0]?.headers['authorization'], undefined)
  assert.equal(anthropic.requests[0]?.headers['authorization'], undefined)
})

test('a key that cannot be sent is refused before it is, and not repeated', async () => {
  for (const bad of ['sk-one\nsk-two', 'sk-“quoted”', 'sk one']) {
    const providers = createProviders({ env: { OPENAI_API_KEY: bad }, log: memoryLog().log })
    await assert.rejects(
      providers.complete(sourceOf({ provider: 'openai' }), requestOf()),
      (thrown: unknown) =>
        thrown instanceof EverseedError &&
        /OPENAI_API_KEY/.test(thrown.message) &&
        !thrown.message.includes(bad)
    )
  }
})

test('many calls under one signal leave no listener behind and raise no warning', async t => {
  const { providers, sourceWith } = await setup(t, 'openai')
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const { signal } = new AbortController()
  const source = sourceWith({ parallel: 32 })
  await Promise.all(
    Array.from({ length: 100 }, (_, call) =>
      providers.complete(source, requestOf({ requestId: `${call}`, signal }))
    )
  )
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  assert.deepEqual(warnings, [])
})

test('plain http to another machine needs the recipe to say so; an environment variable is not enough', async () => {
  const { log } = memoryLog()
  const env = { OPENAI_API_KEY: key, OPENAI_BASE_URL: 'http://models.example.invalid/v1' }
  const providers = createProviders({ env, log })
  await assert.rejects(providers.complete(sourceOf({ provider: 'openai' }), requestOf()), {
    code: 'PROVIDER_UNCONFIGURED',
    message: /OPENAI_BASE_URL is plain http/
  })
  await assert.rejects(
    providers.complete(
      sourceOf({ provider: 'openai', base_url: 'https://a:b@example.invalid/v1' }),
      requestOf()
    ),
    /credentials/
  )
})

test("the SDKs' own variables of the process change nothing", async t => {
  const other = await startFakeOpenAI()
  t.after(() => other.close())
  const { server, providers, source } = await setup(t, 'openai')
  const saved = { ...process.env }
  t.after(() => {
    process.env = saved
  })
  process.env['OPENAI_BASE_URL'] = other.url
  process.env['OPENAI_API_KEY'] = 'sk-of-the-process'
  process.env['OPENAI_ORG_ID'] = 'org-of-the-process'
  await providers.complete(source, requestOf())
  assert.equal(server.requests[0]?.headers['authorization'], `Bearer ${key}`)
  assert.equal(server.requests[0]?.headers['openai-organization'], undefined)
  assert.equal(other.requests.length, 0)
})

test('neither SDK is loaded before a source needs it', () => {
  const script = `
    import { registerHooks } from 'node:module'
    const seen = []
    registerHooks({ resolve(specifier, context, next) {
      if (/^(openai|@anthropic-ai\\/sdk)$/.test(specifier)) seen.push(specifier)
      return next(specifier, context)
    } })
    const { createProviders } = await import('./infra/llm/providers.ts')
    const { startFakeOpenAI } = await import('./test/helpers/fake-openai.ts')
    const { sourceOf, requestOf, memoryLog } = await import('./test/helpers/model-calls.ts')
    const providers = createProviders({ env: {}, log: memoryLog().log })
    const server = await startFakeOpenAI()
    const source = sourceOf({ provider: 'openai', base_url: server.url })
    providers.worstCase(source, requestOf())
    const before = [...seen]
    await providers.complete(source, requestOf())
    console.log(JSON.stringify({ before, after: seen }))
    await server.close()
    process.exit(0)`
  const root = new URL('../../../', import.meta.url)
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8'
  })
  assert.equal(run.status, 0, run.stderr)
  assert.deepEqual(JSON.parse(run.stdout), { before: [], after: ['openai'] })
})
