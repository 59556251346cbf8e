import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { silentLog } from '../../../infra/log.ts'
import type { Tester } from '../../../infra/runner/memory.ts'
import type { Instance, Output, Verdict } from '../../../processors/contract.ts'
import { mix, mixer } from '../../../processors/mix.ts'
import { isReal as countsAsReal, parseMix } from '../../../processors/mixing.ts'
import { retractions, samplesHuman, samplesVerified, training } from '../../../schemas/topics.ts'
import type { Origin, Sample, Split } from '../../../schemas/types.ts'
import { createHarness, fakeTables } from '../../helpers/context.ts'
import { assertPoisonIsBuried, feed, opened, sameUnderFaults, type Step } from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'

const person = (id: string, split: Split = 'SEED', origin: Origin = 'HUMAN_AUTHORED'): Sample =>
  make.humanSample(id, `text of ${id}`, {
    provenance: make.humanProvenance({
      split,
      origin,
      parent_ids: origin === 'HUMAN_EDITED' ? ['p'] : [],
      generation: origin === 'UNKNOWN' ? null : 0
    })
  })
const answer = (id: string, output_terms = 'allowed', generation: number | null = 1): Sample =>
  make.sample(id, `answer ${id}`, { provenance: make.provenance({ output_terms, generation }) })

const isReal = (sample: Sample): boolean => countsAsReal(sample, { edited_counts: false })

/** A record of either side. */
type Arrival = { readonly side: 'human' | 'verified'; readonly sample: Sample }
const step = ({ side, sample }: Arrival): Step =>
  feed(side === 'human' ? samplesHuman : samplesVerified, sample.id, sample)

/** A mixer that holds two samples or so of each kind, and reads three at once when it reads again. */
const tight = mixer({ all: 1, each: 5000, offsets: 3 })

async function start(floor: number, mixing = mix): Promise<Tester> {
  const tester = await opened(mixing, {
    limits: { records: 3, bytes: 1e6, delayMs: 500, retries: 0, retryMs: 1 }
  })
  tester.table('datasets', 'd', make.dataset('d', { floor }))
  return tester
}

/** Every run of the dataset has ended, and everything of them is in `samples.verified`. */
async function end(tester: Tester): Promise<void> {
  const until = { 'samples.verified': tester.read(samplesVerified).length }
  tester.table('runs', 'r', make.run('r', {}, { state: 'ended', until }))
  await tester.tick()
}

const laid = (tester: Tester): Sample[] => tester.read(training).map(({ value }) => value)
const wanted = ({ side, sample: { provenance } }: Arrival): boolean =>
  provenance.output_terms !== 'forbidden' &&
  provenance.generation !== null &&
  provenance.generation <= 1 &&
  (side === 'verified' || provenance.split === 'SEED')

/** What holds of training at any moment. */
function assertHolds(rows: readonly Sample[], floor: number, arrived: readonly Arrival[]): void {
  let real = 0
  for (const [index, sample] of rows.entries()) {
    if (isReal(sample)) real++
    assert.ok(
      real >= floor * (index + 1),
      `row ${index}: ${real} real rows of ${index + 1} are under ${floor}`
    )
  }
  const legal = new Set(arrived.filter(wanted).map(({ sample }) => sample.id))
  for (const { id } of rows) assert.ok(legal.has(id), `${id} has no place in training`)
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length, 'nothing is laid twice')
}

/** Most rows that are not real beside so many real ones. */
function room(real: number, floor: number): number {
  let guests = 0
  while (guests < 1000 && real >= floor * (real + guests + 1)) guests++
  return guests
}

const arrival = fc.oneof(
  fc.record({
    side: fc.constant('human' as const),
    split: fc.constantFrom<Split>('SEED', 'SEED', 'SEED', 'REFERENCE', 'AUDIT', 'NONE'),
    origin: fc.constantFrom<Origin>('HUMAN_AUTHORED', 'HUMAN_AUTHORED', 'UNKNOWN', 'HUMAN_EDITED')
  }),
  fc.record({
    side: fc.constant('verified' as const),
    terms: fc.constantFrom('allowed', 'allowed', 'forbidden'),
    generation: fc.constantFrom(1, 1, 1, 2, null)
  })
)
const happening = fc.oneof(
  { weight: 12, arbitrary: arrival },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'settle' as const,
      'restart' as const,
      'abort' as const,
      'unanswered' as const,
      'tick' as const
    )
  }
)
const rooms = fc.constantFrom(mix, tight)
const floors = fc.oneof(fc.constantFrom(0, 0.5, 1, 1 / 3, 0.1), fc.double({ min: 0, max: 1, noNaN: true }))

