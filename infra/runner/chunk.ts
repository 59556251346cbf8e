/** Chunks: one contiguous range of one partition as rows of tables, and what in it could not be read. */
import { setImmediate as others } from 'node:timers/promises'
import type { Log, Tables } from '../../processors/contract.ts'
import type { Row, Sink } from '../../processors/sink.ts'
import type { Topic } from '../../schemas/topics.ts'
import { type Codec, DecodeError } from '../codec.ts'
import { isErasure, type OutRecord, type RawRecord } from '../kafka/record.ts'
import type { ProcessorMetrics } from './counters.ts'
import { deadLetter, deadLetterHeaders } from './deadletter.ts'
import { provenanceProblem, subjectOf } from './door.ts'

/** Rows of one contiguous range of one partition, by table. */
export type Chunk = {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
  /**
   * Timestamp of the first record: tells a topic made anew under the same name from the old one, unless both got that
   * record in the same millisecond. The topic's id would tell them apart for certain; kafkajs cannot read it.
   */
  readonly born: number
  readonly rows: ReadonlyMap<string, readonly Row[]>
}

/** Inserts chunks. It remembers what it found in the tables, so each assignment of slots needs one of its own. */
export type ChunkWriter = {
  write(chunk: Chunk): Promise<void>
  /** Inserts again what may have been inserted, then counts and repairs. */
  recover(chunk: Chunk): Promise<void>
  /** Whether what it threw may pass by itself: a server that is away or overloaded, an answer that came too late. */
  mayPass(error: unknown): boolean
}

/** Makes chunks of records. */
export type Chunker = {
  /**
   * @param from where the chunk starts; records that are not in the topic any more may have lain there
   * @param to offset after its last record, control records included
   * @returns the chunk, and letters for what in it nobody else would bury
   */
  cut(
    topic: Topic,
    records: readonly RawRecord[],
    range: { readonly partition: number; readonly from: number; readonly to: number }
  ): Promise<{ readonly chunk: Chunk; readonly dead: readonly OutRecord[] }>
}

/** What says whether a run keeps its texts out; `refresh` resolves once it holds what had been written when it was called. */
export type Recipes = Pick<Tables, 'run' | 'recipe'> & { refresh(): Promise<void> }

/** Records after which fetches, heartbeats and what is being sent get their turn. */
const turn = 256

/**
 * @param options.recipes of the runs; without them every text is kept
 * @param options.buried names of the topics whose unreadable records are this sink's to bury, because no processor reads
 *   them; elsewhere the processors that do have buried them already
 */
export function createChunker(options: {
  sink: Sink
  codec: Codec
  recipes?: Recipes | undefined
  buried: ReadonlySet<string>
  log: Log
  metrics: ProcessorMetrics
}): Chunker {
  const { sink, codec, recipes, buried, log, metrics } = options

  /** Whether the text of a run may be kept; of a run nobody knows, or whose recipe cannot be read, it may not. */
  const withholds = (run: string): boolean => {
    const recipe = recipes!.recipe(run)
    return recipe === undefined || recipe.store_text === false
  }

  /** The decoded value; undefined when it is left out. */
  const valueOf = (topic: Topic, raw: RawRecord): unknown => {
    if (isErasure(raw)) return undefined
    // A notice among the dead letters takes back what a letter settled, whoever else it is for.
    if (topic.record === null) return raw.value
    // A record given back to one processor is in the topic already, where it was first published.
    const onlyFor = raw.headers[deadLetterHeaders.forGroup]?.toString()
    if (onlyFor !== undefined && onlyFor !== sink.name) return undefined
    if (raw.value === null && topic.kind === 'table') return null
    return codec.decode(topic, raw.value)
  }

  return {
    async cut(topic, records, range) {
      const rows = new Map<string, Row[]>()
      const dead: OutRecord[] = []
      // A run is in the table before anything of it is written, and all of these records were read by now: once is enough.
      let refreshed: Promise<void> | undefined
      const leaveOut = (raw: RawRecord, reason: string, message: string, errorClass: string): void => {
        const { partition: slot, offset } = raw
        metrics.count('dead', reason)
        log.warn({ topic: topic.name, slot, offset, reason }, `not stored: ${message}`)
        if (!buried.has(topic.name)) return
        const death = { reason, message, errorClass, attempts: 1, settles: 0, sampleAttempt: 1, run: '' }
        dead.push(deadLetter(raw, { processor: sink.name, ...death }))
      }
      for (const [index, raw] of records.entries()) {
        if (index % turn === 0) await others()
        let value: unknown
        try {
          value = valueOf(topic, raw)
          if (value instanceof Promise) value = await value
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
          leaveOut(raw, error.reason, error.message, error.name)
          continue
        }
        if (value === undefined) continue
        if (topic.record !== null && value !== null) {
          const problem = provenanceProblem(topic, value as Record<string, unknown>)
          if (problem !== '') {
            leaveOut(raw, 'provenance', problem, 'Refused')
            continue
          }
        }
        const { run } =
          topic.record === null || value === null ? {} : subjectOf(topic, value as Record<string, unknown>)
        const isOfRun = recipes !== undefined && typeof run === 'string' && run !== ''
        if (isOfRun && !recipes.run(run)) await (refreshed ??= recipes.refresh())
        const { partition: slot, offset, key, timestamp, headers } = raw
        const made = sink.rows(topic.name, {
          slot,
          offset,
          key: key?.toString() ?? '',
          timestamp,
          value,
          headers,
          withoutText: isOfRun && withholds(run)
        })
        const list = rows.get(made.table)
        if (list) for (const row of made.rows) list.push(row)
        else rows.set(made.table, [...made.rows])
      }
      return { chunk: { topic: topic.name, ...range, born: records[0]?.timestamp ?? 0, rows }, dead }
    }
  }
}
