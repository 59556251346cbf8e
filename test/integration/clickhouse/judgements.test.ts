/** What the views say of cells, generations and collapse, against the functions of metrics and cases known beforehand. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { questions } from '../../../infra/cli/questions.ts'
import { views } from '../../../infra/cli/views.ts'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { silentLog } from '../../../infra/log.ts'
import { topicCoverage } from '../../../metrics/topic-coverage.ts'
import { topicEntropy } from '../../../metrics/topic-entropy.ts'
import { store } from '../../../processors/store.ts'
import type { DiversityStat, Metric } from '../../../schemas/types.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import { defined } from '../../helpers/measured.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })
const warehouse = engine.warehouse()
const writer = createChunkWriter({
  warehouse,
  clusterId: 'c',
  group: 'store',
  sink: store,
  log: silentLog,
  timeoutMs: 8000
})

const close = (actual: unknown, expected: number): void =>
  assert.ok(
    typeof actual === 'number' && Math.abs(actual - expected) < 1e-9,
    `${String(actual)} instead of ${expected}`
  )

/** Accepted samples per cell; the last cell no prompt asks for. */
const hits = { t1: 8, t2: 1, t3: 3, t4: 0, stray: 2 }
const asked = ['t1', 't2', 't3', 't4'] as const

/** Human texts per topic: their publisher says no more of them; of some not even that. */
const people = { t1: 10, t2: 5, t4: 5, '': 7 }

let windows = 0
const window = (about: Partial<DiversityStat>, metrics: readonly Partial<Metric>[]): DiversityStat => ({
  scope: `d/r/raw/${about.generation ?? ''}/${about.source ?? 'alpha'}`,
  dataset: 'd',
  run: 'r',
  stage: 'raw',
  source: 'alpha',
  generation: 1,
  cell_group: '*',
  window: windows++,
  topic: 'generations',
  slot: 0,
  from: 0,
  to: 3,
  documents: 3,
  tokens: 20_000,
  budget: 20_000,
  partial: false,
  tokenizer: 'words-1',
  clusters: [],
  embeddings: { count: 0, sum: [], products: [] },
  log_perplexities: [],
  human_windows: 10,
  human_missing: 0,
  created_at: 0,
  ...about,
  metrics: metrics.map(metric => ({
    name: 'types',
    value: 1,
    undefined: '',
    human_mean: 0,
    human_sd: 1,
    z: null,
    model: '',
    tokenizer: '',
    ...metric
  }))
})

/** A window of a source with distances from human text; those not named are none. */
const judged = (source: string, zs: Readonly<Record<string, number | null>>): DiversityStat =>
  window(
    { source, run: 'judged' },
    Object.entries({ types: 0, length_mean: 0, ...zs }).map(([name, z]) => ({ name, z }))
  )

/** Mean of types in windows of each generation. */
const series = { 1: [100, 110], 2: [80, 90, 100], 4: [50] } as const

