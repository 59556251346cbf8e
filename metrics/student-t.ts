/** Student's t distribution: the quantile that intervals of a mean are made with. */

/** Coefficients of Lanczos' approximation with g = 7 and nine terms. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7
]

/** Natural logarithm of the gamma function, for x of at least a half. */
function logGamma(x: number): number {
  let sum = lanczos[0]!
  for (let term = 1; term < lanczos.length; term++) sum += lanczos[term]! / (x - 1 + term)
  const t = x + 6.5
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum)
}

/** The regularised incomplete beta function by Lentz's continued fraction; converges fast for x < (a + 1) / (a + b + 2). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front =
    Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a
  let c = 1
  let d = 1 / (1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m <= 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / (1 + even * d)
    c = 1 + even / c
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / (1 + odd * d)
    c = 1 + odd / c
    fraction *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return front * fraction
}

/** Probability that |T| is beyond t. */
function tails(t: number, freedom: number): number {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)
}

/**
 * The t with which `level` of the distribution lies between -t and t.
 *
 * Reference: Abramowitz & Stegun 26.7; equal to R's `qt((1 + level) / 2, freedom)`. Complexity: O(1), by bisection.
 * @param level above 0, below 1
 * @param freedom degrees of freedom, at least 1, whole or not
 */
export function studentT(level: number, freedom: number): number {
  let high = 2
  while (tails(high, freedom) > 1 - level) high *= 2
  let low = 0
  for (let step = 0; step < 100 && high - low > 1e-12 * high; step++) {
    const middle = (low + high) / 2
    if (tails(middle, freedom) > 1 - level) low = middle
    else high = middle
  }
  return (low + high) / 2
}
