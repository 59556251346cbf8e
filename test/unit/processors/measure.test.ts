import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import {
  type WindowKey,
  glancePanelKeys,
  glanceReferenceKeys,
  panelKeys,
  referenceKeys
} from '../../../metrics/keys.ts'
import { isSampled } from '../../../metrics/fingerprint.ts'
import { measureTexts } from '../../../metrics/measure-texts.ts'
import { createPanel } from '../../../metrics/panel.ts'
import { posCompressionRatio } from '../../../metrics/pos-compression-ratio.ts'
import { posPatterns } from '../../../metrics/pos-patterns.ts'
import { valueOf } from '../../../metrics/result.ts'
import { templateRate } from '../../../metrics/template-rate.ts'
import { packSums } from '../../../metrics/vector-sums.ts'
import { words } from '../../../metrics/word-vectors.ts'
import { measure, measureIn } from '../../../processors/measure.ts'
import type { Frozen } from '../../../processors/measure/humans.ts'
import { humanText, modelText } from '../../../processors/text.ts'
import type { Log, Ports } from '../../../processors/contract.ts'
import { keptWindows, referenceHalf, shuffleRank } from '../../../processors/reservoir.ts'
import type { DiversityStat, Generation, Metric, Sample } from '../../../schemas/types.ts'
import { type Harness, createHarness, fakeTables } from '../../helpers/context.ts'
import * as make from '../../helpers/records.ts'

const window = 100

/** Words that have an embedding. */
const vocabulary = words.split(' ').slice(2000, 2300)

/** Twenty words, some of them rare; the same for the same number. */
function text(seed: number): string {
  let state = (seed + 1) * 2_654_435_761
  return Array.from({ length: 20 }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 374_761_393) >>> 0
    return vocabulary[Math.floor((state / 2 ** 32) ** 3 * 300)]!
  }).join(' ')
}

function tables(recipe: object = {}) {
  const fake = fakeTables()
  fake.datasets.set('d', make.dataset('d', { window }))
  fake.runs.set('r', make.run('r', recipe))
  return fake
}

const raw = (index: number, fields: Partial<Generation> = {}) =>
  make.generation(`g${index}`, text(index), fields)
const from = (model_id: string) => ({ provenance: make.provenance({ model_id }) })
const stats = (harness: Harness) => harness.values<DiversityStat>('stats')
const models = (harness: Harness) => stats(harness).filter(stat => stat.stage !== 'human')

const about = (topic: string) => ({ cell: make.cell({ topic }) })
const subjectOf = (index: number) => about(index % 4 === 3 ? 'war' : 'peace')

/** Records of both stages and of people, in one fixed interleaving; of people those of both halves. */
function script(): { input: string; value: Generation | Sample }[] {
  const ids = bandIds(44)
  const others = referenceIds(44)
  return Array.from({ length: 44 }, (_, index) => [
    { input: 'human', value: make.humanSample(ids[index]!, text(1000 + index), subjectOf(index)) },
    { input: 'human', value: make.humanSample(others[index]!, text(2000 + index)) },
    {
      input: 'generations',
      value: raw(index, { ...from(index % 3 === 0 ? 'alpha' : 'beta'), ...subjectOf(index) })
    },
    ...(index % 2 === 0
      ? [
          {
            input: 'verified',
            value: make.sample(`v${index}`, text(index), from(index % 3 === 0 ? 'alpha' : 'beta'))
          }
        ]
      : [])
  ]).flat()
}

/** Plays the script, ending transactions where told; what is not said goes on in the same one. */
async function play(cuts: (step: number) => 'commit' | 'abort' | 'restart' | undefined) {
  const harness = createHarness(measure, { tables: tables({ window_by: ['topic'] }), autoCommit: false })
  const records = script()
  let committed = 0
  const aborted = new Set<number>()
  for (let step = 0; step < records.length; step++) {
    await harness.process(records[step]!.input, records[step]!.value)
    const what = cuts(step)
    if (what === 'abort' && !aborted.has(step)) {
      aborted.add(step)
      harness.abort()
      step = committed - 1
      continue
    }
    if (what === undefined) continue
    harness.commit()
    committed = step + 1
    if (what === 'restart') harness.restart()
  }
  harness.commit()
  return harness
}

function metric(stat: DiversityStat | undefined, name: WindowKey): Metric {
  return stat?.metrics.find(one => one.name === name) ?? assert.fail(`no ${name}`)
}

/** Ids of documents of a half, in order. */
function idsOf(half: ReturnType<typeof referenceHalf>, count: number): string[] {
  const ids: string[] = []
  for (let index = 0; ids.length < count; index++) {
    if (referenceHalf(`h${index}`) === half) ids.push(`h${index}`)
  }
  return ids
}
const bandIds = (count: number): string[] => idsOf('band', count)
const referenceIds = (count: number): string[] => idsOf('vocabulary', count)

async function feedHumans(harness: Harness, count: number): Promise<void> {
  for (const [index, id] of bandIds(count).entries()) {
    await harness.process('human', make.humanSample(id, text(1000 + index)))
  }
}