before(async () => {
  await migrate(warehouse, silentLog)
  const cell = (topic: string) => make.cell({ topic })
  const prompts = asked.map(topic => make.prompt(`p-${topic}`, { cell: cell(topic), run: 'cells' }))
  await writer.write(chunkOf('prompts', 0, 0, prompts))
  const samplesOf = (run: string, times: number) =>
    Object.entries(hits).flatMap(([topic, count]) =>
      Array.from({ length: count * times }, (_, index) =>
        make.sample(`${run}-${topic}-${index}`, `Something about ${topic}.`, { cell: cell(topic), run })
      )
    )
  const samples = [...samplesOf('cells', 1), ...samplesOf('often', 10)]
  await writer.write(chunkOf('samples.verified', 0, 0, samples))
  const texts = Object.entries(people).flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, index) =>
      make.humanSample(`h-${topic}-${index}`, `Text ${index} about ${topic}.`, {
        cell: make.cell({ task: '', topic, format: '' }),
        provenance: make.humanProvenance({ split: index < 2 ? 'SEED' : 'REFERENCE' })
      })
    )
  )
  await writer.write(chunkOf('samples.human', 0, 0, texts))
  const trend = Object.entries(series).flatMap(([generation, values]) =>
    values.map(value =>
      window({ generation: Number(generation) }, [
        { value, z: value / 10 - 12 },
        { name: 'nothing', value: null }
      ])
    )
  )
  const unseen = [
    window({ partial: true }, [{ value: 1 }]),
    window({ cell_group: 'topic=war' }, [{ value: 1 }]),
    window({ generation: null }, [{ value: 1 }])
  ]
  const cases = [
    judged('faithful', {
      tail_types_kept: -1,
      tail_mass: 0.5,
      embedding_cosine: 40,
      embedding_cosine_squared: 2.9,
      log_ppl_sd: -2.9,
      self_repetition_4: 2.9,
      cluster_entropy: -2.9
    }),
    // A group of cells is of the same texts once more.
    window({ source: 'faithful', run: 'judged', cell_group: 'topic=war' }, [
      { name: 'tail_types_kept', z: -90 }
    ]),
    judged('drifts', { tail_types_kept: -6, tail_mass: -0.4, mtld: 4 }),
    // As measured: what is resampled says the same phrases again, with fewer and fewer words.
    judged('resampled', {
      tail_types_kept: -7.4,
      tail_mass: -0.8,
      self_repetition_4: 14.8,
      heaps_beta: -5.2,
      cluster_entropy: 0.1
    }),
    judged('filled', {
      tail_types_kept: -5.6,
      tail_mass: -4.5,
      self_repetition_4: 54.3,
      heaps_beta: 0.6,
      cluster_entropy: -8.4
    }),
    judged('cold', { tail_types_kept: -9, tail_mass: -5 }),
    judged('cold', { tail_types_kept: -7, tail_mass: -4 }),
    judged('narrow', {
      tail_types_kept: -1,
      tail_mass: 0,
      embedding_cosine: 8,
      embedding_cosine_squared: 5,
      self_repetition_4: 4
    }),
    judged('subject', { tail_types_kept: -1, tail_mass: 0, cluster_entropy: -9, self_repetition_4: 4 }),
    judged('templates', { tail_types_kept: 0, tail_mass: 0, embedding_cosine: 2, self_repetition_4: 7 }),
    judged('spectrum', { missing_mass: -6, heaps_beta: -4, entropy_1_chao_shen: -0.5 }),
    judged('spectrum-cold', { missing_mass: -6, heaps_beta: -4, entropy_1_chao_shen: -7 }),
    // As measured: what is resampled once, or decoded by nucleus sampling, loses little.
    judged('once', {
      tail_types_kept: -0.7,
      tail_mass: -0.1,
      missing_mass: -1.5,
      heaps_beta: -1.8,
      log_ppl_mean: 2.2,
      log_ppl_sd: -4.5,
      self_repetition_4: 6.6
    }),
    judged('nucleus', {
      tail_types_kept: -1.9,
      tail_mass: -1,
      missing_mass: -2.3,
      heaps_beta: -2.6,
      log_ppl_mean: -0.9,
      log_ppl_sd: -4.4,
      self_repetition_4: 7.7
    }),
    judged('even', {
      tail_types_kept: 0.2,
      tail_mass: 0,
      missing_mass: -0.9,
      heaps_beta: 0,
      log_ppl_mean: -5,
      log_ppl_sd: -9
    }),
    // A tail that holds does not excuse words that come no more.
    judged('closed', { tail_types_kept: -2.5, tail_mass: 0, missing_mass: -12, heaps_beta: -9 }),
    // Nothing is known of the mass, which is not that it holds.
    judged('massless', { tail_types_kept: -30, missing_mass: -20 }),
    // Good for long, and then not.
    ...Array.from({ length: 100 }, () => judged('late', { tail_types_kept: 0, tail_mass: 0 })),
    ...Array.from({ length: 10 }, () => judged('late', { tail_types_kept: -20, tail_mass: 0 })),
    // Of two records under one number the later one counts.
    { ...judged('again', { tail_types_kept: -20, tail_mass: 0 }), window: -1 },
    { ...judged('again', { tail_types_kept: 0.2, tail_mass: 0 }), window: -1 },
    judged('both', { tail_types_kept: -4, tail_mass: -3.5, self_repetition_4: 12 }),
    window({ source: 'unknown', run: 'judged' }, [{ name: 'missing_mass', z: null }])
  ]
  await writer.write(chunkOf('diversity.stats', 0, 0, [...trend, ...unseen, ...cases]))
})

