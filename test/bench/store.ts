/** The store into ClickHouse: rows that lie in Kafka already, until the last one is visible. */
import { setTimeout as sleep } from 'node:timers/promises'
import { openProducer } from '../../infra/kafka/producer.ts'
import { createWarehouse, type Warehouse } from '../../infra/clickhouse/client.ts'
import { insertSettings } from '../../infra/clickhouse/chunks.ts'
import { store as sink } from '../../processors/store.ts'
import { silentLog } from '../../infra/log.ts'
import { sampleOf } from '../../processors/deduplicate.ts'
import { samplesVerified } from '../../schemas/topics.ts'
import type { Sample } from '../../schemas/types.ts'
import type { Benchmark } from './benchmark.ts'
import { openBench } from './deployment.ts'
import { reply } from './samples.ts'

/** Rows of one insert of the baseline, as many as the store takes together. */
const chunk = 5000

const rowsIn = async (warehouse: Warehouse, table: string): Promise<number> => {
  try {
    return Number((await warehouse.rows<{ n: number | string }>(`SELECT count() AS n FROM ${table}`))[0]!.n)
  } catch {
    return 0 // The store makes the tables when it starts.
  }
}

export const store: Benchmark = {
  name: 'store',
  title: 'Store into ClickHouse',
  async run({ quick, dir, note }) {
    const count = quick ? 10_000 : 60_000
    const repeats = quick ? 2 : 5
    const bench = await openBench(dir)
    const { url, user, password, database } = bench.config.clickhouse!
    const warehouse = createWarehouse({ url, user, password, database, log: silentLog })
    try {
      const producer = await openProducer(bench.deployment.kafka, bench.deployment.config)
      const rates: number[] = []
      const plain: number[] = []
      for (let repeat = 0; repeat < repeats; repeat++) {
        const samples: Sample[] = Array.from({ length: count }, (_, index) =>
          sampleOf(reply(repeat * count + index))
        )
        for (let at = 0; at < count; at += 500) {
          await producer.send(
            samples.slice(at, at + 500).map(sample => ({
              topic: samplesVerified.name,
              partition: 0,
              key: sample.id,
              value: bench.deployment.codec.encode(samplesVerified, sample)
            }))
          )
        }
        const before = await rowsIn(warehouse, 'samples')
        const helper = await bench.processor('store')
        let first = { rows: 0, at: 0 }
        let last = first
        while (last.rows < count) {
          await sleep(20)
          last = { rows: (await rowsIn(warehouse, 'samples')) - before, at: performance.now() }
          // From the first rows on: starting the process is not what is measured.
          if (first.rows === 0 && last.rows > 0) first = last
        }
        rates.push((last.rows - first.rows) / ((last.at - first.at) / 1000))
        await bench.drained(sink.name, [samplesVerified.name])
        await helper.stop()

        await warehouse.command('CREATE TABLE IF NOT EXISTS bench_plain AS samples')
        const { columns } = sink.tables['samples']!
        const begun = performance.now()
        for (let at = 0; at < count; at += chunk) {
          const rows = samples.slice(at, at + chunk).flatMap((value, index) => {
            const offset = repeat * count + at + index
            const record = { slot: 0, offset, key: value.id, timestamp: 0, value, headers: {} }
            return [...sink.rows(samplesVerified.name, record).rows]
          })
          const constant = { column: 'chunk_id', value: `${repeat}-${at}` }
          await warehouse.insert(
            { table: 'bench_plain', columns, rows, constant },
            { settings: insertSettings }
          )
        }
        plain.push(count / ((performance.now() - begun) / 1000))
        note(
          `run ${repeat + 1}: ${Math.round(rates.at(-1)!)} rows/s, plain inserts ${Math.round(plain.at(-1)!)}`
        )
      }
      await producer.close()
      return {
        setting: `${count} verified samples of 200 words per run lie in one partition; from the first rows visible in ClickHouse to the last, the rollups behind their table included. Broker, database and the asking process share a core with nothing else of ours, the store takes what it gets. The baseline inserts the same rows in the same number per insert, one after the other, into a table without rollups, with no Kafka, no Avro and no intents.`,
        figures: [
          {
            name: 'store',
            unit: 'rows/s',
            values: rates,
            goal: { at: 'least', value: 10_000 },
            why: 'a row is about 2 KB of text and 50 columns, parsed, compressed and summed up by a database that shares its core with the broker.',
            baseline: 'plain inserts'
          },
          { name: 'plain inserts', unit: 'rows/s', values: plain }
        ]
      }
    } finally {
      await warehouse.close()
      await bench.stop()
    }
  }
}
