import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { defineProcessor, type Instance, memory, type Verdict } from '../../../processors/contract.ts'
import { slotOf } from '../../../schemas/identity.ts'
import {
  candidates,
  deadLetters,
  generations,
  human,
  prompts,
  samplesHuman,
  samplesVerified,
  training,
  stateTopic
} from '../../../schemas/topics.ts'
import type { Provenance, Sample } from '../../../schemas/types.ts'
import { document } from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'
import { openSlot, turns } from '../../helpers/slot.ts'
import { until } from '../../helpers/until.ts'

/** Passes samples on; `process` may be anything. */
const relay = (
  process: (value: Sample) => Verdict | Promise<Verdict> | undefined = () => undefined,
  concurrency = 1
) =>
  defineProcessor({
    name: 'relay',
    doc: 'passes samples on',
    inputs: { candidates },
    outputs: { verified: samplesVerified },
    drops: ['unwanted'],
    state: {},
    concurrency,
    create: ({ out, emit }) => ({
      process: ({ value }) => process(value) ?? emit(out('verified', value.id, value))
    })
  })

/** Counts samples per text; a stateful processor. */
const counter = (check: (value: Sample) => void = () => {}) =>
  defineProcessor({
    name: 'counter',
    doc: 'counts',
    inputs: { candidates, human: samplesHuman },
    outputs: { verified: samplesVerified },
    drops: [],
    state: { counts: memory<number>() },
    create: ({ state, out, emit }) => ({
      process({ value }) {
        const key = value.messages.at(-1)!.content
        const count = (state.counts.get(key) ?? 0) + 1
        state.counts.stage(key, count)
        check(value)
        return emit(out('verified', value.id, { ...value, metadata: { count: String(count) } }))
      }
    })
  })

const sample = (id: string, text = `text of ${id}`): Sample => make.sample(id, text)
const idsOf = (values: readonly unknown[]): string[] => values.map(value => (value as Sample).id)

