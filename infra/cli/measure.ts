/** `everseed measure`: every metric of a file of texts, with no services at all. */
import { writeFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { countOf, reasonOf } from '../bytes.ts'
import {
  type FileOptions,
  type FileReport,
  type Opened,
  chartOf,
  compared,
  fileReport,
  openSets
} from '../measure/files.ts'
import type { Cut } from '../measure/rows.ts'
import { printComparison, printGroups, printReport } from './measure-tables.ts'
import { note, printJson, progress } from './output.ts'

/** Options as they are typed. */
export type Options = {
  reference?: string
  seed?: string
  by?: string
  field?: string
  split?: Cut
  window?: string
  selfBleuSample?: string
  pos?: boolean
  plot?: string
  json?: boolean
}

/** Bad rows that are named; of more only the number is told. */
const mostNamed = 20

/** A bar for each step, one after the other, and above them what is said of bad rows. */
function steps(): Required<Pick<FileOptions, 'progress' | 'bad'>> & { stop: () => void } {
  let current: { readonly step: string; readonly bar: ReturnType<typeof progress> } | undefined
  let bad = 0
  const stop = (): void => {
    current?.bar.stop()
    current = undefined
  }
  return {
    progress(step, done, of) {
      if (current?.step !== step) {
        stop()
        current = { step, bar: progress(step, of) }
      }
      current.bar.update(done, '', of)
    },
    bad(place, problem) {
      bad += 1
      if (bad > mostNamed + 1) return
      stop()
      note(bad > mostNamed ? 'further rows that are left out are only counted' : `${place}: ${problem}`)
    },
    stop
  }
}

/** The options, checked. */
function checked(file: string, other: string | undefined, options: Options): FileOptions {
  const { reference, seed, by, field, split, pos, plot } = options
  const wrong = (words: string): EverseedError => new EverseedError('CONFIG_INVALID', words)
  if (other !== undefined && (by !== undefined || plot !== undefined))
    throw wrong(`--${by === undefined ? 'plot' : 'by'} goes with one file, and compares nothing`)
  if (plot !== undefined && !['.svg', '.html'].includes(extname(plot).toLowerCase()))
    throw wrong(`--plot ${plot}: name it .svg or .html`)
  if ([file, other, reference, seed].filter(path => path === '-').length > 1)
    throw wrong('- is named twice: standard input can be read once')
  const count = (option: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : countOf(option, text)
  return {
    reference,
    seed,
    by,
    field,
    split,
    pos,
    window: count('--window', options.window),
    selfBleuSample: count('--self-bleu-sample', options.selfBleuSample)
  }
}

export async function measure(file: string, other: string | undefined, options: Options): Promise<void> {
  const { json, plot } = options
  const { stop, ...told } = steps()
  const wanted = checked(file, other, options)
  const paths = other === undefined ? [file] : [file, other]
  try {
    const { sets, measuring } = await openSets(paths, { ...wanted, ...told })
    stop()
    for (const [index, { bad, texts }] of sets.entries())
      if (bad > 0) note(`${paths[index]}: ${bad} rows left out, ${texts.length} measured`)
    if (other !== undefined) {
      const comparison = compared(paths, sets, measuring)
      stop()
      if (json) printJson(comparison)
      else printComparison(comparison)
      return leaks([comparison.a, comparison.b], wanted)
    }
    const report = fileReport(file, sets[0]!, measuring, wanted.by)
    const chart = plot === undefined ? undefined : await drawn(plot, file, { sets, measuring })
    stop()
    if (json) printJson(report)
    else if (report.groups) printGroups(report)
    else printReport(report)
    // What there is too little of.
    if (report.band?.no_data !== undefined) note(report.band.no_data)
    leaks([report], wanted)
    if (chart !== undefined) note(chart)
  } finally {
    stop()
  }
}

/** Says what a reference holds that it must not: against their own texts generators look better than fresh human text does. */
function leaks(reports: readonly FileReport[], { reference, seed }: FileOptions): void {
  for (const { file, documents, band } of reports) {
    const { documents: shared = 0 } = band?.overlap ?? {}
    if (shared > 0)
      note(
        `${shared} of the ${documents} documents of ${file} are in the reference ${reference} too: values beside it look better than ` +
          'they are; take them out of it, or name human text that no generator has seen'
      )
  }
  const { seed: seeds = 0 } = reports[0]?.band?.overlap ?? {}
  if (seeds > 0)
    note(
      `${seeds} documents of the seed ${seed} are in the reference ${reference} too, which is to be held out: values beside it look ` +
        'better than they are; take them out of one of the two'
    )
}

/** Writes the chart and says so. */
async function drawn(path: string, file: string, { sets, measuring }: Opened): Promise<string> {
  const { htmlOf, svgOf } = await import('../measure/chart.ts')
  const chart = chartOf(basename(file), sets[0]!.texts, measuring)
  try {
    writeFileSync(path, extname(path).toLowerCase() === '.svg' ? svgOf(chart) : htmlOf(chart))
  } catch (cause) {
    throw new EverseedError('FILE_UNWRITABLE', `${path} cannot be written: ${reasonOf(cause)}`, { cause })
  }
  const empty = chart.series.every(({ windows }) => windows.every(({ partial }) => partial))
  return empty
    ? `${path} is an empty chart: the texts fill no window; give a smaller --window`
    : `chart: ${path}, ${chart.lines[0]}`
}
