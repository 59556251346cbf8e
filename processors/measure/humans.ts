/** The human text of a slot's datasets, and the references and bands taken from it. */
import type { DocumentBeside } from '../../metrics/beside-reference.ts'
import type { Clusters } from '../../metrics/clusters.ts'
import type { StateTable } from '../contract.ts'
import type { Hashes } from '../../metrics/hashes.ts'
import type { Panel } from '../../metrics/panel.ts'
import { type HumanDocument, referenceHalf } from '../reservoir.ts'
import type { SeedText } from '../split.ts'
import { type HumanMemory, type HumanWindow, createHumanMemory, isStale, remember, takeBand } from './band.ts'
import { besideIn, canFreeze, freeze, rememberReference } from './reference.ts'

/** Offset behind the last human text that was read when what is in force was taken: texts before it may be erased since. */
export type Taken = { readonly at: number }

/** The reference that was frozen. */
export type Frozen = Taken & {
  /** Its clusters, numbers of 32 bits in base64: those that are made without a text that was erased would be others. */
  readonly clusters?: { readonly centres: string; readonly offsets: string }
}

const written = (numbers: Float32Array): string =>
  Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('base64')
const read = (text: string): Float32Array =>
  new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)

/** What is kept of a reference that is frozen now. */
function kept(at: number, clusters: Clusters | undefined): Frozen {
  if (!clusters) return { at }
  return { at, clusters: { centres: written(clusters.centres), offsets: written(clusters.offsets) } }
}

/** The clusters of a reference that was frozen before. */
function clustersOf(frozen: Frozen | undefined): Clusters | undefined {
  if (!frozen?.clusters) return undefined
  const [centres, offsets] = [read(frozen.clusters.centres), read(frozen.clusters.offsets)]
  return { count: offsets.length, centres, offsets }
}

/** By dataset. */
export type Humans = {
  /** What is known of a dataset's human text. */
  of(dataset: string, budget: number): HumanMemory
  /** What a text is beside a dataset's reference; undefined before there is one. */
  beside(dataset: string, words: Hashes): DocumentBeside | undefined
  /** Takes a document of the reference split in, into the half it belongs to. */
  add(dataset: string, document: HumanDocument, budget: number): HumanMemory
  /** Takes a document of the seed split in. */
  addSeed(dataset: string, text: SeedText, budget: number): void
  /**
   * Takes the band again if it is out of date, the first one beside a reference that is frozen now; its windows, or none.
   * @param at offset behind the last human text that was read
   */
  refresh(dataset: string, known: HumanMemory, at: number): readonly HumanWindow[]
  /**
   * While texts are read again: takes what is in force at its moment, not from all the text there is by now.
   * @param at offset up to which the texts of the dataset are in; without it all of them are
   */
  restore(dataset: string, known: HumanMemory, at?: number): void
}

/**
 * No text.
 * @param state what a restart finds bands and references again by
 * @param withPanel lends an empty panel
 */
export function createHumans(
  state: { readonly bands: StateTable<Taken>; readonly references: StateTable<Frozen> },
  withPanel: <Result>(use: (panel: Panel) => Result) => Result
): Humans {
  const memories = new Map<string, HumanMemory>()
  const of = (dataset: string, budget: number): HumanMemory => {
    let known = memories.get(dataset)
    if (known === undefined) memories.set(dataset, (known = createHumanMemory(budget)))
    return known
  }
  return {
    of,

    beside: (dataset, words) => besideIn(memories.get(dataset)?.reference, words),

    add(dataset, document, budget) {
      const known = of(dataset, budget)
      if (referenceHalf(document.id) === 'band') remember(known, document)
      else rememberReference(known.reference, document)
      return known
    },

    addSeed: (dataset, text, budget) => of(dataset, budget).seeds.add(text),

    refresh(dataset, known, at) {
      if (!isStale(known)) return []
      if (canFreeze(known.reference)) {
        freeze(known.reference)
        state.references.stage(dataset, kept(at, known.reference.frozen?.clusters))
      }
      const { windows } = withPanel(panel => takeBand(known, panel))
      state.bands.stage(dataset, { at })
      return windows
    },

    restore(dataset, known, at = Infinity) {
      const isDue = (table: StateTable<Taken>): boolean =>
        (table.get(dataset)?.at ?? Infinity) <= at && table.has(dataset)
      if (known.reference.frozen === undefined && isDue(state.references))
        freeze(known.reference, clustersOf(state.references.get(dataset)))
      if (known.band === undefined && isDue(state.bands)) withPanel(panel => takeBand(known, panel))
    }
  }
}
