import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { systemClock } from '../../../infra/llm/clock.ts'
import { createLimits } from '../../../infra/llm/limits.ts'
import type { Tester } from '../../../infra/runner/memory.ts'
import { largestReply } from '../../../processors/generate/outcome.ts'
import { conversation } from '../../../processors/generate/paid.ts'
import { generate } from '../../../processors/generate.ts'
import {
  Abandoned,
  type Completion,
  maxPaidCalls,
  type OfflineModels,
  ProviderError,
  ProviderSilent,
  type Providers,
  type Texts
} from '../../../processors/ports.ts'
import { recipeSchema } from '../../../processors/recipe.ts'
import { EverseedError } from '../../../schemas/errors.ts'
import { contentHash, modelRevision, requestId, syntheticId } from '../../../schemas/identity.ts'
import { deadLetters, generations, journal, prompts, promptsParked } from '../../../schemas/topics.ts'
import type { Control, Generation, Prompt } from '../../../schemas/types.ts'
import { assertPoisonIsBuried, feed, opened, sameUnderFaults, standing } from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'
import { until } from '../../helpers/until.ts'

const worst = { micros: 1000, tokens: 100 }
const price = { input: 0, output: 0 }
const source = { name: 'api', provider: 'openai', model: 'big', family: 'b', price }
const runOf = (recipe: object = {}) => make.run('r', { sources: [source], ...recipe })
const word = (fields: Partial<Control> = {}): Control => ({
  scope: 'run:r',
  author: 'operator',
  action: 'stop',
  state: 'STOP_OPERATOR',
  reason: 'lunch',
  evidence: '',
  temperature_delta: null,
  expires_at: null,
  created_at: 0,
  ...fields
})

const answer = (reply: string, fields: Partial<Completion> = {}): Completion => ({
  reply,
  reasoning_content: null,
  raw: `{"reply":${JSON.stringify(reply)}}`,
  finish_reason: 'stop',
  usage: make.usage({ cost_micros: 400, input_tokens: 30, output_tokens: 20 }),
  latency_ms: 7,
  ...fields
})

type Asked = Parameters<Providers['complete']>[1]

/** Providers that note what they were asked and answer as told. */
function fakeProviders(reply: (request: Asked, call: number) => Completion | Promise<Completion>) {
  const asked: Omit<Asked, 'signal' | 'lost' | 'before'>[] = []
  const providers: Providers = {
    async complete(_source, request) {
      // Without what is alive, and without the codec's classes.
      const { signal: _signal, lost: _lost, before, ...rest } = request
      await before?.()
      asked.push(structuredClone(rest))
      return await reply(request, asked.filter(one => one.requestId === request.requestId).length)
    },
    problem: () => undefined,
    worstCase: () => worst
  }
  return { providers, asked }
}
const echo = () => fakeProviders(({ requestId: id }) => answer(`reply to ${id}`))
const never = new Promise<never>(() => {})

/** Accepted texts by id; `x` is of no known generation. */
const accepted: Readonly<Record<string, number | null>> = { first: 0, second: 2, x: null }
const texts: Texts = {
  async generation(_dataset, ids) {
    const missing = ids.find(id => !(id in accepted))
    if (missing !== undefined) return { missing }
    const numbers = ids.map(id => accepted[id] ?? Number.NaN)
    return { generation: numbers.some(Number.isNaN) ? null : Math.max(...numbers) }
  }
}
const limits = { records: 750, bytes: 1e6, delayMs: 500, retries: 3, retryMs: 1 }
const open = (providers: Providers, recipe: object = {}) =>
  opened(generate, { ports: { providers, texts }, run: runOf(recipe), limits })
const ask = (tester: Tester, one: Prompt): void => tester.feed(prompts, one.id, one)
const made = (tester: Tester): Generation[] => tester.read(generations).map(({ value }) => value)
const phases = (tester: Tester): string[] => tester.read(journal).map(({ value }) => value.phase)

/** Providers with so many places for calls under way; the others wait for one. `end` answers what is under way. */
function crowded(places: number) {
  const room = createLimits({ clock: systemClock, parallel: places })
  const under: (() => void)[] = []
  const { providers, asked } = echo()
  const complete: Providers['complete'] = async (called, request) => {
    const { signal, lost } = request
    const lease = await room.acquire(0, signal).catch((reason: Error) => {
      throw new Abandoned(reason, 0)
    })
    try {
      const completion = await providers.complete(called, request)
      await new Promise<void>((resolve, reject) => {
        under.push(resolve)
        lost?.addEventListener('abort', () => reject(lost.reason as Error))
      })
      return completion
    } finally {
      lease.release({ kind: 'clean' })
    }
  }
  const end = (): void => {
    for (const resolve of under.splice(0)) resolve()
  }
  /** Answers whatever is asked until nothing is left. */
  const finish = async (tester: Tester): Promise<void> => {
    await until(() => {
      end()
      return tester.quiet
    })
  }
  return { providers: { ...providers, complete }, asked, end, finish }
}

