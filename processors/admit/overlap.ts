/**
 * How much of a human text stood in synthetic samples before: the share of its fingerprints that were seen in them. Text of
 * models that is published as human shows as a share near 1.
 *
 * Seen are the fingerprints of the newest synthetic samples of the slot, at most 2^20 of them, about 9 million words, and never
 * less than half of that: they are kept in two generations, and when the younger one is full the older is forgotten. They are
 * in no state: a restart reads the samples again that they come from.
 */
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes } from '../../metrics/hashes.ts'
import { NumberTable } from '../../metrics/number-table.ts'
import { hashShingles } from '../../metrics/shingles.ts'
import { winnow } from '../../metrics/winnow.ts'
import { hash32 } from '../../schemas/identity.ts'
import type { Verdict } from '../../schemas/types.ts'
import type { StateTable } from '../contract.ts'

/** Words of a fingerprint's gram, and grams of a window: a run of 15 words that stood elsewhere is always noticed. */
const [gramWords, window] = [8, 8]

/** Most fingerprints of a generation. */
export const generationSize = 2 ** 19

/** Offsets at which the older and the younger generation begin. */
export type Seen = { readonly older: number; readonly younger: number }

/** What was seen of synthetic samples. */
export type Overlap = {
  /** A synthetic sample, in the order of offsets. */
  add(offset: number, dataset: string, text: string): void
  /** Offset of the first sample that has to be seen again after a restart. */
  readonly from: number
  /** A sample that was seen before the restart. */
  again(offset: number, dataset: string, text: string): void
  /** What is to be said of a human text; undefined for one too short to have a fingerprint. */
  verdict(dataset: string, text: string): Verdict | undefined
}

/**
 * @param seen the memory of where the generations begin; its one entry
 * @param size most fingerprints of a generation
 */
export function createOverlap(seen: StateTable<Seen>, size = generationSize): Overlap {
  const [words, grams] = [createHashes(), createHashes()]
  let [older, younger] = [new NumberTable(), new NumberTable()]
  const begins = (): Seen => seen.get('') ?? { older: 0, younger: 0 }

  function fingerprints(dataset: string, text: string): number[] {
    hashWords(text, words)
    hashShingles(words, gramWords, grams)
    // Datasets do not see each other.
    const own = hash32(dataset)
    return winnow(grams, window).map(
      one => (Math.floor(one / 2 ** 32) ^ (own & 0x1fffff)) * 2 ** 32 + (one >>> 0)
    )
  }

  return {
    add(offset, dataset, text) {
      if (younger.size >= size) {
        ;[older, younger] = [younger, new NumberTable()]
        seen.stage('', { older: begins().younger, younger: offset })
      }
      for (const one of fingerprints(dataset, text)) younger.add(one)
    },
    get from() {
      return begins().older
    },
    again(offset, dataset, text) {
      const generation = offset < begins().younger ? older : younger
      for (const one of fingerprints(dataset, text)) generation.add(one)
    },
    verdict(dataset, text) {
      const own = fingerprints(dataset, text)
      if (own.length === 0) return undefined
      let hits = 0
      for (const one of own) if (younger.find(one) >= 0 || older.find(one) >= 0) hits++
      return {
        check: 'synthetic_overlap',
        version: '1',
        is_valid: true,
        score: hits / own.length,
        reasoning: `${hits} of ${own.length} fingerprints stood in synthetic samples before`
      }
    }
  }
}