describe('a slot', () => {
  test('commits what became of its records with the offset after the last', async () => {
    const { slot, raw, commits, values } = await openSlot(relay())
    slot.push('candidates', [raw(candidates, 4, 'a', sample('a')), raw(candidates, 7, 'b', sample('b'))], 8)
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(samplesVerified)), ['a', 'b'])
    assert.deepEqual(commits.at(-1)?.offsets, { candidates: 8 })
    assert.deepEqual(
      commits[0]?.records.map(({ topic, partition, key }) => [topic, partition, key]),
      [
        ['samples.verified', 0, 'a'],
        ['samples.verified', 0, 'b']
      ]
    )
  })

  test('skips control records at the end, and tells their position once they are committed', async () => {
    let position: (() => number) | undefined
    const watched = defineProcessor({
      name: 'watched',
      doc: 'tells its position',
      inputs: { candidates },
      outputs: {},
      drops: [],
      state: { none: memory<number>() },
      create(context) {
        position = () => context.position('candidates')
        return { process: () => context.emit() }
      }
    })
    const { slot, raw, commits } = await openSlot(watched)
    slot.push('candidates', [raw(candidates, 0, 'a', sample('a'))], 1)
    await until(() => slot.idle)
    assert.equal(position!(), 1)
    slot.push('candidates', [], 3)
    await turns()
    assert.deepEqual(commits.at(-1)?.offsets, { candidates: 1 }, 'not worth a commit of their own')
    slot.tick()
    await until(() => slot.idle)
    assert.deepEqual(commits.at(-1)?.offsets, { candidates: 3 })
    assert.equal(position!(), 3)
    const { length } = commits
    slot.tick()
    await until(() => slot.idle)
    assert.equal(commits.length, length, 'once')
  })

  test('takes in what it is given twice only once', async () => {
    const { slot, raw, values } = await openSlot(relay(), { from: { candidates: 2 } })
    const records = [0, 1, 2, 3].map(offset => raw(candidates, offset, `k${offset}`, sample(`s${offset}`)))
    slot.push('candidates', records, 4)
    slot.push('candidates', records, 4)
    slot.push('candidates', records.slice(1), 4)
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(samplesVerified)), ['s2', 's3'])
    assert.equal(slot.position('candidates'), 4)
  })

  test('goes on working while a commit is under way, and commits the rest after it', async () => {
    const from = { candidates: 0, 'samples.human': 0 }
    const { slot, raw, hold, commits, values } = await openSlot(counter(), { from })
    const release = hold()
    slot.push('candidates', [raw(candidates, 0, 'a', sample('a', 'same'))], 1)
    await turns()
    slot.push('candidates', [raw(candidates, 1, 'b', sample('b', 'same'))], 2)
    await turns()
    assert.equal(commits.length, 0)
    release()
    await until(() => slot.idle)
    assert.deepEqual(
      commits.map(({ offsets }) => offsets),
      [{ candidates: 1 }, { candidates: 2 }]
    )
    assert.deepEqual(
      values(samplesVerified).map(value => (value as Sample).metadata['count']),
      ['1', '2']
    )
  })

  test('a commit that fails is told once, and nothing follows it', async () => {
    const { slot, raw, hold, commits, lost } = await openSlot(relay())
    const release = hold()
    slot.push('candidates', [raw(candidates, 0, 'a', sample('a'))], 1)
    await turns()
    release(new Error('fenced'))
    await until(() => lost.length > 0)
    slot.push('candidates', [raw(candidates, 1, 'b', sample('b'))], 2)
    slot.tick()
    await turns()
    assert.equal(lost.length, 1)
    assert.deepEqual(commits, [])
    assert.ok(!slot.hungry('candidates'))
  })

  test('cuts its commits by records and by bytes', async () => {
    for (const [limits, most] of [
      [{ records: 3 }, 3],
      [{ bytes: 1200 }, 3]
    ] as const) {
      const { slot, raw, commits } = await openSlot(relay(), { limits })
      const records = Array.from({ length: 10 }, (_, offset) =>
        raw(candidates, offset, `k${offset}`, sample(`s${offset}`))
      )
      assert.ok(records[0]!.value!.length > 400 / 2, 'some bytes each')
      slot.push('candidates', records, 10)
      await until(() => slot.idle)
      assert.equal(commits.flatMap(({ records: written }) => written).length, 10)
      for (const { records: written } of commits)
        assert.ok(written.length <= most + 4, String(written.length))
      assert.ok(commits.length > 1)
    }
  })

  test('makes larger commits of what comes together while one is under way, and no larger than allowed', async () => {
    for (const limits of [
      { records: 3, behind: 4 },
      { records: 1000, bytes: 1, behind: 4 }
    ]) {
      const { slot, raw, hold, commits } = await openSlot(relay(), { limits })
      const records = Array.from({ length: 40 }, (_, offset) =>
        raw(candidates, offset, `k${offset}`, sample(`s${offset}`))
      )
      const release = hold()
      slot.push('candidates', records, 40)
      await turns()
      await turns()
      assert.equal(slot.backlog, limits.records === 3 ? 37 : 39, 'one window is under way')
      release()
      await until(() => slot.idle)
      const sizes = commits.map(({ records: written }) => written.length)
      if (limits.records === 3) assert.deepEqual(sizes.slice(0, 2), [3, 12])
      else assert.deepEqual(sizes.slice(0, 2), [1, 1], 'bytes are counted as well')
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        40
      )
    }
  })

  test('times each record once, however long it was waited for and whatever became of it', async () => {
    for (const concurrency of [1, 2]) {
      const waited = Promise.withResolvers<undefined>()
      const { slot, raw, timed } = await openSlot(
        relay(
          ({ id }) =>
            id === 'slow' ? waited.promise.then(() => ({ kind: 'emit', outputs: [] })) : undefined,
          concurrency
        )
      )
      const ids = ['a', 'slow', 'b']
      slot.push(
        'candidates',
        [
          ...ids.map((id, at) => raw(candidates, at, id, sample(id))),
          { ...raw(candidates, 3, 'torn', null), value: Buffer.from('torn') }
        ],
        4
      )
      await turns()
      assert.equal(timed.length, concurrency === 1 ? 1 : 3)
      waited.resolve(undefined)
      await until(() => slot.idle)
      assert.equal(timed.length, 4)
      assert.ok(timed.every(ms => ms >= 0 && ms < 60_000))
    }
  })

  test('counts outcomes by reason', async () => {
    const verdicts: Record<string, Verdict> = {
      a: { kind: 'drop', reason: 'unwanted', outputs: [] },
      b: { kind: 'reject', reason: 'odd', message: 'an odd one', settles: 1 }
    }
    const { slot, raw, counted } = await openSlot(relay(({ id }) => verdicts[id]))
    slot.push(
      'candidates',
      ['a', 'b', 'c'].map((id, offset) => raw(candidates, offset, id, sample(id))),
      3
    )
    await until(() => slot.idle)
    assert.deepEqual(counted, ['dropped:unwanted', 'dead:odd', 'emitted'])
  })
})