test('coverage counts declared cells, hit or not, and says how evenly they are filled', async () => {
  const found = await warehouse.rows<Record<string, unknown>>(
    `SELECT topic, declared, hits, under_covered, cells, cells_hit, cells_hit_5, entropy FROM coverage WHERE run = 'cells' ORDER BY topic`
  )
  assert.deepEqual(
    found.map(({ topic, declared, hits: told, under_covered }) => [topic, declared, told, under_covered]),
    [
      ['stray', false, 2, false],
      ['t1', true, 8, false],
      ['t2', true, 1, true],
      ['t3', true, 3, false],
      ['t4', true, 0, true]
    ]
  )
  const declared = asked.map(topic => hits[topic])
  for (const row of found) {
    assert.equal(row['cells'], 4)
    close(row['cells_hit'], defined(topicCoverage(declared, 1)))
    close(row['cells_hit_5'], defined(topicCoverage(declared, 5)))
    close(row['entropy'], defined(topicEntropy(declared)))
  }
})

test('gaps are what people write about and models do not, with texts to look at', async () => {
  const found = await warehouse.rows<Record<string, unknown>>(
    `SELECT topic, human, human_share, verified, verified_share, ratio, thin, examples FROM coverage_gaps WHERE run = 'cells' ORDER BY ratio`
  )
  // Of 20 labelled texts; of nine samples that fit any of their cells, whatever task and format they have.
  const row = (topic: keyof typeof people & keyof typeof hits, thin: boolean, times = 1) => {
    const [human_share, verified_share] = [people[topic] / 20, hits[topic] / 9]
    return {
      topic,
      human: people[topic],
      human_share,
      verified: hits[topic] * times,
      verified_share,
      ratio: verified_share / human_share,
      thin,
      examples: [2, 3, 4].map(index => `h-${topic}-${index}`)
    }
  }
  // Of nine samples less than ten would be in any of them: nothing is thin yet.
  assert.deepEqual(found, [row('t4', false), row('t2', false), row('t1', false)])
  const often = await warehouse.rows<Record<string, unknown>>(
    `SELECT topic, human, human_share, verified, verified_share, ratio, thin, examples FROM coverage_gaps WHERE run = 'often' ORDER BY ratio`
  )
  assert.deepEqual(often, [row('t4', true, 10), row('t2', true, 10), row('t1', false, 10)])
  // A run without a sample has no share, and no gap yet.
  await writer.write(
    chunkOf('prompts', 0, asked.length, [
      make.prompt('p-new', { cell: make.cell({ topic: 't1' }), run: 'new' })
    ])
  )
  assert.deepEqual(
    await warehouse.rows(
      `SELECT topic, verified, verified_share, ratio, thin FROM coverage_gaps WHERE run = 'new' ORDER BY topic`
    ),
    ['t1', 't2', 't4'].map(topic => ({ topic, verified: 0, verified_share: null, ratio: null, thin: false }))
  )
})

