import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Mean cosine of all pairs of m unit vectors, from their sum. 1 less it is the dispersion (remote-clique). Of hashed features
 * it tells words and pairs of words apart, of sentence embeddings what they mean, under the n-gram kernel the exact counts.
 *
 * Keys: feature_cosine, embedding_cosine, mean_cosine, dispersion.
 * Formula: (||sum of x||^2 - m) / (m (m - 1)); dispersion = 1 - mean cosine.
 * Reference: the identity ||sum x||^2 = m + 2 sum over pairs of x.y; dispersion as in Cevallos et al. (2018).
 * Complexity: O(1) on the sum.
 * Range: [-1 / (m - 1), 1].
 * Sees: texts that get more alike on the whole: fewer subjects, one way to put things.
 * Does not see: how many different kinds there are: two tight groups have the mean of one loose one. Nor the tail: under
 * recursion of a trigram model the cosines of words even fall. They follow the length.
 * @param squaredSum ||sum of the unit vectors||^2, which is also the sum of all entries of their kernel matrix
 * @param items m
 * @returns undefined below two vectors
 */
export function meanCosine(squaredSum: number, items: number): Measured {
  if (items < 2) return undefinedBecause('fewer than two documents with words')
  // Rounding must not leave the range.
  return measured(Math.min(1, (squaredSum - items) / (items * (items - 1))))
}
