/** What a slot is handed, what it promises, and when it commits. */
import type { Log, Ports, Processor, Tables } from '../../processors/contract.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Codec } from '../codec.ts'
import type { OnRecords } from '../kafka/reader.ts'
import type { OutRecord, RawRecord } from '../kafka/record.ts'
import type { ProcessorMetrics } from './counters.ts'

/** What a slot commits to. */
export type SlotLog = {
  /** Reads the processor's memory of this slot, up to what is committed now. */
  restore(entry: (key: string, value: Buffer | null) => void | Promise<void>): Promise<void>
  /** Hands over the committed records of [from, to) of an input. */
  read(topic: string, from: number, to: number, records: OnRecords): Promise<void>
  /** Records and consumed offsets (per topic, the offset after the last) become visible together or not at all. */
  commit(records: readonly OutRecord[], offsets: ReadonlyMap<string, number>): Promise<void>
}

/** When a window of work is committed, how often a record is tried again, and when a slot is given up. */
export type Limits = {
  readonly records: number
  readonly bytes: number
  readonly delayMs: number
  /** Times these records and bytes a window may hold while the one before it is being committed. */
  readonly behind: number
  readonly retries: number
  readonly retryMs: number
  /**
   * Milliseconds a record may take, retries included, where one is worked on after the other. Of those worked on at once
   * nobody waits for another, and each port has its own: what a model may take is the provider's business.
   */
  readonly deadlineMs: number
  /** Transactions lost in a row before the process ends; a broker that restarts costs one or two. */
  readonly losses: number
}
export const defaultLimits: Limits = {
  records: 750,
  bytes: 1024 * 1024,
  delayMs: 500,
  behind: 4,
  retries: 6,
  retryMs: 100,
  deadlineMs: 5 * 60_000,
  losses: 20
}

/** What a slot needs. */
export type SlotOptions = {
  readonly processor: Processor
  readonly slot: number
  readonly partitions: number
  readonly log: SlotLog
  readonly codec: Codec
  readonly tables: Tables & {
    /** Resolves once the tables hold what had been written when it was called. */ refresh(): Promise<void>
  }
  readonly ports: Ports
  readonly logger: Log
  readonly metrics: ProcessorMetrics
  /** Unix time in microseconds. */
  readonly now: () => number
  readonly limits?: Partial<Limits>
  /** Sees every output value when its verdict is taken: the journal learns what is settled. */
  readonly onOutput?: (topic: Topic, value: object) => void
  /** The slot can go on no longer: a lost transaction (open it again) or a failed processor (end the process). */
  readonly onLost: (error: unknown) => void
}

/** A slot. */
export type Slot = {
  /** Restores memory. Returns where each input (by topic name) is to be read from, given the committed offsets. */
  open(committed: ReadonlyMap<string, number>): Promise<Map<string, number>>
  /** Takes records in. `position` is the offset after the batch, trailing control records included. */
  push(topic: string, records: readonly RawRecord[], position: number): void
  /** The next offset wanted of a topic: what to seek to after a rebalance. */
  position(topic: string): number
  /** Whether a topic should be read at the moment. */
  hungry(topic: string): boolean
  /** Tables changed, or time went by. */
  tick(): void
  /** Begins nothing more, finishes what is under way, commits up to what was left undone and stops. */
  drain(): Promise<void>
  /** Stops at once; nothing more is committed. */
  close(): void
  /** Nothing is due, under way or waiting. */
  readonly idle: boolean
  readonly backlog: number
  readonly memory: number
}
