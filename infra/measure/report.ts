/** What is said of a set of texts: every metric of the whole, of its windows and of its groups, beside the human band. */
import type { TextMetrics } from '../../metrics/measure-texts.ts'
import { mean, standardDeviation } from '../../metrics/moments.ts'
import { isComparable } from '../../metrics/comparable.ts'
import { valueOf } from '../../metrics/result.ts'
import { type TextKey, textKeys } from '../../metrics/text-keys.ts'
import { tokenWindows } from '../../metrics/token-windows.ts'
import { words } from '../../metrics/tokenize.ts'
import { type Band, type Overlap, type Yardstick, ratios } from './human.ts'
import type { Text } from './texts.ts'

/** A value's place in the human band; null where there is no band, z also where the sizes differ. */
export type Human = { readonly mean: number | null; readonly sd: number | null; readonly z: number | null }

/** One window of consecutive texts. */
export type Window = {
  /** First text, from 0, and the one behind its last. */
  readonly start: number
  readonly end: number
  readonly tokens: number
  /** The rest, which fills no window: compared with nothing. */
  readonly partial: boolean
  readonly metrics: Partial<Record<TextKey, number>>
  readonly undefined: Partial<Record<TextKey, string>>
  /** Distance from the human mean in human standard deviations, where there is a band. */
  readonly z: Partial<Record<TextKey, number>>
}

/** Whole windows together. */
export type PerWindow = {
  readonly mean: number
  /** Null below two windows. */
  readonly sd: number | null
  /** Of the mean: how far a typical window is from human ones. Null without a band. */
  readonly z: number | null
}

/** What the band was taken from. */
export type BandSource = {
  /** Tokens of a window. */
  readonly window_tokens: number
  readonly windows: number
  /** Documents the reference lacks for a band; above 0 there is none. */
  readonly missing: number
  /** Why there is none. */
  readonly no_data?: string
  /** Documents measured, and seed texts, that are in the reference too: above 0 it is not held out. */
  readonly overlap: Overlap
}

/** Everything about one set of texts. */
export type Report = {
  readonly documents: number
  readonly tokenizer: string
  /** Of those metrics that have another one. */
  readonly tokenizers: Readonly<Partial<Record<TextKey, string>>>
  readonly kernel: string
  readonly features: string
  readonly embedding: string
  readonly tagger?: string
  readonly metrics: Partial<Record<TextKey, number>>
  readonly undefined: Partial<Record<TextKey, string>>
  readonly human?: Record<TextKey, Human>
  readonly band?: BandSource
  /** Tokens that close a window. */
  readonly window_tokens?: number
  readonly windows?: readonly Window[]
  readonly per_window?: Partial<Record<TextKey, PerWindow>>
}

/** How texts are measured. */
export type Measuring = {
  readonly yardstick: Yardstick
  /** Tokens that close a window; absent: no windows, and the band is that of windows as large as the whole. */
  readonly window?: number | undefined
  /** Is told what is being done: of which step how many of how many are done. */
  readonly progress?: ((step: string, done: number, of: number) => void) | undefined
}

/** Metrics with the ratios to the band filled in. */
function besideBand(measured: TextMetrics, band: Band | undefined, none: string): TextMetrics {
  if (!band) return measured
  const metrics = { ...measured.metrics }
  const missing = { ...measured.undefined }
  for (const { ratio, of } of ratios) {
    const [value, centre] = [metrics[of], band.spread[of]?.mean]
    if (value !== undefined && centre !== undefined && centre > 0) {
      metrics[ratio] = value / centre
      delete missing[ratio]
    } else {
      missing[ratio] =
        value === undefined ? missing[of]! : centre === undefined ? none : 'the human windows have none'
    }
  }
  return { ...measured, metrics, undefined: missing }
}

/** Distance of a metric from its mean in standard deviations; undefined where there is no spread, or none for so many documents. */
function distance(
  key: TextKey,
  value: number | undefined,
  documents: number | undefined,
  band: Band | undefined
): number | undefined {
  const spread = band?.spread[key]
  if (value === undefined || spread === undefined || !(spread.sd > 0)) return undefined
  if (!isComparable(key, documents ?? 0, band?.spread.documents)) return undefined
  return (value - spread.mean) / spread.sd
}

function humanOf(metrics: TextMetrics['metrics'], band: Band, sameSize: boolean): Record<TextKey, Human> {
  const entries = textKeys.map(key => {
    const spread = band.spread[key]
    const z = sameSize ? distance(key, metrics[key], metrics.documents, band) : undefined
    return [key, { mean: spread?.mean ?? null, sd: spread?.sd ?? null, z: z ?? null }] as const
  })
  return Object.fromEntries(entries) as Record<TextKey, Human>
}

