/** A slot of a benchmark's own: real records, real bytes, real commits, no broker. */
import type { Ports, Processor } from '../../processors/contract.ts'
import { createCodec } from '../../infra/codec.ts'
import { silentLog } from '../../infra/log.ts'
import { createTagger } from '../../infra/measure/tagger.ts'
import { noMetrics } from '../../infra/runner/counters.ts'
import { memoryIds } from '../../infra/runner/memory.ts'
import { createSlot } from '../../infra/runner/slot.ts'
import { createTableStore } from '../../infra/runner/tables.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Dataset } from '../../schemas/types.ts'
import { dataset } from '../helpers/records.ts'
import { benchRun, names } from './samples.ts'

/** Records a fetch brings at once. */
const fetched = 500

/** A record, encoded. */
export type Entry = { readonly key: string; readonly value: Buffer }

/** A processor at work on a log of its own. */
export type Works = {
  /** Hands records over, waits until all are committed; what was written to `output` meanwhile comes back. */
  through(input: Topic, records: readonly Entry[], output?: Topic): Promise<Entry[]>
  stop(): Promise<void>
}

/**
 * @param fields what the dataset differs in from the usual one
 * @param recipe what the run's recipe asks for beside the usual
 */
export async function openSlot(
  processor: Processor,
  fields: Partial<Dataset> = {},
  recipe: object = {}
): Promise<Works> {
  const now = (): number => Date.now() * 1000
  const store = createTableStore(now)
  store.set('datasets', names.dataset, dataset(names.dataset, fields))
  store.set('runs', names.run, benchRun(recipe))
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
    ports: { tagger: createTagger } as Partial<Ports> as Ports,
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