test('a sample that fits several cells is one sample of the run, and a text told twice one example', async () => {
  const human = (id: string, task: string, topic: string) =>
    make.humanSample(id, `A text, ${id}.`, {
      dataset: 'o',
      cell: make.cell({ task, topic, format: '' }),
      provenance: make.humanProvenance({ split: 'REFERENCE' })
    })
  const texts = [
    ...[0, 1, 2].map(index => human(`a${index}`, '', 'music')),
    ...[0, 1, 2].map(index => human(`b${index}`, 'explain', 'music')),
    ...[0, 1, 2].map(index => human(`c${index}`, '', 'law'))
  ]
  await writer.write(chunkOf('samples.human', 0, 7000, texts))
  // The same records in other chunks, as after a replay that was not merged yet.
  await writer.write(chunkOf('samples.human', 0, 7000, texts.slice(0, 5)))
  await writer.write(chunkOf('samples.human', 0, 7005, texts.slice(5)))
  const samples = (topic: string, count: number) =>
    Array.from({ length: count }, (_, index) =>
      make.sample(`o-${topic}-${index}`, `About ${topic}.`, {
        dataset: 'o',
        run: 'o',
        cell: make.cell({ task: 'explain', topic })
      })
    )
  await writer.write(chunkOf('samples.verified', 0, 7000, [...samples('music', 20), ...samples('law', 10)]))
  const found = await warehouse.rows(
    `SELECT task, topic, human, verified, verified_share, examples FROM coverage_gaps WHERE run = 'o' ORDER BY task, topic`
  )
  assert.deepEqual(found, [
    { task: '', topic: 'law', human: 3, verified: 10, verified_share: 1 / 3, examples: ['c0', 'c1', 'c2'] },
    { task: '', topic: 'music', human: 3, verified: 20, verified_share: 2 / 3, examples: ['a0', 'a1', 'a2'] },
    {
      task: 'explain',
      topic: 'music',
      human: 3,
      verified: 20,
      verified_share: 2 / 3,
      examples: ['b0', 'b1', 'b2']
    }
  ])
})

test('a parked prompt that was told again is not parked any more', async () => {
  const prompt = (id: string) => make.prompt(id, { run: 'parks', samples: 4 })
  const parked = (id: string, samples: number) => ({
    prompt: prompt(id),
    reason: 'STOP_BUDGET',
    samples,
    parked_at: 0
  })
  // Resumed; resumed and parked again with less left; parked and left.
  await writer.write(
    chunkOf('prompts', 0, 8000, [prompt('p1'), prompt('p2'), prompt('p3'), prompt('p1'), prompt('p2')])
  )
  await writer.write(
    chunkOf('prompts.parked', 0, 8000, [parked('p1', 4), parked('p2', 4), parked('p3', 3), parked('p2', 2)])
  )
  const [found] = await warehouse.rows<{ expected: number; parked: number }>(
    `SELECT expected, parked FROM funnel WHERE run = 'parks'`
  )
  assert.deepEqual(found, { expected: 12, parked: 5 })
})

test('clusters of human text are held against those of models, and thin ones named with examples', async () => {
  const hit = (documents: number, ...examples: string[]) => ({ documents, examples })
  const one = (about: Partial<DiversityStat>): DiversityStat =>
    window({ dataset: 'c', run: 'c', scope: `c/${about.stage}/${about.source}`, ...about }, [
      { name: 'types' },
      { name: 'cluster_entropy' }
    ])
  const human = { run: '', stage: 'human', source: '*', human_windows: 2 } as const
  const rows = [
    // A band that was taken again has fewer windows: those of the old one count no more.
    one({ ...human, window: 0, human_windows: 3, clusters: [hit(9, 'old'), hit(9), hit(9)] }),
    one({ ...human, window: 2, human_windows: 3, clusters: [hit(9), hit(9), hit(9)] }),
    one({ ...human, window: 0, clusters: [hit(10, 'a', 'b'), hit(4), hit(0)] }),
    one({ ...human, window: 1, clusters: [hit(10, 'c', 'd'), hit(6, 'e'), hit(10, 'f')] }),
    one({ stage: 'accepted', source: '*', window: 0, clusters: [hit(30), hit(3), hit(7)] }),
    one({ stage: 'accepted', source: '*', window: 1, partial: true, clusters: [hit(30), hit(2), hit(8)] }),
    // Before the reference was frozen there were none.
    one({ stage: 'accepted', source: '*', window: 2, clusters: [] }),
    // Ten of forty documents would be as many as people write: with fewer nothing is thin.
    one({ stage: 'raw', source: 'beta', window: 0, clusters: [hit(39), hit(0), hit(0)] }),
    one({ stage: 'raw', source: 'gamma', window: 0, clusters: [hit(0), hit(0), hit(0)] })
  ]
  await writer.write(chunkOf('diversity.stats', 0, 5000, rows))
  const found = await warehouse.rows<Record<string, unknown>>(
    `SELECT stage, source, cluster, human, human_share, written, written_share, ratio, thin, examples FROM cluster_gaps
     WHERE dataset = 'c' ORDER BY stage, source, cluster`
  )
  const shares = [0.5, 0.25, 0.25]
  const row = (
    stage: string,
    source: string,
    cluster: number,
    written: number,
    all: number,
    thin: boolean
  ) => ({
    stage,
    source,
    cluster,
    human: 40 * shares[cluster]!,
    human_share: shares[cluster]!,
    written,
    written_share: all === 0 ? null : written / all,
    ratio: all === 0 ? null : written / all / shares[cluster]!,
    thin,
    examples: [['a', 'b', 'c'], ['e'], ['f']][cluster]
  })
  assert.deepEqual(found, [
    row('accepted', '*', 0, 60, 80, false),
    row('accepted', '*', 1, 5, 80, true),
    row('accepted', '*', 2, 15, 80, false),
    row('raw', 'beta', 0, 39, 39, false),
    row('raw', 'beta', 1, 0, 39, false),
    row('raw', 'beta', 2, 0, 39, false),
    ...[0, 1, 2].map(cluster => row('raw', 'gamma', cluster, 0, 0, false))
  ])
})

