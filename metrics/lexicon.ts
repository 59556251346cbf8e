/** Tokens of documents that come one after the other, as numbers: 4 bytes a token, whatever its length. */

/** Tokens so far. Every different one has a number, from 0 in the order of first appearance. */
export type Lexicon = {
  /** Adds the tokens of the next document. */
  add(tokens: readonly string[]): void
  /** Tokens of each document. */
  readonly lengths: readonly number[]
  /** Numbers of all tokens, one document after the other. */
  pooled(): Int32Array
  /** Occurrences per token, in the order of first appearance. */
  counts(): Map<string, number>
}

/** An empty lexicon. Complexity: linear in the tokens. */
export function createLexicon(): Lexicon {
  const numbers = new Map<string, number>()
  const occurrences: number[] = []
  const lengths: number[] = []
  let ids = new Int32Array(1024)
  let size = 0
  return {
    add(tokens) {
      lengths.push(tokens.length)
      if (size + tokens.length > ids.length) {
        const larger = new Int32Array(Math.max(2 * ids.length, size + tokens.length))
        larger.set(ids)
        ids = larger
      }
      for (const token of tokens) {
        let id = numbers.get(token)
        if (id === undefined) {
          id = numbers.size
          numbers.set(token, id)
          occurrences.push(0)
        }
        occurrences[id]! += 1
        ids[size++] = id
      }
    },
    lengths,
    pooled: () => ids.subarray(0, size),
    counts() {
      const counts = new Map<string, number>()
      let id = 0
      for (const token of numbers.keys()) counts.set(token, occurrences[id++]!)
      return counts
    }
  }
}
