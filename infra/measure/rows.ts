/** Rows of what is measured: JSON lines, CSV, Parquet, text, or a folder of them, told apart by their names; `-` is JSON lines. */
import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { bytesOf, linesOf } from '../bytes.ts'
import type { Line } from '../lines.ts'

/** How a text file is cut into documents. */
export const cuts = ['line', 'paragraph', 'file'] as const
export type Cut = (typeof cuts)[number]

/** One row: a value, or why there is none. */
export type Row = {
  /** Where it is, as errors call it. */
  readonly place: string
  readonly value?: unknown
  readonly problem?: string
}

/** How rows are read. */
export type Reading = {
  /** Of text files; default: of one that is named itself its lines, of a folder its files. */
  readonly split?: Cut | undefined
  /** Is told how many bytes have come in, of all files. */
  readonly read?: ((bytes: number) => void) | undefined
}

type Kind = 'jsonl' | 'json' | 'csv' | 'parquet' | 'text'

const kinds: Readonly<Record<string, Kind>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.parquet': 'parquet',
  '.txt': 'text',
  '.text': 'text',
  '.md': 'text'
}

/** The ending of a name, packed or not. */
const endingOf = (path: string): string => extname(path.replace(/\.gz$/i, '')).toLowerCase()

/** By the name. */
const kindOf = (path: string): Kind | undefined => kinds[endingOf(path)]

const isFolder = (path: string): boolean =>
  path !== '-' && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)

/** Files of a folder that hold rows, however deep, by path. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter(entry => entry.isFile() && !entry.name.startsWith('.') && kindOf(entry.name) !== undefined)
    .map(entry => join(entry.parentPath, entry.name))
    .toSorted()
  if (files.length > 0) return files
  throw new EverseedError(
    'FILE_UNREADABLE',
    `${folder} holds nothing to measure: no file in it is named ${Object.keys(kinds).join(', ')}`
  )
}

/** Bytes of a file, or of all files of a folder; undefined of a pipe. */
export async function sizeOf(path: string): Promise<number | undefined> {
  if (path === '-') return undefined
  const files = isFolder(path) ? await filesIn(path) : [path]
  const size = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
  return files.reduce((sum, file) => sum + size(file), 0)
}

async function* jsonLines(path: string, read: (bytes: number) => void): AsyncGenerator<Row> {
  for await (const { number, text, problem } of linesOf(path, read)) {
    if (text.trim() === '') continue
    const place = `${path === '-' ? '' : `${path}, `}line ${number}`
    if (problem !== undefined) yield { place, problem }
    else yield parsed(place, text)
  }
}

function parsed(place: string, text: string): Row {
  try {
    return { place, value: JSON.parse(text) as unknown }
  } catch (error) {
    return { place, problem: `not JSON: ${(error as Error).message}` }
  }
}

async function whole(path: string, read: (bytes: number) => void): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of bytesOf(path, read)) parts.push(part)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts))
  } catch (cause) {
    throw new EverseedError('FILE_UNREADABLE', `${path} is not UTF-8: convert it first (iconv -t UTF-8)`, {
      cause
    })
  }
}

/** A JSON file: a list of rows, or JSON lines that are called so. */
async function* jsonFile(path: string, read: (bytes: number) => void): AsyncGenerator<Row> {
  const text = await whole(path, read)
  if (!/^\s*\[/.test(text)) return yield* jsonLines(path, read)
  const { value, problem } = parsed(path, text)
  if (problem !== undefined) throw new EverseedError('FILE_UNREADABLE', `${path} is ${problem}`)
  for (const [index, row] of (value as unknown[]).entries()) {
    yield { place: `${path}, item ${index + 1}`, value: row }
  }
}

/** Documents of a text file. */
async function* textFile(path: string, split: Cut, read: (bytes: number) => void): AsyncGenerator<Row> {
  if (split === 'line') {
    for await (const { number, text, problem } of linesOf(path, read)) {
      const place = `${path}, line ${number}`
      if (problem !== undefined) yield { place, problem }
      else if (/\S/.test(text)) yield { place, value: text }
    }
    return
  }
  const text = await whole(path, read)
  const parts = split === 'file' ? [text] : text.split(/\r?\n[^\S\n]*\r?\n\s*/)
  for (const [index, part] of parts.entries()) {
    if (/\S/.test(part))
      yield { place: split === 'file' ? path : `${path}, paragraph ${index + 1}`, value: part }
  }
}

/** Whatever a column is called, `--field` may name it. */
const anyNames = (): void => {}

/** Rows of a table. */
async function* tableRows(path: string, lines: AsyncIterable<Line>): AsyncGenerator<Row> {
  for await (const { number, columns, counts = 'lines', problem } of lines) {
    const place = `${path}, ${counts === 'rows' ? 'row' : 'line'} ${number}`
    if (problem !== undefined) yield { place, problem }
    else yield { place, value: columns }
  }
}

async function* csvFile(path: string, read: (bytes: number) => void): AsyncGenerator<Row> {
  const { csvRows } = await import('../formats/csv.ts')
  const delimiter = endingOf(path) === '.tsv' ? '\t' : undefined
  yield* tableRows(path, csvRows(bytesOf(path, read), delimiter, anyNames))
}

async function* parquet(path: string): AsyncGenerator<Row> {
  const { parquetFile } = await import('../formats/parquet-file.ts')
  yield* tableRows(path, parquetFile(path, anyNames))
}

/**
 * All rows of a file or folder.
 * @throws EverseedError FILE_UNREADABLE
 */
export async function* rowsOf(path: string, { split, read = () => {} }: Reading = {}): AsyncGenerator<Row> {
  const folder = isFolder(path)
  let before = 0
  for (const file of folder ? await filesIn(path) : [path]) {
    const told = (bytes: number): void => read(before + bytes)
    switch (kindOf(file) ?? 'jsonl') {
      case 'jsonl':
        yield* jsonLines(file, told)
        break
      case 'json':
        yield* jsonFile(file, told)
        break
      case 'csv':
        yield* csvFile(file, told)
        break
      case 'parquet':
        yield* parquet(file)
        break
      case 'text':
        yield* textFile(file, split ?? (folder ? 'file' : 'line'), told)
        break
    }
    if (folder) before += statSync(file, { throwIfNoEntry: false })?.size ?? 0
  }
}
