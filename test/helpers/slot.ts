/** A slot on a log a test holds in its hands: commits are counted, held back and failed at will. */
import { type Codec, createCodec } from '../../infra/codec.ts'
import type { OutRecord, RawRecord } from '../../infra/kafka/record.ts'
import { silentLog } from '../../infra/log.ts'
import type { ProcessorMetrics } from '../../infra/runner/counters.ts'
import { memoryIds } from '../../infra/runner/memory.ts'
import { createSlot, type Limits, type Slot } from '../../infra/runner/slot.ts'
import { createTableStore } from '../../infra/runner/tables.ts'
import type { Processor } from '../../processors/contract.ts'
import type { Topic } from '../../schemas/topics.ts'
import { standing } from './play.ts'
import * as make from './records.ts'

/** One commit: what was written and up to where was read. */
export type Commit = { readonly records: readonly OutRecord[]; readonly offsets: Record<string, number> }

/** A slot and its surroundings. */
export type SlotBench = {
  readonly slot: Slot
  readonly codec: Codec
  readonly commits: readonly Commit[]
  /** Every outcome counted, as `outcome` or `outcome:reason`. */
  readonly counted: readonly string[]
  /** Milliseconds each record took. */
  readonly timed: readonly number[]
  /** What the slot was lost for. */
  readonly lost: readonly unknown[]
  /** Times the tables were asked to catch up. */
  readonly refreshed: () => number
  /** Commits wait until the returned function is called; `error` makes them fail then. */
  hold(): (error?: Error) => void
  /** A record as it lies in the log. */
  raw(
    topic: Topic,
    offset: number,
    key: string,
    value: object | null,
    headers?: Record<string, string>
  ): RawRecord
  /** Values of all committed records of a topic. */
  values(topic: Topic): unknown[]
}

/**
 * @param processor the processor at work
 * @param options `from`: committed offsets; `memory`: entries restored, `key` being table|key; `refresh`: fills tables late
 */
export async function openSlot(
  processor: Processor,
  options: {
    slot?: number
    partitions?: number
    limits?: Partial<Limits>
    from?: Record<string, number>
    restore?: (codec: Codec) => [key: string, value: Buffer | null][]
    refresh?: (store: ReturnType<typeof createTableStore>) => Promise<void>
    schemas?: ReadonlyMap<number, unknown>
  } = {}
): Promise<SlotBench & { readonly positions: ReadonlyMap<string, number> }> {
  const { slot = 0, partitions = 1, from = {} } = options
  const codec = createCodec(memoryIds(processor.name, options.schemas))
  const store = createTableStore(standing)
  store.set('datasets', 'd', make.dataset('d'))
  store.set('runs', 'r', make.run('r'))
  const commits: Commit[] = []
  const counted: string[] = []
  const timed: number[] = []
  const lost: unknown[] = []
  let refreshed = 0
  let gate: Promise<void> | undefined
  const metrics: ProcessorMetrics = {
    count: (outcome, reason) => void counted.push(reason === '' ? outcome : `${outcome}:${reason}`),
    handled: ms => void timed.push(ms),
    committed: () => {},
    lost: () => {}
  }
  const created = createSlot({
    processor,
    slot,
    partitions,
    codec,
    tables: {
      ...store,
      async refresh() {
        refreshed++
        await options.refresh?.(store)
      }
    },
    ports: {} as never,
    logger: silentLog,
    metrics,
    now: standing,
    limits: { records: 750, bytes: 1e6, delayMs: 500, retries: 2, retryMs: 1, ...options.limits },
    log: {
      async restore(entry) {
        for (const [key, value] of options.restore?.(codec) ?? []) await entry(key, value)
      },
      read: async () => {},
      async commit(records, offsets) {
        if (gate) await gate
        commits.push({ records, offsets: Object.fromEntries(offsets) })
      }
    },
    onLost: error => void lost.push(error)
  })
  const positions = await created.open(new Map(Object.entries(from)))
  return {
    slot: created,
    positions,
    codec,
    commits,
    counted,
    timed,
    lost,
    refreshed: () => refreshed,
    hold() {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      gate = promise
      promise.catch(() => {})
      return error => {
        gate = undefined
        if (error) reject(error)
        else resolve()
      }
    },
    raw: (topic, offset, key, value, headers = {}) => ({
      topic: topic.name,
      partition: slot,
      offset,
      timestamp: 0,
      key: Buffer.from(key),
      value: value === null ? null : codec.encode(topic, value),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]))
    }),
    values: topic =>
      commits
        .flatMap(({ records }) => records.filter(record => record.topic === topic.name))
        .map(({ value }) => (value === null ? null : structuredClone(codec.decode(topic, value))))
  }
}

/** Lets everything that can run without time passing run. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}
