/**
 * Questions about any group of texts, answered by the states and sums that the database keeps, against metrics computed
 * over the texts themselves.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { rebuild } from '../../../infra/clickhouse/rebuild.ts'
import { rollups } from '../../../infra/clickhouse/rollups.ts'
import { corpusLines } from '../../../infra/demo/demo.ts'
import { silentLog } from '../../../infra/log.ts'
import { createFeatures, dimensions } from '../../../metrics/features.ts'
import { frechetDistance } from '../../../metrics/frechet.ts'
import { unit } from '../../../metrics/effective-sources.ts'
import { meanCosine } from '../../../metrics/mean-cosine.ts'
import { mean, standardDeviation } from '../../../metrics/moments.ts'
import { sourceSimilarity } from '../../../metrics/source-similarity.ts'
import { spectrumOf } from '../../../metrics/spectrum.ts'
import { words } from '../../../metrics/tokenize.ts'
import {
  addVector,
  createVectorSums,
  squaredProducts,
  squaredSum,
  type VectorSums
} from '../../../metrics/vector-sums.ts'
import { vendiQ2 } from '../../../metrics/vendi-q2.ts'
import { store } from '../../../processors/store.ts'
import type { Cell, Provenance } from '../../../schemas/types.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import { defined } from '../../helpers/measured.ts'
import { random } from '../../helpers/random.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })
const warehouse = engine.warehouse()

/** A text and everything it can be grouped by. */
type Told = {
  readonly stage: 'raw' | 'accepted' | 'human'
  readonly text: string
  readonly dataset: string
  readonly run: string
  readonly split: string
  readonly source: string
  readonly family: string
  readonly generation: number | null
  readonly temperature: number | null
  readonly task: string
  readonly topic: string
  readonly format: string
  /** Hours after the first. */
  readonly hour: number
}

const born = Date.UTC(2026, 0, 1)
const hourMs = 3_600_000
const draw = random(42)
const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(draw() * values.length)]!

const corpus = corpusLines()
  .filter((_, index) => index % 2 === 0)
  .map(line => JSON.parse(line) as { topic: string; text: string })
/** Every fifth text stands for one by a person, the others for answers, of which most are accepted. */
const told: Told[] = corpus.flatMap(({ topic, text }, index): Told[] => {
  const cell = { topic, task: pick(['explain', 'report']), format: pick(['paragraph', 'list', 'letter']) }
  const shared = { dataset: pick(['d', 'e']), text, ...cell, hour: Math.floor((index * 12) / corpus.length) }
  if (index % 5 === 0) {
    const split = pick(['SEED', 'SEED', 'REFERENCE'])
    const none = { run: '', source: '', family: '', temperature: null }
    return [{ ...shared, ...none, stage: 'human', split, generation: 0 }]
  }
  const [source, family] = pick([
    ['alpha', 'a'],
    ['beta', 'b'],
    ['beta-2', 'b']
  ] as const)
  const raw = {
    ...shared,
    stage: 'raw',
    run: pick(['r', 's']),
    split: 'NONE',
    source,
    family,
    generation: pick([1, 2, 3, null]),
    temperature: pick([0.2, 0.7, 1, null])
  } as const
  return draw() < 0.7 ? [raw, { ...raw, stage: 'accepted' }] : [raw]
})

/** A group of two short texts, whose n-grams are counted exactly. */
const short = 'The road to the mill was closed, and the road to the market was not.'
const [someRaw] = told.filter(({ stage }) => stage === 'raw')
told.push(
  { ...someRaw!, dataset: 'tiny', text: short },
  { ...someRaw!, dataset: 'tiny', text: short.replace('closed', 'open') }
)

const topicOf = { raw: 'generations', accepted: 'samples.verified', human: 'samples.human' } as const

function recordOf({ stage, text, ...about }: Told, id: string): unknown {
  const { dataset, run, generation, temperature, source, family, task, topic, format } = about
  const cell: Cell = { task, topic, format, refusal: 'reject' }
  const split = about.split as Provenance['split']
  if (stage === 'human')
    return make.humanSample(id, text, { dataset, cell, provenance: make.humanProvenance({ split }) })
  const provenance = make.provenance({ generation, temperature, model_id: source, model_family: family })
  return stage === 'raw'
    ? make.generation(id, text, { dataset, run, cell, provenance })
    : make.sample(id, text, { dataset, run, cell, provenance })
}

const writer = () =>
  createChunkWriter({
    warehouse,
    clusterId: 'c',
    group: 'store',
    sink: store,
    log: silentLog,
    timeoutMs: 30_000
  })

