import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTableStore } from '../../../infra/runner/tables.ts'
import { recipeSchema } from '../../../processors/recipe.ts'
import type { Control } from '../../../schemas/types.ts'
import * as make from '../../helpers/records.ts'

const word = (scope: string, author: string, fields: Partial<Control> = {}): [string, Control] => [
  `${scope}|${author}`,
  {
    scope,
    author,
    action: 'stop',
    state: `${scope} by ${author}`,
    reason: '',
    evidence: '',
    temperature_delta: null,
    expires_at: null,
    created_at: 0,
    ...fields
  }
]

describe('the word about a run', () => {
  const store = (...words: [string, Control][]) => {
    const clock = { now: 100 }
    const tables = createTableStore(() => clock.now)
    tables.set('runs', 'r', make.run('r'))
    for (const [key, one] of words) tables.set('control', key, one)
    return { tables, clock }
  }
  const said = (...words: [string, Control][]): string | undefined =>
    store(...words).tables.control('r')?.state

  test('is the operator’s before the guard’s, the narrower scope’s before the wider', () => {
    assert.equal(said(), undefined)
    assert.equal(said(word('*', 'guard')), '* by guard')
    assert.equal(said(word('*', 'operator'), word('dataset:d', 'guard')), 'dataset:d by guard')
    assert.equal(said(word('dataset:d', 'operator'), word('run:r', 'guard')), 'run:r by guard')
    assert.equal(said(word('run:r', 'guard'), word('run:r', 'operator')), 'run:r by operator')
    assert.equal(said(word('run:other', 'operator'), word('dataset:other', 'operator')), undefined)
  })

  test('holds until it expires or is taken back', () => {
    const { tables, clock } = store(
      word('run:r', 'operator', { expires_at: 200 }),
      word('run:r', 'guard', { state: 'later' })
    )
    assert.equal(tables.control('r')?.author, 'operator')
    clock.now = 200
    assert.equal(tables.control('r')?.state, 'later')
    tables.set('control', ...word('run:r', 'guard', { action: 'none' }))
    assert.equal(tables.control('r'), undefined)
    tables.set('control', ...word('run:r', 'guard'))
    tables.set('control', 'run:r|guard', undefined)
    assert.equal(tables.control('r'), undefined)
  })

  test('is no warning where another one says whether to go on', () => {
    const warning = word('dataset:d', 'guard', { action: 'warn', state: 'STOP_MIX' })
    assert.equal(said(warning), 'STOP_MIX')
    assert.equal(said(warning, word('*', 'operator')), '* by operator')
    assert.equal(said(warning, word('run:r', 'guard', { action: 'warn', state: 'narrow' })), 'narrow')
    const { tables } = store(warning)
    assert.equal(tables.word('dataset:d', 'guard')?.state, 'STOP_MIX')
    assert.equal(tables.word('dataset:d', 'mix'), undefined)
  })

  test('of a retraction is heard where the guard has nothing to say, and what it takes back is its own', () => {
    const retraction = word('dataset:d', 'retract', { action: 'warn', state: 'WARNING' })
    assert.equal(said(retraction), 'WARNING')
    assert.equal(said(retraction, word('dataset:d', 'guard')), 'dataset:d by guard')
    const { tables } = store(word('dataset:d', 'guard'), retraction)
    tables.set('control', ...word('dataset:d', 'retract', { action: 'none' }))
    assert.equal(tables.control('r')?.state, 'dataset:d by guard')
  })

  test('about a run nobody knows can only be for everybody', () => {
    const { tables } = store(word('*', 'operator'))
    assert.equal(tables.control('unknown')?.state, '* by operator')
  })
})

