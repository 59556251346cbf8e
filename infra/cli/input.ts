/** What is published, whatever it lies in: JSON lines, CSV, Parquet, text files, a folder of them, or a pipe. */
import { statSync } from 'node:fs'
import { extname } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { bytesOf, linesOf } from '../bytes.ts'
import type { Line } from '../lines.ts'

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

/** The ending of a name, packed or not. */
const endingOf = (path: string): string => extname(path.replace(/\.gz$/i, '')).toLowerCase()

/**
 * The format of an input: as it is said, else by the name. A pipe and what has another name are JSON lines.
 * @throws EverseedError CONFIG_INVALID for a folder of something else than texts
 */
export function formatOf(path: string, said?: Format): Format {
  if (!isFolder(path)) return said ?? byExtension[endingOf(path)] ?? 'jsonl'
  if (said === undefined || said === 'text') return 'text'
  throw new EverseedError(
    'CONFIG_INVALID',
    `${path} is a folder: of a folder text files are published; publish the ${said} files in it one by one`
  )
}

async function* textsOf(path: string, base: string | undefined): AsyncGenerator<Line> {
  const { textFiles, textOf } = await import('../formats/text.ts')
  if (isFolder(path)) yield* textFiles(path, base)
  else yield await textOf(bytesOf(path), path === '-' ? undefined : path, base)
}

async function* parquetOf(path: string): AsyncGenerator<Line> {
  const { parquetFile } = await import('../formats/parquet-file.ts')
  yield* parquetFile(path)
}

async function* csvOf(path: string): AsyncGenerator<Line> {
  const { csvRows } = await import('../formats/csv.ts')
  yield* csvRows(bytesOf(path), endingOf(path) === '.tsv' ? '\t' : undefined)
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
