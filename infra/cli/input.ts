/** What is published, whatever it lies in: JSON lines, CSV, Parquet, text files, a folder of them, or a pipe. */
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EverseedError } from '../../schemas/errors.ts'
import type { Line } from '../lines.ts'
import { linesOf, reasonOf } from './context.ts'

/** Formats by the names `--format` knows. */
export type Format = 'jsonl' | 'csv' | 'parquet' | 'text'

const byExtension: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.parquet': 'parquet',
  '.txt': 'text',
  '.md': 'text'
}

const isFolder = (path: string): boolean =>
  path !== '-' && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)

/**
 * The format of an input: as it is said, else by the name. A pipe and what has another name are JSON lines.
 * @throws EverseedError CONFIG_INVALID for a folder of something else than texts
 */
export function formatOf(path: string, said?: Format): Format {
  if (!isFolder(path)) return said ?? byExtension[extname(path).toLowerCase()] ?? 'jsonl'
  if (said === undefined || said === 'text') return 'text'
  throw new EverseedError(
    'CONFIG_INVALID',
    `${path} is a folder: of a folder text files are published; publish the ${said} files in it one by one`
  )
}

const unreadable = (path: string, cause: unknown): EverseedError =>
  new EverseedError('FILE_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}`, { cause })

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** The bytes of a file, or of standard input. */
async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const input =
    path === '-' ? process.stdin : (await opened(path)).createReadStream({ highWaterMark: 256 * 1024 })
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) yield chunk
  } catch (cause) {
    if (cause instanceof Error && 'errno' in cause) throw unreadable(path, cause)
    throw cause
  }
}

/** The rows of a Parquet file. Its index is at its end: a pipe is first written to a file that nobody else can read. */
async function* parquetOf(path: string): AsyncGenerator<Line> {
  const { parquetRows } = await import('../formats/parquet.ts')
  const folder = path === '-' ? mkdtempSync(join(tmpdir(), 'everseed-parquet-')) : undefined
  let file: FileHandle | undefined
  try {
    const place = folder === undefined ? path : join(folder, 'stdin.parquet')
    if (folder !== undefined) await pipeline(process.stdin, createWriteStream(place, { mode: 0o600 }))
    file = await opened(place)
    const { size } = await file.stat()
    const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
      const buffer = new ArrayBuffer(end - start)
      const { bytesRead } = await file!.read(new Uint8Array(buffer), 0, end - start, start)
      if (bytesRead < end - start) throw new Error(`it ends ${end - start - bytesRead} bytes too early`)
      return buffer
    }
    yield* parquetRows({ byteLength: size, slice }, path)
  } finally {
    await file?.close()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
}

async function* textsOf(path: string, base: string | undefined): AsyncGenerator<Line> {
  const { textFiles, textOf } = await import('../formats/text.ts')
  if (isFolder(path)) yield* textFiles(path, base)
  else yield await textOf(bytesOf(path), path === '-' ? undefined : path, base)
}

async function* csvOf(path: string): AsyncGenerator<Line> {
  const { csvRows } = await import('../formats/csv.ts')
  yield* csvRows(bytesOf(path), extname(path).toLowerCase() === '.tsv' ? '\t' : undefined)
}

/**
 * Everything an input holds, row by row.
 * @param base what the `source_uri` of text files begins with
 * @throws EverseedError FILE_UNREADABLE, RECORD_INVALID when no row of it could be published
 */
export function inputOf(path: string, format: Format, base?: string): AsyncIterable<Line> {
  switch (format) {
    case 'jsonl':
      return linesOf(path)
    case 'csv':
      return csvOf(path)
    case 'parquet':
      return parquetOf(path)
    case 'text':
      return textsOf(path, base)
  }
}