test('trends lay a line through the means of the generations', async () => {
  const found = await warehouse.rows<Record<string, unknown>>(
    `SELECT generation, windows, mean, z, generations, slope, slope_z, intercept FROM generation_trends
     WHERE source = 'alpha' ORDER BY generation`
  )
  const means = Object.values(series).map(values => values.reduce((a, b) => a + b, 0) / values.length)
  assert.deepEqual(
    found.map(({ generation, windows: told, mean }) => [generation, told, mean]),
    Object.entries(series).map(([generation, values], index) => [
      Number(generation),
      values.length,
      means[index]
    ])
  )
  // Least squares by hand: the covariance over the variance.
  const xs = Object.keys(series).map(Number)
  const [x, y] = [xs, means].map(values => values.reduce((a, b) => a + b, 0) / values.length) as [
    number,
    number
  ]
  const slope =
    xs.reduce((sum, one, at) => sum + (one - x) * (means[at]! - y), 0) /
    xs.reduce((sum, one) => sum + (one - x) ** 2, 0)
  for (const row of found) {
    assert.equal(row['generations'], 3)
    close(row['slope'], slope)
    close(row['slope_z'], slope / 10)
    close(row['intercept'], y - slope * x)
  }
  const [alone] = await warehouse.rows<Record<string, unknown>>(
    `SELECT slope, sd FROM generation_trends WHERE source = 'both' AND metric = 'types'`
  )
  assert.deepEqual(alone, { slope: null, sd: null })
})

