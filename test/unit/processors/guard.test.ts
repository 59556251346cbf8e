import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { givingBack } from '../../../infra/runner/deadletter.ts'
import type { Tester } from '../../../infra/runner/memory.ts'
import { type Books, guard, isSettled, stopFor } from '../../../processors/guard.ts'
import { recipeSchema } from '../../../processors/recipe.ts'
import {
  control,
  deadLetters,
  generations,
  prompts,
  promptsParked,
  runs,
  samplesRejected,
  samplesVerified,
  stateTopic,
  type Topic
} from '../../../schemas/topics.ts'
import type { Control, Run, State } from '../../../schemas/types.ts'
import {
  assertPoisonIsBuried,
  feed,
  opened,
  sameUnderFaults,
  standing,
  type Step
} from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'

/** Something the guard sees, and the topic it lies in. */
type Event = { readonly topic: Topic; readonly step: Step; readonly counts: boolean }

const told = (id: string, samples: number, attempt = 1): Event => ({
  topic: prompts,
  step: feed(prompts, id, make.prompt(id, { samples, attempt })),
  counts: attempt === 1
})
/** Which attempt a sample is: repairs have an id that ends in "again". */
const of = (id: string) => make.provenance({ attempt: id.endsWith('again') ? 2 : 1 })
const started = (id: string, fields = {}): Event => ({
  topic: generations,
  step: feed(generations, id, make.generation(id, `reply ${id}`, { provenance: of(id), ...fields })),
  counts: true
})
const accepted = (id: string): Event => ({
  topic: samplesVerified,
  step: feed(samplesVerified, id, make.sample(id, `reply ${id}`, { provenance: of(id) })),
  counts: true
})
const rejected = (id: string, retried = false): Event => ({
  topic: samplesRejected,
  step: feed(samplesRejected, id, {
    id,
    sample: make.sample(id, `reply ${id}`, { provenance: of(id) }),
    processor: 'verify',
    check: 'length',
    version: '1',
    reason: 'too_short',
    detail: '',
    hit: null,
    retried,
    rejected_at: 0
  }),
  counts: true
})
const parked = (id: string, samples: number, attempt = 1, reason = 'STOP_ERRORS: too many'): Event => ({
  topic: promptsParked,
  step: feed(promptsParked, id, { prompt: make.prompt(id, { attempt }), reason, samples, parked_at: 0 }),
  counts: true
})
const died = (processor: string, samples: number, attempt = 1, run = 'r'): Event => ({
  topic: deadLetters,
  step: tester =>
    tester.feedRaw(deadLetters, 'k', Buffer.from('whatever it was'), {
      'x-settles': String(samples),
      'x-run': run,
      'x-sample-attempt': String(attempt),
      'x-processor': processor
    }),
  counts: samples > 0 && run === 'r'
})

const words = (tester: Tester) => tester.read(control).map(({ value }) => value)
const ends = (tester: Tester): Run[] =>
  tester.read(runs).flatMap(({ value }) => (value.state === 'ended' ? [value] : []))
const draining = (promptsTo: number): Run => make.run('r', {}, { state: 'draining', prompts_to: [promptsTo] })
const limits = { records: 3, bytes: 1e6, delayMs: 500, retries: 0, retryMs: 1 }

