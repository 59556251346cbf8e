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
  referenceWindows,
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

/** Mean, standard deviation, smallest and largest value of a metric over human windows. */
export type Spread = {
  readonly mean: number
  readonly sd: number
  readonly least: number
  readonly most: number
}

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
  /**
   * The band for windows of that many tokens; undefined without a reference. Kept: another call costs nothing.
   * @param length tokens per document of what is measured, for how many are missing of a reference without words
   */
  band(tokens: number, length: number, progress?: (window: number, of: number) => void): Band | undefined
  /** What texts, and the seed texts, share with the reference; undefined without one. */
  overlap(texts: readonly string[]): Overlap | undefined
  /** Tokens of the largest windows there would be a band for; 0 without a reference. */
  readonly largest: number
  /** The half that is looked into. */
  readonly reference: Reference | undefined
  /** Documents of the reference that count. */
  readonly documents: number
}

/** Documents whose very text the reference holds too. */
export type Overlap = {
  /** Of those measured. */
  readonly documents: number
  /** Of the seed texts, where there are some. */
  readonly seed?: number
}

/** Parameters of a measurement. */
export type Samples = {
  readonly selfBleuSample?: number | undefined
  readonly tagger?: Tagger | undefined
  /** Tokens of a window, which what the reference is made of depends on; absent: those of a pipeline that says none. */
  readonly window?: number | undefined
}

/** Tokens of a window of the pipeline, where a dataset says no other. */
const usualWindow = 20_000

/**
 * Makes a yardstick. Of a reference exported from the pipeline only the reference split counts, of seed texts only the seed
 * split: what carries another would not be held out.
 * @param reference held-out human texts
 * @param seed texts the generators were fitted on
 */
export function createYardstick(
  reference: readonly Text[] | undefined,
  seed: readonly Text[] | undefined,
  { selfBleuSample, tagger, window = usualWindow }: Samples = {}
): Yardstick {
  const held = reference?.filter(({ split }) => split === undefined || split === 'REFERENCE')
  const seeds = seed?.filter(({ split }) => split === undefined || split === 'SEED').map(({ text }) => text)
  const documents = (held ?? []).map(rankedOf)
  const others = documents.filter(({ id }) => referenceHalf(id) === 'band')
  // As much of it as in the pipeline, and in the order of the shuffle: clusters are begun in it.
  const vocabulary = createReservoir<string>(window, referenceWindows)
  for (const document of documents) if (referenceHalf(document.id) === 'vocabulary') vocabulary.add(document)
  const fitted = held && createReference(vocabulary.documents.map(({ text }) => text))
  let known: ReadonlySet<string> | undefined
  const shared = (texts: readonly string[]): number => {
    known ??= new Set(documents.map(({ text }) => sameText(text)))
    return texts.filter(text => /\S/.test(text) && known!.has(sameText(text))).length
  }
  let sharedSeeds: number | undefined
  const measure = createMeasure({
    ...(fitted && { reference: fitted }),
    ...(seeds && { seed: seeds }),
    ...(tagger && { tagger }),
    ...(selfBleuSample !== undefined && { selfBleuSample })
  })
  const bands = new Map<number, Band>()
  return {
    measure,
    band(tokens, length, progress) {
      if (!held || tokens < 1) return undefined
      const taken = bands.get(tokens)
      if (taken) return taken
      const band = takeBand(others, tokens, measure, progress)
      const typical = typicalLength(documents) ?? length
      const whole = { ...band, missing: missingOf(others, tokens, band.windows, typical) }
      bands.set(tokens, whole)
      return whole
    },
    overlap(texts) {
      if (!held) return undefined
      if (!seeds) return { documents: shared(texts) }
      sharedSeeds ??= shared(seeds)
      return { documents: shared(texts), seed: sharedSeeds }
    },
    get largest() {
      return largestWindow(others)
    },
    reference: fitted,
    documents: documents.length
  }
}

/** A text as the shuffle knows it. */
const rankedOf = ({ text, id, topic }: Text, offset: number): HumanDocument => ({
  id,
  offset,
  topic,
  text,
  tokens: words(text).length,
  rank: shuffleRank(id)
})

/** What texts have in common that are the same but for how their letters are composed and for the space around them. */
const sameText = (text: string): string => text.normalize('NFC').trim()

/** Mean tokens of the documents that have some; undefined where none has. */
function typicalLength(documents: readonly HumanDocument[]): number | undefined {
  const lengths = documents.flatMap(({ tokens }) => (tokens > 0 ? [tokens] : []))
  return valueOf(mean(lengths))
}

/** Documents the reference lacks for a band of windows of that many tokens. */
function missingOf(
  documents: readonly HumanDocument[],
  tokens: number,
  windows: number,
  typical: number
): number {
  const held = { documents, tokens: documents.reduce((sum, document) => sum + document.tokens, 0) }
  // A handful of documents says nothing about how long they are: the length of all others counts, and what they hold is
  // taken off what is asked for.
  return documents.filter(document => document.tokens > 0).length < minimumWindows
    ? missingDocuments({ documents: [], tokens: 0 }, tokens - held.tokens / minimumWindows, windows, typical)
    : missingDocuments(held, tokens, windows, typical)
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
): Omit<Band, 'missing'> {
  const taken = shuffled(documents, tokens)
  const windows = tokenWindows(
    taken.map(document => document.tokens),
    tokens
  )
  if (windows.length < minimumWindows) return { tokens, windows: windows.length, spread: {} }
  const measured = windows.map(({ from, to }, index) => {
    progress?.(index, windows.length)
    return measure(taken.slice(from, to).map(({ text }) => text)).metrics
  })
  const spread: Partial<Record<TextKey, Spread>> = {}
  for (const key of textKeys) {
    const values = measured.flatMap(metrics => metrics[key] ?? [])
    if (values.length < minimumWindows) continue
    const [centre, sd] = [valueOf(mean(values)), valueOf(standardDeviation(values))]
    if (centre !== undefined && sd !== undefined)
      spread[key] = { mean: centre, sd, least: Math.min(...values), most: Math.max(...values) }
  }
  // What is divided by the human mean has the mean 1.
  for (const { ratio, of } of ratios) {
    const found = spread[of]
    if (found && found.mean > 0)
      spread[ratio] = {
        mean: 1,
        sd: found.sd / found.mean,
        least: found.least / found.mean,
        most: found.most / found.mean
      }
  }
  return { tokens, windows: windows.length, spread }
}
