import { sketchLength } from './minhash.ts'

/** Values of a sketch that make a band. */
const rows = 4

/** Bands of a sketch. */
export const bandCount = sketchLength / rows

/**
 * A band of a sketch as a number: locality-sensitive hashing. Two sets of Jaccard similarity s share one of the 16 bands of 4
 * with probability 1 - (1 - s^4)^16: 0.12 at 0.3, 0.64 at 0.5, 0.988 at 0.7, 0.9998 at 0.8. Whoever shares none is never
 * looked at. Unrelated sets share one with probability 16 / 2^32.
 *
 * Reference: P. Indyk, R. Motwani, "Approximate nearest neighbors", STOC 1998; J. Leskovec, A. Rajaraman, J. D. Ullman,
 * "Mining of Massive Datasets", section 3.4. Complexity: constant.
 * @param sketches one or more sketches of `minHash`, one after the other
 * @param which of the sketches, from 0
 * @param band from 0 to below {@link bandCount}
 * @returns an unsigned 32-bit integer
 */
export function bandOf(sketches: Uint8Array, which: number, band: number): number {
  const at = which * sketchLength + band * rows
  return (
    ((sketches[at]! << 24) | (sketches[at + 1]! << 16) | (sketches[at + 2]! << 8) | sketches[at + 3]!) >>> 0
  )
}
