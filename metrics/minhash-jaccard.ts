import { sketchLength } from './minhash.ts'

/** Of 8 bits one value in 256 agrees by chance. */
const byChance = 1 / 256

/**
 * The Jaccard similarity of two sets, estimated from their sketches: the share of the values that agree, less those that do by
 * chance. Standard error: sqrt(s (1 - s) / 64), at most 0.0625.
 *
 * Reference: P. Li, A. C. König, "b-Bit Minwise Hashing", WWW 2010. Complexity: the sketch's length.
 * @param sketches one or more sketches, one after the other
 * @param which of them, from 0
 * @param sketch the other one
 * @returns 0 to 1
 */
export function estimatedJaccard(sketches: Uint8Array, which: number, sketch: Uint8Array): number {
  const from = which * sketchLength
  let equal = 0
  for (let at = 0; at < sketchLength; at++) if (sketches[from + at] === sketch[at]) equal++
  return Math.max(0, (equal / sketchLength - byChance) / (1 - byChance))
}
