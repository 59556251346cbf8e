/** Parquet, one row group at a time. */
import zlib from 'node:zlib'
import {
  type AsyncBuffer,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema
} from 'hyparquet'
import { EverseedError } from '../../schemas/errors.ts'
import type { Line } from '../lines.ts'
import { checkNames, type Columns } from './shapes.ts'

/** Snappy is hyparquet's own; of the others Node has all but LZ4 and LZO, and Node 20 no Zstandard: no import by name. */
const compressors: Compressors = {
  GZIP: (page, size) => zlib.gunzipSync(page, bounded(size)),
  BROTLI: (page, size) => zlib.brotliDecompressSync(page, bounded(size)),
  ZSTD: (page, size) => {
    // Of types that know only the newest Node.
    const { zstdDecompressSync: unpack }: Partial<typeof zlib> = zlib
    if (!unpack)
      throw new Error(
        `it is packed with Zstandard, which needs Node 22.15 or newer, and this is ${process.version}`
      )
    return unpack(page, bounded(size))
  }
}

/** Largest page, bytes; writers make them about 1 MiB. */
const largestPage = 256 * 1024 * 1024

/** A page is as large as its head says, or the file is broken: some bytes may unpack to more than there is memory. */
function bounded(size: number): { maxOutputLength: number } {
  return { maxOutputLength: Math.max(1, Math.min(size, largestPage)) }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text; bytes that are none stay bytes, for whoever looks at the column. */
function textOf(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return bytes
  }
}

/** A JSON column's value; what is no JSON stays text. */
function jsonOf(bytes: Uint8Array | undefined): unknown {
  const text = textOf(bytes)
  try {
    return typeof text === 'string' ? (JSON.parse(text) as unknown) : text
  } catch {
    return text
  }
}

const parsers = { stringFromBytes: textOf, jsonFromBytes: jsonOf }

/**
 * The rows of a Parquet file, numbered from 1. In memory is one row group.
 * @param file its bytes, read by range
 * @param name what errors call it
 * @param check says what is wrong with the names of the columns; default: none of them holds text
 * @throws EverseedError FILE_UNREADABLE when it is no Parquet, or none that can be read; RECORD_INVALID when no column of
 *   it holds text
 */
export async function* parquetRows(
  file: AsyncBuffer,
  name: string,
  check = checkNames
): AsyncGenerator<Line> {
  const reading = async <Value>(what: string, work: Promise<Value>): Promise<Value> => {
    try {
      return await work
    } catch (cause) {
      const { message } = cause as Error
      const codec = message.includes('compression codec') ? '; write it with snappy, zstd or gzip' : ''
      throw new EverseedError('FILE_UNREADABLE', `${what} cannot be read: ${message}${codec}`, { cause })
    }
  }
  const metadata = await reading(`${name} as Parquet`, parquetMetadataAsync(file))
  check(parquetSchema(metadata).children.map(({ element }) => element.name))
  let number = 0
  for (const [index, { num_rows }] of metadata.row_groups.entries()) {
    const rowStart = number
    const rowEnd = rowStart + Number(num_rows)
    const rows = (await reading(
      `row group ${index} of ${name}`,
      parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors, parsers })
    )) as Columns[]
    for (const columns of rows) yield { number: ++number, counts: 'rows', text: '', columns }
  }
}
