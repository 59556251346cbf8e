/** What a version holds, counted in one pass over its rows: its memory grows with models and cells, never with rows. */
import { createHash } from 'node:crypto'
import type { Counted } from './rows.ts'

/** Rows by something they have in common. */
export type Counts = Record<string, number>

/** The achieved mix of a version, not the configured one. */
export type Manifest = {
  readonly rows: number
  /** Written by people and nobody else: what the floor counts. */
  readonly human: number
  readonly real_share: number | null
  /** Real share of the prefix that has the smallest, over all slots. */
  readonly smallest_prefix_share: number | null
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

/** An empty tally. */
export function createTally(): Tally {
  const { add: addId, digest } = createDigest()
  const counts: Record<
    'origins' | 'generations' | 'models' | 'families' | 'cells' | 'runs' | 'licenses' | 'recipes',
    Map<string, number>
  > = {
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
  let slotRows = 0
  let slotHuman = 0
  let smallest = 1

  return {
    add({ id, cell, run, provenance }) {
      addId(id)
      rows++
      slotRows++
      if (provenance.origin === 'HUMAN_AUTHORED') {
        human++
        slotHuman++
      }
      smallest = Math.min(smallest, slotHuman / slotRows)
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
      slotHuman = 0
    },
    manifest() {
      const sorted = (name: keyof typeof counts): Counts =>
        Object.fromEntries([...counts[name]].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      return {
        rows,
        human,
        real_share: rows === 0 ? null : human / rows,
        smallest_prefix_share: rows === 0 ? null : smallest,
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
