/** The human text of a slot's datasets, and the references and bands taken from it. */
import type { StateTable } from '../contract.ts'
import type { Hashes } from '../../metrics/hashes.ts'
import type { Panel } from '../../metrics/panel.ts'
import { type HumanDocument, referenceHalf } from '../reservoir.ts'
import { type HumanMemory, type HumanWindow, createHumanMemory, isStale, remember, takeBand } from './band.ts'
import { canFreeze, freeze, logPerplexityIn, rememberReference } from './reference.ts'

/** Documents of a half that were seen when what is in force was taken. */
export type Seen = { readonly seen: number }

/** By dataset. */
export type Humans = {
  /** What is known of a dataset's human text. */
  of(dataset: string, budget: number): HumanMemory
  /** Log-perplexity of a text under a dataset's reference; undefined before there is one. */
  logPerplexity(dataset: string, words: Hashes): number | undefined
  /** Takes a document of the reference split in, into the half it belongs to. */
  add(dataset: string, id: string, document: HumanDocument, budget: number): HumanMemory
  /** Takes the band again if it is out of date, the first one beside a reference that is frozen now; its windows, or none. */
  refresh(dataset: string, known: HumanMemory): readonly HumanWindow[]
  /** After a document that is read again: takes what is in force at its moment, not from all the text there is by now. */
  restore(dataset: string, known: HumanMemory): void
}

/**
 * No text.
 * @param state what a restart finds bands and references again by
 * @param withPanel lends an empty panel
 */
export function createHumans(
  state: { readonly bands: StateTable<Seen>; readonly references: StateTable<Seen> },
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

    logPerplexity: (dataset, words) => logPerplexityIn(memories.get(dataset)?.reference, words),

    add(dataset, id, document, budget) {
      const known = of(dataset, budget)
      if (referenceHalf(id) === 'band') remember(known, document)
      else rememberReference(known.reference, document)
      return known
    },

    refresh(dataset, known) {
      if (!isStale(known)) return []
      if (canFreeze(known.reference)) {
        freeze(known.reference)
        state.references.stage(dataset, { seen: known.reference.seen })
      }
      const { windows } = withPanel(panel => takeBand(known, panel))
      state.bands.stage(dataset, { seen: known.seen })
      return windows
    },

    restore(dataset, known) {
      const { reference } = known
      const frozen = state.references.get(dataset)?.seen
      const due = reference.frozen === undefined && frozen === reference.seen
      if (due) freeze(reference)
      // The band was measured beside the reference, and all its text may be read before that of the other half is.
      if (state.bands.get(dataset)?.seen !== known.seen || (frozen !== undefined && !reference.frozen)) return
      if (known.band === undefined || due) withPanel(panel => takeBand(known, panel))
    }
  }
}
