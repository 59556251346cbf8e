import { type Measured, measured, undefinedBecause } from './result.ts'
import { totalOf } from './spectrum.ts'

/**
 * Kullback-Leibler divergence KL(P, Q) in bits of two counts, over the union of their types, with `added` put on every count
 * of both. How many bits more a text of P costs in a code made for Q.
 *
 * Keys: kl_to_human.
 * Formula: sum over types of p log2(p / q), p = (f + 0.5) / (N + 0.5 U), q = the same of the reference, U the types of both.
 * Reference: Kullback & Leibler (1951); Lidstone (1920) for what is added.
 * Complexity: linear in the types.
 * Range: [0, ...), not symmetric.
 * Sees: words the texts have and people do not, or much more rarely.
 * Does not see: words that are missing cost it little, so cold decoding can lower it at first. Most of it is chance of the two
 * samples: read it beside human windows only.
 * @param first counts of P, by type
 * @param second counts of Q
 * @param added put on every count; 0 leaves a type of P that Q lacks without answer
 * @returns undefined when one has no tokens, and for a type of P alone with nothing added
 */
export function klDivergence(
  first: ReadonlyMap<string, number>,
  second: ReadonlyMap<string, number>,
  added = 0.5
): Measured {
  const [ofFirst, ofSecond] = [totalOf(first), totalOf(second)]
  if (ofFirst === 0 || ofSecond === 0) return undefinedBecause('no tokens on one side')
  let union = second.size
  for (const type of first.keys()) if (!second.has(type)) union += 1
  const term = (inFirst: number, inSecond: number): number => {
    const p = (inFirst + added) / (ofFirst + added * union)
    const q = (inSecond + added) / (ofSecond + added * union)
    return p === 0 ? 0 : p * Math.log2(p / q)
  }
  let sum = 0
  for (const [type, count] of first) sum += term(count, second.get(type) ?? 0)
  for (const [type, count] of second) if (!first.has(type)) sum += term(0, count)
  if (sum === Infinity) return undefinedBecause('a type of the first is absent from the second')
  return measured(Math.max(0, sum))
}
