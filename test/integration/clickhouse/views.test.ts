import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { rebuild } from '../../../infra/clickhouse/rebuild.ts'
import { rollups } from '../../../infra/clickhouse/rollups.ts'
import { diversityTable, newestWindows } from '../../../infra/cli/sql.ts'
import { silentLog } from '../../../infra/log.ts'
import { unit } from '../../../metrics/effective-sources.ts'
import { createFeatures, dimensions } from '../../../metrics/features.ts'
import { meanCosine } from '../../../metrics/mean-cosine.ts'
import { sourceSimilarity } from '../../../metrics/source-similarity.ts'
import { addVector, createVectorSums, squaredSum, type VectorSums } from '../../../metrics/vector-sums.ts'
import { vendiQ2 } from '../../../metrics/vendi-q2.ts'
import { store } from '../../../processors/store.ts'
import { contentHash } from '../../../schemas/identity.ts'
import type { DiversityStat, Rejection, Sample } from '../../../schemas/types.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import { defined } from '../../helpers/measured.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })
const warehouse = engine.warehouse()

const firstDay = Date.UTC(2024, 0, 1, 12) * 1000
const secondDay = Date.UTC(2024, 0, 2, 12) * 1000

const alpha = make.provenance({ model_id: 'alpha', model_family: 'a', parent_ids: ['h1', 'h2'] })
const beta = make.provenance({ model_id: 'beta', model_family: 'b', prompt_id: 'p2' })

/** What six calls came to. */
const calls = [
  {
    id: 'g1',
    by: alpha,
    at: firstDay,
    read: 10,
    written: 20,
    cost: 1000,
    ms: 100,
    finish: 'stop',
    error: ''
  },
  {
    id: 'g2',
    by: alpha,
    at: firstDay,
    read: 10,
    written: 30,
    cost: 2000,
    ms: 300,
    finish: 'stop',
    error: ''
  },
  {
    id: 'g3',
    by: alpha,
    at: secondDay,
    read: 10,
    written: 40,
    cost: 3000,
    ms: 200,
    finish: 'length',
    error: ''
  },
  { id: 'g4', by: beta, at: firstDay, read: 5, written: 5, cost: 500, ms: 50, finish: 'stop', error: '' },
  {
    id: 'g5',
    by: beta,
    at: firstDay,
    read: 0,
    written: 0,
    cost: 0,
    ms: 50,
    finish: 'error',
    error: 'HTTP 400'
  },
  { id: 'g6', by: beta, at: secondDay, read: 5, written: 5, cost: 500, ms: 100, finish: 'stop', error: '' }
]
const generations = calls.map(call =>
  make.generation(call.id, `answer ${call.id}`, {
    provenance: { ...call.by, created_at: call.at },
    usage: make.usage({ input_tokens: call.read, output_tokens: call.written, cost_micros: call.cost }),
    latency_ms: call.ms,
    finish_reason: call.finish,
    error: call.error
  })
)
const sampleOf = (id: string): Sample => {
  const { by } = calls.find(call => call.id === id)!
  // g4 is a refusal its cell allows, g6 one it does not.
  const refused = id === 'g4' || id === 'g6'
  const verdict = {
    check: 'refusal',
    version: '1',
    is_valid: id !== 'g6',
    score: Number(refused),
    reasoning: ''
  }
  return make.sample(id, `answer ${id}`, { provenance: by, verdicts: [verdict] })
}
const rejection = (id: string, processor: string, check: string, reason: string): Rejection => ({
  id,
  sample: sampleOf(id),
  processor,
  check,
  version: '1',
  reason,
  detail: '',
  hit: null,
  retried: false,
  rejected_at: firstDay
})
const person = make.humanProvenance({ split: 'SEED' })
const edited = make.humanProvenance({ origin: 'HUMAN_EDITED', parent_ids: ['h1'] })
/** How much of each text stood in synthetic samples; null: too short to tell. */
const humans = ([0.25, 0.75, null] as const).map((score, index) =>
  make.humanSample(`h${index + 1}`, `text h${index + 1}`, {
    provenance: { ...person, source_uri: score === null ? null : 'https://a.example' },
    verdicts:
      score === null
        ? []
        : [{ check: 'synthetic_overlap', version: '1', is_valid: true, score, reasoning: '' }]
  })
)
const laid = [
  humans[0],
  sampleOf('g1'),
  sampleOf('g4'),
  make.humanSample('e1', 'edited', { provenance: edited }),
  humans[1]
]
const stat = (fields: Partial<DiversityStat>): DiversityStat => ({
  scope: 'd/r/raw/1/alpha',
  dataset: 'd',
  run: 'r',
  stage: 'raw',
  source: 'alpha',
  generation: 1,
  cell_group: '*',
  window: 0,
  topic: 'generations',
  slot: 0,
  from: 0,
  to: 3,
  documents: 3,
  tokens: 20_004,
  budget: 20_000,
  partial: false,
  tokenizer: 'words-1',
  metrics: [
    {
      name: 'types',
      value: 90,
      undefined: '',
      human_mean: 100,
      human_sd: 5,
      z: -2,
      model: '',
      tokenizer: ''
    },
    {
      name: 'heaps_beta',
      value: null,
      undefined: 'too few tokens',
      human_mean: 0.7,
      human_sd: 0.1,
      z: Number.NaN,
      model: '',
      tokenizer: ''
    }
  ],
  clusters: [],
  embeddings: { count: 0, sum: [], products: [] },
  log_perplexities: [],
  human_windows: 10,
  human_missing: 0,
  created_at: firstDay,
  ...fields
})
const asked = [
  make.prompt('p1', { samples: 2 }),
  make.prompt('p2', { samples: 2 }),
  make.prompt('p2', { samples: 2 }), // forwarded to its slot: the same prompt again
  make.prompt('p3', { samples: 1 }),
  ...[0, 0, 1].map(sample_index =>
    // The first one forwarded as well; the second repairs the other sample.
    make.prompt('p2', {
      samples: 1,
      attempt: 2,
      feedback: 'too long',
      provenance: make.humanProvenance({ sample_index, split: null })
    })
  )
]

