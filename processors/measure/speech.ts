/** Parts of speech in windows: English, of the first words of each, which is enough and costs as much as all the rest. */
import type { SpeechKey, WindowKey } from '../../metrics/keys.ts'
import { type Tagger, posCompressionRatio } from '../../metrics/pos-compression-ratio.ts'
import { posPatterns } from '../../metrics/pos-patterns.ts'
import { type Measured, undefinedBecause } from '../../metrics/result.ts'
import { templateRate } from '../../metrics/template-rate.ts'
import { type BandOfGroup, type Spread, spreadOf } from './band.ts'
import type { ReferenceMemory } from './reference.ts'

/** Tags of a window that are looked at: as many of each, since a compression ratio grows with the length. */
const taggedTokens = 2000
/** UTF-16 units of a document that are: its first tags are no others without the rest. */
const mostUnits = 40_000

/** Measures parts of speech. */
export type Speech = {
  /** The tagger's id. */
  readonly tagger: string
  /**
   * Of a window.
   * @param opening its first documents
   */
  values(opening: readonly string[], reference: ReferenceMemory): Record<SpeechKey, Measured>
  /** Mean and standard deviation over the human windows; taken when they are first asked for. */
  spread(band: BandOfGroup, reference: ReferenceMemory): ReadonlyMap<WindowKey, Spread>
}

/** @param tagger of one language */
export function createSpeech({ id, tags }: Tagger): Speech {
  const patterns = new WeakMap<ReferenceMemory, readonly string[]>()
  const spreads = new WeakMap<BandOfGroup, ReadonlyMap<WindowKey, Spread>>()

  const tagsOf = (texts: readonly string[]): string[][] => {
    const documents: string[][] = []
    let left = taggedTokens
    for (const text of texts) {
      if (left <= 0) break
      const document = tags(text.slice(0, mostUnits)).slice(0, left)
      documents.push(document)
      left -= document.length
    }
    return documents
  }

  const patternsOf = (reference: ReferenceMemory): readonly string[] => {
    let known = patterns.get(reference)
    // Before it is frozen there is nothing to keep.
    if (!reference.frozen) return []
    if (!known) patterns.set(reference, (known = posPatterns(reference.sample.map(tags))))
    return known
  }

  const values = (opening: readonly string[], reference: ReferenceMemory): Record<SpeechKey, Measured> => {
    const documents = tagsOf(opening)
    return {
      pos_compression_ratio: posCompressionRatio(documents),
      pos_template_rate: reference.frozen
        ? templateRate(documents, patternsOf(reference))
        : undefinedBecause('no human reference yet')
    }
  }

  return {
    tagger: id,
    values,
    spread(band, reference) {
      let known = spreads.get(band)
      if (!known) {
        known = spreadOf(band.windows.map(({ opening }) => ({ values: values(opening, reference) })))
        spreads.set(band, known)
      }
      return known
    }
  }
}
