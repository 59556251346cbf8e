import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { random } from '../../../metrics/random.ts'

// From the authors' C code (xoshiro128starstar.c and splitmix64.c of prng.di.unimi.it), compiled with gcc: the state is
// two outputs of splitmix64, low half first. First four numbers, then the thousandth.
const golden: [number, number[], number][] = [
  [0, [3737715805, 2584255861, 2876756834, 3286328325], 2387201604],
  [42, [1776835114, 4165204688, 17111135, 2317295270], 16075257],
  [2 ** 53 - 1, [1233166643, 1287031142, 661813442, 2960669951], 1464220257]
]

test('xoshiro128** seeded by splitmix64, number for number', () => {
  for (const [seed, first, thousandth] of golden) {
    const draws = random(seed)
    const numbers = Array.from({ length: 1000 }, () => draws.uint32())
    assert.deepEqual(numbers.slice(0, 4), first)
    assert.equal(numbers[999], thousandth)
  }
})

test('floats fill [0, 1) evenly and bounds are kept', () => {
  const draws = random(1)
  const buckets = Array.from({ length: 10 }, () => 0)
  for (let draw = 0; draw < 100_000; draw += 1) {
    const value = draws.float()
    assert.ok(value >= 0 && value < 1)
    buckets[Math.floor(value * 10)]! += 1
  }
  // Chi-square with 9 degrees of freedom: 27.9 is passed once in a thousand; the seed is fixed.
  const chi = buckets.reduce((sum, seen) => sum + (seen - 10_000) ** 2 / 10_000, 0)
  assert.ok(chi < 27.9, `${chi}`)
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
      const value = random(seed).below(bound)
      assert.ok(Number.isInteger(value) && value >= 0 && value < bound)
      assert.equal(value, random(seed).below(bound))
    })
  )
})

test('a seed that is none is refused', () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 53, Infinity]) assert.throws(() => random(seed), RangeError)
})