describe('windows', () => {
  test('close with the document that reaches the budget, per source and over all sources', async () => {
    const harness = createHarness(measure, { tables: tables() })
    // Offsets 0 2 4 … are of alpha, 1 3 5 … of beta; a window is five documents of twenty words.
    for (let index = 0; index < 20; index++) {
      await harness.process('generations', raw(index, from(index % 2 === 0 ? 'alpha' : 'beta')))
    }
    const bounds = (scope: string) =>
      stats(harness)
        .filter(stat => stat.scope === scope)
        .map(stat => [stat.window, stat.from, stat.to, stat.documents, stat.tokens, stat.partial])
    assert.deepEqual(bounds('d/r/raw/1/alpha'), [
      [0, 0, 9, 5, 100, false],
      [1, 10, 19, 5, 100, false]
    ])
    assert.deepEqual(bounds('d/r/raw/1/beta'), [
      [0, 1, 10, 5, 100, false],
      [1, 11, 20, 5, 100, false]
    ])
    assert.deepEqual(
      bounds('d/r/raw/1/*').map(([number, start, end]) => [number, start, end]),
      [0, 1, 2, 3].map(number => [number, number * 5, number * 5 + 5])
    )
    assert.deepEqual(
      harness.outputs.map(output => output.key).filter(key => key.includes('beta')),
      ['d/r/raw/1/beta#0', 'd/r/raw/1/beta#1']
    )
  })

  test('carry what the panel says of exactly their documents', async () => {
    const harness = createHarness(measure, { tables: tables(), slot: 2 })
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index))
    const panel = createPanel()
    for (let index = 0; index < 5; index++) panel.add(text(index))
    const expected = panel.values()
    const stat = stats(harness)[0]!
    assert.deepEqual(
      stat.metrics.map(({ name, value }) => [name, value]),
      [
        ...panelKeys.map(key => [key, valueOf(expected[key]) ?? null]),
        // There is no human text here that they could be beside.
        ...referenceKeys.map(key => [key, null]),
        ['novel_type_share', null]
      ]
    )
    assert.deepEqual(stat.embeddings, packSums(panel.embeddings))
    assert.ok(stat.embeddings.count === 5 && stat.embeddings.products.length === 2080)
    const [, overAll] = stats(harness)
    assert.deepEqual(overAll!.embeddings, { count: 0, sum: [], products: [] }, 'the same texts once more')
    const named = stat.metrics.filter(({ model }) => model !== '').map(({ name, model }) => [name, model])
    const embedding = 'all-minilm-l6-v2-words-64-1'
    assert.deepEqual(named, [
      ['feature_cosine', 'hashed-256-1'],
      ['embedding_cosine', embedding],
      ['embedding_cosine_squared', embedding],
      ['embedding_vendi_q1', embedding],
      ['embedding_vendi_q2', embedding],
      ['embedding_vendi_qinf', embedding],
      ...['mean', 'sd', 'iqr', 'mean_trimmed', 'sd_trimmed'].map(one => [`log_ppl_${one}`, 'kneser-ney-3-1']),
      ['cluster_coverage', 'clusters-16-1'],
      ['cluster_entropy', 'clusters-16-1'],
      ['embedding_frechet', embedding]
    ])
    assert.deepEqual(
      { ...stat, metrics: [], embeddings: { ...stat.embeddings, products: [] } },
      {
        scope: 'd/r/raw/1/alpha',
        dataset: 'd',
        run: 'r',
        stage: 'raw',
        source: 'alpha',
        generation: 1,
        cell_group: '*',
        window: 0,
        topic: 'generations',
        slot: 2,
        from: 0,
        to: 5,
        documents: 5,
        tokens: 100,
        budget: 100,
        partial: false,
        tokenizer: 'words-1',
        metrics: [],
        clusters: [],
        embeddings: { ...packSums(panel.embeddings), products: [] },
        log_perplexities: [],
        human_windows: 0,
        // Five windows of 100 tokens at 20 tokens a document, and half of the split is not for the band.
        human_missing: 50,
        created_at: 1_700_000_000_000_000
      }
    )
  })

  test('keep stages, runs and generations apart', async () => {
    const fake = tables()
    fake.runs.set('s', make.run('s'))
    const harness = createHarness(measure, { tables: fake })
    for (let index = 0; index < 5; index++) {
      await harness.process('generations', raw(index))
      await harness.process('generations', raw(index, { run: 's' }))
      await harness.process('generations', raw(index, { provenance: make.provenance({ generation: null }) }))
      await harness.process('verified', make.sample(`v${index}`, text(index)))
    }
    assert.deepEqual(
      stats(harness)
        .map(stat => stat.scope)
        .toSorted(),
      [
        'd/r/accepted/1/*',
        'd/r/accepted/1/alpha',
        'd/r/raw/1/*',
        'd/r/raw/1/alpha',
        'd/r/raw//*',
        'd/r/raw//alpha',
        'd/s/raw/1/*',
        'd/s/raw/1/alpha'
      ].toSorted()
    )
    assert.deepEqual([...new Set(stats(harness).map(stat => stat.topic))].toSorted(), [
      'generations',
      'samples.verified'
    ])
  })

  test("leave out what is not the model's text", async () => {
    const harness = createHarness(measure, { tables: tables() })
    const out = [
      raw(90, { error: 'unavailable', reply: '' }),
      raw(91, { reply: ' \n ' }),
      raw(92, { finish_reason: 'content_filter' }),
      raw(93, { finish_reason: 'tool_calls' })
    ]
    for (const record of out) await harness.process('generations', record)
    assert.deepEqual(harness.state('windows'), {})
    for (let index = 0; index < 5; index++) {
      await harness.process('generations', raw(index, { finish_reason: index === 0 ? 'length' : 'stop' }))
    }
    const [first] = stats(harness)
    assert.deepEqual([first?.from, first?.to, first?.documents], [4, 9, 5])
  })

  test('measure the last answer of a conversation, not what was asked', async () => {
    const harness = createHarness(measure, { tables: tables() })
    for (let index = 0; index < 5; index++) {
      const messages = [
        make.message('user', 'one two'),
        make.message('assistant', 'an earlier answer'),
        make.message('user', 'three'),
        make.message('assistant', text(index))
      ]
      await harness.process('verified', make.sample(`v${index}`, '', { messages }))
    }
    assert.equal(stats(harness)[0]?.tokens, 100)
  })

  test('hold people to the same: the last answer of a conversation, or the document', () => {
    const turns = [
      make.message('user', 'one two'),
      make.message('assistant', 'an earlier answer'),
      make.message('user', 'three'),
      make.message('assistant', 'the last answer'),
      make.message('user', 'thanks')
    ]
    assert.equal(humanText(turns), 'the last answer')
    assert.equal(modelText(make.sample('v', '', { messages: turns })), humanText(turns))
    assert.equal(humanText([make.message('document', 'a document')]), 'a document')
    assert.equal(humanText([make.message('user', 'a question')]), '')
  })

  test('are taken of each group of cells besides, where the recipe says so, over all sources', async () => {
    const harness = createHarness(measure, { tables: tables({ window_by: ['topic', 'task'] }) })
    for (let index = 0; index < 20; index++) {
      const cell = make.cell({ topic: ['war', 'peace', ''][index % 3]!, task: 'explain' })
      // A model can be called anything, and is taken for no group.
      const named = from(index % 2 === 0 ? '*' : '["topic=war"]')
      await harness.process('generations', raw(index, { cell, ...named }))
    }
    const groups = Map.groupBy(stats(harness), ({ cell_group, source }) => `${source} ${cell_group}`)
    assert.deepEqual(
      [...groups].map(([name, list]) => `${name}: ${list.length}`).toSorted(),
      [
        'unknown *: 2',
        '* *: 4',
        '* task=explain: 4',
        '* topic=peace: 1',
        '* topic=war: 1',
        '["topic=war"] *: 2'
      ].toSorted()
    )
    const [war] = groups.get('* topic=war')!
    assert.deepEqual([war!.scope, war!.from, war!.to, war!.documents], ['d/r/raw/1/*', 0, 13, 5])
    assert.equal(new Set(harness.outputs.map(({ key }) => key)).size, harness.outputs.length, 'a key each')
    assert.deepEqual(
      groups.get('* task=explain')!.map(({ from: start, metrics }) => [start, metrics]),
      groups.get('* *')!.map(({ from: start, metrics }) => [start, metrics]),
      'a group of all cells is all of them'
    )
  })

  test('of an unknown dataset are refused', async () => {
    const harness = createHarness(measure, { tables: tables() })
    const verdict = await harness.process('generations', raw(1, { dataset: 'elsewhere' }))
    assert.equal(verdict.kind, 'reject')
  })

  test('stage state only when they open and close', async () => {
    const harness = createHarness(measure, { tables: tables() })
    const seen: unknown[] = []
    for (let index = 0; index < 6; index++) {
      await harness.process('generations', raw(index))
      seen.push(harness.state('windows')['d/r/raw/1/*'])
    }
    const scope = { dataset: 'd', run: 'r', stage: 'raw', generation: 1, source: '*' }
    const at = (number: number, start: number | null) => ({ ...scope, window: number, from: start })
    assert.deepEqual(seen, [at(0, 0), at(0, 0), at(0, 0), at(0, 0), at(1, null), at(1, 5)])
  })
})