test('diagnosis tells recursion, decoding, narrowing and templates apart', async () => {
  const found = await warehouse.rows<{
    source: string
    windows: number
    diagnosis: string
    signs: string[]
    evidence: string
    tail_types_z: number | null
  }>(`SELECT * FROM diagnosis WHERE run = 'judged'`)
  const told = new Map(found.map(({ source, ...rest }) => [source, rest]))
  assert.deepEqual(Object.fromEntries([...told].map(([source, { diagnosis }]) => [source, diagnosis])), {
    faithful: 'none',
    drifts: 'recursion_drift',
    resampled: 'recursion_drift',
    filled: 'template_filling',
    cold: 'decoder_bias',
    narrow: 'mode_narrowing',
    subject: 'mode_narrowing',
    templates: 'template_filling',
    spectrum: 'recursion_drift',
    'spectrum-cold': 'decoder_bias',
    both: 'template_filling',
    once: 'recursion_drift',
    nucleus: 'decoder_bias',
    even: 'none',
    closed: 'recursion_drift',
    massless: 'recursion_drift',
    late: 'recursion_drift',
    again: 'none',
    unknown: 'NO_DATA'
  })
  assert.deepEqual(told.get('both')!.signs, ['template_filling', 'decoder_bias'])
  assert.deepEqual(told.get('resampled')!.signs, ['recursion_drift'])
  assert.deepEqual(told.get('filled')!.signs, ['template_filling', 'mode_narrowing', 'decoder_bias'])
  assert.deepEqual([told.get('cold')!.windows, told.get('cold')!.tail_types_z], [2, -8])
  assert.match(
    told.get('drifts')!.evidence,
    /tail types kept -6 sd from human while tail mass holds at -0\.4/
  )
  assert.deepEqual(told.get('subject')!.signs, ['mode_narrowing', 'template_filling'])
  assert.match(
    told.get('subject')!.evidence,
    /^texts are about less: cluster entropy -9 sd from human; phrases/
  )
  assert.match(told.get('narrow')!.evidence, /^texts are about fewer things: mean squared cosine 5 sd/)
  assert.match(told.get('spectrum')!.evidence, /^f1\/N -6 sd/)
  assert.match(
    told.get('nucleus')!.evidence,
    /^texts are evenly probable, sd of log-perplexity -4\.4 .* more probable than people's, -0\.9, while Heaps beta thins at -2\.6/
  )
  assert.match(told.get('once')!.evidence, /less probable than people's, 2\.2/)
  assert.match(told.get('closed')!.evidence, /^f1\/N -12 sd from human while tail mass holds at 0/)
  assert.match(told.get('massless')!.evidence, /^tail types kept -30 sd from human$/)
  assert.deepEqual([told.get('late')!.windows, told.get('late')!.tail_types_z], [10, -20])
  assert.deepEqual([told.get('again')!.windows, told.get('again')!.tail_types_z], [1, 0.2])
  assert.equal(told.get('faithful')!.evidence, '')
  assert.deepEqual([told.get('unknown')!.windows, told.get('unknown')!.signs], [0, []])
})

test('windows of a group of cells are in collapse, and judged beside their own band', async () => {
  const rows = await warehouse.rows(
    `SELECT source, metric, z FROM collapse WHERE cell_group = 'topic=war' AND run = 'judged'`
  )
  assert.deepEqual(rows, [{ source: 'faithful', metric: 'tail_types_kept', z: -90 }])
})

test('no view says NaN', async () => {
  for (const view of views) {
    const columns = await warehouse.rows<{ name: string; list: boolean }>(
      `SELECT name, startsWith(type, 'Array(') AS list FROM system.columns
       WHERE database = currentDatabase() AND table = {view:String} AND type LIKE '%Float%'`,
      { params: { view } }
    )
    if (columns.length === 0) continue
    const bad = columns
      .map(({ name, list }) =>
        list
          ? `countIf(arrayExists(one -> NOT isFinite(one), \`${name}\`)) AS \`${name}\``
          : `countIf(NOT isFinite(\`${name}\`)) AS \`${name}\``
      )
      .join(', ')
    const [counts] = await warehouse.rows<Record<string, number>>(`SELECT ${bad} FROM ${view}`)
    assert.deepEqual(
      Object.entries(counts!).filter(([, count]) => count > 0),
      [],
      view
    )
  }
})

test('every question of the page of views is understood', async () => {
  for (const view of views) {
    const { sql } = questions[view]
    assert.match(sql, new RegExp(`\\bFROM ${view}\\b`))
    await warehouse.rows(sql)
  }
})

test('every column of every view can be asked whether it is empty', async () => {
  // The server reads only the sizes of such columns, and has lost them on the way through some views.
  const columns = await warehouse.rows<{ view: string; name: string }>(
    `SELECT table AS view, name FROM system.columns
     WHERE database = currentDatabase() AND (type = 'String' OR startsWith(type, 'Array') OR startsWith(type, 'Nullable'))`
  )
  const failures: string[] = []
  for (const view of views)
    for (const { name } of columns.filter(one => one.view === view))
      for (const condition of [`notEmpty(${name})`, `isNotNull(${name})`, `${name} != ''`])
        await warehouse.rows(`SELECT count() FROM ${view} WHERE ${condition}`).catch((error: unknown) => {
          if (/UNKNOWN_IDENTIFIER|NOT_FOUND_COLUMN|LOGICAL_ERROR/.test(String(error)))
            failures.push(`${view}: ${condition}: ${String(error).slice(0, 400)}`)
        })
  assert.deepEqual(failures, [])
})