describe('order', () => {
  test('within a key holds under concurrency, and the watermark is contiguous', async () => {
    const cases = fc.record({
      keys: fc.array(fc.constantFrom('x', 'y', 'z', 'w'), { minLength: 1, maxLength: 30 }),
      order: fc.infiniteStream(fc.nat())
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ keys, order }) => {
        const under = new Map<string, { key: string; done: () => void }>()
        const started: string[] = []
        const processor = relay(value => {
          const key = value.metadata['key']!
          for (const other of under.values())
            assert.notEqual(other.key, key, 'a key is worked on once at a time')
          started.push(value.id)
          const { promise, resolve } = Promise.withResolvers<Verdict>()
          const output = { to: 'verified', key, value }
          under.set(value.id, { key, done: () => resolve({ kind: 'emit', outputs: [output] }) })
          return promise
        }, 3)
        const { slot, raw, commits, values } = await openSlot(processor)
        const records = keys.map((key, offset) =>
          raw(candidates, offset, key, { ...sample(`s${offset}`), metadata: { key } })
        )
        slot.push('candidates', records, records.length)
        const finished = new Set<string>()
        for (const pick of order) {
          await turns(3)
          assert.ok(under.size <= 3, 'no more at once than declared')
          const open = [...under.keys()]
          if (open.length === 0) break
          const id = open[pick % open.length]!
          under.get(id)!.done()
          under.delete(id)
          finished.add(id)
          await turns(3)
          const committed = commits.at(-1)?.offsets['candidates'] ?? 0
          for (let offset = 0; offset < committed; offset++)
            assert.ok(finished.has(`s${offset}`), `${offset} was committed and is not done`)
        }
        await until(() => slot.idle)
        const ids = records.map((_, offset) => `s${offset}`)
        for (const key of new Set(keys)) {
          const ofKey = (id: string): boolean => keys[Number(id.slice(1))] === key
          assert.deepEqual(started.filter(ofKey), ids.filter(ofKey), 'records of a key start in order')
        }
        assert.deepEqual(idsOf(values(samplesVerified)), ids, 'outputs keep the order of their records')
      }),
      { numRuns: 40 }
    )
  })

  /** Records that stay under way until they are told to end. */
  const held = (concurrency: number) => {
    const open = new Map<string, () => void>()
    const processor = relay(value => {
      const { promise, resolve } = Promise.withResolvers<Verdict>()
      open.set(value.id, () => {
        open.delete(value.id)
        resolve({ kind: 'emit', outputs: [{ to: 'verified', key: value.id, value }] })
      })
      return promise
    }, concurrency)
    return { processor, open }
  }

  test('repairs of one prompt wait for each other, and nobody waits for them', async () => {
    const { processor, open } = held(3)
    const { slot, raw, commits, values } = await openSlot(processor)
    const keys = ['p', 'p', 'p', 'q', 'r', 's']
    slot.push(
      'candidates',
      keys.map((key, offset) => raw(candidates, offset, key, sample(`s${offset}`))),
      6
    )
    await turns()
    assert.deepEqual([...open.keys()], ['s0', 's3', 's4'])
    open.get('s3')!()
    open.get('s4')!()
    await turns()
    assert.deepEqual([...open.keys()], ['s0', 's5'])
    assert.deepEqual(commits, [], 'what was begun first is not done')
    for (const id of ['s5', 's0', 's1', 's2']) {
      open.get(id)!()
      await turns()
    }
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(samplesVerified)), ['s0', 's1', 's2', 's3', 's4', 's5'])
  })

  test('records without a key wait for nobody', async () => {
    const { processor, open } = held(3)
    const { slot, raw } = await openSlot(processor)
    const records = [0, 1, 2].map(offset => ({
      ...raw(candidates, offset, '', sample(`s${offset}`)),
      key: null
    }))
    slot.push('candidates', records, 3)
    await turns()
    assert.deepEqual([...open.keys()], ['s0', 's1', 's2'])
    for (const end of open.values()) end()
    await until(() => slot.idle)
  })

  test('a drain leaves what waits for its key to the next owner, and commits up to there', async () => {
    const { processor, open } = held(3)
    const { slot, raw, commits, values } = await openSlot(processor)
    slot.push(
      'candidates',
      ['a', 'p', 'p', 'q'].map((key, offset) => raw(candidates, offset, key, sample(`s${offset}`))),
      4
    )
    await turns()
    assert.deepEqual([...open.keys()], ['s0', 's1', 's3'])
    const drained = slot.drain()
    for (const end of open.values()) end()
    await drained
    assert.deepEqual(idsOf(values(samplesVerified)), ['s0', 's1'])
    assert.equal(commits.at(-1)?.offsets['candidates'], 2)
  })

  test('what a look around writes comes after what was processed before it', async () => {
    const looking = defineProcessor({
      name: 'looking',
      doc: 'writes when time passes',
      inputs: { candidates },
      outputs: { verified: samplesVerified },
      drops: [],
      state: { none: memory<number>() },
      create({ out, emit }) {
        const seen: string[] = []
        return {
          process({ value }) {
            seen.push(value.id)
            return emit(out('verified', value.id, value))
          },
          tick: () => emit(out('verified', 'tick', sample(`after ${seen.join(' ')}`)))
        }
      }
    })
    const { slot, raw, hold, values } = await openSlot(looking)
    const release = hold()
    slot.push('candidates', [raw(candidates, 0, 'a', sample('a'))], 1)
    await turns()
    // Processed while the commit of the first is under way, and not committed yet when time passes.
    slot.push('candidates', [raw(candidates, 1, 'b', sample('b'))], 2)
    await turns()
    slot.tick()
    await turns()
    release()
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(samplesVerified)), ['a', 'b', 'after a b'])
  })

  test('what cannot be written ends the processor, and the error names the output; nothing of it is committed', async () => {
    const { create: _, ...rest } = relay()
    const looking = defineProcessor({
      ...rest,
      create: ({ out, emit }) => ({
        process: () => emit(),
        tick: () =>
          emit(
            out('verified', 'whole', sample('whole')),
            out('verified', 'torn', { ...sample('torn'), id: 7 })
          )
      })
    })
    const { slot, lost, commits } = await openSlot(looking)
    slot.tick()
    await until(() => lost.length > 0)
    const { code, message } = lost[0] as { code?: string; message: string }
    assert.equal(code, 'PROCESSOR_FAILED')
    assert.match(
      message,
      /^output verified, key torn, of a tick of relay in slot 0 cannot be written: not a Sample: /
    )
    assert.deepEqual(commits, [])
  })

  test('only what knows when it is between two records looks around, and there it drops and rejects nothing', async () => {
    const looking = relay(undefined, 2)
    const create = (): Instance => ({ ...looking.create({} as never), tick: () => undefined })
    await assert.rejects(openSlot(defineProcessor({ ...looking, create })), {
      code: 'PROCESSOR_INVALID',
      message: /^processor relay: it has a tick and concurrency/
    })
    await openSlot(defineProcessor({ ...looking, create, concurrency: 1 }))
    const reject = (): Verdict => ({ kind: 'reject', reason: 'r', message: 'm', settles: 0 })
    // @ts-expect-error -- there is no record to bury
    const wrong: Instance = { process: reject, tick: reject }
    assert.ok(wrong.tick)
  })

  test('an instance with state sees one record at a time', async () => {
    assert.throws(() => defineProcessor({ ...counter(), concurrency: 2, create: () => ({}) as Instance }), {
      code: 'PROCESSOR_INVALID'
    })
  })
})

