import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createTally, type Manifest } from '../../../infra/versions/manifest.ts'
import { isInSubsample } from '../../../infra/versions/subsample.ts'
import type { Sample } from '../../../schemas/types.ts'
import { cell, humanProvenance, humanSample, provenance, sample } from '../../helpers/records.ts'

const ids = fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{4,8}$/), { maxLength: 40 })
const made: fc.Arbitrary<Sample> = fc
  .record({
    human: fc.boolean(),
    generation: fc.option(fc.integer({ min: 1, max: 3 })),
    model: fc.constantFrom('a', 'b', '__proto__'),
    topic: fc.constantFrom('', 'trade', 'sea/war'),
    license: fc.option(fc.constantFrom('CC0-1.0', 'MIT'))
  })
  .map(({ human, generation, model, topic, license }) =>
    human
      ? humanSample('', 'text', { cell: cell({ topic }), provenance: humanProvenance({ license }) })
      : sample('', 'text', {
          cell: cell({ topic }),
          provenance: provenance({ generation, model_id: model, model_family: `family-${model}` })
        })
  )
const slots = fc
  .array(ids, { minLength: 1, maxLength: 3 })
  .chain(list =>
    fc.tuple(
      ...list.map((own, slot) =>
        fc.tuple(...own.map(id => made.map(one => ({ ...one, id: `${slot}.${id}` }))))
      )
    )
  )

/** What a tally says of rows in slots. */
function tallied(list: readonly (readonly Sample[])[], mix = '{}'): { manifest: Manifest; digest: string } {
  const tally = createTally({ mix }, 'd@1')
  for (const rows of list) {
    for (const row of rows) tally.add(row)
    tally.nextSlot()
  }
  return { manifest: tally.manifest(), digest: tally.digest() }
}

const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((all, one) => all + one, 0)

describe('a manifest', () => {
  test('counts every row once, by the plain definition', () => {
    fc.assert(
      fc.property(slots, list => {
        const { manifest } = tallied(list)
        const rows = list.flat()
        assert.equal(manifest.rows, rows.length)
        for (const by of ['origins', 'epochs', 'generations', 'cells'] as const)
          assert.equal(sum(manifest[by]), rows.length, by)
        const synthetic = rows.filter(({ provenance: { origin } }) => origin === 'SYNTHETIC')
        assert.equal(manifest.human, rows.length - synthetic.length)
        assert.deepEqual([manifest.real, manifest.shares, manifest.warnings], [manifest.human, [], []])
        assert.equal(sum(manifest.models), synthetic.length)
        for (const [model, count] of Object.entries(manifest.models))
          assert.equal(count, synthetic.filter(one => one.provenance.model_id === model).length, model)
        const shares = list.flatMap(own =>
          own.map((_, index) => {
            const prefix = own.slice(0, index + 1)
            return prefix.filter(one => one.provenance.origin === 'HUMAN_AUTHORED').length / prefix.length
          })
        )
        assert.equal(manifest.smallest_prefix_share, rows.length === 0 ? null : Math.min(...shares))
        assert.deepEqual(JSON.parse(JSON.stringify(manifest)), manifest, 'survives JSON')
      })
    )
  })

  test('says what the rules came to, what was repeated, and counts edits where they count', () => {
    const edited = humanSample('e', 'text', {
      provenance: humanProvenance({ origin: 'HUMAN_EDITED', parent_ids: ['h'], generation: 0 })
    })
    const list = [
      humanSample('h', 'text'),
      sample('a', 'x'),
      edited,
      sample('b', 'x'),
      humanSample('h', 'text', { epoch: 2 })
    ]
    const mix = {
      edited_counts: true,
      epochs: 2,
      min_share: [{ family: 'a', share: 0.3 }],
      quota: [
        { topic: 'history', share: 1 },
        { run: 'r', rows: 9 }
      ]
    }
    const { manifest } = tallied([list], JSON.stringify(mix))
    assert.deepEqual([manifest.rows, manifest.human, manifest.real, manifest.real_share], [5, 2, 3, 0.6])
    assert.equal(manifest.smallest_prefix_share, 0.5)
    assert.deepEqual(manifest.epochs, { 1: 4, 2: 1 })
    assert.deepEqual(manifest.shares, [
      { rule: 'min_share', of: 'family=a', asked: 0.3, rows: 2, share: 0.4 },
      { rule: 'quota', of: 'topic=history', asked: 1, rows: 5, share: 1 },
      { rule: 'quota', of: 'run=r', asked: 9, rows: 2, share: 0.4 }
    ])
    assert.equal(manifest.subsample, null)
    assert.match(manifest.warnings.join(), /repeated up to 2 times/)
    assert.equal(tallied([list]).manifest.smallest_prefix_share, 0.25, 'edits do not count')
  })

  test('of an experiment warns, and names its sample', () => {
    const list = Array.from({ length: 50 }, (_, index) => sample(`s${index}`, 'x'))
    const mix = JSON.stringify({ strategy: 'accumulate-subsample', subsample: 20 })
    const { warnings, subsample } = tallied([list], mix).manifest
    assert.match(warnings.join(), /for experiments on model collapse only/)
    assert.equal(subsample?.rows, 20)
    assert.equal(list.filter(row => isInSubsample('d@1', subsample.threshold, row)).length, 20)
  })

  test('unknown generations are counted as such', () => {
    const { manifest } = tallied([[sample('a', 'x', { provenance: provenance({ generation: null }) })]])
    assert.deepEqual(manifest.generations, { unknown: 1 })
  })
})

describe('a digest', () => {
  test('is sha256 over the ids, a line each', () => {
    const { digest } = tallied([[sample('one', 'x'), sample('two', 'y')]])
    // GNU coreutils 9.1: printf 'one\ntwo\n' | sha256sum
    assert.equal(digest, 'c3f9c8c283a2b1f2f1896f27a01cbe3cddc0c9d93f752e4639035a0f5b36f6e8')
  })

  test('tells any two sequences of ids apart, and nothing else', () => {
    fc.assert(
      fc.property(ids, ids, (one, other) => {
        const digestOf = (list: readonly string[]): string =>
          tallied([list.map(id => sample(id, 'x'))]).digest
        assert.equal(digestOf(one) === digestOf(other), one.join(',') === other.join(','))
      })
    )
  })

  test('may be asked in between', () => {
    const tally = createTally({ mix: '{}' }, 'd@1')
    tally.add(sample('one', 'x'))
    assert.equal(tally.digest(), hash('sha256', 'one\n', 'hex'))
    tally.add(sample('two', 'y'))
    assert.equal(tally.digest(), hash('sha256', 'one\ntwo\n', 'hex'))
  })
})