describe('exactly once', () => {
  test('a restart at any point leaves every window as it was, the human side included', async () => {
    const clean = await play(() => 'commit')
    const records = script().length
    assert.ok(models(clean).length > 30, 'the script closes many windows')
    assert.ok(
      stats(clean).some(stat => stat.stage === 'human'),
      'and takes a human band'
    )
    assert.ok(stats(clean).some(stat => stat.metrics.some(one => one.z !== null)))
    assert.ok(models(clean).some(stat => metric(stat, 'log_ppl_mean').z !== null))
    assert.ok(models(clean).some(stat => metric(stat, 'log_ppl_mean').value === null))
    assert.ok(
      models(clean).some(stat => stat.cell_group === 'topic=peace' && metric(stat, 'types').z !== null)
    )
    assert.ok(models(clean).some(stat => stat.cell_group === 'topic=war' && stat.human_missing > 0))
    for (let cut = 0; cut < records; cut++) {
      const harness = await play(step => (step === cut ? 'restart' : 'commit'))
      assert.deepEqual(harness.outputs, clean.outputs, `restart after record ${cut}`)
    }
    const always = await play(() => 'restart')
    assert.deepEqual(always.outputs, clean.outputs)
    assert.deepEqual(always.state('windows'), clean.state('windows'))
  })

  test('so do transactions of any size, each aborted once', async () => {
    const clean = await play(() => 'commit')
    for (const size of [2, 7, 40]) {
      const harness = await play(step =>
        step % size === size - 1 ? 'commit' : step % size === size - 2 ? 'abort' : undefined
      )
      assert.deepEqual(harness.outputs, clean.outputs, `transactions of ${size}`)
    }
  })

  test('a restart reads again only what the open windows need', async () => {
    const harness = createHarness(measure, { tables: tables() })
    for (let index = 0; index < 23; index++) await harness.process('generations', raw(index))
    harness.restart()
    assert.equal(harness.replayed, 3)
  })
})