/** What may become of one sample, as the events it leaves behind, per attempt. */
const fate = fc.oneof(
  { weight: 4, arbitrary: fc.constant('accepted' as const) },
  { weight: 2, arbitrary: fc.constant('rejected' as const) },
  { weight: 2, arbitrary: fc.constant('repaired' as const) },
  { weight: 1, arbitrary: fc.constantFrom('died at verify' as const, 'its repair died' as const) }
)
const fates = fc.oneof(
  { weight: 8, arbitrary: fc.array(fate, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom('parked' as const, 'parked, then resumed' as const) },
  { weight: 1, arbitrary: fc.constant('died at generate' as const) }
)

/** The events of a run, topic by topic, in the order each topic has them. */
function story(list: readonly (readonly string[] | string)[]): Map<string, Event[]> {
  const topics = new Map<string, Event[]>()
  const say = (event: Event): void => {
    const events = topics.get(event.topic.name) ?? []
    topics.set(event.topic.name, [...events, event])
  }
  for (const [number, one] of list.entries()) {
    const id = `p${number}`
    say(told(id, typeof one === 'string' ? 2 : one.length))
    if (one === 'parked') say(parked(id, 2))
    else if (one === 'parked, then resumed') {
      // Once it was told again nothing hangs on the word that parked it.
      say({ ...parked(id, 2), counts: false })
      say(told(id, 2))
      for (const sample of [`${id}.0`, `${id}.1`]) {
        say(started(sample))
        say(accepted(sample))
      }
    } else if (one === 'died at generate') say(died('generate', 2))
    else
      for (const [index, end] of (one as readonly string[]).entries()) {
        const sample = `${id}.${index}`
        say(started(sample))
        if (end === 'accepted') say(accepted(sample))
        else if (end === 'rejected') say(rejected(sample))
        else if (end === 'died at verify') say(died('verify', 1))
        else {
          say(rejected(sample, true))
          say(told(id, 1, 2))
          say(started(`${sample}.again`))
          say(end === 'repaired' ? accepted(`${sample}.again`) : died('verify', 1, 2))
        }
      }
  }
  return topics
}

describe('guard: the end of a run', () => {
  test('comes once, and not before every sample asked for is settled, in whatever order the topics are read', async () => {
    const cases = fc.record({
      list: fc.array(fates, { maxLength: 5 }),
      order: fc.infiniteStream(fc.nat()),
      breaks: fc.infiniteStream(fc.constantFrom('', '', '', 'restart', 'abort', 'unanswered'))
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ list, order, breaks }) => {
        const tester = await opened(guard, { limits })
        const topics = story(list)
        let left = [...topics.values()].flat().filter(({ counts }) => counts).length
        // Closed behind the last prompt that is no repair.
        tester.table(
          'runs',
          'r',
          draining((topics.get('prompts') ?? []).findLastIndex(({ counts }) => counts) + 1)
        )
        if (left > 0) {
          await tester.tick()
          assert.deepEqual(ends(tester), [], 'nothing was seen yet')
        }
        for (const pick of order) {
          const open = [...topics.values()].filter(events => events.length > 0)
          if (open.length === 0) break
          const event = open[pick % open.length]!.shift()!
          await event.step(tester)
          if (event.counts) left--
          const [broken] = [breaks.next().value as string]
          if (broken === 'restart') await tester.restart()
          else if (broken !== '') tester.failCommits(1, broken === 'abort' ? 'before' : 'after')
          await tester.tick()
          assert.equal(ends(tester).length, left === 0 ? 1 : 0, `${left} words about samples are missing`)
        }
        await tester.tick()
        await tester.restart()
        await tester.tick()
        assert.equal(ends(tester).length, 1)
      }),
      { numRuns: 100 }
    )
  })

  test('says by which offsets everything of the run was written', async () => {
    const tester = await opened(guard)
    for (const event of [told('p', 2), started('a'), started('b'), accepted('a'), rejected('b')])
      await event.step(tester)
    tester.table('runs', 'r', draining(1))
    await tester.tick()
    const [run = assert.fail('it did not end')] = ends(tester)
    assert.deepEqual(run.until, { generations: 2, 'samples.verified': 1, 'samples.rejected': 1 })
    assert.deepEqual([run.state, run.revision, run.slot], ['ended', 2, 0])
  })

  test('waits for prompts that are written and not read', async () => {
    const tester = await opened(guard)
    for (const event of [told('p', 1), started('a'), accepted('a')]) await event.step(tester)
    tester.table('runs', 'r', draining(2))
    await tester.tick()
    assert.deepEqual(ends(tester), [])
    await told('q', 1).step(tester)
    await tester.tick()
    assert.deepEqual(ends(tester), [], 'q was asked and not answered')
    for (const event of [started('b'), accepted('b')]) await event.step(tester)
    await tester.tick()
    assert.equal(ends(tester).length, 1)
  })

  test('does not come while publishing is open, nor in a slot that is not its home', async () => {
    const tester = await opened(guard)
    for (const event of [told('p', 1), started('a'), accepted('a')]) await event.step(tester)
    await tester.tick()
    tester.table('runs', 'r', { ...draining(1), slot: 3 })
    await tester.tick()
    assert.deepEqual(ends(tester), [])
  })

  test('a prompt told twice is counted once', async () => {
    const tester = await opened(guard)
    for (const event of [told('p', 1), told('p', 1), started('a'), accepted('a')]) await event.step(tester)
    tester.table('runs', 'r', draining(2))
    await tester.tick()
    assert.equal(ends(tester).length, 1)
  })

  test('parked samples that come back are open again, repairs too', async () => {
    const tester = await opened(guard)
    const play = async (...events: Event[]): Promise<void> => {
      for (const event of events) await event.step(tester)
      await tester.settle()
    }
    await play(
      told('p', 2),
      started('a'),
      rejected('a', true),
      told('p', 1, 2),
      parked('p', 1, 2),
      parked('p', 1)
    )
    // Both are resumed before publishing is closed.
    await play(told('p', 2), told('p', 1, 2))
    tester.table('runs', 'r', draining(4))
    await tester.tick()
    assert.deepEqual(ends(tester), [])
    await play(started('b'), accepted('b'), started('c again'))
    await tester.tick()
    assert.deepEqual(ends(tester), [], 'c is begun')
    await play(accepted('c again'))
    await tester.tick()
    assert.equal(ends(tester).length, 1)
  })

  test('a prompt that could not be answered for its own fault does not hold the run', async () => {
    const tester = await opened(guard)
    for (const event of [told('p', 5000), died('generate', 5000), told('q', -3), died('generate', -3)])
      await event.step(tester)
    tester.table('runs', 'r', draining(2))
    await tester.tick()
    assert.equal(ends(tester).length, 1)
  })
})

