/** Near-duplicates among the rows of a version: about 200 bytes a row, however long its text is. */
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes } from '../../metrics/hashes.ts'
import { createSketchIndex, shingleWords } from '../../metrics/minhash-index.ts'
import { minHash } from '../../metrics/minhash.ts'
import { hashShingles } from '../../metrics/shingles.ts'

/** The texts seen so far. */
export type Near = {
  /**
   * Adds a text.
   * @param row its number; each is added once
   * @returns rows before it that it is a near-duplicate of; not all of them, but one of each group it belongs to
   */
  add(row: number, folded: string): number[]
}

/** No texts. */
export function createNear(): Near {
  const [words, shingles] = [createHashes(), createHashes()]
  const index = createSketchIndex()
  const rows: number[] = []
  return {
    add(row, folded) {
      hashWords(folded, words)
      hashShingles(words, shingleWords, shingles)
      const sketch = minHash(shingles)
      if (!sketch) return []
      const found = index.find(sketch).map(which => rows[which]!)
      rows.push(row)
      index.add(sketch)
      return found
    }
  }
}
