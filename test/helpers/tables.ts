/** Tables as other people write them, for tests that read them. */
import type { AsyncBuffer } from 'hyparquet'
import type { Line } from '../../infra/lines.ts'

/** Bytes as a Parquet reader wants them. */
export function asBuffer(bytes: Uint8Array): AsyncBuffer {
  const copy = new Uint8Array(bytes)
  return { byteLength: copy.length, slice: (start, end) => copy.buffer.slice(start, end) }
}

/** Bytes as they come from a stream, so many at a time. */
export async function* chunks(bytes: string | Buffer, size = 65_536): AsyncGenerator<Buffer> {
  const all = Buffer.from(bytes as string)
  for (let from = 0; from < all.length; from += size) yield all.subarray(from, from + size)
}

/** Everything a reader gives. */
export async function gathered(lines: AsyncIterable<Line>): Promise<Line[]> {
  const all: Line[] = []
  for await (const line of lines) all.push(line)
  return all
}

/** CSV as RFC 4180 wants it, every cell in quotes. */
export function csv(rows: readonly (readonly string[])[], delimiter = ',', end = '\r\n'): string {
  return rows.map(row => row.map(cell => `"${cell.replaceAll('"', '""')}"`).join(delimiter) + end).join('')
}
