import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Hashes, createHashes, hashTokens } from '../../../metrics/hashes.ts'
import { createRepeatFilter } from '../../../metrics/repeats.ts'
import { countsOf, spectrumOf, withSingletons } from '../../../metrics/spectrum.ts'

const hashed = (tokens: readonly string[]): Hashes => {
  const hashes = createHashes()
  hashTokens(tokens, hashes)
  return hashes
}
const list = ({ lo, hi, length }: Hashes): string[] =>
  Array.from({ length }, (_, at) => `${lo[at]}:${hi[at]}`)

test('everything that repeats is kept, in its order, from any stretch', () => {
  const texts = fc.array(fc.integer({ min: 0, max: 400 }).map(String), { maxLength: 600 })
  const filter = createRepeatFilter()
  fc.assert(
    fc.property(texts, fc.nat(), fc.nat(), (tokens, a, b) => {
      const hashes = hashed(tokens)
      const [from, to] = [a % (tokens.length + 1), b % (tokens.length + 1)].toSorted((x, y) => x - y) as [
        number,
        number
      ]
      filter.look(hashes)
      const kept = createHashes(1)
      filter.select(hashes, from, to, kept)
      const counts = countsOf(tokens)
      const repeated = list(hashed(tokens.slice(from, to).filter(token => counts.get(token)! > 1)))
      // What is kept and does not repeat may stand in between.
      const wanted = new Set(repeated)
      assert.deepEqual(
        list(kept).filter(one => wanted.has(one)),
        repeated
      )
      assert.ok(kept.length <= to - from)
    }),
    { numRuns: 300 }
  )
})

test('of what stands alone few are kept, however long the list, list after list', () => {
  const filter = createRepeatFilter()
  for (const length of [20_000, 100, 300_000, 20_000]) {
    const hashes = hashed(Array.from({ length }, (_, at) => `${length}/${at}`))
    filter.look(hashes)
    const kept = createHashes()
    filter.select(hashes, 0, length, kept)
    // One in fourteen is expected where every hash has 13 bits, 1 - exp(-1/13) = 0.074.
    assert.ok(kept.length < 0.1 * length + 10, `${kept.length} of ${length}`)
  }
})

test('a spectrum with singletons added is that of all of them', () => {
  const tokens = fc.array(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: 200 })
  fc.assert(
    fc.property(tokens, fc.nat({ max: 50 }), (some, alone) => {
      const singles = Array.from({ length: alone }, (_, at) => `single ${at}`)
      assert.deepEqual(
        withSingletons(spectrumOf(countsOf(some).values()), alone),
        spectrumOf(countsOf([...some, ...singles]).values())
      )
    })
  )
})
