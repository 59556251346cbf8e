/** From publishing a prompt to its rows in ClickHouse, on an idle `up` with all processors. */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { corpusLines, numbered } from '../../infra/demo/demo.ts'
import { openReader } from '../../infra/clickhouse/open.ts'
import { encodeChecked } from '../../infra/codec.ts'
import { connect } from '../../infra/deployment.ts'
import { openProducer } from '../../infra/kafka/producer.ts'
import { silentLog } from '../../infra/log.ts'
import { allTopics } from '../../infra/processors.ts'
import { ensureDataset, ensureRun, promptOf, publishHuman } from '../../infra/publish.ts'
import { readRecipe } from '../../infra/recipe.ts'
import { prompts } from '../../schemas/topics.ts'
import type { Benchmark } from './benchmark.ts'
import { startLive } from './live.ts'
import { root } from './processes.ts'
import { quantile } from './stats.ts'

export const latency: Benchmark = {
  name: 'latency',
  title: 'From a prompt to its rows in ClickHouse',
  async run({ quick, dir, note }) {
    const count = quick ? 10 : 60
    const live = await startLive(join(dir, 'live'))
    const deployment = await connect(live.config, silentLog, 'bench')
    const reader = openReader(live.config.clickhouse!, silentLog)
    const rejected = ({ error }: { error: string }): void => {
      throw new Error(error)
    }
    try {
      await deployment.prepare(allTopics)
      const recipe = { ...readRecipe(join(root, 'infra/demo/recipe.yaml')), samples_per_prompt: 1 }
      const dataset = await ensureDataset(deployment, recipe)
      const lines = corpusLines().slice(0, 1000)
      await publishHuman(deployment, dataset, numbered(lines), 'bench', { rejected })
      while ((await deployment.admin.lag('admit', ['human'])) > 0) await sleep(50)
      const run = await ensureRun(deployment, recipe)
      const producer = await openProducer(deployment.kafka, deployment.config)
      const asked: number[] = []
      const answered: number[] = []
      /** Milliseconds until a question has an answer, looked at every 10 ms. */
      const until = async (since: number, sql: string, id: string): Promise<number> => {
        while ((await reader.rows(sql, { id })).length === 0) await sleep(10)
        return performance.now() - since
      }
      for (let number = -3; number < count; number++) {
        const text = JSON.stringify({
          prompt: `Report on matter ${number} of the state of the country.`,
          topic: 'lands'
        })
        const { id, value } = promptOf(text, run, 1, 'bench')
        const bytes = encodeChecked(deployment.codec, prompts, value)
        const since = performance.now()
        await producer.send([{ topic: prompts.name, partition: run.slot, key: id, value: bytes }])
        const [first, last] = await Promise.all([
          until(since, 'SELECT 1 FROM prompts WHERE id = {id:String} LIMIT 1', id),
          until(
            since,
            `SELECT 1 FROM samples WHERE prompt_id = {id:String} AND _topic = 'samples.verified' LIMIT 1
             UNION ALL SELECT 1 FROM rejections WHERE prompt_id = {id:String} LIMIT 1`,
            id
          )
        ])
        // The first fits the model and warms everything up.
        if (number >= 0) {
          asked.push(first)
          answered.push(last)
        }
        await sleep(500 + (number % 7) * 100)
      }
      await producer.close()
      note(
        `prompt ${Math.round(quantile(asked, 0.5))} ms, settled sample ${Math.round(quantile(answered, 0.5))} ms`
      )
      const row = (name: string, values: readonly number[]): (string | number)[] => [
        name,
        ...[0.05, 0.25, 0.5, 0.75, 0.95, 1].map(share => Math.round(quantile(values, share)))
      ]
      return {
        setting: `${count} prompts, one after the other, into an idle pipeline with all eight processors and an offline source; the row of the prompt itself, and the row of the sample it led to: generated, deduplicated, verified, stored (or rejected and stored).`,
        figures: [
          {
            name: 'the settled sample is visible',
            unit: 's',
            values: answered.map(ms => ms / 1000),
            goal: { at: 'most', value: 3 },
            baseline: 'the prompt is visible'
          },
          {
            name: 'the prompt is visible',
            unit: 's',
            values: asked.map(ms => ms / 1000),
            goal: { at: 'most', value: 3 }
          }
        ],
        breakdowns: [
          {
            title: 'Distribution, ms',
            head: ['', '5 %', '25 %', '50 %', '75 %', '95 %', 'largest'],
            rows: [row('prompt', asked), row('settled sample', answered)]
          }
        ]
      }
    } finally {
      await reader.close()
      await deployment.close()
      await live.stop()
    }
  }
}
