import { bandCount, bandOf } from './minhash-bands.ts'
import { estimatedJaccard } from './minhash-jaccard.ts'
import { sketchLength } from './minhash.ts'

/**
 * Estimated Jaccard similarity of the folded 5-word shingles from which on two texts are near-duplicates: two standard errors
 * below 0.7. Measured on 20,000 edited texts: of pairs of similarity 0.7 to 0.75 98.6 % are found, from 0.75 on 99.9 %; of 0.5
 * to 0.55 17 % are taken for near-duplicates too, below 0.4 none.
 */
export const nearEnough = 0.585

/** Words of a shingle. A text of fewer is a near-duplicate of nothing but itself, folded. */
export const shingleWords = 5

/** The sketches seen so far, numbered from 0. */
export type SketchIndex = {
  /** Numbers of near-duplicates, ascending: at most one per band, one of each group a text belongs to. */
  find(sketch: Uint8Array): number[]
  /** @returns its number */
  add(sketch: Uint8Array): number
}

/**
 * An empty index of MinHash sketches by their bands (locality-sensitive hashing; Indyk and Motwani 1998, Broder 1997): a text is
 * compared with at most one other per band, however many there are. Memory: about 200 bytes a sketch, in an open-addressed
 * table of the bands in which each holds the first sketch that has it.
 * @param holds whether a number still counts: one that does not is passed over, and its place taken
 */
export function createSketchIndex(holds: (which: number) => boolean = () => true): SketchIndex {
  let count = 0
  let sketches = new Uint8Array(64 * sketchLength)
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
      const held = table[place]!
      if (held === 0 || !holds((held - 1) >>> 4)) table[place] = ((which << 4) | band) + 1
    }
  }

  function grow(): void {
    const more = new Uint8Array(sketches.length * 2)
    more.set(sketches)
    sketches = more
    table = new Int32Array(table.length * 2)
    for (let which = 0; which < count; which++) put(which)
  }

  return {
    find(sketch) {
      const found: number[] = []
      for (let band = 0; band < bandCount; band++) {
        const held = table[placeOf(sketch, 0, band)]!
        if (held === 0) continue
        const which = (held - 1) >>> 4
        if (found.includes(which) || estimatedJaccard(sketches, which, sketch) < nearEnough) continue
        if (holds(which)) found.push(which)
      }
      return found.toSorted((one, other) => one - other)
    },
    add(sketch) {
      if (count * sketchLength === sketches.length) grow()
      sketches.set(sketch, count * sketchLength)
      put(count)
      return count++
    }
  }
}
