import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { circleOf } from '../../infra/models.ts'
import type { Version } from '../../schemas/types.ts'

type Made = { readonly base: string | null; readonly trained_on: readonly string[] }
const version = (...models: string[]): Version =>
  ({ manifest: JSON.stringify({ models: Object.fromEntries(models.map(one => [one, 1])) }) }) as Version
const made = (base: string | null, ...trained_on: string[]): Made => ({ base, trained_on })
const offline = new Set(['ngram-4@37e52cec'])
const circle = (id: string, of: Made, known: Record<string, Made>, versions: Record<string, Version> = {}) =>
  circleOf(
    id,
    of as never,
    new Map(Object.entries(known)) as never,
    new Map(Object.entries(versions)),
    offline
  )

test('a model that would descend from itself is found through bases, versions and both', () => {
  assert.equal(circle('a', made('a'), {}), 'its base a')
  assert.equal(circle('a', made('b'), { b: made('a') }), 'its base b, by its base a')
  const versions = { 'd@1': version('x', 'a'), 'e@1': version('b') }
  assert.equal(circle('a', made(null, 'd@1'), {}, versions), 'd@1, which holds texts of a')
  assert.equal(
    circle('a', made('x', 'e@1'), { b: made(null, 'd@1') }, versions),
    'e@1, which holds texts of b, by d@1, which holds texts of a'
  )
  assert.equal(
    circle('c', made('x', 'e@1', 'd@1'), { b: made('a', 'd@1'), a: made('x') }, versions),
    undefined
  )
})

test('texts of an offline model are named by its fingerprint as well, and are its own', () => {
  const versions = { 'd@1': version('ngram-4@37e52cec', 'ngram') }
  assert.equal(
    circle('ngram-4', made(null, 'd@1'), {}, versions),
    'd@1, which holds texts of ngram-4@37e52cec'
  )
  assert.equal(circle('ngram-4@other', made(null, 'd@1'), {}, versions), undefined)
  assert.equal(circle('ngram', made(null, 'd@1'), {}, versions), 'd@1, which holds texts of ngram')
  assert.equal(
    circle('a', made(null, 'd@1'), { 'ngram-4': made('a') }, versions),
    'd@1, which holds texts of ngram-4@37e52cec, by its base a',
    'what was registered of its name holds'
  )
})

test('the same name with a date behind it is another model', () => {
  assert.equal(circle('sonnet', made('sonnet@20240620'), { 'sonnet@20240620': made(null) }), undefined)
})

test('a circle of others, which was registered before circles were refused, ends', () => {
  assert.equal(circle('a', made('b'), { b: made('c'), c: made('b') }), undefined)
})

test('of models that are made of earlier ones none descends from itself, and each that is made of a later one does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.boolean()), { minLength: 2, maxLength: 12 }),
      fc.nat(),
      (list, pick) => {
        const known: Record<string, Made> = {}
        const versions: Record<string, Version> = {}
        for (const [index, [base, one, other, based]] of list.entries()) {
          const earlier = (number: number): string => `m${number % Math.max(1, index)}`
          if (index === 0) known['m0'] = made(null)
          else {
            versions[`d@${index}`] = version(earlier(one), earlier(other))
            known[`m${index}`] = made(based ? earlier(base) : null, `d@${index}`)
          }
        }
        for (const [id, of] of Object.entries(known)) assert.equal(circle(id, of, known, versions), undefined)
        const last = `m${list.length - 1}`
        // Its ancestors, the plain way.
        const above = new Set<string>()
        const climb = (id: string): void => {
          const { base, trained_on } = known[id]!
          const texts = trained_on.flatMap(name =>
            Object.keys((JSON.parse(versions[name]!.manifest) as { models: object }).models)
          )
          for (const up of [...(base === null ? [] : [base]), ...texts]) {
            if (above.has(up)) continue
            above.add(up)
            climb(up)
          }
        }
        climb(last)
        const chosen = `m${pick % list.length}`
        const found = circle(chosen, made(last), known, versions)
        assert.equal(found !== undefined, chosen === last || above.has(chosen))
      }
    )
  )
})
