/**
 * Finds near-duplicates among the human texts of a dataset. Where two are taken for siblings that are not, that costs nothing but
 * a split that is shared without need.
 */
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes } from '../../metrics/hashes.ts'
import { createSketchIndex, shingleWords } from '../../metrics/minhash-index.ts'
import { minHash } from '../../metrics/minhash.ts'
import { hashShingles } from '../../metrics/shingles.ts'

/** Makes sketches. Buffers are reused; a sketch is its receiver's. */
export function createSketcher(): (folded: string) => Uint8Array | undefined {
  const [words, shingles] = [createHashes(), createHashes()]
  return folded => {
    hashWords(folded, words)
    hashShingles(words, shingleWords, shingles)
    return minHash(shingles)
  }
}

/** A sketch as text, as it is kept in the memory. */
export function sketchText(sketch: Uint8Array): string {
  return btoa(String.fromCharCode(...sketch))
}

/** A sketch from its text. */
export function sketchFrom(text: string): Uint8Array {
  return Uint8Array.from(atob(text), char => char.charCodeAt(0))
}

/** The texts of one dataset. */
export type Siblings = {
  /** Ids of the siblings of a text, in the order they were added. */
  find(sketch: Uint8Array): string[]
  add(id: string, sketch: Uint8Array): void
}

/**
 * An empty index.
 * @param holds whether a text is still known: what a refused record added is passed over
 */
export function createSiblings(holds: (id: string) => boolean): Siblings {
  const ids: string[] = []
  const index = createSketchIndex(which => holds(ids[which]!))
  return {
    find: sketch => index.find(sketch).map(which => ids[which]!),
    add(id, sketch) {
      ids.push(id)
      index.add(sketch)
    }
  }
}