describe('records outside their slot', () => {
  const forward = (name: string) =>
    defineProcessor({
      name,
      doc: 'reads what publishers write',
      inputs: { prompts, human },
      outputs: { verified: samplesVerified },
      drops: [],
      state: {},
      create: ({ out, emit }) => ({
        process: ({ value }) => emit(out('verified', value.id, sample(value.id)))
      })
    })
  const partitions = 4
  const home = slotOf('d', 'p', 1, partitions)
  const elsewhere = (home + 1) % partitions

  test('are forwarded untouched by the one processor that does', async () => {
    const { slot, raw, commits, counted } = await openSlot(forward('generate'), {
      slot: elsewhere,
      partitions
    })
    const record = raw(prompts, 0, 'p', make.prompt('p'), { trace: 'abc' })
    slot.push('prompts', [record], 1)
    await until(() => slot.idle)
    const [written, ...more] = commits.flatMap(({ records }) => records)
    assert.deepEqual(more, [])
    assert.deepEqual(written, {
      topic: 'prompts',
      partition: home,
      key: record.key,
      value: record.value,
      headers: record.headers
    })
    assert.deepEqual(counted, ['forwarded'])
  })

  test('are buried where they have become too large for their topic: compressed they were not', async () => {
    const { slot, raw, commits } = await openSlot(forward('generate'), { slot: elsewhere, partitions })
    const large = make.prompt('p', { messages: [make.message('user', 'x'.repeat(9e6))] })
    slot.push('prompts', [raw(prompts, 0, 'p', large)], 1)
    await until(() => slot.idle)
    const [letter, ...more] = commits.flatMap(({ records }) => records)
    assert.deepEqual(more, [])
    assert.equal(letter?.topic, deadLetters.name)
    assert.equal(letter?.headers?.['x-reason'], 'too_large')
    assert.match(String(letter?.headers?.['x-message']), /more than the 8388608 that prompts takes/)
  })

  test('that large are buried in their slot too, and not shown again by a restart', async () => {
    const seen: string[] = []
    const taker = defineProcessor({
      name: 'mix',
      doc: 'takes answers',
      inputs: { verified: samplesVerified },
      outputs: { laid: training },
      drops: [],
      state: {},
      create: ({ out, emit }) => ({
        process: ({ value }) => emit(out('laid', value.id, value)),
        replayFrom: () => ({ verified: 0 }),
        replay: ({ value }) => void seen.push(value.id)
      })
    })
    const { slot, raw, commits, values } = await openSlot(taker)
    const large = sample('large', 'x'.repeat(samplesVerified.maxBytes))
    const records = [
      raw(samplesVerified, 0, 'large', large),
      raw(samplesVerified, 1, 'a', sample('a')),
      raw(samplesVerified, 2, 'b', sample('b'))
    ]
    slot.push(samplesVerified.name, records, 3)
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(training)), ['a', 'b'])
    const letters = commits.flatMap(({ records: all }) =>
      all.filter(({ topic }) => topic === deadLetters.name)
    )
    assert.deepEqual(
      letters.map(({ headers }) => headers?.['x-reason']),
      ['too_large']
    )
    const again = await openSlot(taker, { from: { [samplesVerified.name]: 2 } })
    again.slot.push(samplesVerified.name, records, 3)
    await until(() => again.slot.idle)
    assert.deepEqual(seen, ['a'])
  })

  test('are left to it by everybody else', async () => {
    const { slot, raw, commits } = await openSlot(forward('guard'), { slot: elsewhere, partitions })
    slot.push('prompts', [raw(prompts, 0, 'p', make.prompt('p'))], 1)
    slot.push('human', [raw(human, 0, 'h', document('text', { id: 'h' }))], 1)
    await until(() => slot.idle)
    assert.deepEqual(
      commits.flatMap(({ records }) => records),
      []
    )
    assert.deepEqual(commits.at(-1)?.offsets, { prompts: 1, human: 1 })
  })

  test('in their slot are processed', async () => {
    const { slot, raw, values } = await openSlot(forward('generate'), { slot: home, partitions })
    slot.push('prompts', [raw(prompts, 0, 'p', make.prompt('p'))], 1)
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(samplesVerified)), ['p'])
  })
})