/** The whole data set: a topic, a slot, its records from offset 0. */
const topics: readonly [topic: string, slot: number, values: readonly unknown[]][] = [
  ['prompts', 0, asked],
  ['prompts.parked', 0, [{ prompt: asked[3], reason: 'STOP_BUDGET', samples: 1, parked_at: firstDay }]],
  ['generations', 0, generations.slice(0, 4)],
  ['generations', 1, generations.slice(4)],
  ['candidates', 0, [sampleOf('g1'), sampleOf('g3'), sampleOf('g4')]],
  ['samples.verified', 0, [sampleOf('g1'), sampleOf('g4')]],
  [
    'samples.rejected',
    0,
    [
      rejection('g2', 'deduplicate', 'exact_duplicate', 'exact_duplicate'),
      rejection('g3', 'verify', 'truncation', 'truncated'),
      rejection('g5', 'deduplicate', 'generate', 'provider_error'),
      rejection('g6', 'verify', 'refusal', 'refusal')
    ]
  ],
  ['samples.human', 0, humans],
  ['diversity.stats', 0, [stat({}), stat({ window: 1, tokens: 400, partial: true })]],
  ['training', 0, laid],
  ['training', 1, [humans[2]]]
]

const newWriter = () =>
  createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 8000
  })

/** Writes every topic in chunks of a number of records, as a store that starts at offset 0 does. */
async function writeAll(size: number): Promise<void> {
  const writer = newWriter()
  for (const [topic, slot, values] of topics) {
    for (let from = 0; from < values.length; from += size)
      await writer.write(chunkOf(topic, slot, from, values.slice(from, from + size)))
  }
  const dead = (processor: string, settles: string) => ({
    'x-reason': 'unknown_schema',
    'x-topic': 'prompts',
    'x-partition': '0',
    'x-offset': '7',
    'x-run': 'r',
    'x-processor': processor,
    'x-settles': settles
  })
  await writer.write(chunkOf('dead-letters', 0, 0, [Buffer.from('broken')], dead('generate', '1')))
  await writer.write(chunkOf('dead-letters', 0, 1, [Buffer.from('broken')], dead('measure', '0')))
}