/** Writes a topic's texts, some chunks an hour. */
async function write(stage: Told['stage'], parts: number): Promise<void> {
  const by = writer()
  let from = 0
  for (const [hour, list] of Map.groupBy(
    told.filter(text => text.stage === stage),
    text => text.hour
  )) {
    const size = Math.ceil(list.length / parts)
    for (let at = 0; at < list.length; at += size) {
      const values = list
        .slice(at, at + size)
        .map((text, index) => recordOf(text, `${stage}-${from + index}`))
      const chunk = chunkOf(topicOf[stage], 0, from, values)
      for (const rows of chunk.rows.values())
        for (const row of rows as unknown as number[][]) row[3] = born + hour * hourMs
      await by.write(chunk)
      from += values.length
    }
  }
}

/** What is computed over the texts themselves. */
function direct(texts: readonly Told[]) {
  const features = createFeatures()
  const sums = createVectorSums(dimensions)
  const tokens = texts.map(({ text }) => words(text))
  for (const { text } of texts) addVector(sums, features(text)!)
  const spectra = [1, 2, 3, 4].map(n => {
    const counts = new Map<string, number>()
    for (const list of tokens)
      for (let at = 0; at + n <= list.length; at++) {
        const gram = list.slice(at, at + n).join(' ')
        counts.set(gram, (counts.get(gram) ?? 0) + 1)
      }
    return spectrumOf(counts.values())
  })
  const lengths = tokens.map(list => list.length)
  return {
    texts: texts.length,
    tokens: spectra[0]!.tokens,
    length_mean: defined(mean(lengths)),
    length_sd: defined(standardDeviation(lengths)),
    mean_cosine: defined(meanCosine(squaredSum(sums), sums.count)),
    spectra,
    sums
  }
}

/** A question: what is asked in SQL, and which texts it is about. */
type Grouping = readonly [where: string, of: (text: Told) => boolean]

const groupings: readonly Grouping[] = [
  [`stage = 'raw'`, t => t.stage === 'raw'],
  [`stage = 'human'`, t => t.stage === 'human'],
  [`stage = 'human' AND split = 'REFERENCE'`, t => t.split === 'REFERENCE'],
  [`stage = 'accepted' AND run = 'r'`, t => t.stage === 'accepted' && t.run === 'r'],
  [`stage = 'raw' AND dataset = 'e'`, t => t.stage === 'raw' && t.dataset === 'e'],
  [`stage = 'raw' AND source = 'alpha'`, t => t.stage === 'raw' && t.source === 'alpha'],
  [`stage = 'raw' AND family = 'b'`, t => t.stage === 'raw' && t.family === 'b'],
  [`stage = 'raw' AND generation = 2`, t => t.stage === 'raw' && t.generation === 2],
  [`stage = 'raw' AND generation >= 2`, t => t.stage === 'raw' && (t.generation ?? 0) >= 2],
  [`stage = 'raw' AND generation IS NULL`, t => t.stage === 'raw' && t.generation === null],
  [`stage = 'accepted' AND task = 'report'`, t => t.stage === 'accepted' && t.task === 'report'],
  [`stage = 'accepted' AND topic = 'treasury'`, t => t.stage === 'accepted' && t.topic === 'treasury'],
  [`dataset = 'tiny'`, t => t.dataset === 'tiny'],
  [
    `stage = 'raw' AND task = 'report' AND format = 'list' AND topic = 'lands'`,
    t => t.stage === 'raw' && t.task === 'report' && t.format === 'list' && t.topic === 'lands'
  ],
  [`stage = 'raw' AND temperature = 0.7`, t => t.stage === 'raw' && t.temperature === 0.7],
  [`stage = 'accepted' AND temperature IS NULL`, t => t.stage === 'accepted' && t.temperature === null],
  [
    `stage = 'raw' AND temperature < 0.5 AND source = 'beta'`,
    t => t.stage === 'raw' && t.temperature === 0.2 && t.source === 'beta'
  ],
  [
    `stage = 'raw' AND hour >= '2026-01-01 03:00:00' AND hour < '2026-01-01 07:00:00'`,
    t => t.stage === 'raw' && t.hour >= 3 && t.hour < 7
  ],
  [`hour = '2026-01-01 11:00:00' AND stage != 'human'`, t => t.stage !== 'human' && t.hour === 11],
  [
    `stage = 'accepted' AND run = 's' AND source = 'beta-2' AND generation = 3 AND temperature = 1`,
    t =>
      t.stage === 'accepted' &&
      t.run === 's' &&
      t.source === 'beta-2' &&
      t.generation === 3 &&
      t.temperature === 1
  ]
]