describe('the generation of a prompt', () => {
  test('is shown where it was computed, and not where a publisher claims it', async () => {
    const shown: (number | null)[] = []
    const looking = defineProcessor({
      name: 'generate',
      doc: 'looks at prompts',
      inputs: { prompts },
      outputs: {},
      drops: [],
      state: {},
      create: ({ emit }) => ({
        process({ value }) {
          shown.push(value.provenance.generation)
          return emit()
        }
      })
    })
    const { slot, raw, commits } = await openSlot(looking)
    const claims: Partial<Provenance>[] = [
      { origin: 'UNKNOWN' },
      { origin: 'HUMAN_EDITED', parent_ids: ['p'] },
      { origin: 'UNKNOWN', attempt: 2, repairs: ['s'] },
      { origin: 'HUMAN_AUTHORED' }
    ]
    const records = claims.map((fields, offset) => {
      const provenance = make.humanProvenance({ split: null, ...fields })
      return raw(
        prompts,
        offset,
        `p${offset}`,
        make.prompt(`p${offset}`, { attempt: provenance.attempt, provenance })
      )
    })
    slot.push('prompts', records, records.length)
    await until(() => slot.idle)
    assert.deepEqual(shown, [null, null, 0, 0])
    assert.deepEqual(
      commits.flatMap(({ records: written }) => written),
      []
    )
  })
})

describe('replayed dead letters', () => {
  test('are taken by the group they are for and skipped by the others', async () => {
    const { slot, raw, values, commits } = await openSlot(relay())
    slot.push(
      'candidates',
      [
        raw(candidates, 0, 'a', sample('a'), { 'x-for-group': 'relay' }),
        raw(candidates, 1, 'b', sample('b'), { 'x-for-group': 'measure' })
      ],
      2
    )
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(samplesVerified)), ['a'])
    assert.deepEqual(commits.at(-1)?.offsets, { candidates: 2 })
  })
})

describe('names in no table', () => {
  test('are waited for once: what was written before the record is known after', async () => {
    const bench = await openSlot(relay(), {
      refresh: async store => store.set('runs', 'late', make.run('late'))
    })
    const { slot, raw, values } = bench
    slot.push(
      'candidates',
      ['a', 'b'].map((id, offset) => raw(candidates, offset, id, { ...sample(id), run: 'late' })),
      2
    )
    await until(() => slot.idle)
    assert.deepEqual(idsOf(values(samplesVerified)), ['a', 'b'])
    assert.equal(bench.refreshed(), 1)
  })
})