describe('human band', () => {
  test('stands beside whole windows, with the same panel at the same size', async () => {
    const harness = createHarness(measure, { tables: tables() })
    await feedHumans(harness, 40)
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index))
    const humans = stats(harness).filter(stat => stat.stage === 'human')
    assert.equal(humans.length, 8)
    const [stat] = models(harness)
    assert.equal(stat?.human_windows, 8)
    assert.equal(stat?.human_missing, 0)
    const values = humans.map(one => metric(one, 'types').value!)
    const mean = values.reduce((sum, value) => sum + value, 0) / 8
    const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 7)
    assert.ok(sd > 0)
    assert.ok(Math.abs(metric(stat, 'types').human_mean! - mean) < 1e-9)
    assert.ok(Math.abs(metric(stat, 'types').human_sd! - sd) < 1e-9)
    assert.ok(Math.abs(metric(stat, 'types').z! - (metric(stat, 'types').value! - mean) / sd) < 1e-9)
    // Every window has 100 tokens here: a spread of nothing gives no z.
    assert.equal(metric(stat, 'tokens').z, null)
    assert.deepEqual(
      humans.map(({ scope, source, generation, run, window: number, documents, tokens, topic }) => [
        scope,
        source,
        generation,
        run,
        number,
        documents,
        tokens,
        topic
      ]),
      humans.map((_, index) => ['d//human//*', '*', 0, '', index, 5, 100, 'samples.human'])
    )
  })

  test('of a group of cells is of human text of the group alone', async () => {
    const harness = createHarness(measure, { tables: tables({ window_by: ['topic'] }) })
    for (const [index, id] of bandIds(60).entries())
      await harness.process('human', make.humanSample(id, text(1000 + index), subjectOf(index)))
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index, about('peace')))
    for (let index = 5; index < 10; index++) await harness.process('generations', raw(index, about('war')))
    const of = (group: string) => models(harness).find(stat => stat.cell_group === group)!
    // 45 texts make nine windows; 15 make three, and twice ten more are missing: half of them are of the other half.
    assert.deepEqual([of('topic=peace').human_windows, of('topic=peace').human_missing], [9, 0])
    assert.deepEqual([of('topic=war').human_windows, of('topic=war').human_missing], [3, 20])
    assert.ok(metric(of('topic=peace'), 'types').z !== null)
    assert.equal(metric(of('topic=war'), 'types').z, null)
    // All of human text as one topic is what there is without any.
    const alone = createHarness(measure, { tables: tables({ window_by: ['topic'] }) })
    for (const [index, id] of bandIds(60).entries())
      await alone.process('human', make.humanSample(id, text(1000 + index), about('peace')))
    for (let index = 0; index < 5; index++) await alone.process('generations', raw(index, about('peace')))
    const [group, all] = ['topic=peace', '*'].map(name =>
      models(alone).find(stat => stat.cell_group === name)!
    )
    assert.deepEqual(group!.metrics, all!.metrics)
  })

  test('of a group that is little of the human text there is none, and no number of documents is asked for', async () => {
    const harness = createHarness(measure, { tables: tables({ window_by: ['topic'] }) })
    for (const [index, id] of bandIds(5 * keptWindows + 80).entries()) {
      const topic = index % 16 === 0 ? 'war' : 'peace'
      await harness.process('human', make.humanSample(id, text(1000 + index), about(topic)))
    }
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index, about('war')))
    const stat = models(harness).find(({ cell_group }) => cell_group === 'topic=war')
    assert.ok(stat!.human_windows < 5)
    assert.equal(stat!.human_missing, 0)
  })

  test('is missing, and says by how much, below five windows of text', async () => {
    const harness = createHarness(measure, { tables: tables() })
    await feedHumans(harness, 20)
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index))
    const [stat] = stats(harness)
    assert.equal(stat?.stage, 'raw')
    assert.ok(stat?.metrics.every(one => one.human_mean === null && one.z === null))
    assert.equal(stat?.human_windows, 0)
    assert.equal(stat?.human_missing, 2 * 5)
  })

  test('never uses texts of another split or of the other half', async () => {
    const harness = createHarness(measure, { tables: tables() })
    for (const split of ['SEED', 'AUDIT', 'NONE', null] as const) {
      for (const id of bandIds(40)) {
        const provenance = make.humanProvenance({ split })
        await harness.process('human', make.humanSample(id, text(1), { provenance }))
      }
    }
    const others = Array.from({ length: 100 }, (_, index) => `h${index}`).filter(
      id => referenceHalf(id) !== 'band'
    )
    assert.ok(others.length > 30 && others.length < 70, 'halves')
    for (const id of others) await harness.process('human', make.humanSample(id, text(1)))
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index))
    assert.equal(stats(harness)[0]?.human_windows, 0)
    assert.equal(
      stats(harness).some(stat => stat.stage === 'human'),
      false
    )
  })

  test('is taken again only when a tenth of it is new, and then told again', async () => {
    const harness = createHarness(measure, { tables: tables() })
    const told = () => stats(harness).filter(stat => stat.stage === 'human').length
    const ids = bandIds(50)
    const human = (index: number) =>
      harness.process('human', make.humanSample(ids[index]!, text(1000 + index)))
    for (let index = 0; index < 40; index++) await human(index)
    let next = 0
    const close = async () => {
      for (let index = 0; index < 5; index++) await harness.process('generations', raw(next++))
    }
    await close()
    assert.equal(told(), 8)
    for (let index = 40; index < 44; index++) await human(index)
    await close()
    assert.equal(told(), 8, 'four of 44 are less than a tenth')
    await human(44)
    await close()
    assert.equal(told(), 17, 'five of 45 are more: nine windows now')
  })

  test('does not depend on the order the documents came in', async () => {
    const ids = bandIds(45)
    const bandOf = async (order: readonly string[]) => {
      const harness = createHarness(measure, { tables: tables() })
      for (const id of order) {
        const cell = make.cell({ topic: ids.indexOf(id) % 4 === 0 ? 'rare' : 'common' })
        await harness.process('human', make.humanSample(id, text(ids.indexOf(id)), { cell }))
      }
      for (let index = 0; index < 5; index++) await harness.process('generations', raw(index))
      const humans = stats(harness).filter(stat => stat.stage === 'human')
      return humans.map(stat => stat.metrics)
    }
    const expected = await bandOf(ids)
    assert.equal(expected.length, 9)
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(ids, { minLength: ids.length }), async order => {
        assert.deepEqual(await bandOf(order), expected)
      }),
      { numRuns: 10 }
    )
  })

  test('keeps no more than it can use', async () => {
    const harness = createHarness(measure, { tables: tables() })
    await feedHumans(harness, 5 * keptWindows + 50)
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index))
    assert.equal(models(harness)[0]?.human_windows, keptWindows)
  })
})