describe('generate', () => {
  test('answers each sample of a prompt and says where it comes from', async () => {
    const { providers, asked } = echo()
    const tester = await open(providers)
    const one = make.prompt('p', {
      samples: 2,
      provenance: make.humanProvenance({ origin: 'HUMAN_EDITED', parent_ids: ['x'], split: null })
    })
    ask(tester, one)
    await tester.settle()
    assert.equal(asked.length, 2)
    for (const [index, generation] of made(tester).entries()) {
      const id = requestId('r', 'p', 1, index)
      const { provenance, ...rest } = generation
      assert.equal(rest.request_id, id)
      assert.equal(rest.reply, `reply to ${id}`)
      assert.equal(rest.content_hash, contentHash([...one.messages, make.message('assistant', rest.reply)]))
      assert.equal(rest.id, syntheticId(id, rest.content_hash))
      assert.deepEqual(rest.prompt, one.messages)
      assert.equal(rest.samples, 2)
      assert.deepEqual(rest.usage, answer('').usage)
      assert.equal(rest.latency_ms, 7)
      const request = asked.find(({ requestId: other }) => other === id)!
      assert.deepEqual(
        { ...provenance },
        {
          ...make.provenance(),
          model_id: 'big',
          model_provider: 'openai',
          model_family: 'b',
          temperature: request.temperature,
          seed: request.seed,
          parent_ids: ['x'],
          // Its parent is of unknown generation.
          generation: null,
          prompt_id: 'p',
          sample_index: index,
          created_by: 'source:api',
          output_terms: 'unknown',
          created_at: standing()
        }
      )
    }
    assert.deepEqual(phases(tester), ['intent', 'intent', 'result', 'result', 'settled', 'settled'])
  })

  test('provenance tells what the provider took, not what was asked', async () => {
    const sent = { temperature: null, top_p: 0.5, seed: null }
    const { providers } = fakeProviders(() => answer('x', { sent }))
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await tester.settle()
    const { temperature, top_p, seed } = made(tester)[0]!.provenance
    assert.deepEqual({ temperature, top_p, seed }, sent)
  })

  test('the generation number is one more than the model, at least that of the parents, unknown where theirs is', async () => {
    const { providers } = echo()
    const tester = await open(providers, { sources: [{ ...source, trained_generation: 1 }] })
    // A repair has the number of the answer it repairs, which counted its parents.
    const from = (parent_ids: string[], generation: number | null) => ({
      attempt: 2,
      provenance: make.humanProvenance({ origin: 'UNKNOWN', parent_ids, generation, split: null, attempt: 2 })
    })
    ask(tester, make.prompt('a', from([], 1)))
    ask(tester, make.prompt('b', from(['x'], 1)))
    ask(tester, make.prompt('c', from(['x'], 5)))
    ask(tester, make.prompt('d', from(['x'], null)))
    const published = (parent_ids: string[], generation: number | null = null) => ({
      provenance: make.humanProvenance({ origin: 'HUMAN_EDITED', parent_ids, generation, split: null })
    })
    ask(tester, make.prompt('e', published(['first'])))
    ask(tester, make.prompt('f', published(['first', 'second'], 7)))
    ask(tester, make.prompt('g', published(['first', 'x'])))
    await tester.settle()
    const numbers = Object.fromEntries(
      made(tester).map(({ provenance }) => [provenance.prompt_id, provenance.generation])
    )
    assert.deepEqual(numbers, { a: 2, b: 2, c: 5, d: null, e: 2, f: 2, g: null })
  })

  test('a prompt whose parent is not there is not paid for: a dead letter that accounts for its samples', async () => {
    const { providers, asked } = echo()
    const tester = await open(providers)
    const provenance = make.humanProvenance({
      origin: 'HUMAN_EDITED',
      parent_ids: ['first', 'gone'],
      split: null
    })
    ask(tester, make.prompt('p', { samples: 3, provenance }))
    await tester.settle()
    assert.deepEqual(asked, [])
    assert.deepEqual(made(tester), [])
    const [{ headers } = assert.fail('nothing died')] = tester.read(deadLetters)
    assert.deepEqual([headers['x-reason'], headers['x-settles']], ['parent_unknown', '3'])
    assert.match(headers['x-message']!, /^prompt p of dataset d names parent gone, .*deadletters replay/)
  })

  test('a raised attempt alone makes no claim believed', async () => {
    const { providers } = echo()
    const tester = await open(providers)
    const provenance = make.humanProvenance({ origin: 'UNKNOWN', generation: 7, split: null, attempt: 2 })
    ask(tester, make.prompt('p', { provenance }))
    await tester.settle()
    assert.deepEqual(made(tester), [])
    const [{ headers } = assert.fail('nothing died')] = tester.read(deadLetters)
    assert.equal(headers['x-reason'], 'provenance')
    assert.match(headers['x-message']!, /attempt 2 of the provenance/)
  })

  test('a prompt a model wrote lends the newest of its own generation, its model and its parents', async () => {
    const { providers } = echo()
    const tester = await open(providers)
    tester.table('models', 'writer@1', { id: 'writer', revision: '1', generation: 2 })
    const asked = async (fields: object): Promise<number | null | undefined> => {
      const id = `p${made(tester).length}`
      ask(tester, make.prompt(id, { provenance: make.provenance({ model_id: 'elsewhere', ...fields }) }))
      await tester.settle()
      return made(tester).find(({ provenance }) => provenance.prompt_id === id)?.provenance.generation
    }
    assert.equal(await asked({ generation: 4 }), 4)
    assert.equal(await asked({ generation: 4, parent_ids: ['second'] }), 4)
    assert.equal(await asked({ generation: 1, parent_ids: ['second'] }), 2)
    assert.equal(await asked({ generation: 4, parent_ids: ['x'] }), null)
    assert.equal(await asked({ generation: null, model_id: 'writer' }), 3)
    assert.equal(await asked({ generation: null }), null, 'nobody knows what that model was trained on')
  })

  test("a model's generation is what the run's own recipe says, unknown where it is known to be unknown", async () => {
    const runs = { old: 3, young: 0, later: 1 } as const
    const { providers } = echo()
    const tester = await open(providers)
    for (const [id, trained_generation] of Object.entries(runs)) {
      const run = make.run(id, { sources: [{ ...source, model: 'same', trained_generation }] })
      tester.table('runs', id, run)
      const revision = modelRevision(recipeSchema.parse(JSON.parse(run.recipe)).sources[0]!)
      // The last run's model was registered by nobody.
      if (id !== 'later') {
        tester.table('models', `same@${revision}`, { id: 'same', revision, generation: trained_generation })
      }
    }
    const asked = async (run: string) => {
      ask(tester, make.prompt(`p-${run}`, { run }))
      await tester.settle()
      return made(tester).find(one => one.run === run)?.provenance.generation
    }
    assert.equal(await asked('old'), 4, 'the other run came later and says 0')
    assert.equal(await asked('young'), 1)
    tester.table('models', 'same@x', { id: 'same', revision: 'x', generation: null })
    assert.equal(await asked('later'), null)
  })

  test('a repair shows the model what was wrong, and keeps its index', async () => {
    const { providers, asked } = echo()
    const tester = await open(providers)
    const one = make.prompt('p', {
      attempt: 2,
      feedback: 'too short',
      provenance: make.humanProvenance({ sample_index: 3, repairs: ['old'], split: null }),
      // A publisher's own, whatever they are called.
      metadata: { sample_index: 'row-7', repairs: 'the roof' }
    })
    ask(tester, one)
    await tester.settle()
    assert.equal(asked[0]?.requestId, requestId('r', 'p', 2, 3))
    assert.deepEqual(asked[0]?.messages, conversation(one))
    assert.match(asked[0]?.messages.at(-1)?.content ?? '', /too short/)
    const [generation] = made(tester)
    assert.deepEqual(generation?.prompt, one.messages, 'the feedback is no part of the sample')
    assert.deepEqual(
      [generation?.provenance.attempt, generation?.provenance.sample_index, generation?.provenance.repairs],
      [2, 3, ['old']]
    )
  })

  test('a call that failed for good is an answer: an error with what it may have cost', async () => {
    const { providers } = fakeProviders(() => {
      throw new ProviderError('unavailable', 'the server is away', { calls: 2, status: 503 })
    })
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await tester.settle()
    const [generation] = made(tester)
    assert.equal(generation?.error, 'unavailable: the server is away')
    assert.equal(generation?.finish_reason, 'error')
    assert.equal(generation?.usage.cost_micros, 2 * worst.micros)
    const settled = tester.read(journal).at(-1)!.value
    assert.deepEqual([settled.phase, settled.cost_micros, settled.tokens], ['settled', 2000, 200])
  })

  test('trouble that passes is tried again and leaves no trace', async () => {
    const { providers, asked } = fakeProviders((_request, call) => {
      if (call < 3) throw new Error('a hiccup')
      return answer('at last')
    })
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await tester.settle()
    assert.equal(asked.length, 3)
    assert.deepEqual(
      made(tester).map(({ reply, error }) => reply + error),
      ['at last']
    )
  })

  test('trouble that stays ends the process with the offset uncommitted', async () => {
    const { providers } = fakeProviders(() => {
      throw new Error('a bug')
    })
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await assert.rejects(tester.settle(), { code: 'PROCESSOR_FAILED', message: /prompts\/0@0: a bug/ })
    assert.equal(tester.committed(prompts), 0)
  })

  test('a reply over the limit is replaced by its hash and length', async () => {
    const { providers } = fakeProviders(() => answer('x'.repeat(largestReply + 1), { raw: 'y' }))
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await tester.settle()
    const [generation] = made(tester)
    assert.match(
      generation?.error ?? '',
      /^too_large: the reply has 6291457 bytes \(sha256-128 [0-9a-f]{32}\)/
    )
    assert.deepEqual([generation?.reply, generation?.raw], ['', null])
    assert.ok(tester.read(journal).every(({ value }) => value.reply.length < 2000))
  })

  test('a reply that grows over the limit where it is written down is replaced as well', async () => {
    // Six characters of JSON for each: twice what the journal takes.
    const { providers, asked } = fakeProviders(() => answer('\u0001'.repeat(3 * 1024 * 1024), { raw: null }))
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await tester.settle()
    assert.equal(asked.length, 1)
    assert.match(made(tester)[0]?.error ?? '', /^too_large: the reply has 3145728 bytes/)
    assert.ok(tester.read(journal).every(({ value }) => value.reply.length < 2000))
    // Large and plain is kept, reasoning and all.
    const plain = await open(
      fakeProviders(() => answer('x'.repeat(3e6), { raw: null, reasoning_content: 'y'.repeat(5e6) }))
        .providers
    )
    ask(plain, make.prompt('p'))
    await plain.settle()
    assert.equal(made(plain)[0]?.reply.length, 3e6)
  })

  test('a large reply is kept whole; the raw body goes where there is no room for both', async () => {
    const MiB = 1024 * 1024
    const kept = async (reply: number, raw: number | null, prompt = 10) => {
      const { providers } = fakeProviders(() =>
        answer('x'.repeat(reply), { raw: raw === null ? null : 'y'.repeat(raw) })
      )
      const tester = await open(providers)
      ask(tester, make.prompt('p', { messages: [make.message('user', 'z'.repeat(prompt))] }))
      await tester.settle()
      const [one = assert.fail('no answer')] = made(tester)
      assert.equal(one.error, '')
      const length = one.raw?.length
      assert.equal(one.content_hash, contentHash([...one.prompt, make.message('assistant', one.reply)]))
      return [one.reply.length, length]
    }
    assert.deepEqual(await kept(largestReply, null), [largestReply, undefined])
    assert.deepEqual(await kept(largestReply, 3 * MiB), [largestReply, 3 * MiB])
    assert.deepEqual(await kept(5 * MiB, 5 * MiB + 100), [5 * MiB, undefined])
    // The journal takes both, the generation not beside its prompt.
    assert.deepEqual(await kept(3 * MiB, 3 * MiB, 3 * MiB), [3 * MiB, 3 * MiB])
    assert.deepEqual(await kept(3 * MiB, 3 * MiB, 5 * MiB), [3 * MiB, undefined])
  })

  test('half a character is replaced, as UTF-8 has no form for it', async () => {
    const { providers } = fakeProviders(() =>
      answer('cut \ud83d', { raw: '"\ud83d"', reasoning_content: '\ude00' })
    )
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await tester.settle()
    const [{ reply, raw, reasoning_content } = assert.fail('no answer')] = made(tester)
    assert.deepEqual([reply, raw, reasoning_content], ['cut \ufffd', '"\ufffd"', '\ufffd'])
  })

  test('offline sources are drawn from their model, unpaid', async () => {
    const seen: object[] = []
    const tester = await opened(generate, {
      limits,
      run: make.run('r', {
        sources: [{ name: 'alpha', provider: 'offline', model: 'alpha', family: 'a', top_p: 0.5 }]
      }),
      ports: {
        providers: fakeProviders(() => assert.fail('nobody is called')).providers,
        offline: {
          sampler: async model => request => {
            seen.push({ model: model.id, ...request })
            return { text: 'drawn', tokens: 5, finished: false }
          }
        }
      }
    })
    tester.table('models', 'alpha@1', {
      id: 'alpha',
      generation: 2,
      offline: { dataset: 'd', slot: 0, to: 9, order: 3, smoothing: 0.1, share: 1 }
    })
    ask(tester, make.prompt('p'))
    await tester.settle()
    const [generation] = made(tester)
    assert.deepEqual([generation?.reply, generation?.finish_reason], ['drawn', 'length'])
    assert.equal(generation?.provenance.generation, 3)
    const { temperature, seed } = generation.provenance
    assert.equal(generation.provenance.top_p, 0.5)
    assert.deepEqual(seen, [
      { model: 'alpha', topic: 'history', temperature, topP: 0.5, seed, maxTokens: 512 }
    ])
    assert.deepEqual(phases(tester), ['settled'])
  })

  test('prompts that cannot be answered die with all their samples', async () => {
    const tester = await open(echo().providers)
    tester.table('runs', 'odd', make.run('odd', {}, { recipe: '{"sources": []}' }))
    tester.table('runs', 'torn', make.run('torn', {}, { recipe: '{"sourc' }))
    ask(tester, make.prompt('a', { samples: 5000 }))
    ask(tester, make.prompt('b', { samples: 0 }))
    ask(tester, make.prompt('c', { samples: 3, messages: [] }))
    ask(tester, make.prompt('d', { samples: 2, run: 'odd', attempt: 2 }))
    ask(tester, make.prompt('e', { samples: 1, run: 'torn' }))
    const last = make.humanProvenance({ sample_index: 2 ** 31 - 2, split: null })
    ask(tester, make.prompt('f', { samples: 2, provenance: last }))
    await tester.settle()
    assert.deepEqual(
      tester
        .read(deadLetters)
        .map(({ headers }) => [
          headers['x-key'],
          headers['x-reason'],
          headers['x-settles'],
          headers['x-run'],
          headers['x-sample-attempt']
        ]),
      [
        ['a', 'illegal_samples', '5000', 'r', '1'],
        ['b', 'illegal_samples', '0', 'r', '1'],
        ['c', 'empty_prompt', '3', 'r', '1'],
        ['d', 'unreadable_recipe', '2', 'odd', '2'],
        ['e', 'unreadable_recipe', '1', 'torn', '1'],
        ['f', 'illegal_samples', '2', 'r', '1']
      ]
    )
  })

  test('an answer too large to be written with its prompt dies with all samples, none of them settled', async () => {
    const { providers } = fakeProviders(() => answer('y'.repeat(4 * 1024 * 1024), { raw: null }))
    const tester = await open(providers)
    ask(
      tester,
      make.prompt('p', { samples: 2, messages: [make.message('user', 'x'.repeat(7 * 1024 * 1024))] })
    )
    await tester.settle()
    const [{ headers } = assert.fail('nothing died')] = tester.read(deadLetters)
    assert.deepEqual([headers['x-reason'], headers['x-settles']], ['unencodable', '2'])
    assert.ok(!phases(tester).includes('settled'))
  })

  test('poison is buried, everything else goes through', async () => {
    const good = Array.from({ length: 5 }, (_, index) => make.prompt(`p${index}`))
    await assertPoisonIsBuried(
      await open(echo().providers),
      generate,
      prompts,
      good,
      [
        ['provenance', make.prompt('a', { provenance: make.provenance({ model_id: null }) })],
        ['provenance', make.prompt('d', { provenance: make.humanProvenance({ sample_index: -1 }) })],
        ['provenance', make.prompt('e', { provenance: make.humanProvenance({ parent_ids: ['x'] }) })],
        ['unknown_dataset', make.prompt('b', { dataset: 'nowhere' })],
        ['unknown_run', make.prompt('c', { run: 'never' })]
      ],
      generations
    )
  })

  test('faults change nothing', async () => {
    const steps = [0, 1, 2, 3].map(index =>
      feed(prompts, `p${index}`, make.prompt(`p${index}`, { samples: (index % 3) + 1 }))
    )
    await sameUnderFaults(() => open(echo().providers), steps, [generations, promptsParked])
  })
})