test('a recipe is read once, and again when its run changed', () => {
  const tables = createTableStore(() => 0)
  assert.equal(tables.recipe('r'), undefined)
  tables.set('runs', 'r', make.run('r', { window: 500 }))
  const first = tables.recipe('r')
  assert.equal(first?.window, 500)
  assert.equal(tables.recipe('r'), first)
  tables.set('runs', 'r', make.run('r', { window: 500 }, { state: 'ended', revision: 2 }))
  assert.equal(tables.recipe('r'), first, 'the same text')
  tables.set('runs', 'r', make.run('r', { window: 600 }, { revision: 3 }))
  assert.equal(tables.recipe('r')?.window, 600)
})

test('a recipe somebody else wrote wrongly is none', () => {
  const tables = createTableStore(() => 0)
  for (const recipe of ['', '{"torn', '[]', '{"dataset": "d"}']) {
    tables.set('runs', 'r', make.run('r', {}, { recipe }))
    assert.equal(tables.recipe('r'), undefined, recipe)
  }
})

test('a run goes forward only: of two who raise the same revision the first was right', () => {
  const tables = createTableStore(() => 0)
  const say = (state: 'open' | 'draining' | 'ended', revision: number): string | undefined => {
    tables.set('runs', 'r', make.run('r', {}, { state, revision }))
    return tables.run('r')?.state
  }
  assert.equal(say('open', 1), 'open')
  assert.equal(say('draining', 2), 'draining')
  assert.equal(say('ended', 3), 'ended')
  assert.equal(say('draining', 2), 'ended', 'a closer that was late')
  assert.equal(say('draining', 3), 'ended', 'a closer at the same time')
  tables.set('runs', 'r', undefined)
  assert.equal(say('open', 1), 'open')
})

test('the newest revision of a model is the model', () => {
  const tables = createTableStore(() => 0)
  for (const revision of ['1', '2']) tables.set('models', `m@${revision}`, { id: 'm', revision })
  assert.equal(tables.model('m')?.revision, '2')
  assert.equal(tables.model('m', '1')?.revision, '1')
  assert.equal(tables.model('m', '3'), undefined)
})

test('entries come and go', () => {
  const tables = createTableStore(() => 0)
  tables.set('runs', 'a', make.run('a'))
  tables.set('runs', 'b', make.run('b'))
  tables.set('datasets', 'd', make.dataset('d'))
  assert.deepEqual(
    [...tables.runs()].map(({ id }) => id),
    ['a', 'b']
  )
  tables.set('runs', 'a', undefined)
  tables.set('datasets', 'd', undefined)
  assert.deepEqual([tables.run('a'), tables.dataset('d')], [undefined, undefined])
})

test('what a dataset is mixed of is read once; what does not fit is nothing', () => {
  const tables = createTableStore(() => 0)
  assert.equal(tables.mix('d'), undefined)
  tables.set('datasets', 'd', make.dataset('d', { mix: '{"epochs":2}' }))
  const first = tables.mix('d')
  assert.equal(first?.epochs, 2)
  assert.equal(tables.mix('d'), first)
  for (const mix of ['{"epochs":0}', '{"of":1}', 'none']) {
    tables.set('datasets', 'd', make.dataset('d', { mix }))
    assert.equal(tables.mix('d'), undefined, mix)
  }
})

test('a run goes on by its recipe, though one would be refused now that is written so', () => {
  const mix = { min_share: [{ topic: 'a', share: 0.5 }], quota: [{ topic: 'a', share: 0.2 }] }
  const source = { name: 'n', provider: 'offline', model: 'ngram-2', family: 'n' }
  const body = { dataset: 'd', run: 'r', sources: [source], mix }
  assert.equal(recipeSchema.safeParse(body).success, false)
  const tables = createTableStore(() => 0)
  tables.set('runs', 'r', { ...make.run('r'), recipe: JSON.stringify(body) })
  assert.deepEqual(tables.recipe('r')?.mix.quota, mix.quota)
  tables.set('runs', 'q', { ...make.run('q'), recipe: JSON.stringify({ ...body, sources: 'none' }) })
  assert.equal(tables.recipe('q'), undefined)
})