describe('the reference', () => {
  const ids = referenceIds(40)
  const feedReference = async (harness: Harness, first = 0, to = ids.length) => {
    for (let index = first; index < to; index++) {
      await harness.process('human', make.humanSample(ids[index]!, text(2000 + index)))
    }
  }
  const window0 = Array.from({ length: 5 }, (_, index) => text(index))
  const frozen = (harness: Harness) => (harness.state('references') as Record<string, Frozen>)['d']!
  const close = async (harness: Harness) => {
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index))
  }

  test('is what windows are beside, those of the band as well: the other half and nothing else', async () => {
    const harness = createHarness(measure, { tables: tables() })
    await feedReference(harness)
    await feedHumans(harness, 40)
    for (const id of ids) {
      const provenance = make.humanProvenance({ split: 'SEED' })
      await harness.process('human', make.humanSample(`s${id}`, 'of the seed', { provenance }))
    }
    await close(harness)
    // In the order of the shuffle: clusters are begun in it.
    const reference = [...ids.entries()]
      .toSorted(([, a], [, b]) => (shuffleRank(a) < shuffleRank(b) ? -1 : 1))
      .map(([index]) => text(2000 + index))
    const plain = measureTexts(window0, { reference })
    const [stat] = models(harness)
    for (const key of referenceKeys) {
      const one = metric(stat, key)
      assert.ok(Math.abs(one.value! - plain.metrics[key]!) < 1e-9, `${key}: ${one.value}`)
      const humans = stats(harness).filter(({ stage }) => stage === 'human')
      const values = humans.map(human => metric(human, key).value!)
      assert.equal(values.length, 8)
      const mean = values.reduce((sum, value) => sum + value, 0) / 8
      assert.ok(Math.abs(one.human_mean! - mean) < 1e-9 && one.human_sd! > 0, key)
      assert.ok(Math.abs(one.z! - (one.value! - mean) / one.human_sd!) < 1e-9, key)
    }
    // Of the documents in each cluster those of people are named.
    const band = new Set(bandIds(40))
    const named: string[] = []
    const { length } = stat!.clusters
    assert.ok(length === 3 || length === 4, 'one for ten texts that are about anything')
    for (const { stage, documents, clusters } of stats(harness)) {
      assert.equal(clusters.length, length)
      const hit = clusters.reduce((sum, one) => sum + one.documents, 0)
      assert.ok(hit <= documents && hit > documents / 2, 'all but those about nothing')
      for (const { documents: hits, examples } of clusters) {
        assert.equal(examples.length, stage === 'human' ? Math.min(3, hits) : 0)
        named.push(...examples)
      }
    }
    assert.ok(named.length >= 8 && named.every(id => band.has(id)))
    assert.equal(new Set(named).size, named.length, 'each in one cluster of one window')
  })

  test('knows what no generator has from human text: what the seed split does not hold', async () => {
    const played = async (restart: boolean) => {
      const harness = createHarness(measure, { tables: tables() })
      const feedSeed = async (...texts: string[]) => {
        for (const one of texts)
          await harness.process(
            'human',
            make.humanSample(`s${one}`, one, { provenance: make.humanProvenance({ split: 'SEED' }) })
          )
      }
      const seed = vocabulary.slice(0, 250).join(' ')
      await feedSeed(seed)
      await feedReference(harness)
      await feedHumans(harness, 40)
      await close(harness)
      // Words of the seed that come later count when the band is taken again: windows are held against what it was.
      await feedSeed(vocabulary.slice(250).join(' '))
      if (restart) harness.restart()
      await close(harness)
      return { harness, seed }
    }
    const { harness, seed } = await played(true)
    const { metrics } = measureTexts(window0, { seed: [seed] })
    assert.ok(metrics.novel_type_share! > 0 && metrics.novel_type_share! < 0.5)
    for (const stat of models(harness)) {
      const one = metric(stat, 'novel_type_share')
      assert.equal(one.value, metrics.novel_type_share)
      assert.ok(one.human_mean! > 0 && one.human_sd! > 0 && one.z !== null)
    }
    assert.equal(models(harness).length, 4)
    assert.deepEqual(harness.outputs, (await played(false)).harness.outputs)
    for (const id of bandIds(80).slice(40))
      await harness.process('human', make.humanSample(id, text(1000 + id.length)))
    await close(harness)
    assert.equal(metric(models(harness).at(-1), 'novel_type_share').value, 0, 'all words are of the seed now')
  })

  test('stays as it was when the first band was taken', async () => {
    const harness = createHarness(measure, { tables: tables() })
    await feedReference(harness, 0, 20)
    await feedHumans(harness, 40)
    await close(harness)
    await feedReference(harness, 20, 40)
    for (const id of bandIds(80).slice(40)) await harness.process('human', make.humanSample(id, text(1)))
    await close(harness)
    const [first, second] = models(harness).filter(({ source }) => source === '*')
    for (const key of referenceKeys) assert.equal(metric(first, key).value, metric(second, key).value, key)
    assert.notEqual(metric(first, 'log_ppl_mean').human_mean, metric(second, 'log_ppl_mean').human_mean)
    assert.equal(frozen(harness).at, 60)
  })

  test('that comes after the first band has the band taken again', async () => {
    const harness = createHarness(measure, { tables: tables() })
    await feedHumans(harness, 40)
    await close(harness)
    const missing = metric(models(harness)[0], 'tail_types_kept')
    assert.deepEqual([missing.value, missing.undefined], [null, 'no human reference yet'])
    await feedReference(harness, 0, 4)
    await close(harness)
    assert.equal(metric(models(harness).at(-1), 'tail_types_kept').value, null, 'no window of text')
    await feedReference(harness, 4, 5)
    await close(harness)
    assert.notEqual(metric(models(harness).at(-1), 'tail_types_kept').z, null)
    assert.equal(stats(harness).filter(({ stage }) => stage === 'human').length, 16)
  })

  test('is the same after a restart, whichever half was read first, and so is the band', async () => {
    for (const order of ['reference first', 'band first']) {
      const played = async (restart: boolean) => {
        const harness = createHarness(measure, { tables: tables() })
        if (order === 'reference first') await feedReference(harness, 0, 20)
        await feedHumans(harness, 40)
        if (order === 'band first') await feedReference(harness, 0, 20)
        await close(harness)
        await feedReference(harness, 20, 40)
        await harness.process('generations', raw(5))
        if (restart) harness.restart()
        for (let index = 6; index < 10; index++) await harness.process('generations', raw(index))
        return harness.outputs
      }
      assert.deepEqual(await played(true), await played(false), order)
    }
  })

  test('is found again though texts were erased since: made of no text that came later, and not made anew', async () => {
    const played = async (erased: readonly number[], more: boolean) => {
      const harness = createHarness(measure, { tables: tables() })
      await feedReference(harness, 0, 20)
      await feedHumans(harness, 40)
      await close(harness)
      if (more) await feedReference(harness, 20, 40)
      const before = models(harness).length
      const as = frozen(harness)
      assert.ok(as.at === 60 && as.clusters)
      for (const offset of erased) harness.erase('human', offset)
      harness.restart()
      await close(harness)
      const [stat] = models(harness)
        .slice(before)
        .filter(({ source }) => source === '*')
      for (const key of referenceKeys)
        assert.notEqual(metric(stat, key).value, null, `${erased.join()}: ${key}`)
      assert.deepEqual(frozen(harness), as, erased.join())
      assert.equal(
        stats(harness).filter(({ stage }) => stage === 'human').length,
        8,
        'the band is not taken again'
      )
      return stat!.metrics
    }
    // Of the first half, the last of it, of the band, the last text before it was frozen, and what came afterwards.
    for (const erased of [[], [3], [19], [30], [59], [58, 59]]) {
      const without = await played(erased, false)
      assert.deepEqual(await played(erased, true), without, erased.join())
      assert.deepEqual(await played([...erased, 60, 79], true), without, `${erased.join()} and later ones`)
    }
  })

  test('does not depend on the order its documents came in', async () => {
    const played = async (order: readonly string[]) => {
      const harness = createHarness(measure, { tables: tables() })
      for (const id of order)
        await harness.process('human', make.humanSample(id, text(2000 + ids.indexOf(id))))
      await feedHumans(harness, 40)
      await close(harness)
      return models(harness).map(stat => stat.metrics)
    }
    const expected = await played(ids)
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(ids, { minLength: ids.length }), async order => {
        assert.deepEqual(await played(order), expected)
      }),
      { numRuns: 10 }
    )
  })
})

