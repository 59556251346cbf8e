import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createFamilies, type Split } from '../../../infra/export/families.ts'
import type { Sample } from '../../../schemas/types.ts'
import { humanProvenance, humanSample, message, provenance, sample } from '../../helpers/records.ts'
import { random } from '../../../metrics/random.ts'

function splitOf(samples: readonly Sample[], share: number): Split {
  const families = createFamilies()
  for (const one of samples) families.add(one)
  return families.split(share)
}
const sides = (samples: readonly Sample[], share: number): boolean[] => {
  const split = splitOf(samples, share)
  return samples.map((_, row) => split.isValidation(row))
}

/** A text of its own for every number. */
function words(seed: number, count = 40): string {
  const { uint32 } = random(seed)
  return Array.from({ length: count }, () => `w${uint32() % 5000}`).join(' ')
}

/** A row: who it is, and whom it is kin to. */
const row = fc.record({
  human: fc.boolean(),
  parents: fc.array(fc.nat(90), { maxLength: 2 }),
  quoted: fc.array(fc.nat(90), { maxLength: 1 }),
  prompt: fc.nat(60),
  /** The text of which it is a near copy; those of numbers are far apart. */
  text: fc.nat(60),
  edits: fc.nat(2)
})
const rows = fc.array(row, { minLength: 10, maxLength: 40 })

/** Two words of forty are others: of 36 shingles at least 26 are kept, a similarity of 0.56 and more; of one edit 0.75. */
function textOf({ text, edits }: { text: number; edits: number }): string {
  const list = words(text).split(' ')
  for (let edit = 0; edit < edits; edit++) list[edit * 39] = `other${edit}`
  return list.join(' ')
}

const made = (list: readonly (typeof row extends fc.Arbitrary<infer Value> ? Value : never)[]): Sample[] =>
  list.map(({ human, parents, quoted, prompt, text, edits }, index) => {
    const answer = textOf({ text, edits })
    return human
      ? humanSample(`row-${index}`, answer, { provenance: humanProvenance({ split: 'SEED' }) })
      : sample(`row-${index}`, answer, {
          messages: [message('user', `question ${prompt}`), message('assistant', answer)],
          provenance: provenance({
            prompt_id: `prompt-${prompt}`,
            parent_ids: parents.map(one => `row-${one}`),
            quoted_ids: quoted.map(one => `row-${one}`)
          })
        })
  })

/** Pairs that must not be parted, by the plain definition. */
function kin(a: Sample, b: Sample): boolean {
  const own = ({ id, provenance: { parent_ids, quoted_ids } }: Sample): Set<string> =>
    new Set([id, ...parent_ids, ...quoted_ids])
  const answer = ({ messages }: Sample): string => messages.at(-1)!.content
  return (
    shared(own(a), own(b)) > 0 ||
    (a.provenance.prompt_id !== null && a.provenance.prompt_id === b.provenance.prompt_id) ||
    jaccard(answer(a), answer(b)) >= 0.8
  )
}

function shared(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  return [...one].filter(name => other.has(name)).length
}
function shingles(text: string): Set<string> {
  const list = text.split(' ')
  return new Set(list.slice(4).map((_, at) => list.slice(at, at + 5).join(' ')))
}
function jaccard(one: string, other: string): number {
  const [a, b] = [shingles(one), shingles(other)]
  const both = shared(a, b)
  return both / (a.size + b.size - both)
}

describe('a split', () => {
  test('parts no two rows that share an id, a parent, a prompt, quoted words or nearly their text', () => {
    let validated = 0
    fc.assert(
      fc.property(rows, fc.double({ min: 0.1, max: 0.9, noNaN: true }), (list, share) => {
        const samples = made(list)
        const side = sides(samples, share)
        for (const [i, a] of samples.entries())
          for (const [j, b] of samples.entries())
            if (j < i && kin(a, b)) assert.equal(side[i], side[j], `${a.id} and ${b.id}`)
        validated += side.filter(Boolean).length
      }),
      { numRuns: 300 }
    )
    assert.ok(validated > 500, `the property saw ${validated} rows for validation`)
  })

  test('takes about the share, and nothing for none', () => {
    const samples = Array.from({ length: 2000 }, (_, index) => humanSample(`h${index}`, words(index, 12)))
    const chosen = sides(samples, 0.1).filter(Boolean).length
    // Binomial: 200 plus or minus five standard deviations.
    assert.ok(chosen > 133 && chosen < 267, String(chosen))
    assert.equal(sides(samples, 0).filter(Boolean).length, 0)
    const { families, largest } = splitOf(samples, 0.1)
    assert.deepEqual([families, largest], [2000, 1])
  })

  test('a family stays on its side when rows that are no kin come after it', () => {
    fc.assert(
      fc.property(rows, list => {
        const samples = made(list)
        const more = Array.from({ length: 50 }, (_, index) =>
          humanSample(`more-${index}`, words(1000 + index))
        )
        // So many rows that no family is too large before or after.
        const room = Array.from({ length: 400 }, (_, index) =>
          humanSample(`room-${index}`, words(2000 + index))
        )
        const before = sides([...room, ...samples], 0.2)
        assert.deepEqual(sides([...room, ...samples, ...more], 0.2).slice(0, before.length), before)
      }),
      { numRuns: 20 }
    )
  })

  test('a family that is larger than all of validation may be stays in training, and is told', () => {
    const big = Array.from({ length: 50 }, (_, index) =>
      sample(`m${index}`, words(index), { provenance: provenance({ prompt_id: 'one' }) })
    )
    for (let number = 0; number < 40; number++) {
      const rest = Array.from({ length: 150 }, (_, index) =>
        humanSample(`h${number}-${index}`, words(number * 1000 + index + 100))
      )
      // The first id decides the side of a family: of forty some would have gone to validation.
      const samples = [
        sample(`first-${number}`, 'x', { provenance: provenance({ prompt_id: 'one' }) }),
        ...big,
        ...rest
      ]
      const split = splitOf(samples, 0.2)
      assert.equal(split.isValidation(0), false)
      assert.equal(split.largest, 51)
      if (split.kept === 1) return
    }
    assert.fail('no large family was ever drawn')
  })

  test('the same question under other ids is one family; a sibling named by admit is kin', () => {
    const same = [1, 2].map(index =>
      sample(`m${index}`, words(index), { provenance: provenance({ prompt_id: `p${index}` }) })
    )
    assert.equal(splitOf(same, 0.5).families, 1)
    const sibling = [
      humanSample('h1', words(1)),
      humanSample('h2', words(2), { metadata: { sibling_of: 'h1' } })
    ]
    assert.equal(splitOf(sibling, 0.5).families, 1)
    assert.equal(splitOf([humanSample('h1', 'Short.'), humanSample('h2', ' short. ')], 0.5).families, 1)
    assert.equal(splitOf([humanSample('h1', 'Short.'), humanSample('h2', 'Other.')], 0.5).families, 2)
  })
})
