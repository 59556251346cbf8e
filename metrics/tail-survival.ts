/**
 * The chance that a type the human text holds once is still there after each of `generations` rounds of training on nothing
 * but the generations before (pure replacement, as many tokens each time). A curve without parameters to hold
 * `tail_types_kept` against.
 *
 * Formula: s_{g+1}, with s_1 = 1 and s_{k+1} = 1 - exp(-s_k).
 * Reference: Watson & Galton, "On the probability of the extinction of families" (1875), with Poisson offspring of mean 1.
 * Complexity: linear.
 * Range: (0, 1).
 * Sees: what pure replacement does to the tail by itself, of the most faithful model.
 * Does not see: decoding, which is worse, and accumulation and a real share, which are better.
 * @param generations how many, 0 or more
 * @returns the chance after 1, 2, ... generations
 */
export function tailSurvival(generations: number): number[] {
  const chances: number[] = []
  let chance = 1
  for (let generation = 0; generation < generations; generation++) {
    chance = -Math.expm1(-chance)
    chances.push(chance)
  }
  return chances
}