describe('the end of a run', () => {
  test('flushes what is left as partial windows, judged against nothing', async () => {
    const fake = tables()
    const harness = createHarness(measure, { tables: fake })
    await feedHumans(harness, 40)
    for (let index = 0; index < 7; index++) await harness.process('generations', raw(index))
    await harness.process('verified', make.sample('v0', text(0)))
    assert.equal(harness.tick(), undefined, 'an open run is not flushed')

    const until = { generations: 8, 'samples.verified': 1 }
    fake.runs.set('r', make.run('r', {}, { state: 'ended', until, slot: 0 }))
    assert.equal(harness.tick(), undefined, 'one more generation is to come')
    await harness.process('generations', raw(7, { error: 'unavailable' }))
    assert.notEqual(harness.tick(), undefined)

    const partial = stats(harness).filter(stat => stat.partial)
    assert.deepEqual(
      partial.map(({ scope, window: number, from: start, to, documents }) => [
        scope,
        number,
        start,
        to,
        documents
      ]),
      [
        ['d/r/raw/1/alpha', 1, 5, 7, 2],
        ['d/r/raw/1/*', 1, 5, 7, 2],
        ['d/r/accepted/1/alpha', 0, 0, 1, 1],
        ['d/r/accepted/1/*', 0, 0, 1, 1]
      ]
    )
    for (const stat of partial) {
      assert.ok(stat.metrics.every(one => one.human_mean === null && one.z === null))
    }
    assert.equal(metric(partial[0], 'types').value !== null, true)
    assert.deepEqual(
      [metric(partial[2], 'length_sd').value, metric(partial[2], 'length_sd').undefined],
      [null, 'fewer than two values']
    )
    assert.equal(harness.tick(), undefined, 'and flushed once')
  })

  test('text that comes late goes on where the run ended: no window has the number of another', async () => {
    const fake = tables()
    const harness = createHarness(measure, { tables: fake })
    // The scope of alpha ends between windows, that of beta within its first.
    for (let index = 0; index < 5; index++) await harness.process('generations', raw(index, from('alpha')))
    await harness.process('generations', raw(5, from('beta')))
    const until = { generations: 6, 'samples.verified': 0 }
    fake.runs.set('r', make.run('r', {}, { state: 'ended', until }))
    harness.tick()
    const windows = (scope: string) =>
      stats(harness)
        .filter(stat => stat.scope === `d/r/raw/1/${scope}`)
        .map(stat => [stat.window, stat.from, stat.to, stat.partial])
    assert.deepEqual(windows('alpha'), [[0, 0, 5, false]])
    assert.deepEqual(windows('beta'), [[0, 5, 6, true]])

    harness.restart()
    for (const [index, model] of ['alpha', 'beta', 'alpha'].entries()) {
      await harness.process('generations', raw(6 + index, from(model)))
      harness.tick()
    }
    assert.deepEqual(windows('alpha'), [
      [0, 0, 5, false],
      [2, 6, 7, true],
      [4, 8, 9, true]
    ])
    assert.deepEqual(windows('beta'), [
      [0, 5, 6, true],
      [3, 7, 8, true]
    ])
    assert.deepEqual(harness.state('windows'), {}, 'nothing is kept of a scope that is over')
    assert.deepEqual(harness.state('ended'), { r: { window: 5 } })
    const keys = harness.outputs.map(output => output.key)
    assert.equal(new Set(keys).size, keys.length)
    assert.equal(harness.tick(), undefined)
  })

  test('is not believed of another slot or before the end is known', async () => {
    const fake = tables()
    const harness = createHarness(measure, { tables: fake, slot: 1 })
    for (let index = 0; index < 2; index++) await harness.process('generations', raw(index))
    fake.runs.set('r', make.run('r', {}, { state: 'ended', until: { generations: 2 }, slot: 1 }))
    assert.equal(harness.tick(), undefined, 'nothing is said of samples.verified')
    const until = { generations: 2, 'samples.verified': 0 }
    fake.runs.set('r', make.run('r', {}, { state: 'ended', until, slot: 0 }))
    assert.equal(harness.tick(), undefined, 'the offsets are of slot 0')
    fake.runs.set('r', make.run('r', {}, { state: 'ended', until, slot: 1 }))
    assert.equal(harness.tick()?.kind, 'emit')
  })

  test('after a restart flushes the same', async () => {
    const until = { generations: 7, 'samples.verified': 0 }
    const ending = async (restart: boolean) => {
      const fake = tables()
      const harness = createHarness(measure, { tables: fake })
      for (let index = 0; index < 7; index++) await harness.process('generations', raw(index))
      fake.runs.set('r', make.run('r', {}, { state: 'ended', until }))
      if (restart) harness.restart()
      harness.tick()
      return harness.outputs
    }
    assert.deepEqual(await ending(true), await ending(false))
  })
})

