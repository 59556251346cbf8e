/**
 * Cutting what is written into sends. The library puts everything one send holds for a partition into one batch, and
 * brokers measure batches: many small records, sent at once, are refused where each of them fits.
 */
import type { Topic } from '../../schemas/topics.ts'
import type { OutRecord } from './record.ts'

/** Bytes of a batch; the topics' limits are a multiple. */
export const batchBytes = 1024 * 1024

/** What a record takes in a batch beside its bytes, at most: lengths, deltas, attributes. */
const recordOverhead = 64

/** Bytes a record takes in a batch, at most. */
export function recordBytes({ key, value, headers }: OutRecord): number {
  let bytes = recordOverhead + (value?.length ?? 0)
  if (key !== null) bytes += typeof key === 'string' ? Buffer.byteLength(key) : key.length
  for (const name in headers)
    bytes += 2 * recordOverhead + Buffer.byteLength(name) + Buffer.byteLength(headers[name]!)
  return bytes
}

/** What a batch takes beside its records. */
const batchOverhead = 61

/** Bytes topics take beyond their largest record: for the frame of a batch, and what a dead letter's headers tell. */
export const headroom = 64 * 1024

/** Whether a topic that is as the table says takes a record. */
export function fits(record: OutRecord, { maxBytes }: Pick<Topic, 'maxBytes'>): boolean {
  return batchOverhead + recordBytes(record) <= maxBytes + headroom
}

/**
 * Cuts records into sends, to be made one after the other. In each no partition gets more than `limit` bytes; a record
 * that is larger goes alone, so that who is refused is known. The order within partitions is kept.
 * @param limit bytes
 */
export function wavesOf(records: readonly OutRecord[], limit = batchBytes): OutRecord[][] {
  const waves: OutRecord[][] = []
  let wave: OutRecord[] = []
  let filled = new Map<string, number>()
  const close = (): void => {
    if (wave.length > 0) waves.push(wave)
    wave = []
    filled = new Map()
  }
  for (const record of records) {
    const bytes = recordBytes(record)
    if (bytes > limit) {
      close()
      waves.push([record])
      continue
    }
    const partition = `${record.topic}/${record.partition}`
    const before = filled.get(partition) ?? 0
    if (before + bytes > limit) close()
    filled.set(partition, (filled.get(partition) ?? 0) + bytes)
    wave.push(record)
  }
  close()
  return waves
}

/** The largest record: the one a broker refuses, where it refuses one. */
export function largest(records: readonly OutRecord[]): OutRecord {
  return records.reduce((most, record) => (recordBytes(record) > recordBytes(most) ? record : most))
}
