/** What Grafana asks, asked as it does: every panel, variable and rule, by the reading user of a store's database. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openReader, openStore } from '../../../infra/clickhouse/open.ts'
import { alerts } from '../../../infra/grafana/alerts.ts'
import { dashboards, variables } from '../../../infra/grafana/dashboards.ts'
import { silentLog } from '../../../infra/log.ts'
import type { Control, DiversityStat, Generation, Rejection, Sample } from '../../../schemas/types.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })
const config = { url: engine.url, ...engine.login('writer'), reader: engine.login('reader') }
const { newWriter, close } = await openStore(config, { clusterId: 'c', prefix: 'g.' }, 10_000, silentLog)
const reader = openReader(config, silentLog)
after(async () => {
  await reader.close()
  await close()
})

const ends = new Map<string, number>()
/** Writes records behind those of their topic. */
async function stored(topic: string, values: readonly unknown[], headers = {}): Promise<void> {
  const from = ends.get(topic) ?? 0
  await newWriter().write(chunkOf(topic, 0, from, values, headers))
  ends.set(topic, from + values.length)
}

/** A statement as Grafana sends it when everything is chosen, and as its ClickHouse plugin expands macros. */
const expanded = (sql: string): string =>
  sql
    .replaceAll('${dataset:sqlstring}', "'d'")
    .replaceAll('${run:sqlstring}', "'r','ill'")
    .replaceAll('$__fromTime', 'toDateTime(0)')
    .replaceAll('$__toTime', 'toDateTime(4102444800)')

const ask = async (sql: string): Promise<Record<string, unknown>[]> => {
  const statement = expanded(sql)
  assert.doesNotMatch(statement, /\$/, 'nothing is left to expand')
  return await reader.rows(statement)
}

let windows = 0
/** A window of accepted text whose metrics lie so far from human text. */
const window = (
  run: string,
  source: string,
  zs: Readonly<Record<string, number>>,
  more: Partial<DiversityStat> = {}
): DiversityStat => ({
  scope: `d/${run}/accepted/1/${source}`,
  dataset: 'd',
  run,
  stage: 'accepted',
  source,
  generation: 1,
  cell_group: '*',
  window: windows++,
  topic: 'samples.verified',
  slot: 0,
  from: 0,
  to: 10,
  documents: 10,
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
  metrics: Object.entries({ types: 0, heaps_beta: 0, missing_mass: 0, length_mean: 0, ...zs }).map(
    ([name, z]) => ({
      name,
      value: 10 + z,
      undefined: '',
      human_mean: 10,
      human_sd: 1,
      z,
      model: '',
      tokenizer: ''
    })
  ),
  ...more
})

/** A window there is no human band for. */
function unjudged(run: string): DiversityStat {
  const { metrics, ...stat } = window(run, '*', {}, { human_windows: 0, human_missing: 30 })
  return { ...stat, metrics: metrics.map(one => ({ ...one, human_mean: null, human_sd: null, z: null })) }
}

const ofPeople = { scope: 'd//human//*', stage: 'human', window: 0, human_windows: 1 } as const
/** Documents per cluster of human text. */
const hits = (...documents: number[]): DiversityStat['clusters'] =>
  documents.map(count => ({ documents: count, examples: ['h0', 'h1'] }))

const answers = (run: string, count: number, fields: Partial<Generation> = {}): Generation[] =>
  Array.from({ length: count }, (_, index) =>
    make.generation(`${run}-g${index}`, `Answer ${index} of ${run}, about the sea.`, { run, ...fields })
  )
const accepted = (run: string, count: number): Sample[] =>
  Array.from({ length: count }, (_, index) =>
    make.sample(`${run}-g${index}`, `Answer ${index} of ${run}, about the sea.`, {
      run,
      cell: make.cell({ topic: 'sea' })
    })
  )