/** Sums over the answers of each source that are texts, and what metrics say of them. */
const features = createFeatures()
const sumsOf = (ids: readonly string[]) => {
  const sums = createVectorSums(dimensions)
  for (const id of ids) addVector(sums, features(`answer ${id}`)!)
  return sums
}
const [alphaSums, betaSums] = [sumsOf(['g1', 'g2', 'g3']), sumsOf(['g4', 'g6'])]
const means = [alphaSums, betaSums].map(({ sum }) => unit(sum)!)
const cosineOfMeans = defined(sourceSimilarity({ count: 1, sum: means[0]! }, { count: 1, sum: means[1]! }))
const alike = {
  redundancy: cosineOfMeans,
  effective_sources: defined(vendiQ2(2 + 2 * cosineOfMeans ** 2, 2))
}
const cosineWithin = (sums: VectorSums): number => defined(meanCosine(squaredSum(sums), sums.count))

const expected = {
  collapse: [
    ['types', 0, 90, 100, 5, -2, 20_004],
    ['heaps_beta', 0, null, 0.7, 0.1, null, 20_004],
    ['types', 1, 90, null, null, null, 400],
    ['heaps_beta', 1, null, null, null, null, 400]
  ].map(([metric, window, value, human_mean, human_sd, z, n]) => ({
    run: 'r',
    dataset: 'd',
    stage: 'raw',
    generation: 1,
    source: 'alpha',
    cell_group: '*',
    window,
    metric,
    value,
    human_mean,
    human_sd,
    z,
    n,
    tokenizer: 'words-1',
    e_value: null,
    severity: null
  })),
  // alpha: g1 accepted, g2 a duplicate, g3 cut off. beta: g4 an accepted refusal, g5 a failed call, g6 a refusal.
  sources: [
    {
      run: 'r',
      source: 'alpha',
      family: 'a',
      dataset: 'd',
      generations: 3,
      input_tokens: 30,
      output_tokens: 90,
      cost_usd: 0.006,
      accepted: 1,
      rejected: 2,
      acceptance: 1 / 3,
      duplicate_rate: 1 / 3,
      truncation_rate: 1 / 3,
      refusal_rate: 0,
      error_rate: 0,
      mean_latency_ms: 200,
      single_source_share: 0.5,
      mean_cosine: cosineWithin(alphaSums),
      nearest: 'beta',
      ...alike
    },
    {
      run: 'r',
      source: 'beta',
      family: 'b',
      dataset: 'd',
      generations: 3,
      input_tokens: 10,
      output_tokens: 10,
      cost_usd: 0.001,
      accepted: 1,
      rejected: 2,
      acceptance: 1 / 3,
      duplicate_rate: 0,
      truncation_rate: 0,
      refusal_rate: 2 / 3,
      error_rate: 1 / 3,
      mean_latency_ms: 200 / 3,
      single_source_share: 0.5,
      mean_cosine: cosineWithin(betaSums),
      nearest: 'alpha',
      ...alike
    }
  ],
  // Three prompts; 2 + 2 + 1 samples asked for and 2 more by the repairs of p2.
  funnel: [
    {
      run: 'r',
      dataset: 'd',
      prompts: 3,
      expected: 7,
      generated: 6,
      duplicates: 1,
      rejected: 4,
      rejected_by_check: { exact_duplicate: 1, generate: 1, refusal: 1, truncation: 1 },
      verified: 2,
      parked: 1,
      dead: 1,
      training: 2
    }
  ],
  // Slot 0 lays human, g1, g4, edited, human: the real share of its prefixes is 1, 1/2, 1/3, 1/4, 2/5.
  mix_ratio: [
    {
      dataset: 'd',
      slot: 0,
      rows: 5,
      human: 2,
      synthetic: 2,
      other: 1,
      real: 2,
      repeated: 0,
      real_share: 0.4,
      smallest_prefix_share: 0.25,
      smallest_prefix_offset: 3
    },
    {
      dataset: 'd',
      slot: 1,
      rows: 1,
      human: 1,
      synthetic: 0,
      other: 0,
      real: 1,
      repeated: 0,
      real_share: 1,
      smallest_prefix_share: 1,
      smallest_prefix_offset: 0
    }
  ],
  spend: [
    ['alpha', '2024-01-01', 2, 20, 50, 0.003],
    ['alpha', '2024-01-02', 1, 10, 40, 0.003],
    ['beta', '2024-01-01', 2, 5, 5, 0.0005],
    ['beta', '2024-01-02', 1, 5, 5, 0.0005]
  ].map(([source, day, made, input_tokens, output_tokens, cost_usd]) => ({
    run: 'r',
    source,
    day,
    calls: made,
    input_tokens,
    output_tokens,
    cost_usd
  })),
  lineage: [
    ['g1', 'made_by', 'alpha', 'p1', 'alpha', 'a', 1, 'SYNTHETIC', 'r'],
    ['g1', 'derives_from', 'h1', 'p1', 'alpha', 'a', 1, 'SYNTHETIC', 'r'],
    ['g1', 'derives_from', 'h2', 'p1', 'alpha', 'a', 1, 'SYNTHETIC', 'r'],
    ['g1', 'answers', 'p1', 'p1', 'alpha', 'a', 1, 'SYNTHETIC', 'r'],
    ['g4', 'made_by', 'beta', 'p2', 'beta', 'b', 1, 'SYNTHETIC', 'r'],
    ['g4', 'answers', 'p2', 'p2', 'beta', 'b', 1, 'SYNTHETIC', 'r'],
    ['h1', '', '', '', '', '', 0, 'HUMAN_AUTHORED', '']
  ].map(([id, relation, parent, prompt, model, family, generation, origin, run]) => ({
    id,
    relation,
    parent,
    prompt,
    model,
    family,
    generation,
    origin,
    dataset: 'd',
    run
  })),
  coverage: [
    { run: '', human: 3, generated: 0, verified: 0, training: 4, hits: 3 },
    { run: 'r', human: 0, generated: 6, verified: 2, training: 2, hits: 2 }
  ].map(({ run, ...counts }) => ({
    dataset: 'd',
    run,
    task: 'explain',
    topic: 'history',
    format: 'paragraph',
    ...counts,
    declared: true,
    cells: 1,
    cells_hit: 1,
    cells_hit_5: 0,
    entropy: null,
    under_covered: false
  })),
  contamination: [
    ['https://a.example', 2, 2, 0.5, 1, 0.75, 'h2'],
    ['test', 1, 0, null, 0, null, '']
  ].map(([source, documents, measured, mean_overlap, above_half, worst_overlap, worst_document]) => ({
    dataset: 'd',
    source,
    origin: 'HUMAN_AUTHORED',
    documents,
    measured,
    mean_overlap,
    above_half,
    worst_overlap,
    worst_document
  }))
}

