/**
 * Near-duplicates among the rows of a version, by the bands of their MinHash sketches: about 200 bytes a row, however long its
 * text is. A row is compared with at most one other per band.
 */
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes } from '../../metrics/hashes.ts'
import { bandCount, bandOf } from '../../metrics/minhash-bands.ts'
import { estimatedJaccard } from '../../metrics/minhash-jaccard.ts'
import { minHash, sketchLength } from '../../metrics/minhash.ts'
import { hashShingles } from '../../metrics/shingles.ts'

/** Words of a shingle. A text of fewer is a near-duplicate of nothing but itself, folded. */
const shingleWords = 5

/** Estimated similarity from which on two texts are near-duplicates: two standard errors below 0.7, as for `admit`. */
const enough = 0.585

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
  let rows = new Uint32Array(64)
  let sketches = new Uint8Array(64 * sketchLength)
  let count = 0
  /** Number of a sketch and of the band by which it stands here, four bits, plus 1; 0: free. */
  let table = new Int32Array(64 * bandCount * 2)

  /** Where a band is, or would be put. */
  function placeOf(values: Uint8Array, which: number, band: number): number {
    const mask = table.length - 1
    const wanted = bandOf(values, which, band)
    const mixed = Math.imul(wanted ^ Math.imul(band + 1, 0x85ebca6b), 0x9e3779b1)
    let place = (mixed ^ (mixed >>> 15)) & mask
    for (let held = table[place]!; held !== 0; held = table[place]!) {
      if (((held - 1) & 15) === band && bandOf(sketches, (held - 1) >>> 4, band) === wanted) break
      place = (place + 1) & mask
    }
    return place
  }

  function put(which: number): void {
    for (let band = 0; band < bandCount; band++) {
      const place = placeOf(sketches, which, band)
      if (table[place] === 0) table[place] = ((which << 4) | band) + 1
    }
  }

  function grow(): void {
    const [moreRows, moreSketches] = [new Uint32Array(rows.length * 2), new Uint8Array(sketches.length * 2)]
    moreRows.set(rows)
    moreSketches.set(sketches)
    rows = moreRows
    sketches = moreSketches
    table = new Int32Array(table.length * 2)
    for (let which = 0; which < count; which++) put(which)
  }

  return {
    add(row, folded) {
      hashWords(folded, words)
      hashShingles(words, shingleWords, shingles)
      const sketch = minHash(shingles)
      if (!sketch) return []
      const found = new Set<number>()
      for (let band = 0; band < bandCount; band++) {
        const held = table[placeOf(sketch, 0, band)]!
        if (held === 0) continue
        const which = (held - 1) >>> 4
        if (!found.has(which) && estimatedJaccard(sketches, which, sketch) >= enough) found.add(which)
      }
      if (count === rows.length) grow()
      rows[count] = row
      sketches.set(sketch, count * sketchLength)
      put(count++)
      return Array.from(found, which => rows[which]!)
    }
  }
}