describe('what windows are measured by', () => {
  const feed = async (harness: Harness, count: number) => {
    const others = referenceIds(count)
    for (const [index, id] of bandIds(count).entries()) {
      await harness.process('human', make.humanSample(id, text(1000 + index)))
      await harness.process('human', make.humanSample(others[index]!, text(2000 + index)))
    }
  }
  /** A window of so many documents, and eight human ones. */
  const measured = async (recipe: object, ports: Partial<Ports> = {}, documents = 5) => {
    const fake = tables(recipe)
    fake.datasets.set('d', make.dataset('d', { window: 20 * documents }))
    const harness = createHarness(measure, { tables: fake, ports })
    await feed(harness, 8 * documents)
    for (let index = 0; index < documents; index++) await harness.process('generations', raw(index))
    return { harness, stat: models(harness)[0] ?? assert.fail('no window') }
  }
  const byName = ({ metrics }: DiversityStat) => new Map(metrics.map(one => [one.name, one]))

  test('beside people who wrote as many documents, what moves with their number; the rest beside any', async () => {
    const harness = createHarness(measure, { tables: tables() })
    await feed(harness, 40)
    // Of the same words, but each document as long as five.
    await harness.process(
      'generations',
      make.generation('long', Array.from({ length: 5 }, (_, index) => text(index)).join(' '))
    )
    const [long] = models(harness)
    const { stat } = await measured({})
    for (const name of ['embedding_frechet', 'embedding_vendi_q2', 'cluster_entropy'] as const) {
      assert.notEqual(metric(stat, name).z, null, name)
      assert.deepEqual([metric(long, name).z, metric(long, name).human_sd! > 0], [null, true], name)
    }
    assert.equal(metric(long, 'types').z, metric(stat, 'types').z)
  })

  test('texts without a word, which would never close a window, are in none', async () => {
    const harness = createHarness(measure, { tables: tables() })
    for (let index = 0; index < 5; index++) {
      await harness.process('generations', make.generation(`p${index}`, '... — !?'))
      await harness.process('generations', raw(index))
    }
    const [stat] = models(harness)
    assert.deepEqual([stat!.documents, stat!.from, stat!.to], [5, 1, 10])
  })

  test('at a glance: the same numbers beside the same band, fewer of them', async () => {
    const { stat: all } = await measured({}, {}, 20)
    const { stat: glance, harness } = await measured({ metrics: 'glance' }, {}, 20)
    const whole = byName(all)
    assert.deepEqual(
      glance.metrics.map(({ name }) => name).toSorted(),
      [...glancePanelKeys, ...glanceReferenceKeys, 'novel_type_share'].toSorted()
    )
    // What models say is of the documents of the sample, and beside human windows looked at in the same way.
    const sampled = Array.from({ length: 20 }, (_, index) => index)
      .filter(isSampled)
      .map(text)
    assert.ok(sampled.length > 1 && sampled.length < 10, `${sampled.length} of 20`)
    assert.equal(glance.embeddings.count, sampled.length)
    for (const one of glance.metrics) {
      const known = whole.get(one.name)!
      if (known.model === '') assert.deepEqual(one, known, one.name)
      else {
        assert.equal(one.model, `${known.model}, 1 in 4`)
        assert.notDeepEqual([one.value, one.human_mean], [known.value, known.human_mean], one.name)
      }
    }
    const reference = referenceIds(160)
      .map((id, index) => ({ rank: shuffleRank(id), text: text(2000 + index) }))
      .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
      .map(({ text: one }) => one)
    const alone = measureTexts(sampled, { reference })
    for (const key of ['log_ppl_mean', 'log_ppl_sd', 'cluster_entropy', 'embedding_cosine'] as const)
      assert.ok(Math.abs(metric(glance, key).value! - alone.metrics[key]!) < 1e-12, key)
    for (const key of ['log_ppl_mean', 'log_ppl_sd', 'embedding_cosine'] as const)
      assert.notEqual(metric(glance, key).human_sd, whole.get(key)!.human_sd, `${key} of human windows`)
    const [human] = stats(harness).filter(({ stage }) => stage === 'human')
    assert.equal(human?.metrics.length, all.metrics.length, 'another run may ask for all')
  })

  test('what a provider says of its own tokens, of one source and of raw text alone', async () => {
    const through = async (restart: boolean) => {
      const harness = createHarness(measure, { tables: tables() })
      for (let index = 0; index < 5; index++) {
        const log_probability = index === 3 ? null : -(index + 1) / 4
        await harness.process('generations', raw(index, { log_probability }))
        await harness.process('verified', make.sample(`v${index}`, text(index)))
        if (index === 2 && restart) harness.restart()
      }
      return harness
    }
    const harness = await through(false)
    const told = (stat: DiversityStat) =>
      stat.metrics.filter(({ name }) => name.startsWith('provider_')).map(({ name, value }) => [name, value])
    const of = (scope: string) => models(harness).find(stat => stat.scope === scope)!
    // Minus the means, in nats: 0.25, 0.5, 0.75 and 1.25.
    const [first, second] = told(of('d/r/raw/1/alpha'))
    assert.deepEqual([first, second![0]], [['provider_log_ppl_mean', 0.6875], 'provider_log_ppl_sd'])
    assert.ok(Math.abs(Number(second![1]) - 0.42695628191498325) < 1e-12)
    for (const scope of ['d/r/raw/1/*', 'd/r/accepted/1/alpha']) assert.deepEqual(told(of(scope)), [], scope)
    assert.deepEqual((await through(true)).outputs, harness.outputs)
  })

  test('parts of speech, where the recipe asks for them, of as many words of every window', async () => {
    /** Tags by the length of the words. */
    const tags = (one: string) => one.split(' ').map(word => `T${word.length % 3}`)
    let loaded = 0
    const tagger = () => {
      loaded += 1
      return { id: 'by-length-1', tags }
    }
    const { stat: without } = await measured({}, { tagger })
    assert.equal(loaded, 0)
    assert.ok(!byName(without).has('pos_template_rate'))
    const { stat, harness } = await measured({ parts_of_speech: true }, { tagger })
    assert.equal(loaded, 1)
    const documents = Array.from({ length: 5 }, (_, index) => tags(text(index)))
    // In the order of the shuffle.
    const patterns = posPatterns(Array.from({ length: 40 }, (_, index) => tags(text(2000 + index))))
    const ratio = metric(stat, 'pos_compression_ratio')
    assert.equal(ratio.value, valueOf(posCompressionRatio(documents)))
    assert.equal(metric(stat, 'pos_template_rate').value, valueOf(templateRate(documents, patterns)))
    assert.ok(ratio.model === 'by-length-1' && ratio.human_sd! > 0 && ratio.z !== null)
    const rest = (one: DiversityStat) => one.metrics.filter(({ name }) => !name.startsWith('pos_'))
    assert.deepEqual(rest(stat), rest(without))
    // One window of one document that is far too long: two thousand tags of it, and no more is read.
    let longest = 0
    const long = createHarness(measure, {
      tables: tables({ parts_of_speech: true }),
      ports: {
        tagger: () => ({ id: 't', tags: one => ((longest = Math.max(longest, one.length)), tags(one)) })
      }
    })
    const huge = Array.from({ length: 20_000 }, (_, at) => 'ab'.repeat((at % 5) + 1)).join(' ')
    await long.process('generations', make.generation('g', huge))
    assert.equal(longest, 40_000)
    const [alone] = models(long)
    assert.equal(
      metric(alone, 'pos_compression_ratio').value,
      valueOf(posCompressionRatio([tags(huge).slice(0, 2000)]))
    )
    assert.equal(metric(alone, 'pos_template_rate').undefined, 'no human reference yet')
    assert.equal(harness.position('human'), 80)
  })
})

