/** Human text and degraded text through Kafka, measure, store and ClickHouse: what the views say of each kind. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { untilQuiet } from '../../infra/quiet.ts'
import { slotOf } from '../../schemas/identity.ts'
import * as topics from '../../schemas/topics.ts'
import { write } from '../helpers/deployment.ts'
import { type Kind, kinds, reference } from '../helpers/degraded.ts'
import { startPipeline } from '../helpers/pipeline.ts'
import * as make from '../helpers/records.ts'

const { deployment, everseed } = await startPipeline({ after })
const slot = slotOf('d', '', 1, deployment.config.partitions)
const nameOf = (kind: Kind): string => kind.replaceAll(' ', '-')
const all = Object.keys(kinds) as Kind[]

async function asked<Row>(sql: string): Promise<Row[]> {
  const { code, stdout, stderr } = await everseed(['sql', '--json', sql])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Row[]
}

let distances = new Map<string, number>()
/** The mean distance of a kind's windows from human ones, in standard deviations of those. */
const z = (kind: Kind, metric: string): number =>
  distances.get(`${nameOf(kind)}/${metric}`) ?? assert.fail(`${kind} has no z of ${metric}`)

before(async () => {
  await write(deployment, topics.datasets, [{ key: 'd', value: make.dataset('d', { window: 12_000 }) }])
  await write(deployment, topics.runs, [{ key: 'r', value: make.run('r', make.asking(...all.map(nameOf))) }])
  const provenance = make.humanProvenance({ split: 'REFERENCE' })
  const humans = reference.map(({ topic, text }, index) =>
    make.humanSample(`h${index}`, text, { cell: make.cell({ topic }), provenance })
  )
  await write(
    deployment,
    topics.samplesHuman,
    humans.map(value => ({ key: value.id, value, partition: slot }))
  )
  await untilQuiet(deployment, 120_000)
  for (const kind of all) {
    const from = { provenance: make.provenance({ model_id: nameOf(kind) }) }
    const answers = kinds[kind].map(({ text }, index) =>
      make.generation(`${nameOf(kind)}${index}`, text, from)
    )
    await write(
      deployment,
      topics.generations,
      answers.map(value => ({ key: value.id, value, partition: slot }))
    )
  }
  await untilQuiet(deployment, 240_000)
  const rows = await asked<{ source: string; metric: string; mean: number }>(
    `SELECT source, metric, avg(z) AS mean FROM collapse WHERE stage = 'raw' AND isNotNull(z) GROUP BY source, metric`
  )
  distances = new Map(rows.map(row => [`${row.source}/${row.metric}`, row.mean]))
})