describe('state', () => {
  const stateOf = stateTopic('counter')

  test('is committed with the outputs, each changed entry once with its last value', async () => {
    const { slot, raw, commits, codec } = await openSlot(counter())
    const texts = ['x', 'y', 'x', 'x']
    slot.push(
      'candidates',
      texts.map((text, offset) => raw(candidates, offset, text, sample(`s${offset}`, text))),
      4
    )
    await until(() => slot.idle)
    const entries = commits.map(({ records }) =>
      records
        .filter(({ topic }) => topic === stateOf.name)
        .map(({ key, value }) => [key, structuredClone(codec.decode(stateOf, value))])
    )
    assert.deepEqual(entries, [
      [
        ['counts|x', { table: 'counts', value: '3' }],
        ['counts|y', { table: 'counts', value: '1' }]
      ]
    ])
  })

  test('is restored before anything is processed, deletions and tables of yesterday included', async () => {
    const { slot, raw, values } = await openSlot(counter(), {
      restore: codec => [
        ['counts|x', codec.encode(stateOf, { table: 'counts', value: '41' })],
        ['counts|y', codec.encode(stateOf, { table: 'counts', value: '7' })],
        ['counts|y', null],
        ['gone|x', codec.encode(stateOf, { table: 'gone', value: '{}' })],
        ['counts|a|b', codec.encode(stateOf, { table: 'counts', value: '1' })]
      ]
    })
    assert.equal(slot.memory, 2)
    slot.push(
      'candidates',
      ['x', 'y', 'a|b'].map((text, offset) => raw(candidates, offset, text, sample(text, text))),
      3
    )
    await until(() => slot.idle)
    assert.deepEqual(
      values(samplesVerified).map(value => (value as Sample).metadata['count']),
      ['42', '1', '2']
    )
  })

  test('written under an older schema is restored as well', async () => {
    const schema = {
      type: 'record',
      name: 'State',
      namespace: 'everseed',
      fields: [
        { name: 'table', type: 'string', default: '' },
        { name: 'value', type: 'string', default: '' },
        { name: 'retired', type: 'int', default: 0 }
      ]
    }
    const body = (value: string): Buffer => {
      const text = (one: string): Buffer => Buffer.concat([Buffer.from([one.length * 2]), Buffer.from(one)])
      return Buffer.concat([Buffer.from([0, 0, 0, 0, 99]), text('counts'), text(value), Buffer.from([0])])
    }
    const { slot } = await openSlot(counter(), {
      schemas: new Map([[99, schema]]),
      restore: () => [
        ['counts|x', body('1')],
        ['counts|y', body('2')],
        ['counts|x', null]
      ]
    })
    assert.equal(slot.memory, 1, 'in the order it was written')
  })

  test('half a change is never kept: a stateful processor that throws is not tried again on the same memory', async () => {
    let calls = 0
    const failing = counter(() => {
      calls++
      throw new Error('half way')
    })
    const { slot, raw, lost, commits } = await openSlot(failing)
    slot.push('candidates', [raw(candidates, 0, 'x', sample('x'))], 1)
    await until(() => lost.length > 0)
    assert.equal(calls, 1)
    assert.deepEqual(commits, [])
    assert.equal((lost[0] as { code?: string }).code, 'PROCESSOR_FAILED')
  })
})

describe('a processor that throws', () => {
  test('is tried again, then ends with the offset uncommitted', async () => {
    let calls = 0
    const processor = relay(() => {
      calls++
      throw new Error('the world is away')
    })
    const { slot, raw, lost, commits, counted } = await openSlot(processor)
    slot.push('candidates', [raw(candidates, 5, 'x', sample('x'))], 6)
    await until(() => lost.length > 0)
    assert.equal(calls, 3)
    assert.deepEqual(counted, ['retried', 'retried'])
    assert.match((lost[0] as Error).message, /relay failed on candidates\/0@5: the world is away/)
    assert.deepEqual(commits, [])
  })
})

describe('a record that never ends', () => {
  const never = (concurrency: number) =>
    openSlot(
      relay(() => new Promise<Verdict>(() => {}), concurrency),
      { limits: { deadlineMs: 300_000 } }
    )

  test('ends the processor after its deadline, by name', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { slot, raw, lost, commits } = await never(1)
    slot.push('candidates', [raw(candidates, 7, 'x', sample('x')), raw(candidates, 8, 'y', sample('y'))], 9)
    await turns()
    t.mock.timers.tick(299_999)
    await turns()
    assert.equal(lost.length, 0)
    t.mock.timers.tick(1)
    await turns()
    assert.equal(lost.length, 1)
    const { code, message } = lost[0] as { code?: string; message: string }
    assert.equal(code, 'PROCESSOR_FAILED')
    assert.match(message, /^relay has worked on candidates\/0@7 for 300 s and is not done/)
    assert.deepEqual(commits, [])
  })

  test('where it holds up nobody is left to the deadlines of what it waits for', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { slot, raw, lost } = await never(2)
    slot.push('candidates', [raw(candidates, 7, 'x', sample('x'))], 8)
    await turns()
    t.mock.timers.tick(600_000)
    await turns()
    assert.deepEqual(lost, [])
    slot.close()
  })

  test('ends the processor when it is read again, too', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const again = defineProcessor({
      name: 'again',
      doc: 'reads again from before its offsets',
      inputs: { candidates },
      outputs: {},
      drops: [],
      state: { none: memory<number>() },
      create: ({ emit }) => ({ replayFrom: () => ({ candidates: 0 }), process: () => emit() })
    })
    // Its run is in no table, and the tables do not answer.
    const { slot, raw, lost } = await openSlot(again, {
      from: { candidates: 1 },
      limits: { deadlineMs: 300_000 },
      refresh: () => new Promise(() => {})
    })
    slot.push('candidates', [raw(candidates, 0, 'x', { ...sample('x'), run: 'late' })], 1)
    await turns()
    t.mock.timers.tick(300_000)
    await turns()
    assert.match((lost[0] as Error).message, /again has worked on candidates\/0@0/)
  })
})

