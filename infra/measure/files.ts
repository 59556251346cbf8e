/** Files measured and compared: what `everseed measure` prints with --json, as functions. */
import { inspect } from 'node:util'
import { words } from '../../metrics/tokenize.ts'
import { EverseedError } from '../../schemas/errors.ts'
import type { Chart } from './chart.ts'
import { type Comparison, compare } from './compare.ts'
import { createYardstick } from './human.ts'
import { type Read, readTexts } from './read.ts'
import { type Measuring, type Report, groupsOf, reportOf, roundedDown, windowsOf } from './report.ts'
import { type Cut, cuts, sizeOf } from './rows.ts'
import { type Sources, sourcesOf } from './sources.ts'
import { createTagger } from './tagger.ts'
import type { Text } from './texts.ts'

/** How files are measured; paths are of files, folders, or - for standard input. */
export type FileOptions = {
  /** Held-out human texts, which no generator has seen. */
  readonly reference?: string | undefined
  /** Texts the generators were fitted on. */
  readonly seed?: string | undefined
  /** Field that groups are made by, with dots into objects. */
  readonly by?: string | undefined
  /** Field that holds the text; absent: found by the shape of the row. */
  readonly field?: string | undefined
  /** What is a document of a text file. */
  readonly split?: Cut | undefined
  /** Tokens of a window. */
  readonly window?: number | undefined
  /** Documents self-BLEU takes, from the first. */
  readonly selfBleuSample?: number | undefined
  /** Whether parts of speech are told too, by a tagger of English. */
  readonly pos?: boolean | undefined
  /** Is told of every row that is left out. */
  readonly bad?: ((place: string, problem: string) => void) | undefined
  /** Is told what is being done, how much of it is done, and of how much where that is known. */
  readonly progress?: ((step: string, done: number, of?: number) => void) | undefined
}

/** Everything about a file. */
export type FileReport = { readonly file: string; readonly bad_rows: number } & Report & {
    readonly by?: string
    /** By the value of the field. */
    readonly groups?: Readonly<Record<string, Report>>
    /** The groups beside one another. */
    readonly sources?: Sources
  }

/** Everything about two files, and what they differ in. */
export type FileComparison = { readonly a: FileReport; readonly b: FileReport } & Comparison

/** Texts that are read, and what they are measured with. */
export type Opened = { readonly sets: readonly Read[]; readonly measuring: Measuring }

/** Refuses what no type checker has looked at. */
function checkOptions(paths: readonly unknown[], options: FileOptions): void {
  const wrong = (name: string, value: unknown, wanted: string): EverseedError =>
    new EverseedError('CONFIG_INVALID', `${name} ${inspect(value)}: give ${wanted}`)
  const isName = (value: unknown): boolean => typeof value === 'string' && value !== ''
  for (const path of paths)
    if (!isName(path)) throw wrong('file', path, 'the path of a file or folder, or - for standard input')
  for (const name of ['reference', 'seed', 'by', 'field'] as const)
    if (options[name] !== undefined && !isName(options[name]))
      throw wrong(name, options[name], name === 'by' || name === 'field' ? 'the name of a field' : 'a path')
  for (const name of ['window', 'selfBleuSample'] as const) {
    const value = options[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1))
      throw wrong(name, value, 'a positive whole number')
  }
  if (options.split !== undefined && !cuts.includes(options.split))
    throw wrong('split', options.split, `one of ${cuts.join(', ')}`)
}

/**
 * Reads what is to be measured, and what it is measured against.
 * @throws EverseedError CONFIG_INVALID for an option that is none, or a field to group by that no row has; FILE_UNREADABLE;
 *   RECORD_INVALID when a file holds no text
 */
export async function openSets(paths: readonly string[], options: FileOptions): Promise<Opened> {
  checkOptions(paths, options)
  const { by, field, split, window, selfBleuSample, pos, bad, progress } = options
  const read = async (path: string, lenient: boolean): Promise<Read> => {
    const size = await sizeOf(path)
    const told = (bytes: number): void => progress?.(`reading ${path}, bytes`, bytes, size)
    return await readTexts(path, { field, lenient, split, by: lenient ? undefined : by, bad, read: told })
  }
  const sets: Read[] = []
  for (const path of paths) sets.push(await read(path, false))
  const human = options.reference === undefined ? undefined : await read(options.reference, true)
  const seed = options.seed === undefined ? undefined : await read(options.seed, true)
  const tagger = pos === true ? createTagger() : undefined
  const yardstick = createYardstick(human?.texts, seed?.texts, { selfBleuSample, tagger, window })
  return { sets, measuring: { yardstick, window, progress } }
}

