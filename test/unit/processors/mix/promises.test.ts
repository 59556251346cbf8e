/** What `mix` promises of every prefix of training, over any order, any recipe and any fault: checked by plain counting. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Tester } from '../../../../infra/runner/memory.ts'
import { mix, mixer } from '../../../../processors/mix.ts'
import { mixSection, mixText } from '../../../../processors/mixing.ts'
import { samplesHuman, samplesVerified, training } from '../../../../schemas/topics.ts'
import type { Origin, Sample, Split } from '../../../../schemas/types.ts'
import { opened } from '../../../helpers/play.ts'
import * as make from '../../../helpers/records.ts'

type Settings = ReturnType<typeof mixSection.parse>
type Selector = { family?: string; topic?: string; refusal?: string; run?: string; model?: string }
type Limit = Selector & { share?: number; rows?: number }
type Arrival = { readonly side: 'human' | 'verified'; readonly sample: Sample }

/** Text of the splits that must never be seen. */
const secret = 'held-out'
const deepest = 2

const person = (id: string, topic: string, split: Split, origin: Origin, generation: number | null): Sample =>
  make.humanSample(id, `${split === 'SEED' ? 'seed' : secret} text of ${id}`, {
    cell: make.cell({ topic, refusal: topic === 'safety' ? 'require' : 'reject' }),
    provenance: make.humanProvenance({
      split,
      origin,
      parent_ids: origin === 'HUMAN_EDITED' ? ['p'] : [],
      generation: origin === 'UNKNOWN' ? null : origin === 'HUMAN_AUTHORED' ? 0 : generation
    })
  })
const answer = (
  id: string,
  topic: string,
  family: string,
  terms: string,
  generation: number | null
): Sample =>
  make.sample(id, `answer ${id}`, {
    cell: make.cell({ topic, refusal: topic === 'safety' ? 'require' : 'reject' }),
    provenance: make.provenance({
      model_id: `${family}-1`,
      model_family: family,
      output_terms: terms,
      generation
    })
  })

/** What the run asks. */
const sources = make.asking('a-1', 'b-1', 'c-1')

