/** The tables `everseed measure` prints. */
import { type TextKey, glanceKeys, orderedKeys } from '../../metrics/text-keys.ts'
import type { Difference } from '../measure/compare.ts'
import type { FileComparison, FileReport } from '../measure/files.ts'
import type { Report } from '../measure/report.ts'
import type { Sources } from '../measure/sources.ts'
import { type CellValue, print, shown, table } from './output.ts'

const head = ({ file, documents, metrics, tokenizer }: FileReport): string =>
  `${file}: ${shown(documents)} documents, ${shown(metrics.tokens ?? 0)} tokens (${tokenizer})`

/** A table whose numbers are rounded in a pipe too, as those with a spread or a z beside them are; --json has all digits. */
function rounded(names: readonly string[], rows: readonly (readonly CellValue[])[]): string {
  if (process.stdout.isTTY) return table(names, rows)
  const round = (cell: CellValue): CellValue =>
    typeof cell === 'number' && !Number.isInteger(cell) ? shown(cell) : cell
  return table(
    names,
    rows.map(row => row.map(round))
  )
}

const plusMinus = (mean: number | null | undefined, sd: number | null | undefined): string =>
  mean === null || mean === undefined
    ? ''
    : `${shown(mean)}${sd === null || sd === undefined ? '' : ` ± ${shown(sd)}`}`

const signed = (value: number | null | undefined): string =>
  value === null || value === undefined ? '' : `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(1)}`

/** Tables of metrics: those at a glance, all others, and those without a value. */
function printMetrics(
  columns: readonly string[],
  rowOf: (key: TextKey) => readonly CellValue[] | undefined,
  reasonOf: (key: TextKey) => string | undefined
): void {
  const glance: readonly TextKey[] = glanceKeys
  for (const [title, keys] of [
    ['at a glance', glance],
    ['all others', orderedKeys.filter(key => !glance.includes(key))]
  ] as const) {
    const rows = keys.flatMap(key => {
      const row = rowOf(key)
      return row === undefined ? [] : [[key, ...row]]
    })
    if (rows.length > 0) print(`\n${rounded([title, ...columns], rows)}`)
  }
  const missing = orderedKeys.flatMap(key => {
    const reason = rowOf(key) === undefined ? reasonOf(key) : undefined
    return reason === undefined ? [] : [[key, reason]]
  })
  if (missing.length > 0) print(`\n${table(['undefined', 'because'], missing)}`)
}

/** One file. */
export function printReport(report: FileReport): void {
  const { metrics, human, per_window, band, windows, window_tokens = 0 } = report
  print(head(report))
  const whole = windows?.filter(({ partial }) => !partial).length ?? 0
  if (windows) print(`${shown(whole)} windows of ${shown(window_tokens)} tokens or a little more, mean ± sd`)
  if (band && band.missing === 0)
    print(
      `human: ${shown(band.windows)} windows of ${shown(band.window_tokens)} tokens of the reference, mean ± sd`
    )
  printMetrics(
    ['value', ...(per_window ? ['per window'] : []), ...(human ? ['human', 'z'] : [])],
    key => {
      const value = metrics[key]
      const inWindows = per_window?.[key]
      if (value === undefined && inWindows === undefined) return undefined
      const z = per_window ? inWindows?.z : human?.[key].z
      return [
        value ?? null,
        ...(per_window ? [plusMinus(inWindows?.mean, inWindows?.sd)] : []),
        ...(human ? [plusMinus(human[key].mean, human[key].sd), signed(z)] : [])
      ]
    },
    key => report.undefined[key]
  )
}

/** How many sources the groups are in effect. */
function sourcesLine({ count, effective, pairs, features }: Sources): string {
  if (effective === null) return 'sources: no words to compare them by'
  const cosines = pairs.map(({ cosine }) => cosine)
  const ends = [...new Set([Math.min(...cosines), Math.max(...cosines)].map(cosine => cosine.toFixed(3)))]
  const between = pairs.length === 0 ? '' : `, mean cosine between two of them ${ends.join(' to ')}`
  return `sources: ${shown(count)}, in effect ${effective.toFixed(2)}${between} (${features})`
}

/** One file by a field of its rows. */
export function printGroups(report: FileReport): void {
  const { by = '' } = report
  const groups = new Map<string, Report>(Object.entries(report.groups ?? {}))
  print(head(report))
  const inWindows = report.windows !== undefined
  print(
    inWindows
      ? `by ${by}: means of the windows of each; in brackets the distance from human ones in standard deviations`
      : `by ${by}: the whole of each${report.human ? '; in brackets the distance from human windows of its size in standard deviations' : ''}`
  )
  if (report.sources) print(sourcesLine(report.sources))
  if (!inWindows) print('many metrics depend on the size: --window N compares at one')
  const cells = (key: TextKey): CellValue[] =>
    Array.from(groups.values(), ({ metrics, per_window, human }) => {
      const value = inWindows ? per_window?.[key]?.mean : metrics[key]
      const z = inWindows ? per_window?.[key]?.z : human?.[key].z
      if (value === undefined) return null
      return z === undefined || z === null ? value : `${shown(value)} (${signed(z)})`
    })
  const count = (row: (of: Report) => CellValue): CellValue[] => Array.from(groups.values(), row)
  print(
    `\n${table(
      [by, ...groups.keys()],
      [
        ['documents', ...count(({ documents }) => documents)],
        ['tokens', ...count(({ metrics }) => metrics.tokens)]
      ]
    )}`
  )
  printMetrics(
    [...groups.keys()],
    key => {
      if (key === 'documents' || key === 'tokens') return undefined
      const row = cells(key)
      return row.every(cell => cell === null) ? undefined : row
    },
    key => report.undefined[key]
  )
}

const interval = ({ low, high }: Difference): string => `${shown(low)} … ${shown(high)}`

/** Two files. */
export function printComparison({ a, b, ...compared }: FileComparison): void {
  print(`A  ${head(a)}`)
  print(`B  ${head(b)}`)
  const { window_tokens, windows, differences, confidence } = compared
  const percent = `${confidence * 100} %`
  const some = Object.keys(differences).length > 0
  print(
    window_tokens === null
      ? `too few texts ${some ? 'for windows of one size: only statistics of single documents are compared' : 'to compare'}`
      : `${windows.join(' and ')} windows of ${shown(window_tokens)} tokens; * where 0 is outside the ${percent} interval, as it is by chance in 1 of 20`
  )
  printMetrics(
    ['A', 'B', 'B - A', `${percent} interval`, '', 'over'],
    key => {
      const found = differences[key]
      if (!found) return undefined
      const star = found.low > 0 || found.high < 0 ? '*' : ''
      return [
        found.a,
        found.b,
        found.difference,
        interval(found),
        star,
        found.method === 'windows' ? 'windows' : 'documents'
      ]
    },
    key => compared.undefined[key]
  )
}
