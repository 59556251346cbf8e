/** Deduplicate, verify and measure on slots of their own: real records, real bytes, real commits, no broker. */
import type { Ports, Processor } from '../../processors/contract.ts'
import { deduplicate } from '../../processors/deduplicate.ts'
import { measure } from '../../processors/measure.ts'
import { verify } from '../../processors/verify.ts'
import { createCodec } from '../../infra/codec.ts'
import { silentLog } from '../../infra/log.ts'
import { noMetrics } from '../../infra/runner/counters.ts'
import { memoryIds } from '../../infra/runner/memory.ts'
import { createSlot } from '../../infra/runner/slot.ts'
import { createTableStore } from '../../infra/runner/tables.ts'
import { candidates, generations, samplesVerified, type Topic } from '../../schemas/topics.ts'
import type { Generation } from '../../schemas/types.ts'
import { dataset, run } from '../helpers/records.ts'
import type { Benchmark } from './benchmark.ts'
import { median } from './stats.ts'
import { checks, names, reply } from './samples.ts'

/** Records a fetch brings at once. */
const fetched = 500

type Entry = { readonly key: string; readonly value: Buffer }

/** A processor at work on a log of its own. */
type Works = {
  /** Hands records over, waits until all are committed; what was written to `output` meanwhile comes back. */
  through(input: Topic, records: readonly Entry[], output?: Topic): Promise<Entry[]>
  stop(): Promise<void>
}

async function open(processor: Processor): Promise<Works> {
  const now = (): number => Date.now() * 1000
  const store = createTableStore(now)
  store.set('datasets', names.dataset, dataset(names.dataset))
  store.set('runs', names.run, run(names.run, { dataset: names.dataset, checks }, { dataset: names.dataset }))
  const positions = new Map<string, number>()
  let output = ''
  let written: Entry[] = []
  let reached: { topic: string; to: number; resolve: () => void } | undefined
  const slot = createSlot({
    processor,
    slot: 0,
    partitions: 1,
    codec: createCodec(memoryIds(processor.name)),
    tables: { ...store, refresh: async () => {} },
    ports: {} as Ports,
    logger: silentLog,
    metrics: noMetrics,
    now,
    log: {
      restore: async () => {},
      read: async () => {},
      async commit(records, offsets) {
        for (const { topic, key, value } of records) {
          if (topic === output && value) written.push({ key: String(key), value })
        }
        if (reached && (offsets.get(reached.topic) ?? 0) >= reached.to) reached.resolve()
      }
    },
    onLost(error) {
      throw error
    }
  })
  await slot.open(new Map(Object.values(processor.inputs).map(topic => [topic.name, 0])))
  return {
    async through(input, records, to) {
      output = to?.name ?? ''
      written = []
      const from = positions.get(input.name) ?? 0
      positions.set(input.name, from + records.length)
      const topic = input.name
      const raw = records.map(({ key, value }, index) => ({
        topic,
        partition: 0,
        offset: from + index,
        timestamp: 0,
        key: Buffer.from(key),
        value,
        headers: {}
      }))
      const { promise, resolve } = Promise.withResolvers<void>()
      reached = { topic, to: from + records.length, resolve }
      // In batches, as a fetch brings them.
      for (let at = 0; at < raw.length; at += fetched) {
        slot.push(topic, raw.slice(at, at + fetched), from + Math.min(at + fetched, raw.length))
      }
      await promise
      return written
    },
    stop: () => slot.drain()
  }
}

export const memory: Benchmark = {
  name: 'memory',
  title: 'Deduplicate, verify and measure without Kafka',
  async run({ quick, note }) {
    const count = quick ? 4000 : 15_000
    const repeats = quick ? 2 : 7
    const codec = createCodec(memoryIds('deduplicate'))
    const testers = {
      deduplicate: await open(deduplicate),
      verify: await open(verify),
      measure: await open(measure)
    }
    const whole: number[] = []
    const avro: number[] = []
    const stages: Record<keyof typeof testers, number[]> = { deduplicate: [], verify: [], measure: [] }
    for (let repeat = -1; repeat < repeats; repeat++) {
      const values: Generation[] = Array.from({ length: count }, (_, index) =>
        reply((repeat + 1) * count + index)
      )
      const raw: Entry[] = values.map(value => ({ key: value.id, value: codec.encode(generations, value) }))
      const cpu = (): number => process.cpuUsage().user + process.cpuUsage().system
      const begun = cpu()
      const novel = await testers.deduplicate.through(generations, raw, candidates)
      const first = cpu()
      const verified = await testers.verify.through(candidates, novel, samplesVerified)
      const second = cpu()
      await testers.measure.through(generations, raw)
      await testers.measure.through(samplesVerified, verified)
      const third = cpu()
      for (const { value } of raw) codec.encode(generations, codec.decode(generations, value) as Generation)
      const fourth = cpu()
      if (repeat < 0) continue // warm-up
      note(
        `run ${repeat + 1}: ${Math.round((count * 1e6) / (third - begun))} samples/s, ${verified.length} of ${count} verified`
      )
      whole.push((count * 1e6) / (third - begun))
      avro.push((count * 1e6) / (fourth - third))
      stages.deduplicate.push((first - begun) / count)
      stages.verify.push((second - first) / count)
      stages.measure.push((third - second) / count)
    }
    for (const tester of Object.values(testers)) await tester.stop()
    return {
      setting: `${count} answers of 200 words per run, ${repeats} runs after a warm-up, one process, samples per second of processor time. The baseline decodes and encodes the same records once, and does nothing else.`,
      figures: [
        {
          name: 'deduplicate + verify + measure',
          unit: 'samples/s',
          values: whole,
          goal: { at: 'least', value: 5000 },
          why: 'two thirds of the time go into counting the n-grams of the four windows every sample belongs to (two stages, its source and all sources).',
          baseline: 'Avro alone'
        },
        { name: 'Avro alone', unit: 'samples/s', values: avro }
      ],
      breakdowns: [
        {
          title: 'Processor time per sample, median',
          head: ['processor', 'µs'],
          rows: Object.entries(stages).map(([name, values]) => [name, median(values).toFixed(0)])
        }
      ]
    }
  }
}
