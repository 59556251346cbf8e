/** What commands print: tables and progress for people, plain lines for pipes, JSON when asked. */
import { once } from 'node:events'
import { Presets, SingleBar } from 'cli-progress'
import Table from 'cli-table3'

/** A cell of a table. */
export type CellValue = string | number | boolean | null | undefined

/** Made when a number is shown: it takes as long as a third of a short command. */
let count: Intl.NumberFormat | undefined

/** A value as people read it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return Number.isInteger(value) ? whole(value) : shortNumber(value)
  return printable(text(value))
}

function whole(value: number): string {
  count ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 4 })
  return count.format(value)
}

function text(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What came from outside must not steer a terminal: control characters are shown by their names in Unicode. */
function printable(words: string): string {
  return words.replaceAll(/\p{Cc}/gu, character =>
    character < ' ' ? String.fromCharCode(0x24_00 + character.charCodeAt(0)) : '\u2421'
  )
}

/** The same for words of several lines. */
function legibly(words: string): string {
  return words.replaceAll(/[^\n\t]+/g, printable)
}

const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/** A cell of tab-separated lines: as in ClickHouse's TSV, a tab or a line's end inside a value is written with a backslash. */
function field(value: unknown): string {
  return text(value).replaceAll(/[\\\t\n\r]/g, character => escapes[character]!)
}

function shortNumber(value: number): string {
  const size = Math.abs(value)
  return size >= 100 ? value.toFixed(1) : size >= 1 ? value.toFixed(3) : value.toPrecision(3)
}

/** A table on a terminal, tab-separated lines in a pipe. */
export function table(
  head: readonly string[],
  rows: readonly (readonly CellValue[])[],
  terminal = process.stdout.isTTY
): string {
  if (!terminal) return [head, ...rows].map(row => row.map(field).join('\t')).join('\n')
  const plain = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  '
  }
  const one = new Table({
    head: head.map(shown),
    chars: plain,
    style: { head: process.stdout.isTTY ? ['bold'] : [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, column) =>
      rows.every(
        row => typeof row[column] === 'number' || row[column] === null || row[column] === undefined
      ) && rows.length > 0
        ? 'right'
        : 'left'
    )
  })
  for (const row of rows) one.push(row.map(shown))
  return one.toString()
}

/** Rows of objects as a table over the union of their keys. */
export function objectsTable(
  rows: readonly Readonly<Record<string, unknown>>[],
  terminal = process.stdout.isTTY
): string {
  const head = [...new Set(rows.flatMap(row => Object.keys(row)))]
  return table(
    head,
    rows.map(row =>
      head.map(key =>
        typeof row[key] === 'object' && row[key] !== null ? JSON.stringify(row[key]) : (row[key] as CellValue)
      )
    ),
    terminal
  )
}

export function print(words: string): void {
  process.stdout.write(`${words}\n`)
}

/** As {@link print}; resolves when the reader has kept up, so that a slow pipe does not fill the memory. */
export async function printSlowly(words: string): Promise<void> {
  if (!process.stdout.write(`${words}\n`)) await once(process.stdout, 'drain')
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined))
}
/** A line of progress, to stderr: stdout is for results. */
export function note(words: string): void {
  process.stderr.write(`${legibly(words)}\n`)
}

/** A progress bar on a terminal; in a pipe a line every five seconds. */
export function progress(
  label: string,
  total?: number
): { update(value: number, words?: string, total?: number): void; stop(): void } {
  if (!process.stderr.isTTY) {
    let last = Date.now()
    return {
      update(value, words = '', all = total) {
        if (Date.now() - last < 5000) return
        last = Date.now()
        note(`${label}: ${value}${all === undefined ? '' : ` of ${all}`}${words === '' ? '' : `, ${words}`}`)
      },
      stop() {}
    }
  }
  const bar = new SingleBar(
    {
      format: total === undefined ? `${label}: {value}, {words}` : `${label} {bar} {value}/{total} {words}`,
      clearOnComplete: true,
      hideCursor: true,
      stream: process.stderr,
      fps: 5
    },
    Presets.shades_classic
  )
  bar.start(total ?? 0, 0, { words: '' })
  return {
    update(value, words = '', all = total) {
      if (all !== undefined) bar.setTotal(all)
      bar.update(value, { words })
    },
    stop: () => bar.stop()
  }
}
