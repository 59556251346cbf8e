import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Self-repetition: how many of a document's n-grams stand in other documents too. 0 when no n-gram is shared; a document too
 * short for an n-gram counts as sharing none.
 *
 * Keys: self_repetition_4.
 * Formula: mean over documents of ln(1 + sum over its distinct n-grams of the number of other documents that hold it).
 * Reference: Salkar et al., "Self-Repetition in Abstractive Neural Summarizers", AACL 2022; equal to `self_repetition_score`
 * of PyPI `diversity` 0.3.1.
 * Complexity: linear in the documents, given the sums.
 * Range: [0, ...).
 * Sees: phrases that come back in other texts, templates and recursion alike: among the earliest to rise.
 * Does not see: repetition inside one document, and the same said in other words. It grows with the documents in the window
 * and their length.
 * @param shared per document, that sum
 * @returns undefined without documents
 */
export function selfRepetition(shared: Iterable<number>): Measured {
  let sum = 0
  let documents = 0
  for (const others of shared) {
    sum += Math.log(1 + others)
    documents += 1
  }
  return documents === 0 ? undefinedBecause('no documents') : measured(sum / documents)
}

/**
 * For each document, the sum that {@link selfRepetition} takes.
 *
 * Complexity: linear in the ids.
 * @param ids ids of the distinct n-grams of each document, one document after the other
 * @param ends where each document's ids end
 * @param types number of distinct ids
 */
export function* othersHolding(
  ids: readonly number[],
  ends: readonly number[],
  types: number
): Generator<number> {
  const holders = new Uint32Array(types)
  for (const id of ids) holders[id] = holders[id]! + 1
  let at = 0
  for (const end of ends) {
    let others = 0
    for (; at < end; at++) others += holders[ids[at]!]! - 1
    yield others
  }
}
