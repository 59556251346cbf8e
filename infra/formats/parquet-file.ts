/** A Parquet file, or one that comes through a pipe. */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EverseedError } from '../../schemas/errors.ts'
import { reasonOf } from '../bytes.ts'
import type { Line } from '../lines.ts'
import { parquetRows } from './parquet.ts'

/** A Parquet file without any row begins and ends with four letters, and says how long its index is. */
const leastBytes = 12

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (cause) {
    throw new EverseedError('FILE_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

/** The rows of a Parquet file. Its index is at its end: a pipe is first written to a file that nobody else can read. */
export async function* parquetFile(
  path: string,
  check?: Parameters<typeof parquetRows>[2]
): AsyncGenerator<Line> {
  const folder = path === '-' ? mkdtempSync(join(tmpdir(), 'everseed-parquet-')) : undefined
  let file: FileHandle | undefined
  try {
    const place = folder === undefined ? path : join(folder, 'stdin.parquet')
    if (folder !== undefined) await pipeline(process.stdin, createWriteStream(place, { mode: 0o600 }))
    file = await opened(place)
    const { size } = await file.stat()
    if (size < leastBytes)
      throw new EverseedError('FILE_UNREADABLE', `${path} as Parquet cannot be read: it has ${size} bytes`)
    const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
      const buffer = new ArrayBuffer(end - start)
      const { bytesRead } = await file!.read(new Uint8Array(buffer), 0, end - start, start)
      if (bytesRead < end - start) throw new Error(`it ends ${end - start - bytesRead} bytes too early`)
      return buffer
    }
    yield* parquetRows({ byteLength: size, slice }, path, check)
  } finally {
    await file?.close()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
}
