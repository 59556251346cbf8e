import { scaleToUnit } from './features.ts'
import { GramTable } from './gram-table.ts'
import { type Hashes, createHashes, hashTokens } from './hashes.ts'
import { dimensions, vectors, words } from './word-vectors.ts'

/** Name and version of the sentence embeddings. */
export const embeddingId = 'all-minilm-l6-v2-words-64-1'
/** Numbers of a vector. */
export const embeddingDimensions = dimensions

/**
 * The packaged model. Four numbers of a vector lie in one of 32 bits, each made positive: two of them at a time are added up in
 * halves of 16 bits.
 */
type Model = { readonly table: GramTable; readonly rows: Int32Array }

/** 32-bit numbers of a vector. */
const fours = dimensions / 4
/** What makes a number positive. */
const offset = 128
/** Vectors that two halves have room for. */
const mostAdded = 256

let model: Model | undefined

/** Unpacks the model when it is first asked for, in about 20 milliseconds. */
function unpacked(): Model {
  if (model) return model
  const table = new GramTable()
  const hashes = createHashes()
  hashTokens(words.split(' '), hashes)
  table.add(hashes, 1)
  const bytes = Buffer.from(vectors, 'base64')
  const rows = new Int32Array(bytes.length / 4)
  for (let at = 0; at < rows.length; at++) rows[at] = bytes.readInt32LE(at * 4) ^ 0x80808080
  model = { table, rows }
  return model
}

/**
 * Sentence embeddings of texts: the sum of the vectors of their words, scaled to length 1. The vectors were distilled from
 * all-MiniLM-L6-v2, one a word, for 23,415 words of its vocabulary, most of them English; other words, and the most frequent
 * ones, count for nothing. They know what words mean, and nothing of their order. Cosines of texts that have nothing in common
 * are about 0.
 *
 * Reference: Model2Vec (Tulkens & van Dongen, 2024) for static vectors of a sentence embedding model; Arora et al., "A simple but
 * tough-to-beat baseline for sentence embeddings", ICLR 2017, for weights and the shared direction that is taken out;
 * `word-vectors.py` for how they were made. On 500 texts that it had not looked at, the cosines of all pairs have a Pearson
 * correlation of 0.55 with those of the model itself.
 * Complexity: linear in the words; about 8 microseconds for 100. The buffers are the function's own, the vector too: it is valid
 * until the next call.
 * @returns a function from the hashes of a text's words to its vector; undefined for a text without words that are known
 */
export function createEmbedding(): (words: Hashes) => Float64Array | undefined {
  const { table, rows } = unpacked()
  const sums = new Int32Array(dimensions)
  const vector = new Float64Array(dimensions)
  // The first and third, and the second and fourth number of every four.
  const [odd, even] = [new Int32Array(fours), new Int32Array(fours)]

  /** Adds halves that hold so many vectors to the sums, and empties them. */
  function unload(added: number): void {
    const shift = offset * added
    for (let four = 0; four < fours; four++) {
      const place = four * 4
      sums[place] = sums[place]! + (odd[four]! & 0xffff) - shift
      sums[place + 1] = sums[place + 1]! + (even[four]! & 0xffff) - shift
      sums[place + 2] = sums[place + 2]! + (odd[four]! >>> 16) - shift
      sums[place + 3] = sums[place + 3]! + (even[four]! >>> 16) - shift
    }
    odd.fill(0)
    even.fill(0)
  }

  return ({ lo, hi, length }) => {
    sums.fill(0)
    let added = 0
    for (let at = 0; at < length; at++) {
      const row = table.find(lo[at]!, hi[at]!) * fours
      if (row < 0) continue
      for (let four = 0; four < fours; four++) {
        const numbers = rows[row + four]!
        odd[four] = (odd[four]! + (numbers & 0xff00ff)) | 0
        even[four] = (even[four]! + ((numbers >>> 8) & 0xff00ff)) | 0
      }
      added += 1
      if (added < mostAdded) continue
      unload(added)
      added = 0
    }
    unload(added)
    return scaleToUnit(sums, vector)
  }
}
