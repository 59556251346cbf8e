/** Every view, asked its question over a million samples that the database made itself. */
import { createWarehouse, type Warehouse } from '../../infra/clickhouse/client.ts'
import { migrate } from '../../infra/clickhouse/migrate.ts'
import { questions } from '../../infra/cli/questions.ts'
import { views as names } from '../../infra/cli/views.ts'
import { silentLog } from '../../infra/log.ts'
import { startEngine } from '../helpers/engine.ts'
import type { Benchmark } from './benchmark.ts'
import { quantile } from './stats.ts'

/** Rows of one insert, as a store that catches up writes them. */
const chunk = 5000

/** When the first of them came: questions name the last days. */
const start = new Date(Date.now() - 3 * 86_400_000).toISOString().replace('T', ' ').slice(0, 19)

/** Columns all rows have: four sources of two families, three generations, 24 cells, three temperatures, two days. */
const about = `
  intDiv(number, ${chunk}) AS chunk, toDateTime64('${start}', 3, 'UTC') + toIntervalSecond(intDiv(number, 6)) AS recorded_at,
  toString(cityHash64(number)) AS id, 'letters' AS dataset, concat('run-', toString(1 + intDiv(number, 250000) % 3)) AS run,
  ['explain', 'report'][1 + cityHash64(number, 'task') % 2] AS task,
  ['treasury', 'lands', 'labor', 'justice'][1 + cityHash64(number, 'topic') % 4] AS cell_topic,
  ['paragraph', 'list', 'letter'][1 + cityHash64(number, 'format') % 3] AS format,
  ['alpha', 'beta', 'gamma', 'delta'][1 + cityHash64(number, 'source') % 4] AS source,
  if(source IN ('alpha', 'beta'), 'a', 'b') AS family,
  1 + intDiv(number, 250000) % 3 AS generation, [0.2, 0.7, 1][1 + cityHash64(number, 'temperature') % 3] AS temperature`

/** Words by a power law over 100,000, and any features. */
const content = (length: number): string => `
  arrayMap(i -> toUInt32(cityHash64(toUInt32(exp(11.5 * randUniform(0, 1, i))))), range(toUInt64(${length} + number % 60))) AS words,
  reinterpret(randomFixedString(256), 'Array(Int8)') AS features`

const statements = (count: number, from: number, to: number): string[] => [
  `INSERT INTO generations (_topic, slot, _offset, recorded_at, id, dataset, run, task, cell_topic, format, origin, source, family, generation,
     temperature, finish_reason, input_tokens, output_tokens, cost_micros, latency_ms, prompt_id, created_at, chunk_id, words, features)
   SELECT 'generations', 0, number, recorded_at, id, dataset, run, task, cell_topic, format, 'SYNTHETIC', source, family, generation,
     temperature, 'stop', 20, 200, 100, 900, toString(intDiv(number, 4)), recorded_at, toString(chunk), words, features
   FROM (SELECT number, ${about}, ${content(120)} FROM numbers(${from}, ${to - from}))`,
  `INSERT INTO samples (_topic, slot, _offset, recorded_at, id, dataset, run, task, cell_topic, format, origin, source, family, generation,
     temperature, prompt_id, created_at, chunk_id, words, features)
   SELECT 'samples.verified', 0, _offset, recorded_at, id, dataset, run, task, cell_topic, format, 'SYNTHETIC', source, family, generation,
     temperature, prompt_id, created_at, chunk_id, words, features
   FROM generations WHERE _offset >= ${from} AND _offset < ${to} AND cityHash64(_offset, 'kept') % 10 < 7`,
  `INSERT INTO samples (_topic, slot, _offset, recorded_at, id, dataset, run, task, cell_topic, format, origin, source, family, generation, created_at, chunk_id)
   SELECT 'training', 0, number, recorded_at, id, dataset, run, task, cell_topic, format, if(number % 2 = 0, 'HUMAN_AUTHORED', 'SYNTHETIC'), source, family,
     generation, recorded_at, toString(chunk)
   FROM (SELECT number, ${about} FROM numbers(${from}, ${to - from}))`,
  `INSERT INTO samples (_topic, slot, _offset, recorded_at, id, dataset, run, task, cell_topic, format, origin, split, generation, created_at, chunk_id, words, features)
   SELECT 'samples.human', 0, number, recorded_at, id, dataset, '', task, cell_topic, format, 'HUMAN_AUTHORED',
     ['SEED', 'SEED', 'REFERENCE'][1 + number % 3], 0, recorded_at, toString(chunk), words, features
   FROM (SELECT number, ${about}, ${content(120)} FROM numbers(${from}, ${to - from}) WHERE number < ${count / 20})`,
  `INSERT INTO prompts (_topic, slot, _offset, recorded_at, id, dataset, run, samples, attempt, task, cell_topic, format, created_at, chunk_id)
   SELECT 'prompts', 0, number, recorded_at, toString(number), dataset, run, 4, 1, task, cell_topic, format, recorded_at, toString(chunk)
   FROM (SELECT number, ${about} FROM numbers(${from}, ${to - from}) WHERE number % 4 = 0)`
]

