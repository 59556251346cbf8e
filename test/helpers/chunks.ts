/** Chunks as the runner of sinks would make them. */
import type { Chunk } from '../../infra/runner/sink.ts'
import type { Row } from '../../processors/sink.ts'
import { store } from '../../processors/store.ts'

/** When the broker got the first record of every topic. */
const born = 1_700_000_000_000

/**
 * @param values decoded values of consecutive records, the first at `from`
 * @param headers headers of every record
 * @param withoutText whether the recipe keeps texts out
 */
export function chunkOf(
  topic: string,
  partition: number,
  from: number,
  values: readonly unknown[],
  headers: Readonly<Record<string, string>> = {},
  withoutText = false
): Chunk {
  const buffers = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)])
  )
  const rows = new Map<string, Row[]>()
  for (const [index, value] of values.entries()) {
    const offset = from + index
    const record = { slot: partition, offset, key: `key-${offset}`, timestamp: born + offset, value }
    const made = store.rows(topic, { ...record, headers: buffers, withoutText })
    rows.set(made.table, [...(rows.get(made.table) ?? []), ...made.rows])
  }
  return { topic, partition, from, to: from + values.length, born, rows }
}