/** To two digits: a window size as people write it. */
export function roundedDown(size: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(size, 1))) - 1)
  return Math.floor(size / unit) * unit
}

function sourceOf({ tokens, windows, missing }: Band, overlap: Overlap, largest: number): BandSource {
  const source = { window_tokens: tokens, windows, missing, overlap }
  if (missing === 0) return source
  const fits = roundedDown(largest)
  return {
    ...source,
    no_data:
      `NO_DATA: the band needs 5 disjoint human windows of ${tokens} tokens and half of the reference fills ${windows}; ` +
      `about ${missing} more documents are missing` +
      (fits >= 100 ? `; --window ${fits} is what it is enough for` : '')
  }
}

/** The windows of texts, each measured; what is left over at the end is the last, and partial. */
export function windowsOf(texts: readonly string[], size: number, measuring: Measuring): Window[] {
  const { yardstick, progress } = measuring
  const lengths = texts.map(text => words(text).length)
  const length = lengths.reduce((sum, tokens) => sum + tokens, 0) / Math.max(texts.length, 1)
  const band = yardstick.band(size, length, (done, of) => progress?.('human windows', done, of))
  const bounds: { from: number; to: number; partial?: true }[] = tokenWindows(lengths, size)
  const behind = bounds.at(-1)?.to ?? 0
  if (behind < texts.length) bounds.push({ from: behind, to: texts.length, partial: true })
  return bounds.map(({ from, to, partial = false }, index) => {
    progress?.('windows', index, bounds.length)
    const measured = yardstick.measure(texts.slice(from, to))
    const { metrics, undefined: missing } = partial
      ? measured
      : besideBand(measured, band, 'no human band of this window size')
    const z: Window['z'] = {}
    for (const key of textKeys) {
      const found = partial ? undefined : distance(key, metrics[key], metrics.documents, band)
      if (found !== undefined) z[key] = found
    }
    return { start: from, end: to, tokens: metrics.tokens ?? 0, partial, metrics, undefined: missing, z }
  })
}

/** Mean and spread over whole windows. */
export function perWindow(
  windows: readonly Window[],
  band: Band | undefined
): Partial<Record<TextKey, PerWindow>> {
  const whole = windows.filter(({ partial }) => !partial)
  const found: Partial<Record<TextKey, PerWindow>> = {}
  const documents = valueOf(mean(whole.flatMap(({ metrics }) => metrics.documents ?? [])))
  for (const key of textKeys) {
    const values = whole.flatMap(({ metrics }) => metrics[key] ?? [])
    const centre = valueOf(mean(values))
    if (centre === undefined) continue
    const z = distance(key, centre, documents, band) ?? null
    found[key] = { mean: centre, sd: valueOf(standardDeviation(values)) ?? null, z }
  }
  return found
}

/**
 * Measures a set of texts.
 * @param texts in their order, which windows and pooled metrics go by
 */
export function reportOf(texts: readonly Text[], measuring: Measuring): Report {
  const { yardstick, window, progress } = measuring
  const strings = texts.map(({ text }) => text)
  progress?.('the whole', 0, 1)
  const whole = yardstick.measure(strings)
  const { tokens = 0, length_mean = 0 } = whole.metrics
  const told = (done: number, of: number): void => progress?.('human windows', done, of)
  const band = yardstick.band(window ?? tokens, length_mean, told)
  const none = window === undefined ? 'no human band of this size' : 'the whole is no window: see its windows'
  const {
    metrics,
    undefined: missing,
    ...madeWith
  } = window === undefined ? besideBand(whole, band, none) : withoutRatios(whole, band, none)
  const windows = window === undefined ? undefined : windowsOf(strings, window, measuring)
  return {
    documents: texts.length,
    ...madeWith,
    metrics,
    undefined: missing,
    ...(band && {
      human: humanOf(metrics, band, window === undefined),
      band: sourceOf(band, yardstick.overlap(strings)!, yardstick.largest)
    }),
    ...(windows && { window_tokens: window!, windows, per_window: perWindow(windows, band) })
  }
}

/** The whole of what is measured in windows is compared with no human windows. */
function withoutRatios(measured: TextMetrics, band: Band | undefined, none: string): TextMetrics {
  return besideBand(measured, band && { ...band, spread: {} }, none)
}

/** Texts by their group, in the order groups turn up. */
export function groupsOf(texts: readonly Text[]): Map<string, Text[]> {
  const groups = new Map<string, Text[]>()
  for (const text of texts) {
    const group = groups.get(text.group)
    if (group) group.push(text)
    else groups.set(text.group, [text])
  }
  return groups
}
