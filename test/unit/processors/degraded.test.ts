/** Human text and degraded text made from it, in the windows of `measure`: what its reference half sees, and what it does not. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { type WindowKey, windowKeys } from '../../../metrics/keys.ts'
import type { NgramDocument } from '../../../metrics/ngram.ts'
import { measure } from '../../../processors/measure.ts'
import type { DiversityStat } from '../../../schemas/types.ts'
import { createHarness, fakeTables } from '../../helpers/context.ts'
import { type Kind, kinds, reference, split } from '../../helpers/degraded.ts'
import * as make from '../../helpers/records.ts'

/** Eight human windows of this size come of the reference. */
const window = 12_000
/** Two-sided, 95 %, of 35 degrees of freedom and more. */
const student = 2.0301

/** What measure says of texts, source by source, beside human ones. */
async function windowsIn(
  texts: Readonly<Record<string, readonly NgramDocument[]>>,
  humans: readonly NgramDocument[],
  size: number
): Promise<DiversityStat[]> {
  const tables = fakeTables()
  tables.datasets.set('d', make.dataset('d', { window: size }))
  tables.runs.set('r', make.run('r'))
  const harness = createHarness(measure, { tables })
  for (const [index, { text, topic }] of humans.entries()) {
    await harness.process('human', make.humanSample(`h${index}`, text, { cell: make.cell({ topic }) }))
  }
  for (const [source, documents] of Object.entries(texts)) {
    const from = { provenance: make.provenance({ model_id: source }) }
    for (const [index, { text }] of documents.entries()) {
      await harness.process('generations', make.generation(`${source}${index}`, text, from))
    }
  }
  return harness.values<DiversityStat>('stats')
}

const zOf = (stat: DiversityStat, key: WindowKey): number =>
  stat.metrics.find(({ name }) => name === key)?.z ?? assert.fail(`${stat.scope}: ${key} has no z`)

test('human text that was held out stays inside the band, whatever is looked at', async () => {
  const inside = new Map<WindowKey, { found: number; of: number }>()
  // A band is a sample as well: one that lies a little aside misses many windows at once.
  for (const shuffle of [1, 2, 3, 4]) {
    const { reference: humans, ...rest } = split(shuffle)
    const stats = await windowsIn({ human: [...rest.held, ...rest.seed] }, humans, 800)
    const all = stats.filter(({ source }) => source === 'human')
    assert.ok(all.length >= 180 && all[0]!.human_windows >= 35)
    const reach = student * Math.sqrt(1 + 1 / all[0]!.human_windows)
    for (const key of windowKeys) {
      // Of some metrics not every window has a value: these are short, and nobody tags or tells probabilities here.
      const judged = all.flatMap(({ metrics }) => metrics.find(({ name }) => name === key)?.z ?? [])
      const known = inside.get(key) ?? { found: 0, of: 0 }
      const found = judged.filter(one => Math.abs(one) <= reach).length
      inside.set(key, { found: known.found + found, of: known.of + judged.length })
    }
  }
  const judged = [...inside].filter(([, { of }]) => of > 600)
  assert.ok(judged.length > 45, `${judged.length} metrics`)
  // Few documents of such a window are long enough for MTLD: its means are not spread as a normal variable's.
  for (const [key, { found, of }] of judged)
    assert.ok(found >= (key === 'mtld' ? 0.85 : 0.9) * of, `${key}: ${found} of ${of}`)
})

