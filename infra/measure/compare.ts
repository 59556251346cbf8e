/**
 * Two sets of texts side by side. Most metrics grow or shrink with the number of tokens, and drawing documents with
 * replacement would itself remove rare words: these are compared over disjoint windows of one size, cut from a seeded shuffle
 * of each set, by Welch's interval. Only statistics of one number per document are compared by a bootstrap.
 */
import { mean, standardDeviation } from '../../metrics/moments.ts'
import { quantile } from '../../metrics/quantile.ts'
import { random } from '../../metrics/random.ts'
import { valueOf } from '../../metrics/result.ts'
import { studentT } from '../../metrics/student-t.ts'
import { type TextKey, textKeys } from '../../metrics/text-keys.ts'
import { tokenWindows } from '../../metrics/token-windows.ts'
import { words } from '../../metrics/tokenize.ts'
import { minimumWindows, shuffleRank, stratified } from '../../processors/reservoir.ts'
import { type DocumentMetric, documentMetrics } from './document-values.ts'
import { type Yardstick, ratios } from './human.ts'
import { roundedDown } from './report.ts'
import type { Text } from './texts.ts'

/** Share of intervals that hold the true difference. */
export const confidence = 0.95

/** How one metric differs. */
export type Difference = {
  /** Of each set: over its documents, or the mean of its windows. */
  readonly a: number
  readonly b: number
  /** b - a. */
  readonly difference: number
  readonly low: number
  readonly high: number
  readonly method: 'windows' | 'bootstrap'
  /** Windows or documents of each set. */
  readonly n: readonly [number, number]
}

/** What two sets differ in. */
export type Comparison = {
  readonly confidence: number
  /** Tokens of a window; null: the smaller set fills too few of any size. */
  readonly window_tokens: number | null
  /** Windows of each set. */
  readonly windows: readonly [number, number]
  readonly differences: Partial<Record<TextKey, Difference>>
  readonly undefined: Partial<Record<TextKey, string>>
}

/** How sets are compared. */
export type Comparing = {
  readonly yardstick: Yardstick
  /** Tokens of a window; absent: the largest that is sensible. */
  readonly window?: number | undefined
  readonly progress?: ((step: string, done: number, of: number) => void) | undefined
}

/** Windows wanted of the smaller set, and most that are measured. */
const wanted = 10
const most = 40
/** The sizes a window may have where none is given. */
const [smallestWindow, largestWindow] = [200, 20_000]
/** What windows are cut to, and what is a metric over a constant. */
const notCompared: readonly TextKey[] = ['documents', 'tokens', ...ratios.map(({ ratio }) => ratio)]

/** Texts in the order windows are cut in: shuffled by their ids, every topic spread evenly. */
function shuffledTexts(texts: readonly Text[]): { text: string; tokens: number }[] {
  const documents = texts.map(({ text, id, topic }, offset) => ({
    id,
    offset,
    topic,
    text,
    tokens: words(text).length,
    rank: shuffleRank(id)
  }))
  return stratified(
    documents.toSorted((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.offset - b.offset))
  )
}

type Shuffled = readonly { readonly text: string; readonly tokens: number }[]

const cut = (set: Shuffled, size: number): { from: number; to: number }[] =>
  tokenWindows(
    set.map(({ tokens }) => tokens),
    size
  )

/** The largest size of which both sets fill ten windows, or else five; undefined: there is none. */
function sizeFor(sets: readonly Shuffled[]): number | undefined {
  for (const count of [wanted, minimumWindows]) {
    const fill = (set: Shuffled): number => set.reduce((sum, { tokens }) => sum + tokens, 0) / count
    let size = Math.min(largestWindow, ...sets.map(fill))
    while (size >= smallestWindow) {
      const round = roundedDown(size)
      if (sets.every(set => cut(set, round).length >= count)) return round
      size *= 0.95
    }
  }
  return undefined
}

/** Welch's interval of a difference of two means. */
export function welch(a: readonly number[], b: readonly number[]): Omit<Difference, 'method'> | undefined {
  const [meanA, meanB] = [valueOf(mean(a)), valueOf(mean(b))]
  const [sdA, sdB] = [valueOf(standardDeviation(a)), valueOf(standardDeviation(b))]
  if (meanA === undefined || meanB === undefined || sdA === undefined || sdB === undefined) return undefined
  const [partA, partB] = [sdA ** 2 / a.length, sdB ** 2 / b.length]
  const error = Math.sqrt(partA + partB)
  const freedom = (partA + partB) ** 2 / (partA ** 2 / (a.length - 1) + partB ** 2 / (b.length - 1))
  const half = error === 0 ? 0 : studentT(confidence, freedom) * error
  const difference = meanB - meanA
  return {
    a: meanA,
    b: meanB,
    difference,
    low: difference - half,
    high: difference + half,
    n: [a.length, b.length]
  }
}