describe('replays', () => {
  const remembering = (seen: string[]) =>
    defineProcessor({
      name: 'remembering',
      doc: 'reads again from before its offsets',
      inputs: { candidates, human: samplesHuman },
      outputs: {},
      drops: [],
      state: { none: memory<number>() },
      create: ({ emit }) => ({
        replayFrom: () => ({ candidates: 1, human: 0 }),
        replay: ({ input, offset }) => void seen.push(`again ${input} ${offset}`),
        process({ input, offset }) {
          seen.push(`new ${input} ${offset}`)
          return emit()
        },
        tick: () => {
          seen.push('tick')
          return emit()
        }
      })
    })

  test('of every input come before anything new of any, in whatever order they are read', async () => {
    const seen: string[] = []
    const { slot, raw, positions } = await openSlot(remembering(seen), {
      from: { candidates: 3, 'samples.human': 2 }
    })
    assert.deepEqual(Object.fromEntries(positions), { candidates: 1, 'samples.human': 0 })
    const records = [1, 2, 3].map(offset => raw(candidates, offset, 'k', sample(`s${offset}`)))
    slot.push('candidates', records, 4)
    slot.tick()
    await turns()
    assert.deepEqual(seen, ['again candidates 1', 'again candidates 2'], 'the others were not seen yet')
    assert.ok(slot.hungry('samples.human'), 'what is waited for is read')
    slot.push('samples.human', [raw(samplesHuman, 0, 'k', make.humanSample('h', 'x'))], 1)
    await turns()
    assert.equal(seen.length, 3)
    // The last record before the offset was compacted away or a control record: its position counts.
    slot.push('samples.human', [], 2)
    await until(() => slot.idle)
    assert.deepEqual(seen.slice(2, 3), ['again human 0'])
    assert.deepEqual(seen.slice(3).toSorted(), ['new candidates 3', 'tick'])
  })

  test('skip what was unreadable then', async () => {
    const seen: string[] = []
    const { slot, raw } = await openSlot(remembering(seen), { from: { candidates: 3 } })
    const torn = { ...raw(candidates, 1, 'k', sample('s')), value: Buffer.from('torn') }
    slot.push('candidates', [torn, raw(candidates, 2, 'k', sample('t'))], 3)
    await until(() => slot.idle)
    assert.deepEqual(seen, ['again candidates 2'])
  })
})

describe('backpressure', () => {
  test('a slot wants no more than it can hold, by records and by bytes', async () => {
    for (const limits of [{ records: 5 }, { bytes: 200, records: 1000 }]) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const processor = relay(() => promise.then(() => ({ kind: 'emit', outputs: [] })), 2)
      const { slot, raw } = await openSlot(processor, { limits })
      assert.ok(slot.hungry('candidates'))
      slot.push(
        'candidates',
        Array.from({ length: 40 }, (_, offset) =>
          raw(candidates, offset, `k${offset}`, sample(`s${offset}`))
        ),
        40
      )
      await turns()
      assert.ok(!slot.hungry('candidates'))
      assert.equal(slot.backlog, 40)
      resolve()
      await until(() => slot.idle)
      assert.ok(slot.hungry('candidates'))
      assert.equal(slot.backlog, 0)
    }
  })
})

