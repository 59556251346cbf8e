/** What a version holds, counted in one pass over its rows: its memory grows with models and cells, never with rows. */
import { createHash } from 'node:crypto'
import {
  floorOf,
  isOf,
  isReal,
  type MixSettings,
  parseMix,
  warningsOf,
  wordsOf
} from '../../processors/mixing.ts'
import type { Dataset } from '../../schemas/types.ts'
import type { Excluded } from './cut.ts'
import type { Counted } from './rows.ts'
import { createSubsample } from './subsample.ts'

/** Rows by something they have in common. */
export type Counts = Record<string, number>

/** The achieved mix of a version, not the configured one. */
export type Manifest = {
  readonly rows: number
  /** Written by people and nobody else, repeated rows included. */
  readonly human: number
  /** What the floor counts: these, and edits of human text where the dataset says so. */
  readonly real: number
  /** real / rows. */
  readonly real_share: number | null
  /** Real share of the prefix that has the smallest, over all slots. */
  readonly smallest_prefix_share: number | null
  /** What the dataset's rules came to: the share of all rows each of them is about. */
  readonly shares: readonly AchievedShare[]
  /** accumulate-subsample: rows of the sample, and the largest number one of them drew; null under other strategies. */
  readonly subsample: { readonly rows: number; readonly threshold: number } | null
  /** What whoever trains on it must know. */
  readonly warnings: readonly string[]
  /** By the pass over the human texts they belong to: what is not in the first is repeated. */
  readonly epochs: Counts
  readonly origins: Counts
  /** By generation number; `unknown` where there is none. */
  readonly generations: Counts
  readonly models: Counts
  readonly families: Counts
  /** By task/topic/format. */
  readonly cells: Counts
  readonly runs: Counts
  readonly licenses: Counts
  /** Fingerprints of the recipes the rows were made by. */
  readonly recipes: Counts
  /** Rows before its ends it does not hold; absent in a version that was closed before rows could be retracted. */
  readonly excluded?: Excluded
}

/** What was left out when a version was closed. */
export function excludedOf({ excluded }: Pick<Manifest, 'excluded'>): Excluded {
  return excluded ?? { rows: 0, retracted: [], displaced: [] }
}

/** The rows of a rule: what was asked of them, and what they came to. */
export type AchievedShare = {
  readonly rule: 'min_share' | 'quota'
  /** The rows in words, for example `topic=safety`. */
  readonly of: string
  /** The share, or for a quota perhaps the number of rows. */
  readonly asked: number
  readonly rows: number
  readonly share: number | null
}

/** Counts rows and hashes their ids, in the order they are added. */
export type Tally = {
  add(sample: Counted): void
  /** Begins the next slot: a prefix is one of a slot. */
  nextSlot(): void
  manifest(): Manifest
  /**
   * sha256 over the ids in order, each followed by a line feed, 64 hex digits: what
   * `everseed subscribe training --version … --format keys | sha256sum` prints.
   */
  digest(): string
}

/** Hashes ids in the order they are added; it may be asked in between. */
export type Digest = {
  add(id: string): void
  digest(): string
}

/** Ids are hashed many at a time: each call costs as much as the hashing. */
const together = 512

/** The digest of no ids. */
export function createDigest(): Digest {
  const hash = createHash('sha256')
  let waiting: string[] = []
  const flush = (): void => {
    if (waiting.length === 0) return
    hash.update(`${waiting.join('\n')}\n`)
    waiting = []
  }
  return {
    add(id) {
      waiting.push(id)
      if (waiting.length === together) flush()
    },
    digest() {
      flush()
      // It may go on: a version's parent is a prefix of it.
      return hash.copy().digest('hex')
    }
  }
}

/** How a dataset is mixed; one that cannot be read promises the default. */
export function settingsOf({ mix }: Pick<Dataset, 'mix'>): MixSettings {
  return parseMix(mix) ?? parseMix('{}')!
}

/** The floor that holds for a dataset's versions: experiments have none. */
export function enforcedFloor(dataset: Pick<Dataset, 'floor' | 'mix'>): number {
  return floorOf(dataset, settingsOf(dataset))
}

/** Says whether the floor of a dataset counts a row. */
export function countsAsReal(dataset: Pick<Dataset, 'mix'>): (row: Counted) => boolean {
  const settings = settingsOf(dataset)
  return row => isReal(row, settings)
}

/**
 * An empty tally.
 * @param dataset whose rows are counted
 * @param version what it is called, `dataset@version`
 */
export function createTally(dataset: Pick<Dataset, 'mix'>, version: string): Tally {
  const settings = settingsOf(dataset)
  const rules = [
    ...settings.min_share.map(rule => ({ rule, kind: 'min_share' as const, asked: rule.share })),
    ...settings.quota.map(rule => ({ rule, kind: 'quota' as const, asked: rule.share ?? rule.rows! }))
  ]
  const ruled = rules.map(() => 0)
  const drawn = settings.subsample === undefined ? undefined : createSubsample(version, settings.subsample)
  const { add: addId, digest } = createDigest()
  const counts: Record<
    'epochs' | 'origins' | 'generations' | 'models' | 'families' | 'cells' | 'runs' | 'licenses' | 'recipes',
    Map<string, number>
  > = {
    epochs: new Map(),
    origins: new Map(),
    generations: new Map(),
    models: new Map(),
    families: new Map(),
    cells: new Map(),
    runs: new Map(),
    licenses: new Map(),
    recipes: new Map()
  }
  const count = (name: keyof typeof counts, key: string | null | undefined): void => {
    if (!key) return
    const map = counts[name]
    map.set(key, (map.get(key) ?? 0) + 1)
  }
  let rows = 0
  let human = 0
  let real = 0
  let slotRows = 0
  let slotReal = 0
  let smallest = 1

  return {
    add(sample) {
      const { id, cell, run, provenance, epoch } = sample
      addId(id)
      rows++
      slotRows++
      if (provenance.origin === 'HUMAN_AUTHORED') human++
      if (isReal(sample, settings)) {
        real++
        slotReal++
      }
      smallest = Math.min(smallest, slotReal / slotRows)
      for (const [index, { rule }] of rules.entries()) if (isOf(rule, sample)) ruled[index]!++
      drawn?.add(sample)
      count('epochs', String(epoch))
      count('origins', provenance.origin)
      count('generations', String(provenance.generation ?? 'unknown'))
      count('models', provenance.model_id)
      count('families', provenance.model_family)
      count('cells', `${cell.task}/${cell.topic}/${cell.format}`)
      count('runs', run)
      count('licenses', provenance.license)
      count('recipes', provenance.recipe)
    },
    nextSlot() {
      slotRows = 0
      slotReal = 0
    },
    manifest() {
      const sorted = (name: keyof typeof counts): Counts =>
        Object.fromEntries([...counts[name]].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      return {
        rows,
        human,
        real,
        real_share: rows === 0 ? null : real / rows,
        smallest_prefix_share: rows === 0 ? null : smallest,
        shares: rules.map(({ rule, kind, asked }, index) => ({
          rule: kind,
          of: wordsOf(rule),
          asked,
          rows: ruled[index]!,
          share: rows === 0 ? null : ruled[index]! / rows
        })),
        subsample: drawn?.result() ?? null,
        warnings: warningsOf(settings),
        epochs: sorted('epochs'),
        origins: sorted('origins'),
        generations: sorted('generations'),
        models: sorted('models'),
        families: sorted('families'),
        cells: sorted('cells'),
        runs: sorted('runs'),
        licenses: sorted('licenses'),
        recipes: sorted('recipes')
      }
    },
    digest
  }
}