/** A number as the sums give it: their vectors have 24 bits. */
const rounded = (value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value

const allRounded = (row: object): object =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, rounded(value)]))

const wanted = Object.fromEntries(
  Object.entries(expected).map(([view, rows]) => [view, rows.map(row => allRounded(row))])
)

async function views(): Promise<typeof expected> {
  const all = async (view: string, rest: string) =>
    (await warehouse.rows(`SELECT * FROM ${view} ${rest}`)).map(allRounded)
  return {
    collapse: await all('collapse', `ORDER BY window, metric = 'heaps_beta'`),
    sources: await all('sources', 'ORDER BY source'),
    funnel: await all('funnel', 'ORDER BY run'),
    mix_ratio: await all('mix_ratio', 'ORDER BY slot'),
    spend: await all('spend', 'ORDER BY source, day'),
    lineage: await all('lineage', `WHERE id IN ('g1', 'g4', 'h1') ORDER BY id, parent`),
    coverage: await all('coverage', 'ORDER BY run'),
    contamination: await all('contamination', 'ORDER BY source')
  } as unknown as typeof expected
}

before(async () => {
  await migrate(warehouse, silentLog)
  await writeAll(100)
})

test('the views give the numbers worked out by hand', async () => {
  assert.deepEqual(await views(), wanted)
})

/** Tables that views fill. */
const filled = [...new Set(rollups.map(({ target }) => target))]

test('written again in other chunks, the views give the same numbers, merged or not', async () => {
  await writeAll(2)
  assert.deepEqual(await views(), wanted)
  for (const table of [...filled, ...Object.keys(store.tables)])
    await warehouse.command(`OPTIMIZE TABLE ${table} FINAL`)
  assert.deepEqual(await views(), wanted)
})