describe('mix', () => {
  test('every prefix holds the floor, whatever comes in whatever order and breaks meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { maxLength: 60 }),
        floors,
        rooms,
        async (happenings, floor, mixing) => {
          const tester = await start(floor, mixing)
          const arrived: Arrival[] = []
          for (const [index, one] of happenings.entries()) {
            if (one === 'settle') await tester.settle()
            else if (one === 'restart') await tester.restart()
            else if (one === 'tick') await tester.tick()
            else if (one === 'abort') tester.failCommits(1, 'before')
            else if (one === 'unanswered') tester.failCommits(1, 'after')
            else {
              const { side } = one
              const sample =
                one.side === 'human'
                  ? person(`h${index}`, one.split, one.origin)
                  : answer(`v${index}`, one.terms, one.generation)
              arrived.push({ side, sample })
              await step({ side, sample })(tester)
            }
            assertHolds(laid(tester), floor, arrived)
          }
          await tester.settle()
          await end(tester)
          // A tick whose transaction was aborted came to nothing; time goes on.
          await tester.tick()
          const rows = laid(tester)
          assertHolds(rows, floor, arrived)

          const able = arrived.filter(wanted).map(({ sample }) => sample)
          const real = able.filter(isReal)
          assert.equal(rows.filter(isReal).length, real.length, 'every real seed sample is laid')
          const guests = able.length - real.length
          assert.equal(
            rows.length - real.length,
            Math.min(guests, room(real.length, floor)),
            'nothing is lost'
          )
        }
      ),
      { numRuns: 150 }
    )
  })

  test('samples wait for their places, also over a restart that reads the topics back in another order', async () => {
    const tester = await start(0.5)
    for (let index = 0; index < 5; index++) tester.feed(samplesVerified, `v${index}`, answer(`v${index}`))
    await tester.settle()
    assert.equal(laid(tester).length, 0, 'no human sample pays for them')
    // New people arrive and the process dies before it saw them: the next one meets them before what it must read again.
    tester.failCommits(1)
    for (let index = 0; index < 5; index++) tester.feed(samplesHuman, `h${index}`, person(`h${index}`))
    await tester.settle()
    await end(tester)
    assert.equal(
      laid(tester)
        .map(({ id }) => id)
        .join(' '),
      'h0 v0 h1 v1 h2 v2 h3 v3 h4 v4'
    )
  })

  test('what was laid is not taken in again beside what still waits from before it', async () => {
    const tester = await start(0.5)
    tester.feed(samplesHuman, 'u', person('u', 'SEED', 'HUMAN_EDITED'))
    tester.feed(samplesHuman, 'h0', person('h0'))
    tester.feed(samplesVerified, 'v0', answer('v0'))
    await tester.settle()
    tester.feed(samplesHuman, 'h1', person('h1'))
    await tester.settle()
    // The next owner reads from the edited one on, past the one that is laid, to the one that waits.
    await tester.restart()
    tester.feed(samplesVerified, 'v1', answer('v1'))
    await tester.settle()
    assert.equal(
      laid(tester)
        .map(({ id }) => id)
        .join(' '),
      'h0 v0 h1 v1'
    )
  })

  test('real samples wait for guests until every run has ended', async () => {
    const tester = await start(0.5)
    for (const id of ['h0', 'h1', 'h2']) tester.feed(samplesHuman, id, person(id))
    tester.feed(samplesVerified, 'v0', answer('v0'))
    await tester.settle()
    assert.deepEqual(
      laid(tester).map(({ id }) => id),
      ['h0', 'v0']
    )
    tester.table('runs', 'r', make.run('r', {}, { state: 'ended', until: { 'samples.verified': 2 } }))
    await tester.tick()
    assert.equal(laid(tester).length, 2, 'one verified sample of the run is still on its way')
    tester.feed(samplesVerified, 'v1', answer('v1'))
    await tester.settle()
    await tester.tick()
    assert.deepEqual(
      laid(tester).map(({ id }) => id),
      ['h0', 'v0', 'h1', 'v1', 'h2']
    )
  })

  test('edits and unknown text never pay for a place', async () => {
    const tester = await start(0.5)
    tester.feed(samplesHuman, 'e', person('e', 'SEED', 'HUMAN_EDITED'))
    tester.feed(samplesHuman, 'u', person('u', 'SEED', 'HUMAN_EDITED'))
    tester.feed(samplesVerified, 'v', answer('v'))
    await tester.settle()
    await end(tester)
    assert.deepEqual(laid(tester), [])
    tester.feed(samplesHuman, 'h', person('h'))
    await tester.settle()
    assert.deepEqual(
      laid(tester).map(({ id }) => id),
      ['h', 'v']
    )
  })

  test('faults change nothing', async () => {
    const arrivals = ['h', 'v', 'v', 'h', 'v', 'h', 'h', 'v', 'v', 'h'].map((kind, index) =>
      kind === 'h'
        ? { side: 'human' as const, sample: person(`h${index}`, index === 3 ? 'AUDIT' : 'SEED') }
        : { side: 'verified' as const, sample: answer(`v${index}`) }
    )
    for (const mixing of [mix, tight]) {
      const rows = await sameUnderFaults(() => start(0.4, mixing), [...arrivals.map(step), end], [training])
      assert.ok(rows.length >= 8)
    }
  })

  test('poison is buried, everything else goes through', async () => {
    const good = Array.from({ length: 6 }, (_, index) => answer(`v${index}`))
    await assertPoisonIsBuried(
      await start(0),
      mix,
      samplesVerified,
      good,
      [
        ['provenance', make.sample('nobody', 'whose?', { provenance: make.provenance({ model_id: null }) })],
        ['unknown_dataset', make.sample('lost', 'where?', { dataset: 'nowhere' })],
        ['unknown_run', make.sample('stray', 'when?', { run: 'never' })]
      ],
      training
    )
  })

  test('a dataset that waits stops no other, and takes no place from it', async () => {
    const tester = await start(0.5, tight)
    tester.table('datasets', 'other', make.dataset('other', { floor: 0.5 }))
    tester.table('runs', 'o', make.run('o', { dataset: 'other' }))
    for (let index = 0; index < 200; index++) tester.feed(samplesVerified, `v${index}`, answer(`v${index}`))
    for (let index = 0; index < 20; index++) {
      tester.feed(samplesVerified, `o${index}`, { ...answer(`o${index}`), dataset: 'other', run: 'o' })
      tester.feed(samplesHuman, `p${index}`, { ...person(`p${index}`), dataset: 'other' })
    }
    await tester.settle()
    assert.equal(laid(tester).length, 40, 'the other dataset is laid down whole')
    assert.ok(laid(tester).every(({ dataset }) => dataset === 'other'))
    // People come at last: everything finds its place, in order.
    for (let index = 0; index < 200; index++) tester.feed(samplesHuman, `h${index}`, person(`h${index}`))
    await tester.settle()
    await end(tester)
    const rows = laid(tester).slice(40)
    assert.deepEqual(
      rows.map(({ id }) => id),
      Array.from({ length: 200 }, (_, index) => [`h${index}`, `v${index}`]).flat()
    )
  })

  test('people behind any amount of unknown text are found', async () => {
    const tester = await start(0.5, tight)
    for (let index = 0; index < 200; index++)
      tester.feed(samplesHuman, `u${index}`, person(`u${index}`, 'SEED', 'HUMAN_EDITED'))
    tester.feed(samplesHuman, 'h', person('h'))
    tester.feed(samplesVerified, 'v', answer('v'))
    await tester.settle()
    assert.deepEqual(
      laid(tester).map(({ id }) => id),
      ['h', 'v']
    )
  })

  test('what cannot be read again now is read later', async () => {
    const verdicts: Output[][] = []
    const heard = (verdict?: Verdict): void =>
      void verdicts.push(verdict?.kind === 'emit' ? verdict.outputs.filter(({ to }) => to === 'laid') : [])
    const said = new Map<string, object>()
    const values = Array.from({ length: 4 }, (_, index) => answer(`v${index}`))
    const states = new Map<string, object>()
    const reads: [number, number][] = []
    let soon = 0
    const instance: Instance = mixer({ all: 1, each: 1, offsets: 10 }).create({
      state: {
        datasets: Object.assign(states, { stage: states.set.bind(states) }),
        said: Object.assign(said, { stage: said.set.bind(said), forget: said.delete.bind(said) })
      },
      position: () => 4,
      now: () => 0,
      tables: {
        dataset: () => make.dataset('d', { floor: 0.5 }),
        mix: () => parseMix('{}'),
        runs: () => [].values(),
        changes: () => 0,
        retraction: () => undefined
      },
      log: silentLog,
      soon: () => soon++,
      async reread(input: string, from: number, to: number) {
        reads.push([from, to])
        for (const [offset, value] of values.entries())
          if (offset >= from && offset < to) instance.replay?.({ input, offset, key: value.id, value })
        if (reads.length === 1) throw new Error('the cluster is away')
      },
      out: (to: string, key: string, value: object) => ({ to, key, value }),
      emit: (...outputs: Output[]) => ({ kind: 'emit', outputs })
    } as never)
    const turns = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
    for (const [offset, value] of values.entries())
      heard(await instance.process({ input: 'verified', offset, key: value.id, value }))
    for (let index = 0; index < 4; index++) {
      const value = person(`h${index}`)
      heard(await instance.process({ input: 'human', offset: index, key: value.id, value }))
      await turns()
      heard(instance.tick?.())
      await turns()
    }
    for (let index = 0; index < 4; index++) {
      heard(instance.tick?.())
      await turns()
    }
    assert.deepEqual(
      verdicts.flat().map(({ key }) => key),
      ['h0', 'v0', 'h1', 'v1', 'h2', 'v2', 'h3', 'v3'].map(id => `d/${id}`)
    )
    assert.deepEqual(reads.slice(0, 3), [
      [1, 4],
      [1, 4],
      [2, 4]
    ])
    assert.ok(soon >= 3, 'it looks around when something was read')
  })

  test('no more is laid at once than a transaction takes', async () => {
    const tester = await opened(mix)
    tester.table('datasets', 'd', make.dataset('d', { floor: 1 }))
    const words = 'x'.repeat(100_000)
    for (let index = 0; index < 60; index++) {
      const one = person(`h${index}`)
      tester.feed(samplesHuman, one.id, { ...one, messages: [make.message('document', words)] })
    }
    await tester.settle()
    const before = tester.commits
    await end(tester)
    assert.equal(laid(tester).length, 60, 'one look around lays everything')
    assert.ok(tester.commits - before >= 6, `${tester.commits - before} transactions of 1 MiB`)
  })

  test('what was refused is not laid by a restart that reads past it', async () => {
    const tester = await start(0.5)
    tester.feed(samplesVerified, 'v0', answer('v0'))
    const nobody = make.sample('nobody', 'whose?', { provenance: make.provenance({ model_id: null }) })
    tester.feed(samplesVerified, 'nobody', nobody)
    tester.feed(samplesVerified, 'back', answer('back'), { 'x-for-group': 'measure' })
    tester.feed(samplesVerified, 'v1', answer('v1'))
    await tester.settle()
    await tester.restart()
    for (const id of ['h0', 'h1', 'h2', 'h3']) tester.feed(samplesHuman, id, person(id))
    await tester.settle()
    await end(tester)
    assert.deepEqual(
      laid(tester).map(({ id }) => id),
      ['h0', 'v0', 'h1', 'v1', 'h2', 'h3']
    )
  })
})

