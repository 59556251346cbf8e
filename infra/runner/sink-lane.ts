/** One partition on its way into the database: what was read of it and is not committed yet. */
import { performance } from 'node:perf_hooks'
import type { Topic } from '../../schemas/topics.ts'
import type { RawRecord } from '../kafka/record.ts'
import type { Chunker } from './chunk.ts'

/** Records and bytes of a chunk, and how long its first record waits. */
const chunkRecords = 5000
const chunkBytes = 8 * 1024 * 1024
const chunkMs = 200

export type Lane = {
  readonly topic: Topic
  readonly slot: number
  readonly queue: RawRecord[]
  bytes: number
  taken: number
  committed: number
  since: number
  working: boolean
  paused: boolean
  /** The chunk after the one that is being inserted. */
  ahead: Portion | undefined
}

/** The next records of a lane, on their way to be a chunk. */
export type Portion = {
  readonly count: number
  readonly bytes: number
  readonly to: number
  /** Undefined when the assignment is over. */
  readonly cut: Promise<Awaited<ReturnType<Chunker['cut']>> | undefined>
}

/** A lane that starts at an offset. */
export function newLane(topic: Topic, slot: number, from: number): Lane {
  return {
    topic,
    slot,
    queue: [],
    bytes: 0,
    taken: from,
    committed: from,
    since: 0,
    working: false,
    paused: false,
    ahead: undefined
  }
}

/** Where the chunk ends that starts with the record at an index of the queue: that of the record after its last, and its bytes. */
export function chunkEnd({ queue }: Lane, start: number): { end: number; bytes: number } {
  let end = start
  let bytes = 0
  while (end < queue.length && end - start < chunkRecords && bytes < chunkBytes)
    bytes += queue[end++]!.value?.length ?? 0
  return { end, bytes }
}

/** Whether what is left behind the first records is a full chunk: what is read later could not join it. */
export function holdsChunk({ queue, bytes }: Lane, without = { count: 0, bytes: 0 }): boolean {
  return queue.length - without.count >= chunkRecords || bytes - without.bytes >= chunkBytes
}

/** Whether a chunk is due: a full one, or one whose first record waited long enough. */
export function isDue(lane: Lane): boolean {
  return holdsChunk(lane) || (lane.queue.length > 0 && performance.now() - lane.since >= chunkMs)
}

/** Whether so much waits that reading must pause, and whether so little that it may go on. */
export const overfull = ({ queue, bytes }: Lane): boolean =>
  queue.length > 4 * chunkRecords || bytes > 8 * chunkBytes
export const hungry = ({ queue }: Lane): boolean => queue.length < 2 * chunkRecords
