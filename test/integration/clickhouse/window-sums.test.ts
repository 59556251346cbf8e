/** Sums of windows, added up over any grouping in SQL, against the texts themselves. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { corpusLines } from '../../../infra/demo/demo.ts'
import { silentLog } from '../../../infra/log.ts'
import { logPerplexityOf } from '../../../metrics/beside-reference.ts'
import { createEmbedding, embeddingDimensions } from '../../../metrics/embedding.ts'
import { frechetDistance } from '../../../metrics/frechet.ts'
import { hashWords } from '../../../metrics/hash-text.ts'
import { createHashedReference } from '../../../metrics/hashed-reference.ts'
import { createHashes } from '../../../metrics/hashes.ts'
import { meanCosine } from '../../../metrics/mean-cosine.ts'
import type { Measured } from '../../../metrics/result.ts'
import {
  addVector,
  createVectorSums,
  squaredProducts,
  squaredSum,
  unpackSums
} from '../../../metrics/vector-sums.ts'
import { vendiQ2 } from '../../../metrics/vendi-q2.ts'
import { measure } from '../../../processors/measure.ts'
import { referenceHalf, shuffleRank } from '../../../processors/reservoir.ts'
import { store } from '../../../processors/store.ts'
import type { DiversityStat } from '../../../schemas/types.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { createHarness, fakeTables } from '../../helpers/context.ts'
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

before(() => migrate(warehouse, silentLog))

test('sums of windows are those of their texts, over any grouping', async () => {
  const fake = fakeTables()
  fake.datasets.set('w', make.dataset('w', { window: 400 }))
  for (const run of ['w1', 'w2']) fake.runs.set(run, make.run(run, {}, { dataset: 'w' }))
  const harness = createHarness(measure, { tables: fake })
  const passages = corpusLines()
    .slice(0, 400)
    .map(line => (JSON.parse(line) as { text: string }).text)
  for (const [index, text] of passages.slice(0, 120).entries())
    await harness.process('human', make.humanSample(`w${index}`, text, { dataset: 'w' }))
  const written = passages.slice(120).map((text, index) => ({
    text,
    run: index % 3 === 0 ? 'w1' : 'w2',
    source: ['alpha', 'beta', 'gamma'][(index % 7) % 3]!,
    generation: (index % 2) + 1
  }))
  for (const [index, { text, run, source, generation }] of written.entries()) {
    const provenance = make.provenance({ model_id: source, generation })
    const fields = { dataset: 'w', run, provenance }
    await harness.process('generations', make.generation(`w${index}`, text, fields))
    if (index % 5 > 0) await harness.process('verified', make.sample(`w${index}`, text, fields))
  }
  const stats = harness.values<DiversityStat>('stats')
  await writer.write(chunkOf('diversity.stats', 0, 9000, stats))
  // Text of which no word has an embedding is as surprising as other text.
  const unknown = { ...stats.at(-1)!, dataset: 'u', scope: 'u', log_perplexities: [5, 6] }
  const none = { count: 0, sum: [], products: [] }
  await writer.write(chunkOf('diversity.stats', 0, 19_000, [{ ...unknown, embeddings: none }]))
  assert.deepEqual(
    await warehouse.rows(`SELECT embeddings, log_perplexities FROM window_sums WHERE dataset = 'u'`),
    [{ embeddings: 0, log_perplexities: [5, 6] }]
  )
  // What windows are of, by where they were read.
  const logs = { generations: written, 'samples.verified': written.filter((_, index) => index % 5 > 0) }
  const reference = createHashedReference(
    passages
      .slice(0, 120)
      .map((text, index) => ({ text, id: `w${index}` }))
      .filter(({ id }) => referenceHalf(id) === 'vocabulary')
      .toSorted((a, b) => (shuffleRank(a.id) < shuffleRank(b.id) ? -1 : 1))
      .map(({ text }) => text)
  )!
  const hashes = createHashes()
  const embed = createEmbedding()
  const direct = (windows: readonly DiversityStat[]) => {
    const sums = createVectorSums(embeddingDimensions)
    const surprising: number[] = []
    for (const { topic, run, source, generation, from, to } of windows)
      for (const one of logs[topic as keyof typeof logs].slice(from, to)) {
        if (one.run !== run || one.source !== source || one.generation !== generation) continue
        hashWords(one.text, hashes)
        addVector(sums, embed(hashes)!)
        surprising.push(logPerplexityOf(hashes, reference))
      }
    return { sums, surprising: surprising.toSorted((a, b) => a - b) }
  }
  const own = stats.filter(({ stage, source }) => stage !== 'human' && source !== '*')
  assert.ok(own.length > 40)
  const groupings = [
    'stage',
    'run',
    'source',
    'generation',
    'stage, run',
    'stage, source',
    'run, source',
    'source, generation',
    'stage, run, source',
    "'all'"
  ]
  let compared = 0
  for (const by of groupings) {
    const rows = await warehouse.rows<{
      key: string
      n: number
      sum: number[]
      products: number[]
      quartiles: number[]
    }>(
      `SELECT concat(toString(tuple(${by}))) AS key, sum(embeddings) AS n, sumForEach(embedding_sum) AS sum,
         sumForEach(embedding_products) AS products, quantilesTDigestArray(0.25, 0.5, 0.75)(log_perplexities) AS quartiles
       FROM window_sums WHERE dataset = 'w' AND stage != 'human' AND cell_group = '*' GROUP BY ${by}`
    )
    const keyOf = (stat: DiversityStat): string =>
      by
        .split(', ')
        .map(name => (name === "'all'" ? 'all' : String(stat[name as 'source' | 'generation'])))
        .join()
    const groups = Map.groupBy(own, keyOf)
    assert.equal(rows.length, groups.size, by)
    for (const { key, n, sum, products, quartiles } of rows) {
      const group =
        groups.get(key.replaceAll(/[()' ]/g, '').replace(/,$/, '')) ?? assert.fail(`${by}: ${key}`)
      const { sums, surprising } = direct(group)
      const told = unpackSums({ count: n, sum: sum.map(Number), products: products.map(Number) })
      assert.equal(n, sums.count)
      const near = (actual: Measured, expected: Measured): void =>
        assert.ok(
          Math.abs(defined(actual) - defined(expected)) < 1e-5 * Math.max(1, defined(expected)),
          `${by} ${key}: ${defined(actual)} instead of ${defined(expected)}`
        )
      near(vendiQ2(squaredProducts(told), n), vendiQ2(squaredProducts(sums), n))
      near(meanCosine(squaredSum(told), n), meanCosine(squaredSum(sums), n))
      for (const [at, q] of [0.25, 0.5, 0.75].entries()) {
        // Where in the order the digest's value lies: within 2 % of the texts, and two of them.
        const below = surprising.filter(one => one <= quartiles[at]!).length / n
        assert.ok(Math.abs(below - q) < 0.02 + 2 / n, `${by} ${key}: ${below} instead of ${q}`)
      }
      compared += 1
    }
  }
  assert.ok(compared >= 20, `${compared} groups`)
  // The Fréchet distance of two groups, from nothing but what the view says.
  const [alpha, beta] = (
    await warehouse.rows<{ n: number; sum: number[]; products: number[] }>(
      `SELECT sum(embeddings) AS n, sumForEach(embedding_sum) AS sum, sumForEach(embedding_products) AS products
       FROM window_sums WHERE dataset = 'w' AND stage = 'raw' AND source IN ('alpha', 'beta') GROUP BY source ORDER BY source`
    )
  ).map(({ n, sum, products }) =>
    unpackSums({ count: n, sum: sum.map(Number), products: products.map(Number) })
  )
  const of = (name: string) =>
    direct(own.filter(({ stage, source }) => stage === 'raw' && source === name)).sums
  const distance = defined(frechetDistance(of('alpha'), of('beta')))
  assert.ok(distance > 0 && Math.abs(defined(frechetDistance(alpha!, beta!)) - distance) < 1e-4)
  const [people] = await warehouse.rows<{ n: number; told: number }>(
    `SELECT count() AS n, min(length(log_perplexities)) AS told FROM window_sums WHERE dataset = 'w' AND stage = 'human'`
  )
  assert.ok(people!.n >= 5 && people!.told >= 2)
})