describe('generate pays once', () => {
  test('a settled call is not made again, however often its prompt comes', async () => {
    const { providers, asked } = echo()
    const tester = await open(providers)
    for (let time = 0; time < 3; time++) {
      ask(tester, make.prompt('p', { samples: 2 }))
      await tester.settle()
      await tester.restart()
    }
    assert.equal(asked.length, 2)
    assert.equal(made(tester).length, 2)
  })

  test('a reply that arrived before a crash is used after it', async () => {
    for (const when of ['before', 'after'] as const) {
      const { providers, asked } = echo()
      const tester = await open(providers)
      tester.failCommits(2, when)
      ask(tester, make.prompt('p', { samples: 3 }))
      await tester.settle()
      assert.equal(asked.length, 3)
      assert.equal(made(tester).length, 3, when)
    }
  })

  test('a call under way at a crash is made again, with the same draw and its reserve beside the new one', async () => {
    const { providers, asked } = fakeProviders((_request, call) =>
      call === 1 ? never : answer('second try')
    )
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    await until(() => asked.length === 1)
    // Meanwhile the operator warms everything up: what was drawn stays.
    tester.table('control', 'run:r|operator', word({ action: 'warn', temperature_delta: 0.5 }))
    await tester.restart()
    await tester.settle()
    assert.equal(asked.length, 2)
    assert.deepEqual([asked[1]!.temperature, asked[1]!.seed], [asked[0]!.temperature, asked[0]!.seed])
    const entries = tester.read(journal).map(({ value }) => value)
    assert.deepEqual(
      entries.map(({ phase, reserved_micros, cost_micros }) => [phase, reserved_micros, cost_micros]),
      [
        ['intent', maxPaidCalls * worst.micros, 0],
        ['intent', 2 * maxPaidCalls * worst.micros, 0],
        ['result', maxPaidCalls * worst.micros + 400, 0],
        ['settled', 0, maxPaidCalls * worst.micros + 400]
      ],
      'the lost call may have been paid: its reserve is spent'
    )
    assert.equal(entries[0]?.draw, entries[1]?.draw)
  })

  test('no call without its intent in the journal', async () => {
    const { providers, asked } = echo()
    const tester = await open(providers)
    tester.failJournal(1)
    ask(tester, make.prompt('p'))
    await tester.settle()
    assert.equal(asked.length, 1)
    assert.equal(made(tester).length, 1)
    assert.deepEqual(phases(tester), ['intent', 'result', 'settled'])
  })

  test('who lost the slot does not pay any more', async () => {
    const { providers, asked } = echo()
    const tester = await open(providers)
    ask(tester, make.prompt('p'))
    // The intent waits for company when the slot changes hands.
    await tester.restart()
    await tester.settle()
    assert.equal(asked.length, 1)
  })
})

