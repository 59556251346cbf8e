import { hashWords } from './hash-text.ts'
import { type Hashes, createHashes, hashGrams } from './hashes.ts'

/** Name and version of the features, stored beside every value they led to. */
export const featuresId = 'hashed-256-1'
/** Numbers of a feature vector. */
export const dimensions = 256

/**
 * Hashed features of texts: each word and each pair of neighbouring words adds 1 or -1 to one of 256 numbers, both by its
 * hash; then the vector is scaled to length 1. Products of such vectors are, but for the hash's noise of about 1/16, cosines
 * of counts. They need no model and cost microseconds; they know nothing of meaning.
 *
 * Reference: Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009. Complexity: linear in the
 * text. The buffers are the function's own; every vector is new.
 * @returns a function from a text to its vector, undefined for a text without words or whose words cancel out
 */
export function createFeatures(): (text: string) => Float64Array | undefined {
  const words = createHashes()
  const unit = createUnitFeatures()
  return text => {
    hashWords(text, words)
    return unit(words)?.slice()
  }
}

/**
 * The same of a text whose words were hashed before. The buffers are the function's own, the vector too: it is valid until the
 * next call.
 * @returns a function from the hashes of a text's words to its vector
 */
export function createUnitFeatures(): (words: Hashes) => Float64Array | undefined {
  const counts = createFeatureCounts()
  const vector = new Float64Array(dimensions)
  return words => {
    return scaleToUnit(counts(words), vector)
  }
}

/**
 * Scales whole numbers to length 1.
 * @param into receives them
 * @returns `into`, undefined where all are 0
 */
export function scaleToUnit(counts: Int32Array, into: Float64Array): Float64Array | undefined {
  let squares = 0
  for (const count of counts) squares += count * count
  if (squares === 0) return undefined
  const scale = 1 / Math.sqrt(squares)
  for (let place = 0; place < counts.length; place++) into[place] = counts[place]! * scale
  return into
}

/**
 * The same before it is scaled: whole numbers. The buffers are the function's own, the counts too: they are valid until the
 * next call.
 * @returns a function from the hashes of a text's words to its counts
 */
export function createFeatureCounts(): (words: Hashes) => Int32Array {
  const pairs = createHashes()
  const counts = new Int32Array(dimensions)
  return words => {
    hashGrams(words, words, 2, pairs)
    counts.fill(0)
    for (const { lo, hi, length } of [words, pairs]) {
      for (let at = 0; at < length; at++) {
        const mixed = Math.imul(lo[at]! ^ (hi[at]! >>> 9), 0x9e3779b1) >>> 0
        const place = mixed >>> 24
        counts[place] = counts[place]! + ((mixed >>> 11) & 1 ? 1 : -1)
      }
    }
    return counts
  }
}