/**
 * A percentile bootstrap over documents, seeded: the same sets give the same interval.
 * @returns undefined below five values on a side
 */
export function bootstrap(a: DocumentMetric, b: DocumentMetric): Difference | undefined {
  const { statistic } = a
  // The spread of one document, or of two or three, is nothing to draw an interval from.
  if (a.values.length < minimumWindows || b.values.length < minimumWindows) return undefined
  const [valueA, valueB] = [valueOf(statistic(a.values)), valueOf(statistic(b.values))]
  if (valueA === undefined || valueB === undefined) return undefined
  const draws = random(1)
  const drawn = (values: readonly number[]): number | undefined =>
    valueOf(statistic(values.map(() => values[draws.below(values.length)]!)))
  // Of very many documents fewer draws say as much, and cost as much.
  const resamples = a.values.length + b.values.length > 40_000 ? 200 : 1000
  const differences: number[] = []
  for (let draw = 0; draw < resamples; draw++) {
    const [one, other] = [drawn(a.values), drawn(b.values)]
    if (one !== undefined && other !== undefined) differences.push(other - one)
  }
  const sorted = differences.toSorted((x, y) => x - y)
  const low = valueOf(quantile(sorted, (1 - confidence) / 2))
  const high = valueOf(quantile(sorted, (1 + confidence) / 2))
  if (low === undefined || high === undefined) return undefined
  const n = [a.values.length, b.values.length] as const
  return { a: valueA, b: valueB, difference: valueB - valueA, low, high, method: 'bootstrap', n }
}

/** Compares two sets. */
export function compare(
  a: readonly Text[],
  b: readonly Text[],
  { yardstick, window, progress }: Comparing
): Comparison {
  const sets = [shuffledTexts(a), shuffledTexts(b)] as const
  const size = window ?? sizeFor(sets)
  const counts = sets.map(set => (size === undefined ? 0 : cut(set, size).length)) as [number, number]
  const enough = size !== undefined && counts.every(count => count >= minimumWindows)
  const measured = sets.map((set, side) => {
    if (!enough) return []
    const windows = cut(set, size).slice(0, most)
    return windows.map(({ from, to }, index) => {
      progress?.(`windows of ${side === 0 ? 'A' : 'B'}`, index, windows.length)
      return yardstick.measure(set.slice(from, to).map(({ text }) => text))
    })
  })
  const differences: Partial<Record<TextKey, Difference>> = {}
  const missing: Partial<Record<TextKey, string>> = {}
  progress?.('documents', 0, 1)
  const [ofA, ofB] = [a, b].map(set =>
    documentMetrics(
      set.map(({ text }) => text),
      yardstick.reference
    )
  ) as [DocumentMetric[], DocumentMetric[]]
  for (const [index, metric] of ofA.entries()) {
    const other = ofB[index]!
    const found = bootstrap(metric, other)
    if (found) differences[metric.key] = found
    else missing[metric.key] = tooFew(metric, other)
  }
  for (const key of textKeys) {
    if (differences[key] !== undefined || missing[key] !== undefined || notCompared.includes(key)) continue
    const [inA, inB] = measured.map(windows => windows.flatMap(({ metrics }) => metrics[key] ?? [])) as [
      number[],
      number[]
    ]
    const found = inA.length >= minimumWindows && inB.length >= minimumWindows ? welch(inA, inB) : undefined
    if (found) differences[key] = { ...found, method: 'windows' }
    else missing[key] = reasonOf(key, measured, counts, size)
  }
  const windows = measured.map(({ length }) => length) as [number, number]
  return { confidence, window_tokens: enough ? size : null, windows, differences, undefined: missing }
}

/** Why there is no difference of a statistic of documents. */
const tooFew = ({ needs, values }: DocumentMetric, other: DocumentMetric): string =>
  `each set must hold ${minimumWindows} ${needs}; they hold ${values.length} and ${other.values.length}`

/** Why there is no difference of a metric over windows. */
function reasonOf(
  key: TextKey,
  measured: readonly (readonly { readonly undefined: Partial<Record<TextKey, string>> }[])[],
  counts: readonly number[],
  size: number | undefined
): string {
  const reason = measured.flat().find(window => window.undefined[key] !== undefined)?.undefined[key]
  if (reason !== undefined) return reason
  const windows = size === undefined ? `windows of ${smallestWindow} tokens` : `windows of ${size} tokens`
  return `each set must fill ${minimumWindows} ${windows}${size === undefined ? '' : `; they fill ${counts.join(' and ')}`}`
}