/** Whether a reserve more than what is spent, or may be, passes the budget. */
function exhausted(tester: Tester, { usd = Infinity, tokens = Infinity }): boolean {
  const last = new Map(tester.read(journal).map(({ key, value }) => [key, value]))
  let [micros, used] = [maxPaidCalls * worst.micros, maxPaidCalls * worst.tokens]
  for (const { reserved_micros, cost_micros, tokens: taken } of last.values()) {
    micros += reserved_micros + cost_micros
    used += taken
  }
  return micros > usd * 1e6 || used > tokens
}

describe('generate loses nothing for calls that were never sent', () => {
  const budget = { usd: (2 * maxPaidCalls * worst.micros) / 1e6 }
  const costs = (tester: Tester): number =>
    tester.read(journal).reduce((sum, { value }) => sum + value.cost_micros, 0)

  test('a kill costs what was under way, not what waited for a place', async () => {
    const { providers, asked, finish } = crowded(2)
    const tester = await open(providers)
    for (let index = 0; index < 10; index++) ask(tester, make.prompt(`p${index}`, { samples: 3 }))
    await until(() => asked.length === 2)
    assert.deepEqual(phases(tester), ['intent', 'intent'])
    await tester.restart()
    await until(() => asked.length === 4)
    await finish(tester)
    assert.equal(asked.length, 32)
    assert.equal(costs(tester), 2 * maxPaidCalls * worst.micros + 30 * 400)
  })

  test('a drain abandons at once what waits for a place, and lets what is under way end', async () => {
    const { providers, asked, end, finish } = crowded(2)
    const tester = await open(providers)
    for (const id of ['a', 'b', 'c']) ask(tester, make.prompt(id, { samples: 2 }))
    await until(() => asked.length === 2)
    const stopped = tester.stop()
    end()
    await stopped
    assert.equal(asked.length, 2, 'nothing was sent after the drain began')
    assert.equal(made(tester).length, 2)
    assert.equal(tester.committed(prompts), 1, 'what was abandoned is not done')
    assert.deepEqual(phases(tester), ['intent', 'intent', 'result', 'result', 'settled', 'settled'])
    assert.deepEqual([tester.read(promptsParked), tester.read(deadLetters)], [[], []])
    await tester.restart()
    await finish(tester)
    assert.equal(made(tester).length, 6)
    assert.equal(costs(tester), 6 * 400)
  })

  test('a drain abandons what waits for the budget; a sibling that was answered is not asked again', async () => {
    const { providers, asked, end } = crowded(9)
    const tester = await open(providers, { budget })
    ask(tester, make.prompt('p', { samples: 3 }))
    await until(() => asked.length === 2)
    const stopped = tester.stop()
    end()
    await stopped
    assert.equal(asked.length, 2)
    assert.deepEqual([made(tester), tester.committed(prompts)], [[], 0])
    assert.deepEqual(phases(tester), ['intent', 'intent', 'result', 'result'])
    await tester.restart()
    await until(() => asked.length === 3)
    end()
    await tester.settle()
    assert.equal(made(tester).length, 3)
    assert.equal(costs(tester), 3 * 400)
  })

  test('of a call abandoned between two tries what may have been paid stays set aside', async () => {
    for (const calls of [0, 1]) {
      const { providers, asked } = fakeProviders((_request, call) => (call === 1 ? never : answer('at last')))
      const complete: Providers['complete'] = (called, request) => {
        const { promise, reject } = Promise.withResolvers<never>()
        const { signal } = request
        signal.addEventListener('abort', () => reject(new Abandoned(signal.reason as Error, calls)))
        return Promise.race([providers.complete(called, request), promise])
      }
      const tester = await open({ ...providers, complete })
      ask(tester, make.prompt('p'))
      await until(() => asked.length === 1)
      await tester.stop()
      await tester.restart()
      await tester.settle()
      assert.equal(costs(tester), calls * worst.micros + 400)
    }
  })
})