describe('open windows there is no room for', () => {
  /** More scopes than fit, each with an open window, then enough for all of these to close. */
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  const played = async ({
    scopes,
    restart = false,
    log = silent
  }: {
    scopes: number
    restart?: boolean
    log?: Log
  }) => {
    const fake = fakeTables()
    fake.datasets.set('d', make.dataset('d', { window }))
    const runs = Array.from({ length: scopes }, (_, index) => `r${index}`)
    for (const run of runs) fake.runs.set(run, make.run(run))
    const harness = createHarness(measureIn(room), { tables: fake, log })
    const other = Math.floor(scopes / 3)
    for (const index of [0, 1, 2]) {
      for (const [at, run] of runs.entries())
        if (at === 0 || at === other || index === 0)
          await harness.process('generations', raw(10 * at + index, { run }))
    }
    if (restart) harness.restart()
    return { harness, fake, runs, other }
  }
  const room = { windows: 40, tokens: 1_000_000 }
  /** Runs of which each has two windows open: more than fit. */
  const many = 30
  const finish = async (harness: Harness, run: string, at: number) => {
    for (const index of [3, 4]) await harness.process('generations', raw(10 * at + index, { run }))
  }

  test('are read again when their time comes: the same windows', async () => {
    for (const restart of [false, true]) {
      const few = await played({ scopes: 15 })
      const more = await played({ scopes: many, restart })
      for (const { harness, other } of [few, more]) {
        await finish(harness, 'r0', 0)
        await finish(harness, `r${other}`, other)
      }
      assert.ok(more.harness.replayed > 0)
      const of = ({ harness }: typeof few, run: string) =>
        stats(harness)
          .filter(stat => stat.run === run)
          .map(({ metrics, documents }) => ({ metrics, documents }))
      assert.equal(of(more, 'r0').length, 2)
      assert.equal(of(more, 'r0')[0]?.documents, 5)
      assert.deepEqual(of(more, 'r0'), of(few, 'r0'))
      const expected = createHarness(measure, { tables: more.fake })
      for (const index of [0, 1, 2, 3, 4])
        await expected.process('generations', raw(10 * more.other + index, { run: `r${more.other}` }))
      assert.deepEqual(
        of(more, `r${more.other}`),
        stats(expected).map(({ metrics, documents }) => ({ metrics, documents }))
      )
    }
  })

  test('of runs that end are told as far as they got', async () => {
    const { harness, fake, runs } = await played({ scopes: many })
    const until = { generations: harness.position('generations'), 'samples.verified': 0 }
    for (const run of runs) fake.runs.set(run, { ...make.run(run), state: 'ended', slot: 0, until })
    let told = 0
    while (told < 2 * runs.length) {
      harness.tick()
      // What is read again is there after a turn of the loop.
      await new Promise(resolve => setImmediate(resolve))
      told = stats(harness).length
    }
    assert.equal(told, 2 * runs.length)
    assert.ok(stats(harness).every(({ partial }) => partial))
    assert.equal(new Set(stats(harness).map(({ scope }) => scope)).size, told)
    const documents = stats(harness).reduce((sum, stat) => sum + stat.documents, 0)
    assert.equal(documents, 2 * until.generations)
    assert.equal(harness.tick(), undefined)
  })

  test('are not told by halves while they are read, nor counted twice when text comes meanwhile', async () => {
    const { harness, fake, runs } = await played({ scopes: many })
    // The first run has three texts; its windows were forgotten long ago.
    const own = [0, 1, 2].map(index => text(index))
    for (const [at, run] of runs.entries())
      if (at > 1) await harness.process('generations', raw(500 + at, { run }))
    const until = { generations: harness.position('generations'), 'samples.verified': 0 }
    fake.runs.set('r0', make.run('r0', {}, { state: 'ended', slot: 0, until }))
    const pass = () => new Promise(resolve => setImmediate(resolve))
    const tellOne = async () => {
      const before = stats(harness).length
      while (stats(harness).length === before) {
        await pass()
        harness.tick()
      }
    }
    // The windows of its source, then those of all sources.
    harness.tick()
    await pass()
    await pass()
    assert.equal(harness.tick(), undefined, 'it is being read')
    await tellOne()
    harness.tick()
    await pass()
    await pass()
    // Given back from the dead letters while the second is half read.
    await harness.process('generations', raw(3, { run: 'r0' }))
    const of = (source: string) =>
      stats(harness)
        .filter(stat => stat.run === 'r0' && stat.source === source)
        .map(({ documents, partial, to }) => [documents, partial, to])
    while (of('*').length === 0) await tellOne()
    // The text that came meanwhile is the last one of the window it belongs to; its source's was told before.
    assert.deepEqual(of('*'), [[own.length + 1, true, until.generations + 1]])
    assert.deepEqual(
      of('alpha').map(([documents]) => documents),
      [own.length, 1]
    )
  })

  test('that nothing came to for long are read when something does, and not by every restart', async () => {
    const fake = fakeTables()
    fake.datasets.set('d', make.dataset('d', { window }))
    for (const run of ['old', 'new']) fake.runs.set(run, make.run(run))
    const harness = createHarness(measure, { tables: fake })
    for (const index of [0, 1, 2]) await harness.process('generations', raw(index, { run: 'old' }))
    for (const index of [3, 4, 5]) {
      const offset = 500_000 + index
      await harness.process('generations', raw(index, { run: 'new' }), offset)
    }
    harness.restart()
    assert.equal(harness.replayed, 3, 'those of the new run')
    for (const index of [3, 4]) await harness.process('generations', raw(index, { run: 'old' }))
    const told = stats(harness).filter(({ run }) => run === 'old')
    assert.deepEqual(
      told.map(stat => [stat.from, stat.documents, stat.partial]),
      [
        [0, 5, false],
        [0, 5, false]
      ]
    )
  })

  test('of a run text still comes to are said to be read again, once', async () => {
    const said: string[] = []
    const log = { ...silent, warn: (_: object, message: string) => void said.push(message) }
    const { harness } = await played({ scopes: many, log })
    await finish(harness, 'r0', 0)
    await finish(harness, 'r5', 5)
    assert.equal(said.length, 1)
    assert.match(said[0]!, /more windows are open than there is room for/)
  })

  test('of which nothing is left to be read are no windows', async () => {
    const { harness, fake, runs } = await played({ scopes: many })
    const until = { generations: harness.position('generations'), 'samples.verified': 0 }
    // The second run's only text; its windows were forgotten.
    harness.erase('generations', 1)
    for (const run of runs.slice(0, 2))
      fake.runs.set(run, { ...make.run(run), state: 'ended', slot: 0, until })
    for (let turn = 0; turn < 1000; turn++) {
      harness.tick()
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.deepEqual([...new Set(stats(harness).map(({ run }) => run))], ['r0'])
    assert.ok(!('d/r1/raw/1/*' in harness.state('windows')))
    assert.ok('d/r2/raw/1/*' in harness.state('windows'))
  })
})
