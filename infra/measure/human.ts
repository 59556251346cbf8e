/**
 * What texts are measured against: one half of a human reference for what looks into its texts, the other for the band,
 * that is the spread of every metric over disjoint windows of as many tokens. The halves and the shuffle are those of
 * the pipeline, so that the same documents make the same band.
 */
import { type TextMetrics, createMeasure } from '../../metrics/measure-texts.ts'
import { mean, standardDeviation } from '../../metrics/moments.ts'
import type { Tagger } from '../../metrics/pos-compression-ratio.ts'
import { type Reference, createReference } from '../../metrics/reference.ts'
import { valueOf } from '../../metrics/result.ts'
import { type TextKey, textKeys } from '../../metrics/text-keys.ts'
import { tokenWindows } from '../../metrics/token-windows.ts'
import { words } from '../../metrics/tokenize.ts'
import {
  type HumanDocument as Ranked,
  createReservoir,
  minimumWindows,
  missingDocuments,
  referenceHalf,
  shuffleRank,
  stratified
} from '../../processors/reservoir.ts'
import type { Text } from './texts.ts'

/** Metrics that are another one over its mean in human windows. */
export const ratios = [
  { ratio: 'tail_types_kept_ratio', of: 'tail_types_kept' },
  { ratio: 'tail_mass_ratio', of: 'tail_mass' },
  { ratio: 'novel_type_share_ratio', of: 'novel_type_share' }
] as const satisfies readonly { ratio: TextKey; of: TextKey }[]

/** Mean and standard deviation of a metric over human windows. */
export type Spread = { readonly mean: number; readonly sd: number }

/** The human band of one window size. */
export type Band = {
  /** Tokens that close a window. */
  readonly tokens: number
  /** Windows it was taken from; below five there is no band. */
  readonly windows: number
  /** Documents the reference lacks for one. */
  readonly missing: number
  /** By metric; empty where there is no band. */
  readonly spread: Partial<Record<TextKey, Spread>>
}

/** Measures texts against a reference. */
export type Yardstick = {
  /** Every metric of the texts. */
  measure(texts: readonly string[]): TextMetrics
  /** The band for windows of that many tokens; undefined without a reference. Kept: another call costs nothing. */
  band(tokens: number, progress?: (window: number, of: number) => void): Band | undefined
  /** Tokens of the largest windows there would be a band for; 0 without a reference. */
  readonly largest: number
  /** The half that is looked into. */
  readonly reference: Reference | undefined
  /** Documents of the reference that count. */
  readonly documents: number
}

/** Parameters of a measurement. */
export type Samples = { readonly selfBleuSample?: number | undefined; readonly tagger?: Tagger | undefined }

/**
 * Makes a yardstick. Of a reference exported from the pipeline only the reference split counts, of seed texts only the seed
 * split: what carries another would not be held out.
 * @param reference held-out human texts
 * @param seed texts the generators were fitted on
 */
export function createYardstick(
  reference: readonly Text[] | undefined,
  seed: readonly Text[] | undefined,
  { selfBleuSample, tagger }: Samples = {}
): Yardstick {
  const held = reference?.filter(({ split }) => split === undefined || split === 'REFERENCE')
  const seeds = seed?.filter(({ split }) => split === undefined || split === 'SEED').map(({ text }) => text)
  // In the order of the shuffle, as in the pipeline: clusters are begun in it.
  const vocabulary = held
    ?.filter(({ id }) => referenceHalf(id) === 'vocabulary')
    .toSorted((a, b) => (shuffleRank(a.id) < shuffleRank(b.id) ? -1 : 1))
  const others = held?.filter(({ id }) => referenceHalf(id) === 'band')
  const fitted = vocabulary && createReference(vocabulary.map(({ text }) => text))
  const measure = createMeasure({
    ...(fitted && { reference: fitted }),
    ...(seeds && { seed: seeds }),
    ...(tagger && { tagger }),
    ...(selfBleuSample !== undefined && { selfBleuSample })
  })
  const documents = (others ?? []).map(({ text, id, topic }, offset) => ({
    id,
    offset,
    topic,
    text,
    tokens: words(text).length,
    rank: shuffleRank(id)
  }))
  const bands = new Map<number, Band>()
  return {
    measure,
    band(tokens, progress) {
      if (!others || tokens < 1) return undefined
      const known = bands.get(tokens)
      if (known) return known
      const band = takeBand(documents, tokens, measure, progress)
      bands.set(tokens, band)
      return band
    },
    get largest() {
      return largestWindow(documents)
    },
    reference: fitted,
    documents: held?.length ?? 0
  }
}

/** Tokens of the largest windows the documents fill five of. */
function largestWindow(documents: readonly HumanDocument[]): number {
  const total = documents.reduce((sum, document) => sum + document.tokens, 0)
  const lengths = shuffled(documents, total).map(({ tokens }) => tokens)
  let size = Math.floor(total / minimumWindows)
  // Windows of whole documents are a little longer than they are asked to be.
  while (size > 0 && tokenWindows(lengths, size).length < minimumWindows) size = Math.floor(size * 0.98)
  return size
}

/** The documents for windows of a size, in the order they are cut in. */
function shuffled(documents: readonly HumanDocument[], size: number): readonly HumanDocument[] {
  const reservoir = createReservoir<string>(size)
  for (const document of documents) reservoir.add(document)
  return stratified(reservoir.documents)
}

/** Whoever names a file as reference says that it is held out. */
type HumanDocument = Ranked<string>

/** Takes a band. Without replacement: a resampled text would have lost its rare words. */
function takeBand(
  documents: readonly HumanDocument[],
  tokens: number,
  measure: (texts: readonly string[]) => TextMetrics,
  progress?: (window: number, of: number) => void
): Band {
  const taken = shuffled(documents, tokens)
  const windows = tokenWindows(
    taken.map(document => document.tokens),
    tokens
  )
  const held = { documents: taken, tokens: taken.reduce((sum, document) => sum + document.tokens, 0) }
  const missing = missingDocuments(held, tokens, windows.length, tokens)
  if (windows.length < minimumWindows) return { tokens, windows: windows.length, missing, spread: {} }
  const measured = windows.map(({ from, to }, index) => {
    progress?.(index, windows.length)
    return measure(taken.slice(from, to).map(({ text }) => text)).metrics
  })
  const spread: Partial<Record<TextKey, Spread>> = {}
  for (const key of textKeys) {
    const values = measured.flatMap(metrics => metrics[key] ?? [])
    if (values.length < minimumWindows) continue
    const [centre, sd] = [valueOf(mean(values)), valueOf(standardDeviation(values))]
    if (centre !== undefined && sd !== undefined) spread[key] = { mean: centre, sd }
  }
  // What is divided by the human mean has the mean 1.
  for (const { ratio, of } of ratios) {
    const found = spread[of]
    if (found && found.mean > 0) spread[ratio] = { mean: 1, sd: found.sd / found.mean }
  }
  return { tokens, windows: windows.length, missing, spread }
}