test('rebuilt from the raw rows, the rollups give the same numbers', async () => {
  for (const table of filled) await warehouse.command(`TRUNCATE TABLE ${table}`)
  assert.notDeepEqual(await views(), wanted)
  const lost = await rebuild(warehouse)
  assert.deepEqual(
    lost.map(({ rollup, rows }) => [rollup, rows]),
    [
      ['counts', 24],
      ['threads', 20],
      ['usage', 6],
      // Candidates are the same texts again; training is only counted.
      ['diversity_states', 17],
      ['diversity_sums', 11]
    ]
  )
  // Everything had gone, so everything that is there now differs.
  for (const { rows, differences } of lost) {
    assert.ok(differences.every(one => one.before.rows === 0 && one.before.offsetSum === '0'))
    assert.equal(
      differences.reduce((sum, one) => sum + one.after.rows, 0),
      rows
    )
  }
  assert.deepEqual(
    (await rebuild(warehouse)).map(({ differences }) => differences),
    filled.map(() => [])
  )
  assert.deepEqual(await views(), wanted)
})

test('texts come out of the messages, and what cannot be measured is null', async () => {
  const texts = await warehouse.rows(
    `SELECT text FROM samples FINAL WHERE _topic = 'samples.verified' ORDER BY id`
  )
  assert.deepEqual(texts, [{ text: 'answer g1' }, { text: 'answer g4' }])
  const [dead] = await warehouse.rows(
    'SELECT reason, source_topic, source_offset, bytes FROM dead_letters FINAL ORDER BY _offset LIMIT 1'
  )
  assert.deepEqual(dead, { reason: 'unknown_schema', source_topic: 'prompts', source_offset: 7, bytes: 6 })
})

/** Windows of human text as a band tells them, the values of one metric. */
const humanWindows = (dataset: string, values: readonly number[]): DiversityStat[] =>
  values.map((value, window) =>
    stat({
      scope: `${dataset}//human//*`,
      dataset,
      run: '',
      stage: 'human',
      source: '*',
      generation: 0,
      window,
      tokens: 20_000 + value,
      metrics: ['types', 'length_mean'].map(name => ({
        name,
        value,
        undefined: '',
        human_mean: 10,
        human_sd: 1,
        z: value - 10,
        model: '',
        tokenizer: ''
      })),
      human_windows: values.length
    })
  )

test('of human windows that were told again only the newest are shown, and no more than there are now', async () => {
  const writer = newWriter()
  // The last band of d has one window fewer; that of e was never taken again.
  const told = [
    ...humanWindows('d', [1, 2, 3, 4]),
    ...humanWindows('e', [8, 9]),
    ...humanWindows('d', [5, 6, 7])
  ]
  await writer.write(chunkOf('diversity.stats', 1, 0, told))
  const shown = () =>
    warehouse.rows<{ dataset: string; values: number[] }>(
      `SELECT dataset, groupArray(value) AS values
       FROM (SELECT dataset, window, value FROM collapse WHERE stage = 'human' AND metric = 'types' ORDER BY window)
       GROUP BY dataset ORDER BY dataset`
    )
  const newest = [
    { dataset: 'd', values: [5, 6, 7] },
    { dataset: 'e', values: [8, 9] }
  ]
  assert.deepEqual(await shown(), newest)
  await warehouse.command('OPTIMIZE TABLE stats FINAL')
  assert.deepEqual(await shown(), newest)
})

test('a first look shows one window a scope, whole where there is one, and the human text of each dataset', async () => {
  const writer = newWriter()
  await writer.write(chunkOf('runs', 0, 0, [make.run('r', {}, { dataset: 'd' })]))
  const glance = ['types', 'heaps_beta', 'length_mean']
  const look = async (run: string): Promise<string> =>
    diversityTable(await warehouse.rows(newestWindows, { params: { run, stage: '', glance } }), false)
  const r = '\traw\talpha\t1\t20004\t90 (-2.0)\t\t'
  assert.equal(
    await look(''),
    [
      'run\tdataset\tstage\tsource\tgen\ttokens\ttypes\theaps_beta\tlength_mean',
      '\td\thuman\t*\t0\t20007\t7 (-3.0)\t\t7 (-3.0)',
      '\te\thuman\t*\t0\t20009\t9 (-1.0)\t\t9 (-1.0)',
      `r\td${r}`
    ].join('\n')
  )
  assert.equal(
    await look('r'),
    [
      'run\tstage\tsource\tgen\ttokens\ttypes\theaps_beta\tlength_mean',
      '\thuman\t*\t0\t20007\t7 (-3.0)\t\t7 (-3.0)',
      `r${r}`
    ].join('\n')
  )
})