const books = (fields: Partial<Books>): Books => ({
  levels: {},
  expected: 0,
  accepted: 0,
  rejected: 0,
  dead: 0,
  parked: 0,
  costMicros: 0,
  tokens: 0,
  calls: '',
  stopped: [],
  ended: false,
  ...fields
})
const recipe = (budget: object) =>
  recipeSchema.parse({
    dataset: 'd',
    run: 'r',
    sources: [{ name: 'a', provider: 'offline', model: 'a', family: 'a' }],
    budget
  })

describe('guard: stops', () => {
  test('books are settled when every sample was begun or never will be, and has an end', () => {
    const level = (asked: number, begun: number, settled: number) => ({ asked, begun, settled })
    assert.ok(isSettled({ levels: {} }))
    assert.ok(isSettled({ levels: { 1: level(4, 4, 4), 2: level(1, 1, 1) } }))
    assert.ok(!isSettled({ levels: { 1: level(2, 2, 1) } }))
    assert.ok(!isSettled({ levels: { 1: level(2, 1, 2) } }), 'an end was seen before its beginning')
    assert.ok(!isSettled({ levels: { 1: level(2, 2, 2), 2: level(0, 0, 1) } }), 'who asked for the repair?')
  })

  test('money, tokens and failures have limits', () => {
    const stateOf = (fields: Partial<Books>, budget: object) => stopFor(books(fields), recipe(budget))?.state
    assert.equal(stateOf({ costMicros: 1_999_999 }, { usd: 2 }), undefined)
    assert.equal(stateOf({ costMicros: 2_000_000 }, { usd: 2 }), 'STOP_BUDGET')
    assert.equal(stateOf({ tokens: 99 }, { tokens: 100 }), undefined)
    assert.equal(stateOf({ tokens: 100 }, { tokens: 100 }), 'STOP_BUDGET')
    assert.equal(stateOf({ tokens: 1e9, costMicros: 1e12 }, {}), undefined, 'no limit, no stop')
    const window = { error_rate: 0.5, error_window: 4 }
    assert.equal(stateOf({ calls: '111' }, window), undefined, 'the window is not full')
    assert.equal(stateOf({ calls: '0001' }, window), undefined)
    assert.equal(stateOf({ calls: '0011' }, window), 'STOP_ERRORS')
    const none = { error_rate: 0, error_window: 4 }
    assert.equal(stateOf({ calls: '0000' }, none), undefined, 'no failure is none too many')
    assert.equal(stateOf({ calls: '0010' }, none), 'STOP_ERRORS')
  })

  test('a stop is said once, with its evidence', async () => {
    const tester = await opened(guard, { run: make.run('r', { budget: { usd: 1 } }) })
    for (let index = 0; index < 4; index++)
      await started(`g${index}`, { usage: make.usage({ cost_micros: 400_000 }) }).step(tester)
    await tester.settle()
    const [word, ...more] = words(tester)
    assert.deepEqual(more, [])
    assert.equal(tester.read(control)[0]?.key, 'run:r|guard')
    assert.deepEqual(
      { ...word, evidence: JSON.parse(word!.evidence) as unknown },
      {
        scope: 'run:r',
        author: 'guard',
        action: 'stop',
        state: 'STOP_BUDGET',
        reason: '$1.2 of $1 are spent',
        evidence: { expected: 0, accepted: 0, rejected: 0, costMicros: 1_200_000, tokens: 90 },
        temperature_delta: null,
        expires_at: null,
        created_at: standing()
      }
    )
  })

  test('two stops that are both due are each said once', async () => {
    const tester = await opened(guard, {
      run: make.run('r', { budget: { error_window: 2, error_rate: 1 } })
    })
    const failed = { error: 'unavailable: away' }
    for (let index = 0; index < 3; index++) {
      await started(`g${index}`, failed).step(tester)
      await parked(`p${index}`, 1, 1, 'STOP_BUDGET: the next call may cost too much').step(tester)
    }
    await tester.settle()
    const states = words(tester).map(({ state }) => state)
    assert.deepEqual(states.toSorted(), ['STOP_BUDGET', 'STOP_ERRORS'])
  })

  test('only the last calls count', async () => {
    const tester = await opened(guard, {
      run: make.run('r', { budget: { error_window: 4, error_rate: 0.75 } })
    })
    const calls = ['1', '1', '0', '0', '0', '1', '1']
    for (const [index, failed] of calls.entries())
      await started(`g${index}`, { error: failed === '1' ? 'unavailable: away' : '' }).step(tester)
    await tester.settle()
    assert.deepEqual(words(tester), [])
    await started('last', { error: 'unavailable: away' }).step(tester)
    await tester.settle()
    assert.equal(words(tester)[0]?.state, 'STOP_ERRORS')
  })

  test('what was parked for its budget is a stop', async () => {
    const tester = await opened(guard)
    await parked('p', 3, 1, 'STOP_BUDGET: the next call may cost too much').step(tester)
    await parked('q', 3, 1, 'STOP_BUDGET: the next call may cost too much').step(tester)
    await tester.settle()
    assert.deepEqual(
      words(tester).map(({ state }) => state),
      ['STOP_BUDGET']
    )
  })
})