/** Windows of 20,000 tokens with 60 metrics each, of every source and of all together, raw and accepted, and human ones. */
const windows = (count: number): string => `
  INSERT INTO stats (_topic, slot, _offset, recorded_at, metric_index, scope, dataset, run, stage, source, generation, cell_group, window, documents,
    tokens, budget, partial, tokenizer, human_windows, created_at, metric, value, human_mean, human_sd, z, cluster_documents, cluster_examples, embeddings,
    embedding_sum, embedding_products, log_perplexities, chunk_id)
  SELECT 'diversity.stats', 0, at, toDateTime64('${start}', 3, 'UTC') + toIntervalSecond(at), metric_index,
    concat('letters/', run, '/', stage, '/', toString(generation), '/', source), 'letters', if(stage = 'human', '', run), stage, source, generation, '*',
    intDiv(at, 15), 150, 20000, 20000, false, 'words-1', 40, recorded_at, metric, 100 + z, 100, 1, z,
    if(metric = 'cluster_entropy', arrayMap(i -> toInt32(cityHash64(at, i) % 20), range(16)), []),
    if(metric = 'cluster_entropy' AND stage = 'human', arrayMap(i -> concat(toString(at), '-', toString(i)), range(16)), []),
    if(summed, 150, 0), if(summed, arrayMap(i -> toFloat32(toInt64(cityHash64(at, i) % 20000000) - 10000000), range(64)), []),
    if(summed, arrayMap(i -> toFloat32(toInt64(cityHash64(at, i) % 4000000) - 2000000), range(2080)), []),
    if(summed, arrayMap(i -> 5 + cityHash64(at, i) % 1000 / 500, range(150)), []), toString(intDiv(at, 1000))
  FROM (
    SELECT number AS at, ['raw', 'raw', 'raw', 'accepted', 'accepted', 'human'][1 + number % 6] AS stage,
      if(stage = 'human', '*', ['*', 'alpha', 'beta', 'gamma', 'delta'][1 + cityHash64(number) % 5]) AS source,
      if(stage = 'human', 0, 1 + intDiv(number * 3, ${Math.floor(count / 66)} + 1)) AS generation, concat('run-', toString(generation)) AS run,
      toDateTime64('${start}', 6, 'UTC') AS recorded_at,
      arrayJoin(range(60)) AS metric_index, metric_index = 0 AND (source != '*' OR stage = 'human') AS summed,
      ['types', 'missing_mass', 'entropy_1', 'heaps_beta', 'tail_types_kept', 'tail_mass', 'entropy_1_chao_shen', 'self_repetition_4', 'embedding_cosine', 'embedding_cosine_squared', 'log_ppl_mean', 'log_ppl_sd', 'mtld', 'length_mean', 'cluster_entropy'] AS known,
      if(metric_index < length(known), known[metric_index + 1], concat('metric_', toString(metric_index))) AS metric,
      randNormal(0, 1, metric_index) - 0.8 * generation AS z
    FROM numbers(${Math.floor(count / 66)})
  )`

/** Of the view over everything. */
const why =
  'it merges the states of distinct n-grams of all groups and hours, four for each; within a range of hours, or by text_states, it reads as many fewer.'

/** Fills the raw tables; the rollups follow by themselves. */
async function fill(warehouse: Warehouse, count: number, note: (line: string) => void): Promise<void> {
  // A chunk is one block here too.
  const settings = {
    max_block_size: chunk,
    min_insert_block_size_rows: chunk,
    max_insert_block_size: chunk,
    max_threads: 1
  }
  const step = 50_000
  for (let from = 0; from < count; from += step) {
    for (const statement of statements(count, from, Math.min(count, from + step)))
      await warehouse.command(statement, { settings })
    if (from % 250_000 === 0) note(`${from + step} of ${count} samples`)
  }
  await warehouse.command(windows(count), { settings: { max_threads: 1 } })
}

export const views: Benchmark = {
  name: 'views',
  title: 'Views over a million samples',
  async run({ quick, note }) {
    const count = quick ? 100_000 : 1_000_000
    const endings: (() => Promise<void>)[] = []
    const engine = await startEngine({ after: done => void endings.push(done) })
    const user = engine.login('writer')
    const warehouse = createWarehouse({ url: engine.url, ...user, log: silentLog })
    try {
      await migrate(warehouse, silentLog)
      await fill(warehouse, count, note)
      const reader = engine.as('reader')
      const figures = []
      for (const name of names) {
        const { sql } = questions[name]
        const values: number[] = []
        for (let repeat = 0; repeat < 6; repeat++) {
          const begun = performance.now()
          const rows = await reader.rows(sql)
          if (rows.length === 0) throw new Error(`${name} answers nothing`)
          // The first reads the files.
          if (repeat > 0) values.push(performance.now() - begun)
        }
        note(`${name}: ${Math.round(quantile(values, 0.5))} ms`)
        figures.push({
          name,
          unit: 'ms',
          values,
          ...(name === 'diversity' && { why }),
          ...(name !== 'texts' && name !== 'ngrams' && { goal: { at: 'most' as const, value: 300 } })
        })
      }
      const sizes = await warehouse.rows<{ name: string; rows: number; bytes: number }>(
        `SELECT table AS name, sum(parts.rows) AS rows, sum(data_compressed_bytes) AS bytes FROM system.parts
         WHERE database = currentDatabase() AND active GROUP BY table ORDER BY bytes DESC LIMIT 9`
      )
      return {
        setting: `${count} answers of 120 to 180 words, seven in ten of them accepted, as many rows of training, a quarter as many prompts, ${count / 20} human texts and ${Math.floor(count / 66)} windows of 60 metrics, made by the database itself in chunks of ${chunk}; words by a power law, four sources, 24 cells, three temperatures, 46 hours. Each view is asked its question of docs/views.md by the user who may only read, after its files were read once; ngrams and texts, which read single texts, have no goal.`,
        figures,
        breakdowns: [
          {
            title: 'On disk',
            head: ['table', 'rows', 'MB'],
            rows: sizes.map(({ name, rows, bytes }) => [name, rows, Math.round(bytes / 1e6)])
          }
        ]
      }
    } finally {
      await warehouse.close()
      for (const done of endings) await done()
    }
  }
}
