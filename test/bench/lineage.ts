/** Lineage: the questions a takedown asks, over a million samples in ClickHouse. */
import { type Ask, descendantsOf, madeBy, textsOf } from '../../infra/clickhouse/lineage.ts'
import { migrate } from '../../infra/clickhouse/migrate.ts'
import { lineageOf } from '../../infra/lineage.ts'
import { silentLog } from '../../infra/log.ts'
import { startEngine } from '../helpers/engine.ts'
import type { Benchmark } from './benchmark.ts'

/** Of every hundred samples one is human. */
const humanOf = 100
/** Texts that descend from the document of the wide question, half of them at second hand. */
const fan = 100_000

const idOf = (number: string): string => `lower(hex(MD5(toString(${number}))))`

export const lineage: Benchmark = {
  name: 'lineage',
  title: 'Lineage over a million samples',
  async run({ quick, note }) {
    const count = quick ? 100_000 : 1_000_000
    const wide = quick ? fan / 10 : fan
    const repeats = quick ? 3 : 15
    const ends: (() => Promise<void>)[] = []
    const engine = await startEngine({ after: end => void ends.push(end) })
    try {
      const warehouse = engine.warehouse()
      await migrate(warehouse, silentLog)
      const ask: Ask = (sql, params = {}) => warehouse.rows(sql, { params })
      const human = count / humanOf
      const insert = (sql: string): Promise<void> =>
        warehouse.command(sql, { settings: { max_insert_block_size: 100_000 } })
      await insert(`INSERT INTO samples (_topic, slot, _offset, id, dataset, origin, generation)
        SELECT 'samples.human', 0, number, ${idOf('number')}, 'd', 'HUMAN_AUTHORED', 0 FROM numbers(${human})`)
      // Each derives from a human text, every third from any text before it.
      const parent = `if(number % 3 = 0, cityHash64(number) % (number + ${human}), cityHash64(number) % ${human})`
      await insert(`INSERT INTO generations
        (_topic, slot, _offset, id, dataset, run, origin, source, family, generation, prompt_id, parent_ids)
        SELECT 'generations', 0, number, ${idOf(`number + ${human}`)}, 'd', concat('run-', toString(number % 10)), 'SYNTHETIC',
          concat('model-', toString(number % 7)), 'f', 1, ${idOf(`'p' || toString(intDiv(number, 4))`)}, [${idOf(parent)}]
        FROM numbers(${count})`)
      for (const topic of ['candidates', 'samples.verified', 'training']) {
        await insert(`INSERT INTO samples
          (_topic, slot, _offset, id, dataset, run, origin, source, family, generation, prompt_id, parent_ids)
          SELECT '${topic}', slot, _offset, id, dataset, run, origin, source, family, generation, prompt_id, parent_ids
          FROM generations`)
      }
      await insert(`INSERT INTO generations (_topic, slot, _offset, id, dataset, run, origin, source, generation, parent_ids)
        SELECT 'generations', 1, number, concat('w', toString(number)), 'd', 'wide', 'SYNTHETIC', 'model-0', 1,
          [if(number < ${wide / 2}, 'source', concat('w', toString(number - ${wide / 2})))]
        FROM numbers(${wide})`)
      const [last] = await ask<{ id: string }>(`SELECT ${idOf(String(count + human - 1))} AS id`)
      const [document] = await ask<{ id: string }>(
        `SELECT node AS id FROM threads WHERE relation = 'derives_from' AND node != 'source'
         GROUP BY node ORDER BY count() DESC, node LIMIT 1`
      )
      const bounds = { depth: 20, fan: 20, texts: 2000 }
      let descendants = 0
      let widest = 0
      const questions: Record<string, () => Promise<void>> = {
        'all that descends from a document': async () => {
          descendants = (await descendantsOf(ask, 'd', [document!.id])).length
        },
        'the same, of a document everything came from': async () => {
          widest = (await descendantsOf(ask, 'd', ['source'])).length
        },
        'everything a model made, counted, with the first hundred': async () => {
          await madeBy(ask, { model: 'model-3' }, 100)
        },
        'everything a run made, counted, with the first hundred': async () => {
          await madeBy(ask, { run: 'run-3' }, 100)
        },
        'what a sample comes from, as a tree': async () => {
          const [text] = await textsOf(ask, [last!.id])
          await lineageOf(ask, text!, { up: true, down: false }, bounds)
        },
        'the children of a text, by the view': async () => {
          await ask(`SELECT id FROM lineage WHERE parent = '${document!.id}'`)
        }
      }
      const figures = []
      for (const [name, question] of Object.entries(questions)) {
        const values: number[] = []
        for (let repeat = 0; repeat <= repeats; repeat++) {
          const begun = performance.now()
          await question()
          // The first one finds nothing in memory.
          if (repeat > 0) values.push(performance.now() - begun)
        }
        note(`${name}: ${Math.round(Math.max(...values))} ms at most`)
        figures.push({ name, unit: 'ms', values, goal: { at: 'most', value: 1000 } as const })
      }
      const [disk] = await ask<{ threads: number; raw: number }>(
        `SELECT sumIf(bytes_on_disk, table = 'threads') AS threads, sumIf(bytes_on_disk, table IN ('samples', 'generations')) AS raw
         FROM system.parts WHERE active AND database = currentDatabase()`
      )
      const perSample = Math.round(disk!.threads / count)
      return {
        setting: `${count} answers of 7 models and ${human} human texts, inserted by SQL into the tables the store fills, without words; each answer lies in four topics and derives from one text, every third of them from any text before it. ${descendants} texts descend from the document of the first question, ${widest} from that of the second. The engine runs alone; threads take ${perSample} bytes of disk per answer over all its topics.`,
        figures
      }
    } finally {
      for (const end of ends) await end()
    }
  }
}