describe('guard: what the mixer lacks', () => {
  const said = (waiting: number, fields: Partial<Control> = {}): Control => ({
    scope: 'dataset:d',
    author: 'mix',
    action: 'warn',
    state: 'STOP_MIX',
    reason: `${waiting} verified samples wait`,
    evidence: JSON.stringify({ waiting }),
    temperature_delta: null,
    expires_at: null,
    created_at: 1,
    ...fields
  })
  const says = (tester: Tester, word: Control): void => tester.table('control', 'dataset:d|mix', word)
  const heard = (tester: Tester) =>
    tester.read(control).map(({ key, value: { action, state, reason } }) => [key, action, state, reason])

  test('is said to everybody once, with its numbers, and taken back', async () => {
    const tester = await opened(guard)
    says(tester, said(3))
    for (let tick = 0; tick < 3; tick++) await tester.tick()
    await tester.restart()
    await tester.tick()
    const first = ['dataset:d|guard', 'warn', 'STOP_MIX', '3 verified samples wait']
    assert.deepEqual(heard(tester), [first])
    assert.deepEqual(words(tester)[0], { ...said(3), author: 'guard', created_at: standing() })
    says(tester, said(4))
    await tester.tick()
    says(tester, said(0, { action: 'none', state: 'CONTINUE', reason: 'nothing waits', evidence: '{}' }))
    await tester.tick()
    await tester.tick()
    assert.deepEqual(heard(tester).slice(1), [
      ['dataset:d|guard', 'warn', 'STOP_MIX', '4 verified samples wait'],
      ['dataset:d|guard', 'none', 'CONTINUE', 'nothing waits']
    ])
  })

  test('stops no run, but one that may not let so many wait', async () => {
    const tester = await opened(guard, { run: make.run('r', { budget: { waiting: 5 } }) })
    tester.table('runs', 'other', make.run('other'))
    says(tester, said(5))
    await tester.tick()
    assert.deepEqual(
      heard(tester).map(([key]) => key),
      ['dataset:d|guard']
    )
    says(tester, said(6))
    await tester.tick()
    says(tester, said(7))
    await tester.tick()
    assert.deepEqual(
      heard(tester).filter(([key]) => key !== 'dataset:d|guard'),
      [['run:r|guard', 'stop', 'STOP_MIX', '6 verified samples wait']]
    )
  })

  test('stops nothing by evidence that is none', async () => {
    const tester = await opened(guard, { run: make.run('r', { budget: { waiting: 5 } }) })
    for (const evidence of ['', 'null', '{"waiting":', '{"waiting":"many"}', '[]']) {
      says(tester, said(9, { evidence }))
      await tester.tick()
    }
    assert.deepEqual(new Set(heard(tester).map(([key]) => key)), new Set(['dataset:d|guard']))
    says(tester, said(9))
    await tester.tick()
    assert.equal(heard(tester).at(-1)?.[0], 'run:r|guard')
  })

  test('is nothing where another word of the guard stands, when it is taken back', async () => {
    const tester = await opened(guard)
    tester.table('control', 'dataset:d|guard', said(0, { author: 'guard', state: 'STOP_COLLAPSE' }))
    says(tester, said(0, { action: 'none', state: 'CONTINUE', evidence: '{}' }))
    await tester.tick()
    assert.deepEqual(heard(tester), [])
  })
})

