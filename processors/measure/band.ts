/** The human band: the metrics of disjoint windows of human text, as many tokens each as a model's window. */
import { createFingerprinter, isSampled } from '../../metrics/fingerprint.ts'
import { type WindowKey, windowKeys } from '../../metrics/keys.ts'
import { mean, standardDeviation } from '../../metrics/moments.ts'
import type { Panel } from '../../metrics/panel.ts'
import { valueOf } from '../../metrics/result.ts'
import type { ClusterHits } from '../../schemas/types.ts'
import {
  type HumanDocument,
  type Reservoir,
  createReservoir,
  keptWindows,
  minimumWindows,
  missingDocuments as missing,
  stratified
} from '../reservoir.ts'
import { groupsOf } from './scope.ts'
import { type SeedWords, createSeedWords } from './seed-words.ts'
import {
  type ReferenceMemory,
  type WindowValues,
  canFreeze,
  clustersHit,
  createReferenceMemory,
  windowValues
} from './reference.ts'
import { type WindowSums, sumsOf } from './stat.ts'

const fingerprint = createFingerprinter()

/** A band is taken again when this share of its documents is new. */
const staleShare = 0.1

/** Mean, standard deviation, smallest and largest value of one metric over the human windows. */
export type Spread = {
  readonly mean: number
  readonly sd: number
  readonly least: number
  readonly most: number
}

/** One whole window of human text. */
export type HumanWindow = {
  readonly from: number
  readonly to: number
  readonly documents: number
  readonly tokens: number
  readonly values: WindowValues
  readonly clusters: ClusterHits[]
  readonly sums: WindowSums
  /** Its first documents. */
  readonly opening: readonly string[]
}

/** What model windows are compared with. */
export type Band = {
  readonly windows: readonly HumanWindow[]
  readonly spread: ReadonlyMap<WindowKey, Spread>
  /** What it was taken from, in that order. */
  readonly documents: readonly HumanDocument[]
  /** The same of a group of cells, or at a glance, by name; taken when it is first asked for. */
  readonly groups: Map<string, BandOfGroup>
}

/** What windows of a group of cells are compared with. */
export type BandOfGroup = Pick<Band, 'windows' | 'spread'>

/** A dataset's human text and the band last taken from it. */
export type HumanMemory = {
  /** Tokens of a window. */
  readonly budget: number
  readonly reservoir: Reservoir
  /** The other half, which the band's windows too are held against. */
  readonly reference: ReferenceMemory
  /** What the generators were given. */
  readonly seeds: SeedWords
  /** Documents that came into the reservoir since the band was taken. */
  fresh: number
  band: Band | undefined
}

/**
 * An empty memory.
 * @param budget tokens of a window
 */
export function createHumanMemory(budget: number): HumanMemory {
  const reference = createReferenceMemory(budget)
  const seeds = createSeedWords()
  return { budget, reservoir: createReservoir(budget), reference, seeds, fresh: 0, band: undefined }
}

/** Takes a document in. */
export function remember(memory: HumanMemory, document: HumanDocument): void {
  if (memory.reservoir.add(document)) memory.fresh += 1
}

/** Whether there is text for a band, and the one at hand, if any, is out of date or was held against no reference. */
export function isStale({ budget, reservoir, reference, fresh, band }: HumanMemory): boolean {
  if (reservoir.tokens < minimumWindows * budget) return false
  return band === undefined || canFreeze(reference) || fresh >= staleShare * reservoir.documents.length
}

/**
 * Takes the band from what is in memory. Without replacement: a resampled text would have lost its rare words.
 * @param panel an empty panel; handed back with the remainder that filled no window
 */
export function takeBand(memory: HumanMemory, panel: Panel): Band {
  memory.seeds.settle()
  const documents = stratified(memory.reservoir.documents)
  const windows = windowsOf(memory, documents, panel, false)
  const band = { windows, spread: spreadOf(windows), documents, groups: new Map() }
  memory.band = band
  memory.fresh = 0
  return band
}

const isOf = ({ cell }: HumanDocument, group: string): boolean =>
  cell !== undefined && groupsOf(cell, ['task', 'topic', 'format']).includes(group)

/**
 * What a window is compared with: the band in force; of a group of cells the windows that its documents among those of the band
 * fill; at a glance the same windows as they look at a glance.
 * @param panel an empty panel; handed back with the remainder
 * @returns undefined while there is no band
 */
export function bandOf(
  memory: HumanMemory,
  group: string,
  atAGlance: boolean,
  panel: Panel
): BandOfGroup | undefined {
  const { band } = memory
  if (!band || (group === '*' && !atAGlance)) return band
  const name = `${atAGlance ? 'glance' : 'all'} ${group}`
  let known = band.groups.get(name)
  if (!known) {
    const documents = group === '*' ? band.documents : band.documents.filter(one => isOf(one, group))
    const windows = windowsOf(memory, documents, panel, atAGlance)
    band.groups.set(name, (known = { windows, spread: spreadOf(windows) }))
  }
  return known
}

/** The windows that documents fill; what fills none is left in the panel. */
function windowsOf(
  memory: HumanMemory,
  documents: readonly HumanDocument[],
  panel: Panel,
  atAGlance: boolean
): HumanWindow[] {
  const { budget } = memory
  const windows: HumanWindow[] = []
  let from = Infinity
  let to = 0
  let ids: string[] = []
  for (const { id, text, offset, rank } of documents) {
    panel.add(fingerprint(text, !atAGlance || isSampled(Number.parseInt(rank.slice(0, 8), 16))))
    ids.push(id)
    from = Math.min(from, offset)
    to = Math.max(to, offset + 1)
    if (panel.tokens < budget) continue
    const { documents: count, tokens } = panel
    const { values, beside } = windowValues(panel, memory.reference, memory.seeds, { atAGlance })
    const clusters = clustersHit(beside, memory.reference.frozen?.clusters, ids)
    const sums = sumsOf(panel, beside)
    windows.push({ from, to, documents: count, tokens, values, clusters, sums, opening: [...panel.opening] })
    panel.clear()
    ids = []
    from = Infinity
    to = 0
  }
  return windows
}

/** Mean and standard deviation over the windows of every metric that has a value in enough of them. */
export function spreadOf(windows: readonly { readonly values: WindowValues }[]): Map<WindowKey, Spread> {
  const spread = new Map<WindowKey, Spread>()
  for (const key of windowKeys) {
    const values = windows.flatMap(({ values: { [key]: one } }) => {
      const value = one && valueOf(one)
      return value === undefined ? [] : [value]
    })
    if (values.length < minimumWindows) continue
    const [centre, sd] = [valueOf(mean(values)), valueOf(standardDeviation(values))]
    if (centre !== undefined && sd !== undefined)
      spread.set(key, { mean: centre, sd, least: Math.min(...values), most: Math.max(...values) })
  }
  return spread
}

/**
 * How many more documents of the reference split a band needs; 0 as well where more do not help: a group that is less than an
 * eighth of the text a band is taken from never fills five windows of it.
 * @param length tokens per document where there is no human text to take it from
 * @param windows of human text there are
 * @param group of cells that is asked about
 */
export function missingDocuments(
  { budget, reservoir }: HumanMemory,
  length: number,
  windows: number,
  group = '*'
): number {
  if (group === '*') return missing(reservoir, budget, windows, length)
  if (reservoir.tokens >= keptWindows * budget) return 0
  const documents = reservoir.documents.filter(one => isOf(one, group))
  const tokens = documents.reduce((sum, one) => sum + one.tokens, 0)
  return missing({ documents, tokens }, budget, windows, length)
}
