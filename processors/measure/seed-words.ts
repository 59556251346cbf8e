/** The words of the seed split: what is not among them no generator of the dataset can have from its human text. */
import { GramTable, type TypeCounts } from '../../metrics/gram-table.ts'
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes } from '../../metrics/hashes.ts'
import { type Measured, measured, undefinedBecause } from '../../metrics/result.ts'
import type { SeedText } from '../split.ts'

/** Types of the seed split. Memory: about 40 bytes each. */
export type SeedWords = {
  /** Takes a text in. Its words count from the next `settle` on: a restart can do that at the same place again. */
  add(text: SeedText): void
  /** Lets what was added count. */
  settle(): void
  /** What `novelTypeShare` says of a window's types, beside the words that count. */
  novelTypeShare(types: TypeCounts): Measured
}

/** No words. */
export function createSeedWords(): SeedWords {
  const table = new GramTable()
  const hashes = createHashes()
  let texts = 0
  // Types are numbered as they come: those that count are the first.
  let types = 0
  return {
    add(text) {
      hashWords(text, hashes)
      table.add(hashes, ++texts)
    },
    settle() {
      types = table.size
    },
    novelTypeShare({ lo, hi, counts, length, total }) {
      if (length === 0) return undefinedBecause('no tokens')
      if (types === 0) return undefinedBecause('no seed types')
      let novel = 0
      for (let at = 0; at < length; at++) {
        const id = table.find(lo[at]!, hi[at]!)
        if (id < 0 || id >= types) novel += counts[at]!
      }
      return measured(novel / total)
    }
  }
}