/** Moments, in SQL, as docs/views.md writes them. */
const moments = `
  sum(texts) AS texts, sum(tokens) AS tokens, tokens / texts AS length_mean,
  sqrt((sum(token_squares) - tokens * tokens / texts) / (texts - 1)) AS length_sd,
  sum(vectors) AS m, (L2SquaredNorm(arrayMap(x -> x / 16777216, sumForEach(vector_sum))) - m) / (m * (m - 1)) AS mean_cosine`

/** A question to a view whose texts have a moment instead of an hour. */
const atMoments = (where: string): string => where.replaceAll(/\bhour\b/g, 'toStartOfHour(at)')

/** What is seen how often, for n = 1 to 4. */
const spectra = async (view: string, where: string): Promise<Record<string, number>[]> => {
  const found = await warehouse.rows<Record<string, number>>(
    `SELECT sum(c) AS tokens, count() AS types, countIf(c = 1) AS f1, countIf(c = 2) AS f2
     FROM (SELECT n, count() AS c FROM ${view} WHERE ${where} GROUP BY n, gram) GROUP BY n ORDER BY n`
  )
  return found
}

const near = (actual: number, expected: number, share: number, what: string): void =>
  assert.ok(
    Math.abs(actual - expected) <= share * Math.abs(expected),
    `${what}: ${actual} instead of ${expected}`
  )

before(async () => {
  await migrate(warehouse, silentLog)
  for (const stage of ['raw', 'accepted', 'human'] as const) await write(stage, 3)
})

test('twenty groupings say what the texts say', async t => {
  let [sampled, small, worst] = [0, 0, 0]
  for (const [where, of] of groupings) {
    const texts = told.filter(of)
    assert.ok(texts.length > 0, where)
    const expected = direct(texts)

    const [sums] = await warehouse.rows<Record<string, number>>(
      `SELECT ${moments} FROM text_sums WHERE ${where}`
    )
    const [states] = await warehouse.rows<Record<string, number>>(
      `SELECT ${[1, 2, 3, 4].map(n => `uniqCombined64Merge(12)(grams_${n}) AS types_${n}`).join(', ')}
       FROM text_states WHERE ${where}`
    )
    for (const key of ['texts', 'tokens'] as const) assert.equal(sums![key], expected[key], `${key} ${where}`)
    for (const key of ['length_mean', 'length_sd', 'mean_cosine'] as const)
      near(sums![key]!, expected[key], 1e-6, `${key} ${where}`)
    const [exact, part] = await Promise.all([
      spectra('ngrams', atMoments(where)),
      spectra('ngrams_sampled', where)
    ])
    for (const [index, { types, f1, f2, tokens }] of expected.spectra.entries()) {
      const n = index + 1
      const what = `n = ${n}, ${where}`
      const estimate = states![`types_${n}`]!
      if (types <= 120) {
        small++
        assert.equal(estimate, types, `types ${what}`)
      }
      worst = Math.max(worst, Math.abs(estimate / types - 1))
      near(estimate, types, 0.05, `types ${what}`)
      assert.deepEqual(exact[index], { tokens, types, f1, f2 }, what)
      for (const [key, x] of Object.entries({ types, f1, f2 })) {
        if (x < 54_000) continue
        sampled++
        near(part[index]![key]! * 16, x, 0.05, `sampled ${key} ${what}`)
      }
    }
  }
  assert.ok(sampled >= 10, `only ${sampled} numbers were large enough for the sample`)
  assert.ok(small >= 1, 'no group was small enough to be counted exactly')
  t.diagnostic(
    `${sampled} sampled numbers, ${small} small ones; states are off by at most ${(100 * worst).toFixed(1)} %`
  )
})