const rejected = (run: string): Rejection => ({
  id: `${run}-bad`,
  sample: make.sample(`${run}-bad`, 'Bad.', { run }),
  processor: 'verify',
  check: 'length',
  version: '1',
  reason: 'too_short',
  detail: '',
  hit: null,
  retried: false,
  rejected_at: 1
})
/** Human texts of a source, of which that share stood in synthetic text. */
const people = (source: string, overlap: number): Sample[] =>
  Array.from({ length: 30 }, (_, index) =>
    make.humanSample(`${source}-${index}`, `A text ${index} of ${source} about the sea and its ships.`, {
      cell: make.cell({ task: '', topic: index < 20 ? 'sea' : 'peace', format: '' }),
      provenance: make.humanProvenance({ source_uri: source, split: 'SEED' }),
      verdicts: [
        { check: 'synthetic_overlap', version: '1', outcome: 'pass', score: overlap, detail: '' }
      ] as unknown as Sample['verdicts']
    })
  )
const word = (fields: Partial<Control>): Control => ({
  scope: 'run:r',
  author: 'guard',
  action: 'continue',
  state: 'CONTINUE',
  reason: '',
  evidence: '{}',
  temperature_delta: null,
  expires_at: null,
  created_at: 1,
  ...fields
})

before(async () => {
  await stored('datasets', [make.dataset('d')])
  await stored('runs', [make.run('r'), make.run('old', {}, { state: 'ended' })])
  const topics = ['sea', 'war', 'law', 'art', 'food']
  await stored(
    'prompts',
    topics.map(topic => make.prompt(`p-${topic}`, { cell: make.cell({ topic }), samples: 30 }))
  )
  await stored('generations', answers('r', 150))
  await stored('samples.verified', accepted('r', 140))
  await stored('samples.rejected', [rejected('r')])
  await stored('samples.human', people('a.example', 0.01))
  const rows = people('a.example', 0).flatMap((one, index) => [one, accepted('r', 30)[index]!])
  await stored('training', rows)
  const quiet = { tail_types_kept: -0.5, tail_mass: 0.3, embedding_cosine: 0.4, self_repetition_4: 1 }
  await stored('diversity.stats', [
    window('', '*', { cluster_entropy: 0 }, { ...ofPeople, clusters: hits(20, 20) }),
    window('r', '*', { ...quiet, distinct_2_inter: 0.1, cluster_entropy: 0 }, { clusters: hits(38, 2) }),
    window('r', 'alpha', quiet),
    // Two generations make a line.
    { ...window('r', 'alpha', quiet), generation: 2 },
    // What is over alarms nobody.
    window('old', 'alpha', { tail_types_kept: -9, tail_mass: -0.2 })
  ])
  await stored('control', [
    word({}),
    word({ scope: 'run:old', action: 'stop', state: 'STOP_BUDGET' }),
    word({ scope: 'run:r', author: 'operator', action: 'stop', state: 'STOP_QUALITY' }),
    // Taken back.
    word({ scope: 'run:r', author: 'operator', action: 'none', created_at: 2 }),
    word({ scope: '*', author: 'operator', action: 'stop', expires_at: 2 })
  ])
})

describe('dashboards', () => {
  for (const { name, panels } of dashboards)
    for (const { title, sql, type, options = {} } of panels)
      test(`${name}: ${title}`, async () => {
        const rows = await ask(sql)
        assert.ok(rows.length > 0, 'the data above has something to show in every panel')
        const [first = {}] = rows
        if (type === 'stat' || type === 'trend' || type === 'barchart')
          assert.ok(
            Object.entries(first)
              .filter(([column]) => column !== options['xField'])
              .every(([, value]) => value === null || typeof value === 'number')
          )
        if (type === 'trend' || type === 'barchart') assert.ok(String(options['xField']) in first)
        if (type === 'trend') {
          const xs = rows.map(row => Number(row[String(options['xField'])]))
          assert.deepEqual(
            xs,
            xs.toSorted((a, b) => a - b),
            'a trend needs its axis in order'
          )
        }
        if (type === 'timeseries') assert.match(String(first['time']), /^\d{4}-\d\d-\d\d/)
      })

  test('the variables', async () => {
    for (const { name, sql } of variables)
      assert.deepEqual(
        (await ask(sql)).map(row => Object.values(row)),
        name === 'dataset' ? [['d']] : [['r']]
      )
  })
})