describe('what was erased', () => {
  test('while it waited waits no more after a restart', async () => {
    const tables = fakeTables()
    tables.datasets.set('d', make.dataset('d', { floor: 0.5 }))
    tables.runs.set('r', make.run('r'))
    const harness = createHarness(mix, { tables })
    for (const id of ['v0', 'v1']) await harness.process('verified', answer(id))
    const waiting = () => (harness.state('datasets') as { d: { waiting: object } })['d'].waiting
    assert.deepEqual(waiting(), { verified: { count: 2, from: 0 } })
    for (const offset of [0, 1]) harness.erase('verified', offset)
    harness.restart()
    harness.tick()
    assert.deepEqual(waiting(), {})
    await harness.process('human', person('h0'))
    assert.deepEqual(harness.values<Sample>('laid'), [])
  })
})

describe('what was retracted', () => {
  const leave = (tester: Tester, id: string): void =>
    tester.table('retractions', `d/${id}`, make.retraction(id))

  test('before it came is not laid down, and what was retracted elsewhere is', async () => {
    const tester = await start(0.5)
    leave(tester, 'h1')
    leave(tester, 'a1')
    tester.table('retractions', 'other/h2', make.retraction('h2', { dataset: 'other' }))
    for (const id of ['h1', 'h2', 'h3']) tester.feed(samplesHuman, id, person(id))
    for (const id of ['a1', 'a2']) tester.feed(samplesVerified, id, answer(id))
    await tester.settle()
    assert.deepEqual(
      laid(tester).map(({ id }) => id),
      ['h2', 'a2']
    )
    await end(tester)
    assert.deepEqual(
      laid(tester).map(({ id }) => id),
      ['h2', 'a2', 'h3']
    )
  })

  test('while it waited leaves without a place, in memory or read again', async () => {
    for (const mixing of [mix, tight]) {
      const tester = await start(0.5, mixing)
      const answers = Array.from({ length: 8 }, (_, index) => `a${index}`)
      for (const id of answers) tester.feed(samplesVerified, id, answer(id))
      await tester.settle()
      for (const id of ['a0', 'a1', 'a5']) leave(tester, id)
      if (mixing === tight) await tester.restart()
      for (let index = 0; index < 6; index++) tester.feed(samplesHuman, `h${index}`, person(`h${index}`))
      await tester.settle()
      await end(tester)
      await tester.tick()
      const ids = laid(tester).map(({ id }) => id)
      assert.deepEqual(
        ids.filter(id => id.startsWith('a')),
        ['a2', 'a3', 'a4', 'a6', 'a7']
      )
      assertHolds(laid(tester), 0.5, [
        ...answers.map(id => ({ side: 'verified' as const, sample: answer(id) })),
        ...Array.from({ length: 6 }, (_, index) => ({ side: 'human' as const, sample: person(`h${index}`) }))
      ])
    }
  })

  test('with its descendants takes along what is made of it later, and what is made of that', async () => {
    for (const mixing of [mix, tight]) {
      const tester = await start(0.5, mixing)
      const made = (id: string, from: Partial<Record<'parent_ids' | 'quoted_ids', string[]>>): Sample =>
        make.sample(id, `answer ${id}`, { provenance: make.provenance({ generation: 1, ...from }) })
      const arrives = (sample: Sample): void => tester.feed(samplesVerified, sample.id, sample)
      // Waits for human text when its parent leaves.
      arrives(made('waits', { parent_ids: ['h0'] }))
      await tester.settle()
      tester.table('retractions', 'd/h0', make.retraction('h0', { descendants: true, reason: 'poisoned' }))
      leave(tester, 'h1')
      arrives(made('derives', { parent_ids: ['x', 'h0'] }))
      arrives(made('quotes', { quoted_ids: ['h0'] }))
      arrives(made('of named alone', { parent_ids: ['h1'], quoted_ids: ['h1'] }))
      arrives(made('free', { parent_ids: ['h2'] }))
      await tester.settle()
      // What the mixer says stands in the table that it reads.
      for (const { key, value } of tester.read(retractions)) tester.table('retractions', key, value)
      if (mixing === tight) await tester.restart()
      arrives(made('second', { parent_ids: ['derives'] }))
      for (let index = 2; index < 8; index++) tester.feed(samplesHuman, `h${index}`, person(`h${index}`))
      await tester.settle()
      await end(tester)
      await tester.tick()
      assert.deepEqual(
        laid(tester).flatMap(({ id, provenance }) => (provenance.origin === 'SYNTHETIC' ? [id] : [])),
        ['of named alone', 'free']
      )
      const gone = tester.read(retractions)
      assert.deepEqual(gone.map(({ key }) => key).toSorted(), [
        'd/derives',
        'd/quotes',
        'd/second',
        'd/waits'
      ])
      for (const { value } of gone)
        assert.partialDeepStrictEqual(value, {
          dataset: 'd',
          kind: 'RETRACTED',
          reason: 'poisoned',
          ancestor: 'h0',
          author: 'mix',
          descendants: true
        })
    }
  })
})