const topicNames = fc.constantFrom('history', 'history', 'sea', 'safety')
const families = fc.constantFrom('a', 'a', 'a', 'b', 'c')
const human = fc.record({
  side: fc.constant('human' as const),
  topic: topicNames,
  split: fc.constantFrom<Split>('SEED', 'SEED', 'SEED', 'SEED', 'REFERENCE', 'AUDIT', 'NONE'),
  origin: fc.constantFrom<Origin>(
    'HUMAN_AUTHORED',
    'HUMAN_AUTHORED',
    'HUMAN_AUTHORED',
    'UNKNOWN',
    'HUMAN_EDITED'
  ),
  generation: fc.constantFrom(0, 0, 1)
})
const verified = fc.record({
  side: fc.constant('verified' as const),
  topic: topicNames,
  family: families,
  terms: fc.constantFrom('allowed', 'allowed', 'allowed', 'unknown', 'forbidden'),
  generation: fc.constantFrom(1, 1, 1, 1, 2, 3, null)
})
const happening = fc.oneof(
  { weight: 6, arbitrary: human },
  { weight: 8, arbitrary: verified },
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

const least = fc.oneof(
  fc.record({ family: families, share: fc.double({ min: 0.01, max: 0.6, noNaN: true }) }),
  fc.record({ model: families.map(name => `${name}-1`), share: fc.constantFrom(0.05, 0.3) }),
  fc.record({ topic: topicNames, share: fc.double({ min: 0.01, max: 0.4, noNaN: true }) }),
  fc.constant({ refusal: 'require' as const, share: 0.1 })
)
const most: fc.Arbitrary<Limit> = fc.oneof(
  fc.record({ family: families, share: fc.double({ min: 0.05, max: 1, noNaN: true }) }),
  fc.record({ topic: topicNames, share: fc.double({ min: 0.05, max: 1, noNaN: true }) }),
  fc.record({ family: families, topic: topicNames, rows: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ run: fc.constant('r'), rows: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ topic: topicNames, rows: fc.integer({ min: 1, max: 6 }) })
)
const recipes = fc.record({
  max_generation: fc.constant(deepest),
  edited_counts: fc.boolean(),
  epochs: fc.constantFrom(1, 2, 3),
  weights: fc.constantFrom({}, {}, {}, { 2: 0 }, { 1: 1, 2: 0.25 }, { 1: 0.5 }),
  min_share: fc.array(least, { maxLength: 3 }),
  quota: fc.array(most, { maxLength: 3 })
})
const rooms = fc.constantFrom(mix, mixer({ all: 1, each: 5000, offsets: 3 }))
const floors = fc.oneof(
  fc.constantFrom(0, 0.5, 0.5, 1, 1 / 3, 0.1),
  fc.double({ min: 0, max: 1, noNaN: true })
)

const isOf = ({ family, topic, refusal, run, model }: Selector, sample: Sample): boolean =>
  (family === undefined || sample.provenance.model_family === family) &&
  (model === undefined || sample.provenance.model_id === model) &&
  (topic === undefined || sample.cell.topic === topic) &&
  (refusal === undefined || sample.cell.refusal === refusal) &&
  (run === undefined || sample.run === run)

/** By the definition, not by the code: a person's, or edited by a person from people's text where that counts. */
const isReal = ({ provenance: { origin, generation } }: Sample, { edited_counts }: Settings): boolean =>
  origin === 'HUMAN_AUTHORED' || (edited_counts && origin === 'HUMAN_EDITED' && generation === 0)

const wanted = ({ side, sample: { provenance } }: Arrival): boolean =>
  provenance.output_terms !== 'forbidden' &&
  provenance.generation !== null &&
  provenance.generation <= deepest &&
  (side === 'verified' || provenance.split === 'SEED')

/** What holds of training at any moment. */
function assertHolds(
  rows: readonly Sample[],
  floor: number,
  settings: Settings,
  arrived: readonly Arrival[]
): void {
  const { min_share, quota, epochs, weights, strategy } = settings
  const slack = min_share.length + 2 + 1e-6
  const counts = [...min_share, ...quota].map(() => 0)
  const passes = new Map<string, number>()
  let real = 0
  for (const [index, sample] of rows.entries()) {
    const number = index + 1
    if (isReal(sample, settings)) real++
    if (strategy === 'accumulate')
      assert.ok(real >= floor * number, `row ${index}: ${real} real rows of ${number} are under ${floor}`)
    for (const [at, rule] of [...min_share, ...quota].entries()) {
      if (isOf(rule as Selector, sample)) counts[at]!++
      const count = counts[at]!
      const told = `row ${index}: ${count} rows of ${JSON.stringify(rule)}`
      if (at < min_share.length) assert.ok(count >= min_share[at]!.share * number - slack, told)
      else {
        const { share, rows: limit } = quota[at - min_share.length]!
        if (share !== undefined) assert.ok(count <= share * number, told)
        if (limit !== undefined) assert.ok(count <= limit, told)
      }
    }
    const before = passes.get(sample.id) ?? 0
    assert.ok(sample.epoch > before && sample.epoch <= epochs, `${sample.id} comes in epoch ${sample.epoch}`)
    assert.ok(before === 0 ? sample.epoch === 1 : isReal(sample, settings), `${sample.id} is repeated`)
    passes.set(sample.id, sample.epoch)
    const { generation } = sample.provenance
    assert.ok(sample.run === '' || weights[generation!] !== 0, `${sample.id} has a weight of 0`)
  }
  const legal = new Set(arrived.filter(wanted).map(({ sample }) => sample.id))
  for (const { id } of rows) assert.ok(legal.has(id), `${id} has no place in training`)
}

/**
 * The first promise the next row would break, with a row of room for smallest shares less than is promised; undefined: it
 * has its place.
 */
function broken(rows: readonly Sample[], next: Sample, floor: number, settings: Settings): boolean {
  const all = [...rows, next]
  const { min_share, quota } = settings
  const count = (rule: object, of = all): number => of.filter(sample => isOf(rule, sample)).length
  if (all.filter(one => isReal(one, settings)).length < floor * all.length) return true
  const over = ({ share, rows: limit, ...rule }: Limit): boolean =>
    isOf(rule, next) && count(rule) > (limit ?? share! * all.length)
  if (quota.some(one => over(one as Limit))) return true
  // A row that all groups together have room for behind their shares is never kept waiting.
  const deficits = min_share.map(({ share, ...rule }) => Math.max(0, share * all.length - count(rule)))
  return deficits.reduce((sum, one) => sum + one, 0) > min_share.length + 1 - 1e-6
}

async function start(floor: number, settings: Settings, mixing = mix): Promise<Tester> {
  const tester = await opened(mixing, {
    run: make.run('r', sources),
    limits: { records: 3, bytes: 1e6, delayMs: 500, retries: 0, retryMs: 1 }
  })
  tester.table('datasets', 'd', make.dataset('d', { floor, max_generation: deepest, mix: mixText(settings) }))
  return tester
}

/** Every run of the dataset has ended, and everything of them is in `samples.verified`. */
async function end(tester: Tester): Promise<void> {
  const until = { 'samples.verified': tester.read(samplesVerified).length }
  tester.table('runs', 'r', make.run('r', sources, { state: 'ended', until }))
  for (let tick = 0; tick < 3; tick++) await tester.tick()
}

const laid = (tester: Tester): Sample[] => tester.read(training).map(({ value }) => value)
const feed = (tester: Tester, { side, sample }: Arrival): void =>
  tester.feed(side === 'human' ? samplesHuman : samplesVerified, sample.id, sample)

describe('mix: promises', () => {
  test('hold in every prefix, and nothing waits that has its place, under any recipe, order and fault', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 10, maxLength: 160, size: 'max' }),
        floors,
        recipes,
        rooms,
        async (happenings, floor, recipe, mixing) => {
          const settings = mixSection.parse(recipe)
          const tester = await start(floor, settings, mixing)
          const arrived: Arrival[] = []
          for (const [index, one] of happenings.entries()) {
            if (one === 'settle') await tester.settle()
            else if (one === 'restart') await tester.restart()
            else if (one === 'tick') await tester.tick()
            else if (one === 'abort') tester.failCommits(1, 'before')
            else if (one === 'unanswered') tester.failCommits(1, 'after')
            else {
              const sample =
                one.side === 'human'
                  ? person(`h${index}`, one.topic, one.split, one.origin, one.generation)
                  : answer(`v${index}`, one.topic, one.family, one.terms, one.generation)
              arrived.push({ side: one.side, sample })
              feed(tester, { side: one.side, sample })
            }
            assertHolds(laid(tester), floor, settings, arrived)
          }
          await tester.settle()
          await end(tester)
          const rows = laid(tester)
          assertHolds(rows, floor, settings, arrived)
          const there = new Set(rows.map(({ id }) => id))
          const weighed = Object.keys(settings.weights).map(Number)
          for (const { side, sample } of arrived.filter(wanted)) {
            // Of these the hash decides.
            if (
              there.has(sample.id) ||
              (side === 'verified' && weighed.includes(sample.provenance.generation!))
            )
              continue
            // A place that was promised to a row that waits is not given to another.
            if (settings.quota.some(rule => rule.rows !== undefined && isOf(rule as Selector, sample)))
              continue
            assert.ok(broken(rows, sample, floor, settings), `${sample.id} waits, and has its place`)
          }
          for (const { value } of tester.read(training))
            assert.ok(!JSON.stringify(value).includes(secret), 'text of another split is in training')
        }
      ),
      { numRuns: 200, endOnFailure: true }
    )
  })

  test('never keep it waiting while there is enough of everything', async () => {
    const shares = fc.record({
      floor: fc.constantFrom(0, 0.3, 0.5, 0.75),
      a: fc.double({ min: 0.01, max: 1, noNaN: true }),
      b: fc.double({ min: 0.01, max: 1, noNaN: true }),
      c: fc.double({ min: 0.01, max: 1, noNaN: true }),
      safety: fc.constantFrom(0, 0.02, 0.1),
      used: fc.double({ min: 0.1, max: 1, noNaN: true }),
      order: fc.infiniteStream(fc.nat(5))
    })
    await fc.assert(
      fc.asyncProperty(shares, async ({ floor, a, b, c, safety, used, order }) => {
        // The families together take some or all of what the floor leaves them.
        const whole = (a + b + c) / ((1 - floor) * used * (1 - safety))
        const settings = mixSection.parse({
          min_share: [
            { family: 'a', share: a / whole },
            { family: 'b', share: b / whole },
            { family: 'c', share: c / whole },
            { topic: 'safety', share: Math.max(1e-6, safety * (1 - floor)) }
          ]
        })
        const tester = await start(floor, settings)
        const supply = { human: 0, safe: 0, a: 0, b: 0, c: 0, d: 0 }
        const kinds = Object.keys(supply) as (keyof typeof supply)[]
        let index = 0
        for (const pick of order) {
          if (index === 300) break
          const kind = kinds[pick]!
          const id = `${kind}-${index++}`
          const sample =
            kind === 'human' || kind === 'safe'
              ? person(id, kind === 'safe' ? 'safety' : 'sea', 'SEED', 'HUMAN_AUTHORED', 0)
              : answer(id, index % 9 === 0 ? 'safety' : 'sea', kind, 'allowed', 1)
          feed(tester, { side: sample.run === '' ? 'human' : 'verified', sample })
          supply[kind]++
        }
        await tester.settle()
        const rows = laid(tester)
        const left = new Map(
          kinds.map(kind => [kind, supply[kind] - rows.filter(({ id }) => id.startsWith(`${kind}-`)).length])
        )
        const usedUp = [...left].filter(([, count]) => count === 0).map(([kind]) => kind)
        assert.ok(
          usedUp.length > 0,
          `it waits with everything there: ${JSON.stringify([...left])} after ${rows.length} rows`
        )
      }),
      { numRuns: 60, endOnFailure: true }
    )
  })
})
