/** The end of a run as generate and guard bring it about together, each on its own log: what one writes the other reads. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { generate } from '../../../processors/generate.ts'
import { guard } from '../../../processors/guard.ts'
import { maxPaidCalls, ProviderSilent, type Providers } from '../../../processors/ports.ts'
import {
  control,
  generations,
  prompts,
  promptsParked,
  runs,
  samplesVerified,
  type Topic
} from '../../../schemas/topics.ts'
import type { Control, Run } from '../../../schemas/types.ts'
import { opened } from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'

const worst = { micros: 1000, tokens: 100 }
const price = { input: 0, output: 0 }
const source = { name: 'api', provider: 'openai', model: 'big', family: 'b', price }
const stop: Control = {
  scope: 'run:r',
  author: 'operator',
  action: 'stop',
  state: 'STOP_OPERATOR',
  reason: 'lunch',
  evidence: '',
  temperature_delta: null,
  expires_at: null,
  created_at: 0
}

/** Both at work on one run; `silent` says of which calls nobody answers. */
async function together(recipe: object, silent: (call: number) => boolean = () => false) {
  let calls = 0
  const providers: Providers = {
    async complete(_source, { before }) {
      await before?.()
      if (silent(calls++)) throw new ProviderSilent('nobody is there', 0)
      return {
        reply: 'x',
        reasoning_content: null,
        raw: null,
        finish_reason: 'stop',
        usage: make.usage({ cost_micros: worst.micros, input_tokens: 0, output_tokens: 0 }),
        latency_ms: 1
      }
    },
    problem: () => undefined,
    worstCase: () => worst
  }
  const run = make.run('r', { sources: [source], ...recipe })
  const limits = { records: 750, bytes: 1e6, delayMs: 500, retries: 3, retryMs: 1 }
  const writer = await opened(generate, { ports: { providers }, run, limits })
  const reader = await opened(guard, { run })
  let told = 0
  const passed = new Map<string, number>()
  const fresh = <Value extends object>(tester: typeof writer, topic: Topic<Value>) => {
    const records = tester.read(topic).slice(passed.get(topic.name) ?? 0)
    passed.set(topic.name, (passed.get(topic.name) ?? 0) + records.length)
    return records
  }
  return {
    parked: () => writer.read(promptsParked).map(({ value }) => value.samples),
    word: (name: string, value: Control) => writer.table('control', `run:r|${name}`, value),
    /** Publishes a prompt, and passes on what comes of it; every answer is accepted. */
    async tell(id: string, samples: number): Promise<void> {
      told++
      const prompt = make.prompt(id, { samples })
      writer.feed(prompts, id, prompt)
      await writer.settle()
      reader.feed(prompts, id, prompt)
      for (const { key, value } of fresh(writer, generations)) {
        reader.feed(generations, key, value)
        const { provenance } = value
        reader.feed(samplesVerified, key, make.sample(key, value.reply, { provenance }))
      }
      for (const { key, value } of fresh(writer, promptsParked)) reader.feed(promptsParked, key, value)
      await reader.settle()
      for (const { key, value } of fresh(reader, control)) writer.table('control', key, value)
    },
    /** Closes publishing. Gives the ends that are said. */
    async close(): Promise<Run[]> {
      reader.table('runs', 'r', { ...run, state: 'draining', prompts_to: [told] })
      await reader.tick()
      return reader.read(runs).map(({ value }) => value)
    }
  }
}

describe('a run ends', () => {
  test('though a prompt its budget stopped halfway is told again', async () => {
    const budget = { usd: ((maxPaidCalls + 1) * worst.micros) / 1e6 }
    const { tell, close, parked } = await together({ budget })
    await tell('p', 4)
    assert.deepEqual(parked(), [2])
    await tell('p', 4)
    assert.deepEqual(parked(), [2, 2], 'two are answered, whatever stops the others')
    assert.equal((await close()).length, 1)
  })

  test('though a prompt that was answered is told again under a stop', async () => {
    const { tell, close, parked, word } = await together({})
    await tell('p', 2)
    word('operator', stop)
    await tell('p', 2)
    assert.deepEqual(parked(), [])
    assert.equal((await close()).length, 1)
  })

  test('whatever is told, stopped, left unanswered and told again', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ tell: fc.nat(3) }) },
      { weight: 1, arbitrary: fc.constantFrom('stop' as const, 'resume' as const) }
    )
    const cases = fc.record({
      steps: fc.array(step, { maxLength: 12 }),
      calls: fc.option(fc.integer({ min: maxPaidCalls, max: 12 }), { nil: undefined }),
      silence: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 })
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ steps, calls, silence }) => {
        const budget = calls === undefined ? {} : { usd: (calls * worst.micros) / 1e6 }
        const silent = (call: number): boolean => silence[call % silence.length]!
        const { tell, close, word } = await together({ budget }, silent)
        for (const what of steps) {
          if (what === 'stop') word('operator', stop)
          else if (what === 'resume') word('operator', { ...stop, action: 'continue' })
          else await tell(`p${what.tell}`, what.tell + 1)
        }
        assert.equal((await close()).length, 1)
      }),
      { numRuns: 60 }
    )
  })
})
