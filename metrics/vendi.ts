import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * Vendi score: the effective number of different items, the exponential of the Rényi entropy of order q of the eigenvalues of
 * K / m, K being a kernel with ones on its diagonal. m for items that have nothing in common, 1 for m times the same.
 *
 * Keys: vendi_q1, vendi_qinf, embedding_vendi_q1, embedding_vendi_qinf.
 * Formula: q = 1: exp(-sum of l ln l); q = infinity: 1 / largest l; else (sum of l^q)^(1 / (1 - q)); l the eigenvalues of K /
 * m.
 * Reference: Friedman & Dieng, "The Vendi Score", TMLR 2023; Pasarkar & Dieng, "Cousins of the Vendi Score" (2024), for q;
 * equal to `score_K(K, q)` of PyPI `vendi-score` 0.0.3 (whose `score_X` ignores its q).
 * Complexity: linear in the eigenvalues.
 * Range: [1, m], falling with q.
 * Sees: how many different kinds of text there are in effect: order 1 counts rare kinds too, order infinity only how much the
 * largest takes.
 * Does not see: words that die without a subject dying. Texts put together from pieces of others raise it: they lie between
 * kinds. It grows with m.
 * @param eigenvalues of K / m: they add up to 1, and rounding below 0 counts as 0
 * @param q order, above 0; 1 is Shannon's entropy, Infinity leaves the largest eigenvalue alone
 * @returns undefined without eigenvalues above 0
 */
export function vendi(eigenvalues: ArrayLike<number>, q = 1): Measured {
  const shares = Array.from(eigenvalues).filter(value => value > 0)
  if (shares.length === 0) return undefinedBecause('no items')
  if (q === Infinity) return measured(1 / shares.reduce((most, share) => Math.max(most, share)))
  if (q === 1) return measured(Math.exp(-shares.reduce((sum, share) => sum + share * Math.log(share), 0)))
  return measured(shares.reduce((sum, share) => sum + share ** q, 0) ** (1 / (1 - q)))
}