describe('guard: after the end of a run', () => {
  /** Keys of prompts the memory holds: those whose newest entry is no tombstone. */
  const remembered = (tester: Tester): string[] => {
    const newest = new Map<string, boolean>()
    for (const { key, value } of tester.read<State | null>(stateTopic('guard')))
      newest.set(key, value !== null)
    return [...newest].flatMap(([key, held]) => (held && key.startsWith('prompts|') ? [key] : []))
  }

  test('its prompts are forgotten, little by little, and what comes late opens nothing again', async () => {
    const tester = await opened(guard)
    const count = 4500
    const play = async (...events: Event[]): Promise<void> => {
      for (const event of events) await event.step(tester)
      await tester.settle()
    }
    for (let index = 0; index < count; index++) await told(`p${index}`, 0).step(tester)
    const elsewhere = make.prompt('elsewhere', { run: 'other', samples: 1 })
    tester.table('runs', 'other', make.run('other'))
    tester.feed(prompts, 'elsewhere', elsewhere)
    await play(told('parked', 1), parked('parked', 1))
    assert.equal(remembered(tester).length, count + 2)
    tester.table('runs', 'r', draining(count + 2))
    await tester.tick()
    assert.equal(ends(tester).length, 1)
    await tester.tick()
    const left = remembered(tester).length
    assert.ok(left > 1 && left < count, `${left} are left after one look around`)
    // The next owner goes on where this one stopped.
    await tester.restart()
    await tester.tick()
    await tester.tick()
    assert.deepEqual(remembered(tester), ['prompts|other|elsewhere'])
    await play(told('p0', 3), told('parked', 1), parked('p0', 3))
    await tester.tick()
    assert.deepEqual(remembered(tester), ['prompts|other|elsewhere'])
    assert.equal(ends(tester).length, 1)
  })

  test('a closing that comes behind it is answered with the end once more', async () => {
    const tester = await opened(guard)
    for (const event of [told('p', 1), started('a'), accepted('a')]) await event.step(tester)
    tester.table('runs', 'r', { ...draining(1), revision: 2 })
    await tester.tick()
    assert.deepEqual(
      ends(tester).map(({ revision }) => revision),
      [3]
    )
    // Another closing of the same run, which the one before overtook: the newest record of the key says draining now.
    tester.table('runs', 'r', { ...draining(1), revision: 4 })
    await tester.tick()
    await tester.tick()
    assert.deepEqual(
      ends(tester).map(({ revision }) => revision),
      [3, 5]
    )
    assert.deepEqual(ends(tester)[1]?.until, {
      generations: 1,
      'samples.verified': 1,
      'samples.rejected': 0
    })
  })

  test('a letter that is given back takes back what it settled, once', async () => {
    const tester = await opened(guard)
    const play = async (...events: Event[]): Promise<void> => {
      for (const event of events) await event.step(tester)
      await tester.tick()
    }
    // A prompt died at generate, a sample of another at verify; then both are given back.
    await play(told('p', 2), told('q', 1), died('generate', 2), started('q0'), died('verify', 1))
    for (const { key, value, headers, partition, offset } of tester.read(deadLetters)) {
      const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])
      const letter = { topic: deadLetters.name, partition, offset, timestamp: 0, key: Buffer.from(key) }
      const notice = givingBack({ ...letter, value: value as never, headers: Object.fromEntries(bytes) })
      tester.feedRaw(deadLetters, key, notice.value, notice.headers)
    }
    await tester.tick()
    tester.table('runs', 'r', draining(2))
    await play(started('p0'), accepted('p0'), started('p1'), accepted('p1'))
    assert.deepEqual(ends(tester), [], 'q is on its way again')
    await play(died('verify', 1), died('verify', -1))
    assert.deepEqual(ends(tester), [], 'and once more')
    await play(accepted('q0'))
    assert.equal(ends(tester).length, 1)
  })
})

describe('guard: faults', () => {
  test('change nothing', async () => {
    const events = [
      ...story([['accepted', 'repaired'], ['rejected'], 'parked', ['died at verify']]).values()
    ].flat()
    await sameUnderFaults(
      async () => {
        const tester = await opened(guard, { run: make.run('r', { budget: { tokens: 100 } }) })
        tester.table('runs', 'r', {
          ...make.run('r', { budget: { tokens: 100 } }),
          state: 'draining',
          prompts_to: [4]
        })
        return tester
      },
      // Time goes on after a tick that came to nothing.
      [...events.map(({ step }) => step), tester => tester.tick(), tester => tester.tick()],
      [control, runs]
    )
  })

  test('poison is buried, everything else goes through', async () => {
    const tester = await opened(guard, { run: make.run('r', { budget: { error_window: 5, error_rate: 1 } }) })
    const good = Array.from({ length: 5 }, (_, index) =>
      make.generation(`g${index}`, '', { error: 'unavailable: away' })
    )
    const dying = make.generation('d', 'w', { run: 'never' })
    await assertPoisonIsBuried(tester, guard, generations, good, [['unknown_run', dying]], () => 5)
    assert.equal(words(tester).length, 1)
  })
})
