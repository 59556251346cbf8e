/** CSV, row by row: the first row names the columns. Commas, semicolons or tabs, whichever the first row holds most of. */
import { pipeline, Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { EverseedError } from '../../schemas/errors.ts'
import type { Line } from '../lines.ts'
import { checkNames } from './shapes.ts'

/** A row longer than this many bytes is none: no topic takes a record of that size, and a quote is missing somewhere. */
const longestRow = 16 * 1024 * 1024

/** Bytes the first row is looked for in. */
const headBytes = 64 * 1024

const newline = 10
const mark = Buffer.from('\ufeff')
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The delimiter of the first row, outside quotes. */
function delimiterOf(head: Buffer): string {
  const bare = head
    .toString('latin1')
    .split(/\r?\n/, 1)[0]!
    .replaceAll(/"[^"]*"/g, '')
  const counts = [',', ';', '\t'].map(one => [one, bare.split(one).length] as const)
  return counts.toSorted(([, a], [, b]) => b - a)[0]![0]
}

/**
 * The beginning of an input, up to the end of its first line, and the whole of it, or what comes before enough was read;
 * without a byte order mark.
 */
async function begun(
  input: AsyncIterable<Buffer>,
  enough: (next: Buffer) => boolean
): Promise<{ head: Buffer; all: AsyncIterable<Buffer> }> {
  const chunks = input[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (!head.includes(newline) && head.length < headBytes) {
    const next = await chunks.next()
    if (next.done) break
    head = Buffer.concat([head, next.value])
  }
  if (head.subarray(0, mark.length).equals(mark)) head = head.subarray(mark.length)
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield head
      for (let next = await chunks.next(); !next.done && !enough(next.value); next = await chunks.next())
        yield next.value
    } finally {
      await chunks.return?.()
    }
  }
  return { head, all: all() }
}

/** Names of the columns: one that has none is named by its number. */
function namesOf(cells: readonly string[], check: typeof checkNames): string[] {
  const names = cells.map((cell, index) => (cell.trim() === '' ? `column_${index + 1}` : cell.trim()))
  const seen = new Set<string>()
  const twice = names.find(name => seen.size === seen.add(name).size)
  if (twice !== undefined)
    throw new EverseedError('RECORD_INVALID', `the first row names the column ${twice} twice: rename one`)
  check(names)
  return names
}

/** Cells as text; undefined where the bytes are none. */
function decoded(cells: readonly Buffer[]): string[] | undefined {
  try {
    return cells.map(cell => utf8.decode(cell))
  } catch {
    return undefined
  }
}

const lineEnds = (cells: readonly string[]): number => {
  let ends = 0
  for (const cell of cells) ends += cell.match(/\r\n|\n|\r/g)?.length ?? 0
  return ends
}

/**
 * The rows of a CSV file, numbered by the lines they begin on. Rows with too few or too many cells, or bytes that are no
 * text, say so; behind a quote that nobody closes there are no rows.
 * @param delimiter default: found in the first row
 * @param check says what is wrong with the names of the columns; default: none of them holds text
 * @throws EverseedError RECORD_INVALID when the first row does not name a column that holds text
 */
export async function* csvRows(
  input: AsyncIterable<Buffer>,
  delimiter?: string,
  check = checkNames
): AsyncGenerator<Line> {
  // Behind a record it could not read the parser has lost its way, and finds fault with every byte.
  let broken: string | undefined
  let rows = 0
  let sinceRow = 0
  /** Rows before one that is cut off: what the parser makes of that one is none. */
  let whole = Infinity
  /** Whether there is nothing to be had of more: the parser bounds a cell, and holds a row of as many as there are. */
  const enough = ({ length }: Buffer): boolean => {
    const { records } = parser.info
    if (records !== rows) sinceRow = 0
    rows = records
    sinceRow += length
    if (sinceRow > longestRow) {
      broken ??= ''
      whole = records
    }
    return broken !== undefined
  }
  const { head, all } = await begun(input, enough)
  const parser = parse({
    delimiter: delimiter ?? delimiterOf(head),
    // As bytes: what is not UTF-8 would be replaced otherwise, and nobody would know.
    encoding: null,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    relax_quotes: true,
    max_record_size: longestRow,
    skip_records_with_error: true,
    on_skip: error => void (broken ??= error?.message ?? '')
  })
  pipeline(Readable.from(all, { objectMode: false }), parser, () => {
    // What ended it, ends the reading of the parser too.
  })
  let names: string[] | undefined
  let line = 1
  let read = 0
  for await (const record of parser as AsyncIterable<Buffer[]>) {
    if (++read > whole) break
    const number = line
    const cells = decoded(record)
    const shown = cells ?? record.map(cell => cell.toString())
    line += 1 + lineEnds(shown)
    if (record.length === 1 && record[0]!.length === 0) continue
    if (names === undefined) {
      if (!cells) throw new EverseedError('RECORD_INVALID', `the first row is ${notUtf8}`)
      names = namesOf(cells, check)
    } else if (!cells) yield { number, text: JSON.stringify(shown), problem: notUtf8 }
    else if (cells.length === names.length) {
      const columns = Object.fromEntries(names.map((name, index) => [name, cells[index]!]))
      yield { number, text: '', columns }
    } else {
      const problem = `${cells.length} cells where the first row names ${names.length} columns`
      yield { number, text: JSON.stringify(cells), problem }
    }
  }
  if (broken !== undefined) {
    const problem = `longer than ${longestRow / 1024 / 1024} MiB, or with a quote that is never closed: nothing behind it is read`
    yield { number: line, text: broken, problem }
  }
}

const notUtf8 = 'not UTF-8: convert the file first (iconv -t UTF-8)'