describe('a drain', () => {
  test('finishes what was begun, leaves the rest, and commits no further than it got', async () => {
    const open: (() => void)[] = []
    const processor = relay(value => {
      const { promise, resolve } = Promise.withResolvers<Verdict>()
      open.push(() => resolve({ kind: 'emit', outputs: [{ to: 'verified', key: value.id, value }] }))
      return promise
    }, 2)
    const { slot, raw, commits, values } = await openSlot(processor)
    slot.push(
      'candidates',
      [0, 1, 2, 3].map(offset => raw(candidates, offset, `k${offset}`, sample(`s${offset}`))),
      // A control record behind them.
      5
    )
    await until(() => open.length === 2)
    const drained = slot.drain()
    slot.push('candidates', [raw(candidates, 5, 'k5', sample('s5'))], 6)
    for (const finish of open.toReversed()) finish()
    await drained
    assert.deepEqual(idsOf(values(samplesVerified)), ['s0', 's1'])
    assert.equal(commits.at(-1)?.offsets['candidates'], 2)
    assert.ok(!slot.hungry('candidates'))
  })

  test('abandons at once what waits, and commits what ends before it', async () => {
    const under = Promise.withResolvers<void>()
    let lost = false
    const processor = defineProcessor({
      name: 'waiter',
      doc: 'waits for its turn, then works',
      inputs: { candidates },
      outputs: { verified: samplesVerified },
      drops: [],
      state: {},
      concurrency: 4,
      create: ({ signal, lost: gone, out, emit }) => ({
        async process({ value }) {
          if (value.id === 's0') await under.promise
          else await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          lost ||= gone.aborted
          return emit(out('verified', value.id, value))
        }
      })
    })
    const bench = await openSlot(processor)
    bench.slot.push(
      'candidates',
      [0, 1, 2].map(offset => bench.raw(candidates, offset, `k${offset}`, sample(`s${offset}`))),
      // A control record behind them.
      4
    )
    await turns()
    const drained = bench.slot.drain()
    await turns()
    under.resolve()
    await drained
    assert.deepEqual(idsOf(bench.values(samplesVerified)), ['s0'])
    assert.deepEqual(
      bench.commits.map(({ offsets }) => offsets['candidates']),
      [1]
    )
    assert.deepEqual([lost, bench.lost], [false, []])
    assert.deepEqual(
      bench.counted.filter(outcome => outcome !== 'emitted'),
      [],
      'what is abandoned neither failed nor is tried again'
    )
  })

  test('what fails in a drain holds up nothing else', async () => {
    const ends: PromiseWithResolvers<Verdict>[] = []
    const processor = relay(() => {
      const end = Promise.withResolvers<Verdict>()
      ends.push(end)
      return end.promise
    }, 2)
    const { slot, raw, commits, lost } = await openSlot(processor)
    slot.push(
      'candidates',
      [0, 1].map(offset => raw(candidates, offset, `k${offset}`, sample(`s${offset}`))),
      2
    )
    await until(() => ends.length === 2)
    const drained = slot.drain()
    ends[1]!.reject(new Error('the world'))
    await turns()
    ends[0]!.resolve({ kind: 'emit', outputs: [] })
    await drained
    assert.deepEqual(
      commits.map(({ offsets }) => offsets['candidates']),
      [1]
    )
    assert.deepEqual(lost, [])
  })

  test('a closed slot commits nothing, whatever still comes back', async () => {
    const open: (() => void)[] = []
    const processor = relay(() => {
      const { promise, resolve } = Promise.withResolvers<Verdict>()
      open.push(() => resolve({ kind: 'emit', outputs: [] }))
      return promise
    }, 2)
    const { slot, raw, commits, lost } = await openSlot(processor)
    slot.push('candidates', [raw(candidates, 0, 'k', sample('s'))], 1)
    await until(() => open.length === 1)
    slot.close()
    for (const finish of open) finish()
    await turns()
    assert.deepEqual(commits, [])
    assert.deepEqual(lost, [])
  })
})

describe('outputs', () => {
  const writer = (outputs: Verdict & { kind: 'emit' }) =>
    defineProcessor({
      name: 'writer',
      doc: 'writes what it is told',
      inputs: { generations },
      outputs: { verified: samplesVerified },
      drops: [],
      state: {},
      settles: ({ value }) => value.samples,
      create: () => ({ process: () => outputs })
    })
  const write = async (...outputs: { to: string; key: string; value: object | null; slot?: number }[]) => {
    const bench = await openSlot(writer({ kind: 'emit', outputs }), { partitions: 4 })
    bench.slot.push(
      'generations',
      [bench.raw(generations, 0, 'g', make.generation('g', 'x', { samples: 3 }))],
      1
    )
    await until(() => bench.slot.idle)
    return bench.commits.flatMap(({ records }) => records)
  }

  test('go to the slot at work unless they name another', async () => {
    const records = await write(
      { to: 'verified', key: 'a', value: sample('a') },
      { to: 'verified', key: 'b', value: sample('b'), slot: 3 },
      { to: 'verified', key: 'c', value: null }
    )
    assert.deepEqual(
      records.map(({ partition, value }) => [partition, value === null]),
      [
        [0, false],
        [3, false],
        [0, true]
      ]
    )
  })

  test('that do not fit kill their record, whole, with the field in the message', async () => {
    for (const [output, message] of [
      [{ to: 'verified', key: 'b', value: { ...sample('b'), run: 7 } }, /not a Sample: field run/],
      [{ to: 'nowhere', key: 'b', value: sample('b') }, /output nowhere is not declared/],
      [{ to: 'verified', key: 'b', value: sample('b', 'x'.repeat(9e6)) }, /over its limit of 8388608/]
    ] as const) {
      const [record, ...more] = await write({ to: 'verified', key: 'a', value: sample('a') }, output)
      assert.deepEqual(more, [], 'nothing of the verdict is written')
      assert.equal(record?.topic, deadLetters.name)
      assert.equal(record?.headers?.['x-reason'], 'unencodable')
      assert.equal(record?.headers?.['x-settles'], '3')
      assert.match(String(record?.headers?.['x-message']), message)
    }
  })
})