describe('generate keeps within its budget', () => {
  test('whatever calls cost, and whatever breaks', async () => {
    const call = fc.record({
      cost: fc.nat(worst.micros),
      tokens: fc.nat(worst.tokens),
      calls: fc.integer({ min: 1, max: maxPaidCalls }),
      fails: fc.constantFrom('', '', '', 'unavailable', 'rejected') satisfies fc.Arbitrary<string>,
      hangs: fc.constantFrom(false, false, false, false, true)
    })
    const cases = fc.record({
      usd: fc.option(
        fc.nat(30).map(calls => (calls * worst.micros) / 1e6),
        { nil: undefined }
      ),
      tokens: fc.option(fc.nat(30 * worst.tokens), { nil: undefined }),
      script: fc.array(call, { minLength: 1, maxLength: 8 }),
      asked: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
      breaks: fc.array(fc.constantFrom('', 'restart', 'abort', 'unanswered', 'journal'), { maxLength: 6 })
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ usd, tokens, script, asked, breaks }) => {
        const paid = { micros: 0, tokens: 0 }
        let count = 0
        let stuck = false
        const { providers } = fakeProviders(() => {
          const one = script[count++ % script.length]!
          // Paid when it is made: a crash does not give the money back.
          paid.micros += one.cost + (one.calls - 1) * worst.micros
          paid.tokens += one.tokens + (one.calls - 1) * worst.tokens
          if (one.hangs) {
            stuck = true
            return never
          }
          if (one.fails !== '') throw new ProviderError(one.fails, 'no', { calls: one.calls })
          const usage = make.usage({ cost_micros: one.cost, input_tokens: 0, output_tokens: one.tokens })
          return answer('x', { usage, calls: one.calls })
        })
        const budget = { ...(usd !== undefined && { usd }), ...(tokens !== undefined && { tokens }) }
        const tester = await open(providers, { budget })
        const within = (): void => {
          if (usd !== undefined) assert.ok(paid.micros <= usd * 1e6 + 1e-6, `${paid.micros} of ${usd * 1e6}`)
          if (tokens !== undefined) assert.ok(paid.tokens <= tokens, `${paid.tokens} of ${tokens} tokens`)
        }
        for (const [index, samples] of asked.entries()) {
          ask(tester, make.prompt(`p${index}`, { samples }))
          const broken = breaks[index] ?? ''
          if (broken === 'restart') await tester.restart()
          else if (broken === 'journal') tester.failJournal(1)
          else if (broken !== '') tester.failCommits(1, broken === 'abort' ? 'before' : 'after')
          await until(() => stuck || tester.quiet)
          within()
        }
        // What hangs is taken over by the next owner, again and again, each time at the cost of its reserve.
        for (let owner = 0; owner < 5 && stuck; owner++) {
          stuck = false
          await tester.restart()
          await until(() => stuck || tester.quiet)
          within()
        }
        if (!stuck) {
          const known =
            made(tester).length +
            tester.read(promptsParked).reduce((sum, { value }) => sum + value.samples, 0)
          assert.equal(
            known,
            asked.reduce((sum, samples) => sum + samples, 0),
            'each sample is made or parked'
          )
          const parked = tester.read(promptsParked).length > 0
          assert.ok(!parked || exhausted(tester, { usd, tokens }), 'what is parked could not be afforded')
        }
      }),
      { numRuns: 60 }
    )
  })

  test('what it cannot afford whatever the calls under way cost is parked, once per prompt, and all it could is kept', async () => {
    const { providers, asked } = echo()
    const reserve = maxPaidCalls * worst.micros
    // Two reserves fit; calls cost 400, so the ninth finds 3200 spent and less than a reserve left.
    const tester = await open(providers, { budget: { usd: (2 * reserve) / 1e6 } })
    ask(tester, make.prompt('p', { samples: 12 }))
    await tester.settle()
    assert.equal(asked.length, 8)
    assert.equal(made(tester).length, 8)
    const [record, ...more] = tester.read(promptsParked)
    assert.deepEqual(more, [])
    assert.equal(record?.key, 'r/p/1/0')
    assert.equal(record?.value.samples, 4)
    assert.match(record?.value.reason ?? '', /^STOP_BUDGET: .*\$0\.003; \$0\.0032 of \$0\.006 are spent$/)
    assert.deepEqual(record?.value.prompt, make.prompt('p', { samples: 12 }))
  })

  test('many prompts at once wait for each other until no reserve is left of the budget', async () => {
    const { providers, asked, finish } = crowded(4)
    const tester = await open(providers, { budget: { usd: (40 * worst.micros) / 1e6 } })
    for (let index = 0; index < 40; index++) ask(tester, make.prompt(`p${index}`, { samples: 3 }))
    await finish(tester)
    // 92 calls cost 36800: there is one reserve left. The one after finds 37200 spent, and none.
    assert.equal(asked.length, 93)
    assert.equal(made(tester).length, 93)
    const parked = tester.read(promptsParked).map(({ value }) => value.samples)
    assert.equal(
      parked.reduce((sum, samples) => sum + samples, 0),
      120 - 93
    )
  })

  test('told again later, a parked prompt is answered as far as it was not', async () => {
    const { providers, asked } = fakeProviders(({ requestId: id }, call) => {
      if (id === requestId('r', 'p', 1, 2) && call === 1) throw new ProviderSilent('nobody is there', 0)
      return answer('x')
    })
    const tester = await open(providers)
    ask(tester, make.prompt('p', { samples: 3 }))
    await tester.settle()
    assert.equal(tester.read(promptsParked)[0]?.value.samples, 1)
    ask(tester, make.prompt('p', { samples: 3 }))
    await tester.settle()
    assert.equal(asked.length, 4)
    assert.equal(new Set(made(tester).map(({ request_id }) => request_id)).size, 3)
    assert.equal(made(tester).length, 3)
  })

  test('offline sources keep within the tokens as well, whatever breaks', async () => {
    const alpha = { name: 'alpha', provider: 'offline', model: 'alpha', family: 'a', max_tokens: 100 }
    const tokens = 500
    // Draws take 20 to 99 tokens, each always the same.
    const drawn = (seed: number): number => 20 + (seed % 80)
    const start = async (sources: object[]): Promise<Tester> => {
      const tester = await opened(generate, {
        limits,
        run: make.run('r', { sources, budget: { tokens } }),
        ports: {
          providers: echo().providers,
          offline: { sampler: async () => one => ({ text: 'x', tokens: drawn(one.seed), finished: true }) }
        }
      })
      const offline = { dataset: 'd', slot: 0, to: 9, order: 3, smoothing: 0.1, share: 1 }
      tester.table('models', 'alpha@1', { id: 'alpha', generation: 0, offline })
      return tester
    }
    const used = (tester: Tester): number =>
      made(tester).reduce((sum, { usage }) => sum + usage.input_tokens + usage.output_tokens, 0)
    const tester = await start([alpha])
    for (let index = 0; index < 20; index++) ask(tester, make.prompt(`p${index}`, { samples: 3 }))
    await tester.settle()
    const all = tester
      .read(promptsParked)
      .reduce((sum, { value }) => sum + value.samples, made(tester).length)
    assert.equal(all, 60)
    assert.ok(used(tester) <= tokens && used(tester) + alpha.max_tokens > tokens, `${used(tester)}`)
    assert.match(
      tester.read(promptsParked)[0]!.value.reason,
      /^STOP_BUDGET: .* up to 100 tokens; \d+ of 500 are used$/
    )
    const steps = [0, 1, 2, 3, 4].map(index =>
      feed(prompts, `p${index}`, make.prompt(`p${index}`, { samples: 4 }))
    )
    await sameUnderFaults(() => start([alpha]), steps, [generations, promptsParked])
    // Beside calls under way, which hold three times their worst case.
    const mixed = await start([alpha, { ...source, weight: 1 }])
    for (let index = 0; index < 20; index++) ask(mixed, make.prompt(`p${index}`, { samples: 3 }))
    await mixed.settle()
    assert.equal(new Set(made(mixed).map(({ provenance }) => provenance.model_id)).size, 2)
    assert.ok(used(mixed) <= tokens, `${used(mixed)}`)
  })

  test('a draw that fails holds nothing up', async () => {
    let draws = 0
    const tester = await opened(generate, {
      limits,
      run: make.run('r', { budget: { tokens: 612 } }),
      ports: {
        offline: {
          sampler: async () => () => {
            if (draws++ < 3) throw new Error('a hiccup')
            return { text: 'x', tokens: 100, finished: true }
          }
        }
      }
    })
    const offline = { dataset: 'd', slot: 0, to: 9, order: 3, smoothing: 0.1, share: 1 }
    tester.table('models', 'alpha@1', { id: 'alpha', generation: 0, offline })
    ask(tester, make.prompt('p', { samples: 2 }))
    await tester.settle()
    assert.equal(made(tester).length, 2)
  })

  test('a stopped run is parked and does not hold another one', async () => {
    const { providers } = echo()
    const tester = await open(providers)
    tester.table('runs', 'other', { ...runOf(), id: 'other' })
    tester.table('control', 'run:r|operator', word())
    ask(tester, make.prompt('p', { samples: 4 }))
    ask(tester, make.prompt('q', { run: 'other' }))
    await tester.settle()
    const [record] = tester.read(promptsParked)
    assert.deepEqual([record?.value.samples, record?.value.reason], [4, 'STOP_OPERATOR: lunch'])
    assert.deepEqual(
      made(tester).map(({ run }) => run),
      ['other']
    )
  })

  test('a stop parks what a prompt left open, and says nothing of one that is settled', async () => {
    const tester = await open(echo().providers, { budget: { usd: (maxPaidCalls * worst.micros) / 1e6 } })
    ask(tester, make.prompt('p', { samples: 4 }))
    ask(tester, make.prompt('q', { samples: 1, attempt: 2 }))
    await tester.settle()
    const parked = () =>
      tester.read(promptsParked).map(({ value }) => [value.prompt.id, value.samples, value.reason])
    assert.equal(made(tester).length, 1)
    tester.table('control', 'run:r|operator', word())
    for (const id of ['p', 'p']) ask(tester, make.prompt(id, { samples: 4 }))
    ask(tester, make.prompt('p', { samples: 1 }))
    await tester.restart()
    await tester.settle()
    assert.deepEqual(parked().slice(2), [
      ['p', 3, 'STOP_OPERATOR: lunch'],
      ['p', 3, 'STOP_OPERATOR: lunch']
    ])
    assert.deepEqual(phases(tester), ['intent', 'result', 'settled'])
  })

  test('what cannot be called as configured is parked with what to do, costs nothing and holds nobody up', async () => {
    const unset = 'source api has no key: set OPENAI_API_KEY'
    let configured = false
    const { providers, asked } = echo()
    const { promise: hiccup, reject } = Promise.withResolvers<never>()
    hiccup.catch(() => {})
    const models: Record<string, () => ReturnType<OfflineModels['sampler']>> = {
      blind: () => Promise.reject(new EverseedError('PROVIDER_UNCONFIGURED', 'blind sees no document')),
      late: () => hiccup
    }
    const tester = await opened(generate, {
      limits,
      run: runOf({ budget: { usd: 1 } }),
      ports: {
        providers: {
          ...providers,
          problem: ({ model }) => (model === 'big' && !configured ? unset : undefined)
        },
        offline: { sampler: ({ id }) => models[id]!() }
      }
    })
    const offline = { dataset: 'd', slot: 0, to: 9, order: 3, smoothing: 0.1, share: 0 }
    tester.table('models', 'blind@1', { id: 'blind', generation: 0, offline })
    for (const model of ['blind', 'gone']) {
      const sources = [{ name: model, provider: 'offline', model, family: 'a' }]
      tester.table('runs', model, make.run(model, { sources }))
    }
    tester.table('runs', 'other', make.run('other', { sources: [{ ...source, model: 'small' }] }))
    ask(tester, make.prompt('p', { samples: 3 }))
    ask(tester, make.prompt('q', { run: 'blind', samples: 2 }))
    ask(tester, make.prompt('s', { run: 'gone' }))
    ask(tester, make.prompt('t', { run: 'other' }))
    await tester.settle()
    const parked = () =>
      tester.read(promptsParked).map(({ value }) => [value.prompt.id, value.samples, value.reason])
    assert.deepEqual(parked(), [
      ['p', 3, `PROVIDER_UNCONFIGURED: ${unset}`],
      ['q', 2, 'PROVIDER_UNCONFIGURED: blind sees no document'],
      [
        's',
        1,
        'PROVIDER_UNCONFIGURED: offline model gone is in no table; publish the prompts with their recipe'
      ]
    ])
    assert.deepEqual(
      made(tester).map(({ run }) => run),
      ['other']
    )
    assert.ok(
      tester.read(journal).every(({ value }) => value.run === 'other'),
      'nothing was set aside'
    )
    configured = true
    ask(tester, make.prompt('p', { samples: 3 }))
    await tester.settle()
    assert.equal(asked.length, 4)
    // Trouble of the world is not parked but tried again.
    tester.table('models', 'late@1', { id: 'late', generation: 0, offline })
    const sources = [{ name: 'late', provider: 'offline', model: 'late', family: 'a' }]
    tester.table('runs', 'late', make.run('late', { sources }))
    ask(tester, make.prompt('u', { run: 'late' }))
    reject(new Error('the broker is away'))
    await assert.rejects(tester.settle(), /the broker is away/)
  })

  test('a provider that answers nobody is waited for as long as the recipe says; only what may be paid stays set aside', async () => {
    let silent = true
    const { providers, asked } = fakeProviders(() => {
      if (silent) throw new ProviderSilent('source api has answered nobody for 60 s: 500', 1)
      return answer('at last')
    })
    const tester = await opened(generate, { ports: { providers }, run: runOf({ park_after: 60 }), limits })
    ask(tester, make.prompt('p'))
    await tester.settle()
    assert.equal(asked[0]?.patienceMs, 60_000)
    const [record] = tester.read(promptsParked)
    assert.deepEqual(
      [record?.value.samples, record?.value.reason],
      [1, 'source api has answered nobody for 60 s: 500']
    )
    silent = false
    ask(tester, make.prompt('p'))
    await tester.settle()
    assert.equal(made(tester)[0]?.reply, 'at last')
    assert.deepEqual(
      [asked[1]!.temperature, asked[1]!.seed],
      [asked[0].temperature, asked[0].seed],
      'the draw was made once'
    )
    assert.deepEqual(
      tester.read(journal).map(({ value }) => [value.phase, value.reserved_micros, value.cost_micros]),
      [
        ['intent', maxPaidCalls * worst.micros, 0],
        ['intent', worst.micros, 0],
        ['intent', (1 + maxPaidCalls) * worst.micros, 0],
        ['result', worst.micros + 400, 0],
        ['settled', 0, worst.micros + 400]
      ]
    )
  })
})
