import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseRecipe } from '../../../infra/recipe.ts'
import {
  impossibleShares,
  isOf,
  isReal,
  mixSection,
  mixText,
  parseMix,
  warningsOf,
  wordsOf
} from '../../../processors/mixing.ts'
import * as make from '../../helpers/records.ts'

const recipe = (mix: string, floor = 0.5): string => `dataset: d
run: r
human: { floor: ${floor} }
mix:
${mix}
sources: [{ name: a, provider: offline, model: a, family: a }]
`
const problems = (mix: string, floor?: number): string => {
  try {
    parseRecipe(recipe(mix, floor), 'my.yaml')
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('the mix section', () => {
  test('is the same text in the table for the same meaning, and read back as it was', () => {
    const written = parseRecipe(recipe('  { weights: { 2: 0.5, 1: 1 }, max_generation: 2 }'), 'x').mix
    const other = parseRecipe(
      recipe('  { epochs: 1, max_generation: 3, weights: { 1: 1, 2: 0.5 } }'),
      'x'
    ).mix
    assert.equal(mixText(written), mixText(other))
    assert.deepEqual(parseMix(mixText(written)), {
      strategy: 'accumulate',
      edited_counts: false,
      epochs: 1,
      weights: { 1: 1, 2: 0.5 },
      min_share: [],
      quota: []
    })
    assert.deepEqual(
      parseMix('{}'),
      parseMix(mixText(mixSection.parse({}))),
      'what is left out is the default'
    )
  })

  test('says on which line what is wrong', () => {
    assert.equal(problems('  { min_share: [{ topic: safety, share: 0.1 }] }'), '')
    assert.match(
      problems('  min_share:\n    - { share: 0.1 }'),
      /^my\.yaml:6:7: mix\.min_share\.0: name the rows/
    )
    assert.match(problems('  quota:\n    - { run: r }'), /^my\.yaml:6:7: mix\.quota\.0: either share or rows/)
    assert.match(problems('  quota:\n    - { run: r, share: 0.1, rows: 3 }'), /either share or rows/)
    assert.match(problems('  weights: { one: 0.5 }'), /^my\.yaml:5:14: mix\.weights\.one: /)
    assert.match(problems('  strategy: forget'), /^my\.yaml:5:3: mix\.strategy/)
    assert.match(problems('  strategy: accumulate-subsample'), /mix\.subsample: the rows of the sample/)
    assert.match(problems('  subsample: 5'), /^my\.yaml:5:3: mix\.subsample: the rows of the sample/)
  })

  test('refuses shares of models that the floor leaves no room for', () => {
    const two = '  min_share:\n    - { family: a, share: 0.3 }\n    - { family: b, share: 0.3 }'
    assert.match(
      problems(two),
      /^my\.yaml:5:3: mix\.min_share: the smallest shares per family sum to 0\.6, and human text has a floor of 0\.5: at most 0\.5 is left/
    )
    assert.equal(problems(two, 0.4), '')
    for (const key of ['model', 'run', 'family', 'topic']) {
      const most = key === 'topic' ? 1 : 0.5
      const settings = mixSection.parse({ min_share: [{ [key]: 'a', share: 0.6 }] })
      assert.equal(impossibleShares(0.5, settings).length, most < 0.6 ? 1 : 0, key)
    }
    const settings = (share: number) =>
      mixSection.parse({
        min_share: [
          { topic: 'a', share: 0.6 },
          { topic: 'b', family: 'a', share }
        ]
      })
    assert.deepEqual(impossibleShares(0.5, settings(0.5)), [], 'of people, or of both')
    assert.match(
      impossibleShares(0.5, settings(0.6)).join(),
      /^topic=b family=a has a smallest share of 0\.6, and/
    )
  })

  test('refuses shares that contradict each other', () => {
    assert.match(
      problems('  min_share:\n    - { topic: a, share: 0.6 }\n    - { topic: b, share: 0.6 }'),
      /mix\.min_share: the smallest shares per topic sum to 1\.2, and no more than 1 there is/
    )
    assert.match(
      problems('  min_share:\n    - { topic: a, share: 0.5 }\n  quota:\n    - { topic: a, share: 0.2 }'),
      /mix\.min_share: topic=a has a smallest share of 0\.5, and topic=a a largest one of 0\.2/
    )
    assert.match(
      problems(
        '  min_share:\n    - { topic: a, task: x, share: 0.5 }\n  quota:\n    - { topic: a, share: 0.2 }'
      ),
      /mix\.min_share: task=x topic=a has a smallest share of 0\.5, and topic=a a largest one of 0\.2/,
      'every row of the one is a row of the other'
    )
    const fits = '  min_share:\n    - { topic: a, share: 0.5 }\n  quota:\n'
    assert.equal(problems(`${fits}    - { topic: a, share: 0.5 }`), '')
    assert.equal(
      problems(`${fits}    - { topic: a, format: f, share: 0.2 }`),
      '',
      'others of the topic may come'
    )
    assert.match(
      problems(`${fits}    - { topic: a, rows: 3 }`),
      /topic=a has a smallest share of 0\.5, and topic=a at most 3 rows: a share of a stream has no last row/
    )
    assert.equal(problems(`${fits}    - { topic: b, rows: 3 }`), '')
  })

  test('refuses shares of models where no text of a model is kept', () => {
    const none = (mix: object): string[] =>
      impossibleShares(0.5, mixSection.parse({ min_share: [{ family: 'a', share: 0.2 }], ...mix }))
    const why = [
      'family=a has a smallest share of 0.2, and no text of a model is kept: look at max_generation and weights'
    ]
    assert.deepEqual(none({ max_generation: 0 }), why)
    assert.deepEqual(none({ weights: { 1: 0 } }), why)
    assert.deepEqual(none({ max_generation: 2, weights: { 1: 0, 2: 0 } }), why)
    assert.deepEqual(none({ max_generation: 2, weights: { 1: 0 } }), [])
    assert.deepEqual(none({ weights: { 0: 0, 1: 0.1 } }), [])
    assert.deepEqual(impossibleShares(0.5, mixSection.parse({ max_generation: 0 })), [])
  })
})

test('a rule is about the rows that agree with everything it names', () => {
  const sample = make.sample('s', 'x', { provenance: make.provenance({ model_id: 'ngram-4@abcd' }) })
  for (const rule of [
    { topic: 'history' },
    { refusal: 'reject', run: 'r' },
    { model: 'ngram-4' },
    { family: 'a' }
  ])
    assert.ok(isOf(rule, sample), JSON.stringify(rule))
  for (const rule of [
    { topic: 'sea' },
    { topic: 'history', format: 'list' },
    { model: 'ngram' },
    { run: '' }
  ])
    assert.ok(!isOf(rule, sample), JSON.stringify(rule))
  assert.ok(!isOf({ model: 'ngram-4' }, make.humanSample('h', 'x')))
  assert.equal(wordsOf({ family: 'gpt', topic: 'safety' }), 'topic=safety family=gpt')
})

test('the floor counts what people wrote, and what they edited of it where that counts', () => {
  const by = (
    origin: 'HUMAN_AUTHORED' | 'HUMAN_EDITED' | 'UNKNOWN' | 'SYNTHETIC',
    generation: number | null
  ) => ({
    provenance: make.provenance({ origin, generation })
  })
  const real = [
    by('HUMAN_AUTHORED', 0),
    by('HUMAN_EDITED', 0),
    by('HUMAN_EDITED', 1),
    by('HUMAN_EDITED', null),
    by('UNKNOWN', null),
    by('SYNTHETIC', 1)
  ]
  assert.deepEqual(
    real.map(one => isReal(one, { edited_counts: false })),
    [true, false, false, false, false, false]
  )
  assert.deepEqual(
    real.map(one => isReal(one, { edited_counts: true })),
    [true, true, false, false, false, false]
  )
})

test('experiments and repetition come with a warning', () => {
  assert.deepEqual(warningsOf(mixSection.parse({})), [])
  assert.match(warningsOf(mixSection.parse({ strategy: 'replace' })).join(), /no human text: for experiments/)
  const subsample = mixSection.parse({ strategy: 'accumulate-subsample', subsample: 9, epochs: 3 })
  assert.match(warningsOf(subsample).join(), /no real share: for experiments.*up to 3 times/)
})