/** The report of texts that were read from a file. */
export function fileReport(
  file: string,
  { texts, bad }: Read,
  measuring: Measuring,
  by: string | undefined
): FileReport {
  const report: FileReport = { file, bad_rows: bad, ...reportOf(texts, measuring) }
  if (by === undefined) return report
  const groups = groupsOf(texts)
  const reports = Array.from(groups, ([name, list]) => [name, reportOf(list, measuring)] as const)
  return { ...report, by, groups: Object.fromEntries(reports), sources: sourcesOf(groups) }
}

/**
 * Measures a file: what `everseed measure FILE --json` prints.
 * @throws EverseedError CONFIG_INVALID for an option that is none, or a field to group by that no row has; FILE_UNREADABLE;
 *   RECORD_INVALID when there is no text in it
 */
export async function measureFile(file: string, options: FileOptions = {}): Promise<FileReport> {
  const { sets, measuring } = await openSets([file], options)
  return fileReport(file, sets[0]!, measuring, options.by)
}

/**
 * Compares two files: what `everseed measure FILE OTHER --json` prints.
 * @throws EverseedError CONFIG_INVALID for an option that is none; FILE_UNREADABLE; RECORD_INVALID when there is no text in one of
 *   them
 */
export async function compareFiles(
  file: string,
  other: string,
  options: Omit<FileOptions, 'by'> = {}
): Promise<FileComparison> {
  const { sets, measuring } = await openSets([file, other], options)
  return compared([file, other], sets, measuring)
}

/** The comparison of two sets that were read. */
export function compared(
  paths: readonly string[],
  sets: readonly Read[],
  measuring: Measuring
): FileComparison {
  const [a, b] = sets.map((set, index) => fileReport(paths[index]!, set, measuring, undefined))
  return { a: a!, b: b!, ...compare(sets[0]!.texts, sets[1]!.texts, measuring) }
}

/** Windows wanted of the largest group and of the smallest, where nobody says their size. */
const [inLargest, inSmallest] = [12, 3]
/** Windows of fewer tokens say nothing. */
const smallest = 50

/** A window size for a chart: so that every group fills some windows, and the reference a band. */
function sizeForChart(groups: ReadonlyMap<string, readonly Text[]>, { yardstick }: Measuring): number {
  const tokens = Array.from(groups.values(), texts =>
    texts.reduce((sum, { text }) => sum + words(text).length, 0)
  )
  const fits = [20_000, Math.max(...tokens) / inLargest, Math.min(...tokens) / inSmallest]
  if (yardstick.largest > 0) fits.push(yardstick.largest)
  return Math.max(roundedDown(Math.min(...fits)), smallest)
}

/** What a chart of texts shows: the windows of every group, or of the whole. */
export function chartOf(title: string, texts: readonly Text[], measuring: Measuring): Chart {
  const { yardstick } = measuring
  const groups = groupsOf(texts)
  const window = measuring.window ?? sizeForChart(groups, measuring)
  const series = Array.from(groups, ([name, list]) => ({
    name: name === '' && groups.size === 1 ? title : name,
    windows: windowsOf(
      list.map(({ text }) => text),
      window,
      measuring
    )
  }))
  const tokens = series.flatMap(({ windows }) => windows).reduce((sum, one) => sum + one.tokens, 0)
  const band = yardstick.band(window, tokens / texts.length)
  const count = (value: number): string => value.toLocaleString('en-US')
  const lines = [`${count(texts.length)} documents, ${count(tokens)} tokens, in windows of ${count(window)}`]
  if (band && band.missing > 0)
    lines.push(`no human band: about ${count(band.missing)} more human documents are missing`)
  return { title, lines, series, band: band?.missing === 0 ? band : undefined }
}
