import { encode } from './grams.ts'
import { longestCommonSubsequence } from './subsequence.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/** Tokens of a document that are compared: the time grows with the product of the lengths. */
export const rougeLength = 2000

/**
 * Tokens as ROUGE cuts them: lower-cased, everything but a-z and 0-9 parts, no stemming. Other scripts have none.
 * Complexity: linear.
 */
export function rougeTokens(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? []
}

/**
 * ROUGE-L homogenization: the mean over unordered pairs of documents of F1 between the longest common subsequence and the
 * lengths of both. High when documents say the same in the same order.
 *
 * Keys: rouge_l.
 * Formula: mean over pairs of 2 LCS / (m + n), m and n the lengths.
 * Reference: Lin, "ROUGE", 2004; equal to `rougeL.fmeasure` of PyPI `rouge-score` 0.1.2 without stemmer, and to
 * `homogenization_score` of PyPI `diversity` 0.3.1 before it rounds (where that is 0 it answers 1).
 * Complexity: pairs times the product of the two lengths over 32: take a sample of documents, and of each no more
 * than its first tokens, as `measureTexts` does with {@link rougeLength}.
 * Range: [0, 1].
 * Sees: documents built alike from the first to the last word, words in between left out.
 * Does not see: a dying tail, under which it can fall, and scripts other than Latin. Function words in common give every pair
 * something; it follows the lengths.
 * @param documents tokens of each; a pair of which one has none scores 0
 * @returns undefined below two documents, and when no document has tokens
 */
export function rougeL(documents: readonly (readonly string[])[]): Measured {
  if (documents.length < 2) return undefinedBecause('fewer than two documents')
  const { documents: ids, types, pooled } = encode(documents)
  if (pooled.length === 0) return undefinedBecause('no tokens')
  let sum = 0
  for (const [index, one] of ids.entries()) {
    const common = longestCommonSubsequence(one, types)
    for (let other = index + 1; other < ids.length; other++) {
      const two = ids[other]!
      if (one.length + two.length > 0) sum += (2 * common(two)) / (one.length + two.length)
    }
  }
  return measured(sum / ((ids.length * (ids.length - 1)) / 2))
}