const labelsOf = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).filter(([name]) => name !== 'value'))

/** Labels of what fires. */
async function firing(): Promise<Record<string, Record<string, unknown>[]>> {
  const found = await Promise.all(
    alerts.map(async ({ name, sql, fires: [side, limit] }) => {
      const rows = await ask(sql)
      const over = rows.filter(row => {
        const { value, ...labels } = row
        assert.equal(typeof value, 'number', name)
        // Grafana makes an alert of every row, told apart by its labels.
        for (const label of Object.values(labels)) assert.equal(typeof label, 'string', name)
        return side === 'gt' ? Number(value) > limit : Number(value) < limit
      })
      const told = rows.map(row => JSON.stringify(labelsOf(row)))
      assert.equal(new Set(told).size, told.length, `${name}: two rows have the same labels`)
      return [name, over.map(labelsOf)] as const
    })
  )
  return Object.fromEntries(found.filter(([, rows]) => rows.length > 0))
}

test('a rule is quiet while all is well, and fires for what it is there for', async () => {
  assert.deepEqual(await firing(), {})

  await stored('runs', [make.run('ill'), make.run('blind')])
  await stored('prompts', [make.prompt('p-ill', { run: 'ill', samples: 200 })])
  await stored('generations', [
    ...answers('ill', 120),
    ...answers('ill', 30, { provenance: make.provenance({ model_id: 'broken' }), error: 'HTTP 500' }).map(
      one => ({ ...one, id: `${one.id}-b`, request_id: `${one.request_id}b` })
    )
  ])
  await stored('diversity.stats', [
    window('ill', 'alpha', { tail_types_kept: -9, tail_mass: -6, missing_mass: -7, heaps_beta: -5 }),
    unjudged('blind')
  ])
  await stored('samples.human', people('mill.example', 0.8))
  await stored('training', accepted('ill', 80))
  await stored('control', [
    word({ scope: 'run:ill', action: 'stop', state: 'STOP_BUDGET', created_at: 3 }),
    word({ scope: 'dataset:d', action: 'stop', state: 'STOP_MIX', created_at: 3 })
  ])
  await stored('dead-letters', [Buffer.from('x')], {
    'x-processor': 'verify',
    'x-topic': 'candidates',
    'x-partition': '0',
    'x-offset': '1',
    'x-reason': 'malformed_record',
    'x-settles': '2',
    'x-run': 'ill'
  })
  const fired = await firing()
  assert.deepEqual(Object.keys(fired).toSorted(), alerts.map(({ name }) => name).toSorted())
  const [collapse] = fired['collapse']!
  assert.deepEqual([collapse!['run'], collapse!['source']], ['ill', 'alpha'])
  assert.deepEqual(
    fired['stopped']!.map(({ scope, state }) => `${String(scope)} ${String(state)}`).toSorted(),
    ['dataset:d STOP_MIX', 'run:ill STOP_BUDGET']
  )
  assert.deepEqual(fired['unjudged'], [{ dataset: 'd', run: 'blind' }])
  assert.deepEqual(fired['real-share'], [{ dataset: 'd', slot: '0' }])
  assert.deepEqual(fired['errors'], [{ run: 'ill', source: 'broken' }])
  assert.deepEqual(fired['nothing-accepted'], [{ run: 'ill' }])
  assert.deepEqual(fired['dead-letters'], [{ run: 'ill' }])
  assert.deepEqual(fired['contamination'], [{ dataset: 'd', source: 'mill.example' }])

  // It is over: nobody is woken up for it again.
  await stored(
    'runs',
    ['ill', 'blind'].map(run => make.run(run, {}, { state: 'ended', revision: 2 }))
  )
  assert.deepEqual(Object.keys(await firing()).toSorted(), ['contamination', 'real-share', 'stopped'])
})