describe('what moves, and what does not', () => {
  test('human text that nobody has seen stays where human text is', () => {
    for (const metric of [
      'types',
      'missing_mass',
      'tail_types_kept',
      'tail_mass',
      'kl_to_human',
      'cluster_entropy'
    ])
      assert.ok(Math.abs(z('human', metric)) < 2, `${metric}: ${z('human', metric)}`)
  })

  test('resampling loses types of the tail from generation to generation, keeps its mass, and its subjects', () => {
    for (const metric of ['tail_types_kept', 'missing_mass', 'heaps_beta']) {
      const [g1, g3, g5] = (['g1', 'g3', 'g5'] as const).map(kind => z(kind, metric))
      assert.ok(g1! > g3! + 1 && g3! > g5! + 1 && g5! < -5, `${metric}: ${g1}, ${g3}, ${g5}`)
    }
    for (const kind of ['g1', 'g3', 'g5'] as const)
      for (const metric of ['tail_mass', 'cluster_entropy'])
        assert.ok(Math.abs(z(kind, metric)) < 2, `${kind}: ${metric} ${z(kind, metric)}`)
  })

  test('what counts frequent words does not see resampling, and what counts within texts takes it for more diversity', () => {
    for (const kind of ['g1', 'g3', 'g5'] as const)
      for (const metric of ['yule_k', 'simpson_d', 'hdd_42'])
        assert.ok(Math.abs(z(kind, metric)) < 2, `${kind}: ${metric} ${z(kind, metric)}`)
    for (const kind of ['g1', 'g3', 'g5', 'top-p .9', 'temperature .8'] as const)
      for (const metric of ['mattr_50', 'mattr_100', 'mtld', 'distinct_1_intra'])
        assert.ok(z(kind, metric) > 5, `${kind}: ${metric} ${z(kind, metric)}`)
    for (const metric of ['entropy_1_chao_shen', 'tail_types_kept', 'kl_to_human'])
      assert.ok(Math.abs(z('g1', metric)) < 2, `${metric} sees one generation: ${z('g1', metric)}`)
  })

  test('phrases give resampling away before words do', () => {
    const [g1, g3, g5] = (['g1', 'g3', 'g5'] as const).map(kind => z(kind, 'distinct_4_inter'))
    assert.ok(g1! < -3 && g3! < g1! - 5 && g5! < g3! - 3, `${g1}, ${g3}, ${g5}`)
    for (const kind of ['g1', 'top-p .9', 'temperature .8'] as const)
      assert.ok(z(kind, 'self_repetition_4') > 5, kind)
  })

  test('decoding that is cold or cut off loses mass of the tail too', () => {
    assert.ok(z('temperature .5', 'tail_mass') < -3)
    for (const kind of ['top-p .9', 'temperature .8'] as const)
      assert.ok(z(kind, 'log_ppl_sd') < -3, `${kind}: ${z(kind, 'log_ppl_sd')}`)
  })

  test('one subject and one pattern are about less, and repeat themselves', () => {
    assert.ok(z('one topic', 'cluster_entropy') < -8)
    assert.ok(z('templates', 'cluster_entropy') < -4)
    assert.ok(z('templates', 'self_repetition_4') > 5)
  })
})

test('the diagnosis names what was done to each', async () => {
  const rows = await asked<{ source: string; diagnosis: string; signs: string[]; evidence: string }>(
    `SELECT source, diagnosis, signs, evidence FROM diagnosis WHERE stage = 'raw'`
  )
  const told = new Map(rows.map(row => [row.source, row]))
  const found = (kind: Kind): string => told.get(nameOf(kind))!.diagnosis
  assert.equal(found('human'), 'none', told.get('human')!.evidence)
  for (const kind of ['g3', 'g5'] as const)
    assert.deepEqual(told.get(kind)!.signs, ['recursion_drift'], told.get(kind)!.evidence)
  // What is as cold as that is about less as well.
  assert.deepEqual(told.get(nameOf('temperature .5'))!.signs, ['decoder_bias', 'mode_narrowing'])
  assert.equal(found('g1'), 'recursion_drift', told.get('g1')!.evidence)
  for (const kind of ['top-p .9', 'temperature .8'] as const)
    assert.equal(found(kind), 'decoder_bias', told.get(nameOf(kind))!.evidence)
  assert.equal(found('one topic'), 'mode_narrowing')
  assert.equal(found('templates'), 'template_filling')
})

test('and the subjects that are left out are named, with texts to read', async () => {
  const rows = await asked<{ source: string; gaps: number; shown: number }>(
    `SELECT source, countIf(thin) AS gaps, countIf(thin AND notEmpty(examples)) AS shown
     FROM cluster_gaps WHERE stage = 'raw' GROUP BY source`
  )
  const thin = new Map(rows.map(row => [row.source, row]))
  assert.equal(thin.get('human')!.gaps, 0)
  // Of one subject there is a single window: enough to miss the largest clusters alone.
  assert.ok(thin.get(nameOf('one topic'))!.gaps >= 1)
  assert.ok(thin.get('templates')!.gaps >= 3)
  for (const { gaps, shown } of rows) assert.equal(shown, gaps)
})
