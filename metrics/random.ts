/**
 * Seeded randomness: xoshiro128** 1.1, its state filled by splitmix64.
 *
 * Reference: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47, 2021
 * (prng.di.unimi.it). Not for secrets. The same seed gives the same numbers on every machine.
 */

/** A stream of random numbers. */
export type Random = {
  /** An integer from 0 to 2^32 - 1. */
  uint32(): number
  /** A number from 0 to below 1, 53 bits. */
  float(): number
  /**
   * An integer from 0 to below `bound`, without bias worth the name: 53 bits are cut into at most 2^32 parts.
   * @param bound 1 to 2^32
   */
  below(bound: number): number
}

const mask = (1n << 64n) - 1n

/** The first `count` outputs of splitmix64. */
function splitmix64(seed: bigint, count: number): bigint[] {
  let state = seed & mask
  return Array.from({ length: count }, () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask
    let mixed = state
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask
    return mixed ^ (mixed >> 31n)
  })
}

/**
 * A stream of random numbers.
 * @param seed an integer from 0 to 2^53 - 1
 * @throws RangeError when it is not
 */
export function random(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`a seed is an integer from 0 to 2^53 - 1, not ${seed}`)
  }
  const [first = 0n, second = 0n] = splitmix64(BigInt(seed), 2)
  let a = Number(first & 0xffffffffn) | 0
  let b = Number(first >> 32n) | 0
  let c = Number(second & 0xffffffffn) | 0
  let d = Number(second >> 32n) | 0

  const uint32 = (): number => {
    const five = Math.imul(b, 5)
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }
  const float = (): number => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53
  return { uint32, float, below: bound => Math.floor(float() * bound) }
}