test('the views say the same of every source and pair of sources', async () => {
  const of = (run: string, source: string, generation: number | null) =>
    told.filter(
      t =>
        t.stage === 'raw' &&
        t.dataset === 'd' &&
        t.run === run &&
        t.source === source &&
        t.generation === generation
    )
  for (const generation of [1, null]) {
    const expected = direct(of('r', 'beta', generation))
    const [row] = await warehouse.rows<Record<string, number>>(
      `SELECT * FROM diversity WHERE stage = 'raw' AND dataset = 'd' AND run = 'r' AND source = 'beta'
         AND generation ${generation === null ? 'IS NULL' : `= ${generation}`}`
    )
    assert.deepEqual([row!['texts'], row!['tokens']], [expected.texts, expected.tokens])
    for (const key of ['length_mean', 'length_sd', 'mean_cosine'] as const)
      near(row![key]!, expected[key], 1e-6, key)
    for (const [index, { types, tokens }] of expected.spectra.slice(0, 2).entries())
      near(index === 0 ? row!['types']! : row!['distinct_2']! * tokens, types, 0.05, `${index + 1}-grams`)
  }
  const names = ['alpha', 'beta', 'beta-2'] as const
  const sums = names.map(
    name =>
      direct(told.filter(t => t.stage === 'raw' && t.run === 's' && t.dataset === 'e' && t.source === name))
        .sums
  )
  const pairs = await warehouse.rows<Record<string, number | string | boolean>>(
    `SELECT * FROM source_pairs WHERE run = 's' AND dataset = 'e' ORDER BY source, other`
  )
  assert.equal(pairs.length, 6)
  for (const pair of pairs) {
    const [one, other] = [pair['source'], pair['other']].map(
      name => sums[names.indexOf(name as 'alpha')]!
    ) as [VectorSums, VectorSums]
    near(pair['similarity'] as number, defined(sourceSimilarity(one, other)), 1e-6, 'similarity')
    near(pair['within'] as number, defined(meanCosine(squaredSum(one), one.count)), 1e-6, 'within')
    const [a, b] = [one, other].map(({ sum }) => ({ count: 1, sum: unit(sum)! })) as [VectorSums, VectorSums]
    near(pair['cosine'] as number, defined(sourceSimilarity(a, b)), 1e-6, 'cosine')
    assert.equal(pair['same_family'], pair['source'] !== 'alpha' && pair['other'] !== 'alpha')
  }
})

test('what is computed from second moments comes from the vectors', async () => {
  const asked = [
    `stage = 'human' AND split = 'REFERENCE'`,
    `stage = 'raw' AND generation = 2 AND temperature = 0.7`
  ]
  const found: VectorSums[] = []
  for (const where of asked) {
    const [row] = await warehouse.rows<{ count: number; sum: number[]; products: number[] }>(
      `SELECT count() AS count, sumForEach(vector) AS sum,
         sumForEach(arrayFlatten(arrayMap((x, row) -> arrayMap((y, column) -> if(column > row, 0, x * y), vector, range(256)), vector, range(256)))) AS products
       FROM texts WHERE ${where}`
    )
    const { count, sum, products } = row!
    found.push({ count, sum: Float64Array.from(sum), products: Float64Array.from(products) })
  }
  const expected = [
    direct(told.filter(({ split }) => split === 'REFERENCE')).sums,
    direct(told.filter(t => t.stage === 'raw' && t.generation === 2 && t.temperature === 0.7)).sums
  ]
  for (const [index, sums] of found.entries()) {
    assert.equal(sums.count, expected[index]!.count)
    near(
      defined(vendiQ2(squaredProducts(sums), sums.count)),
      defined(vendiQ2(squaredProducts(expected[index]!), sums.count)),
      1e-9,
      'Vendi q2'
    )
  }
  near(
    defined(frechetDistance(found[0]!, found[1]!)),
    defined(frechetDistance(expected[0]!, expected[1]!)),
    1e-6,
    'Frechet'
  )
})

test('told again in other chunks, and rebuilt from the rows, they say the same', async () => {
  const everything = async () => [
    await warehouse.rows(`SELECT ${moments} FROM text_sums WHERE stage = 'raw'`),
    await warehouse.rows(`SELECT sum(gram) AS sum, count() AS occurrences FROM ngrams_sampled WHERE n = 2`)
  ]
  // The order in which states are merged shows in the last digit.
  const different = async (): Promise<number> => {
    const [row] = await warehouse.rows<{ types: number }>(
      'SELECT uniqCombined64Merge(12)(grams_3) AS types FROM text_states'
    )
    return row!.types
  }
  const [first, types] = [await everything(), await different()]
  await write('raw', 2)
  assert.deepEqual(await everything(), first)
  const rebuilt = await rebuild(warehouse)
  assert.deepEqual(
    rebuilt.map(({ rollup, differences }) => [rollup, differences]),
    [...new Set(rollups.map(({ target }) => target))].map(name => [name, []])
  )
  assert.deepEqual(await everything(), first)
  near(await different(), types, 0.001, 'different 3-grams')
})