describe('degraded text in the windows of measure', () => {
  let stats: readonly DiversityStat[] = []
  const windowsOf = (kind: Kind): DiversityStat[] => stats.filter(({ source }) => source === kind)
  /** The mean distance of a kind's windows from human ones. */
  function z(kind: Kind, key: WindowKey): number {
    const all = windowsOf(kind)
    assert.ok(all.length > 0, `${kind} fills no window`)
    return all.reduce((sum, stat) => sum + zOf(stat, key), 0) / all.length
  }

  before(async () => {
    stats = await windowsIn(kinds, reference, window)
    assert.equal(stats.filter(({ stage }) => stage === 'human').length, 8)
  })

  test('resampling loses types of the tail, generation by generation, and keeps its mass', () => {
    const [g1, g3, g5] = (['g1', 'g3', 'g5'] as const).map(kind => z(kind, 'tail_types_kept'))
    assert.ok(g1! > g3! + 1.5 && g3! > g5! + 1.5 && g5! < -5, `${g1}, ${g3}, ${g5}`)
    for (const kind of ['g1', 'g3', 'g5'] as const) {
      assert.ok(Math.abs(z(kind, 'tail_mass')) < 2, `${kind}: ${z(kind, 'tail_mass')}`)
    }
  })

  test('and goes away from human text', () => {
    for (const key of ['kl_to_human', 'js_to_human'] as const) {
      const [g1, g3, g5] = (['g1', 'g3', 'g5'] as const).map(kind => z(kind, key))
      assert.ok(g1! < g3! - 1 && g3! < g5! - 1 && g5! > 3, `${key}: ${g1}, ${g3}, ${g5}`)
      for (const kind of ['one topic', 'templates'] as const) assert.ok(z(kind, key) > 8, `${kind}: ${key}`)
    }
  })

  test('texts of one subject, or of one pattern, are about less than people write about; resampled ones are not', () => {
    assert.ok(z('one topic', 'cluster_entropy') < -8, `${z('one topic', 'cluster_entropy')}`)
    assert.ok(z('templates', 'cluster_entropy') < -4, `${z('templates', 'cluster_entropy')}`)
    for (const kind of ['human', 'g1', 'g3', 'g5'] as const)
      assert.ok(Math.abs(z(kind, 'cluster_entropy')) < 2, `${kind}: ${z(kind, 'cluster_entropy')}`)
  })

  test('documents become alike in every way of narrowing, the more the colder', () => {
    for (const kind of Object.keys(kinds) as Kind[])
      assert.ok(
        kind === 'human' ? Math.abs(z(kind, 'feature_cosine')) < 2 : z(kind, 'feature_cosine') > 4,
        kind
      )
    const colder = (['g1', 'temperature .8', 'temperature .5'] as const).map(kind =>
      z(kind, 'feature_cosine')
    )
    assert.ok(colder[0]! < colder[1]! - 2 && colder[1]! < colder[2]! - 5, colder.join(', '))
  })

  test('what documents are about becomes alike with recursion, cold, in one subject and in templates', () => {
    const cosine = (kind: Kind): number => z(kind, 'embedding_cosine')
    assert.ok(Math.abs(cosine('human')) < 2, `${cosine('human')}`)
    const [g1, g3, g5] = (['g1', 'g3', 'g5'] as const).map(cosine)
    assert.ok(g1! < g3! - 1.5 && g3! < g5! - 1.5, `${g1}, ${g3}, ${g5}`)
    for (const kind of ['one topic', 'templates', 'temperature .5'] as const)
      assert.ok(cosine(kind) > 20, `${kind}: ${cosine(kind)}`)
    // What is put together from pieces of many texts is about more things at once than people are.
    for (const kind of ['g1', 'g3', 'g5'] as const)
      assert.ok(z(kind, 'embedding_cosine_squared') < -2, `${kind}: ${z(kind, 'embedding_cosine_squared')}`)
    assert.ok(z('one topic', 'embedding_cosine_squared') > 4, `${z('one topic', 'embedding_cosine_squared')}`)
  })

  test('a cold model loses types and mass of the tail: bias of the decoder, not drift', () => {
    assert.ok(z('temperature .5', 'tail_types_kept') < -4)
    assert.ok(z('temperature .5', 'tail_mass') < -3)
    assert.ok(z('temperature .8', 'tail_types_kept') < z('g1', 'tail_types_kept') - 1)
    assert.ok(z('temperature .8', 'tail_mass') < z('g1', 'tail_mass') - 1)
  })

  test('decoding that is cut off or cold writes texts as probable as one another, or too probable', () => {
    for (const kind of ['top-p .9', 'temperature .8'] as const) {
      assert.ok(z(kind, 'log_ppl_sd') < -3, `${kind}: ${z(kind, 'log_ppl_sd')}`)
      assert.ok(z(kind, 'log_ppl_sd_trimmed') < -3, kind)
    }
    for (const kind of ['temperature .8', 'temperature .5'] as const) {
      assert.ok(z(kind, 'log_ppl_mean') < -3, `${kind}: ${z(kind, 'log_ppl_mean')}`)
    }
    assert.ok(z('temperature .5', 'log_ppl_mean') < -10)
    // Resampling without a bias makes no text more probable.
    assert.ok(z('g1', 'log_ppl_mean') > 0)
  })
})