test('a text that was published again is told from those that were taken in', async () => {
  const one = make.humanSample('h1', 'text h1')
  const published = ['letter-1', 'letter-1-copy'].map(id => ({ ...one, id }))
  await newWriter().write(chunkOf('human', 0, 0, published))
  assert.deepEqual(
    await warehouse.rows(
      `SELECT groupArray(id) AS ids, content_hash FROM documents FINAL GROUP BY dataset, content_hash HAVING count() > 1`
    ),
    [{ ids: ['letter-1', 'letter-1-copy'], content_hash: contentHash(one.messages) }]
  )
})

test('the mix is told per 1,000 rows and up to them, edits and repeated rows by the rules of the dataset', async () => {
  const settings = JSON.stringify({ edited_counts: true, epochs: 2 })
  await newWriter().write(
    chunkOf('datasets', 0, 0, [make.dataset('big', { mix: settings }), make.dataset('d')])
  )
  const one = (index: number): Sample => {
    const fields = { dataset: 'big', cell: make.cell({ topic: index < 1000 ? 'sea' : 'war' }) }
    if (index % 2 === 1) {
      const by = index < 2000 ? alpha : beta
      return make.sample(`b${index}`, 'x', { ...fields, provenance: by })
    }
    // Of the last window's human rows the first 100 are edits that count, 100 are repeated.
    if (index >= 2000 && index < 2200)
      return make.humanSample(`e${index}`, 'x', { ...fields, provenance: edited })
    return make.humanSample(`h${index}`, 'x', { ...fields, provenance: person, epoch: index >= 2200 ? 2 : 1 })
  }
  await newWriter().write(
    chunkOf(
      'training',
      2,
      0,
      Array.from({ length: 2400 }, (_, index) => one(index))
    )
  )
  const [ratio] = await warehouse.rows("SELECT * FROM mix_ratio WHERE dataset = 'big'")
  assert.deepEqual(ratio, {
    dataset: 'big',
    slot: 2,
    rows: 2400,
    human: 1100,
    synthetic: 1200,
    other: 100,
    real: 1200,
    repeated: 100,
    real_share: 0.5,
    smallest_prefix_share: 0.5,
    smallest_prefix_offset: 1
  })
  const found = await warehouse.rows("SELECT * FROM mix_ratio_windows WHERE dataset = 'big' ORDER BY window")
  const whole = { dataset: 'big', slot: 2, real_share: 0.5, real_share_so_far: 0.5 }
  const full = {
    ...whole,
    rows: 1000,
    real: 500,
    synthetic: 500,
    repeated: 0,
    generations: { 0: 500, 1: 500 }
  }
  const both = { families: { [alpha.model_family!]: 500 }, models: { alpha: 500 } }
  assert.deepEqual(found, [
    {
      ...full,
      ...both,
      window: 0,
      first_offset: 0,
      last_offset: 999,
      rows_so_far: 1000,
      cells: { 'explain/sea/paragraph': 1000 }
    },
    {
      ...full,
      ...both,
      window: 1,
      first_offset: 1000,
      last_offset: 1999,
      rows_so_far: 2000,
      cells: { 'explain/war/paragraph': 1000 }
    },
    {
      ...whole,
      window: 2,
      first_offset: 2000,
      last_offset: 2399,
      rows: 400,
      real: 200,
      synthetic: 200,
      repeated: 100,
      rows_so_far: 2400,
      generations: { 0: 200, 1: 200 },
      families: { [beta.model_family!]: 200 },
      models: { beta: 200 },
      cells: { 'explain/war/paragraph': 400 }
    }
  ])
})
