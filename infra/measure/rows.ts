/** Rows of what is measured: JSON lines, text, or a folder of them, told apart by their names; `-` is JSON lines. */
import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { bytesOf, linesOf } from '../bytes.ts'

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

type Kind = 'jsonl' | 'json' | 'text'

const kinds: Readonly<Record<string, Kind>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.txt': 'text',
  '.text': 'text',
  '.md': 'text'
}

/** By the name, packed or not. */
function kindOf(path: string): Kind | undefined {
  return kinds[extname(path.replace(/\.gz$/i, '')).toLowerCase()]
}

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
      case 'text':
        yield* textFile(file, split ?? (folder ? 'file' : 'line'), told)
        break
    }
    if (folder) before += statSync(file, { throwIfNoEntry: false })?.size ?? 0
  }
}
