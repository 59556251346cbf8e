import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fingerprint, parseRecipe, readRecipe, recipeJsonSchema } from '../../infra/recipe.ts'

const minimal = `dataset: d
run: r
sources:
  - name: a
    provider: offline
    model: a
    family: a
`
const problems = (text: string): string => {
  try {
    parseRecipe(text, 'my.yaml')
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'RECIPE_INVALID')
    return (error as Error).message
  }
  return ''
}

describe('a recipe', () => {
  test('gets every default', () => {
    const recipe = parseRecipe(minimal, 'my.yaml')
    assert.equal(recipe.human.floor, 0.5)
    assert.deepEqual(recipe.human.split, { seed: 60, reference: 30, audit: 10 })
    assert.deepEqual(recipe.temperature.diverse, [0.8, 1, 1.2])
    assert.equal(recipe.sources[0]?.timeout_ms, 60_000)
    assert.equal(recipe.attempts, 1)
    assert.deepEqual(recipe.budget, { error_rate: 0.5, error_window: 100 })
  })

  test('says on which line what is wrong, all of it at once', () => {
    const text = `dataset: Not A Name
run: r
sources:
  - name: a
    provider: offline
    model: a
    family: a
    weight: -1
    wieght: 2
samples_per_prompt: many
human:
  split: { seed: 50, reference: 30, audit: 10 }
`
    const lines = problems(text).split('\n')
    assert.deepEqual(
      lines.map(line => line.split(': ').slice(0, 2).join(' ')),
      [
        'my.yaml:1:1 dataset',
        'my.yaml:8:5 sources.0.weight',
        'my.yaml:9:5 sources.0',
        'my.yaml:10:1 samples_per_prompt',
        'my.yaml:12:3 human.split',
        'The fields are documented by npx everseed init'
      ].toSorted(
        (a, b) =>
          lines.findIndex(line => line.startsWith(a.split(' ')[0]!)) -
          lines.findIndex(line => line.startsWith(b.split(' ')[0]!))
      )
    )
    assert.match(problems(text), /wieght/)
    assert.match(problems(text), /the three shares sum to 100/)
  })

  test('points at what is missing and at broken YAML', () => {
    assert.match(problems('dataset: d\nrun: r\n'), /^my\.yaml:1:1: sources: /)
    assert.match(problems('dataset: [d\nrun: r'), /^my\.yaml:\d+:\d+: /)
    assert.match(problems(''), /my\.yaml:1:1: /)
    assert.match(problems('just words'), /my\.yaml:1:1: /)
  })

  test('asks for prices where money is the limit, by the line of the source', () => {
    const recipe = (price: string): string => `dataset: d
run: r
sources:
  - { name: free, provider: offline, model: a, family: a }
  - name: paid
    provider: openai
    model: b
    family: b
${price}budget: { usd: 5 }
`
    assert.match(
      problems(recipe('')),
      /^my\.yaml:5:5: sources\.1\.name: budget\.usd needs the price of paid: /
    )
    assert.match(problems(recipe('    price: { input: 1 }\n')), /^my\.yaml:9:5: sources\.1\.price/)
    assert.equal(problems(recipe('    price: { input: 0, output: 0 }\n')), '')
    assert.equal(problems(recipe('').replace('usd: 5', 'tokens: 5')), '')
  })

  test('asks for languages and scripts that can be told', () => {
    const asking = (checks: string): string => problems(`${minimal}checks: { ${checks} }\n`)
    assert.equal(asking('language: de, script: Cyrillic'), '')
    assert.match(
      asking('language: english'),
      /^my\.yaml:8:11: checks\.language: a code the detector knows: af am/
    )
    for (const script of ['Klingon', 'latin', '"Latin}|\\\\p{L"', '""'])
      assert.match(
        asking(`script: ${script}`),
        /^my\.yaml:8:11: checks\.script: the name of a Unicode script/
      )
  })

  test('assumes nothing of what is fitted here', () => {
    const source = (provider: string): string =>
      `dataset: d\nrun: r\nsources:\n  - { name: a, provider: ${provider}, model: m, family: f, trained_generation: 2 }\n`
    assert.throws(
      () => parseRecipe(source('offline'), 'my.yaml'),
      /my\.yaml:4:\d+: sources\.0\.trained_generation: a is fitted on human text here, .* leave trained_generation out/
    )
    assert.equal(parseRecipe(source('openai'), 'my.yaml').sources[0]?.trained_generation, 2)
  })

  test('has sources of different names', () => {
    const twice = `${minimal}  - { name: a, provider: offline, model: b, family: b }\n`
    assert.match(problems(twice), /source names are unique/)
  })

  test('file that is not there: the error says how to write one', () => {
    assert.throws(() => readRecipe('/nowhere/recipe.yaml'), {
      code: 'FILE_UNREADABLE',
      message: /\/nowhere\/recipe\.yaml.*everseed init/
    })
  })

  test('files of the project are legal', () => {
    const root = join(import.meta.dirname, '../..')
    const files = readdirSync(join(root, 'infra/demo')).filter(name => name.endsWith('.yaml'))
    assert.ok(files.length > 0)
    for (const file of files) assert.ok(readRecipe(join(root, 'infra/demo', file)).sources.length > 0)
  })
})

describe('the fingerprint', () => {
  test('does not see comments, order or what is a default anyway', () => {
    const other = `# a comment
run: r
human: { floor: 0.5 }
sources: [{ family: a, model: a, provider: offline, name: a, weight: 1 }]
dataset: d
`
    assert.equal(fingerprint(parseRecipe(other, 'x')), fingerprint(parseRecipe(minimal, 'x')))
  })

  test('of a recipe that says nothing of what came later is what it was', () => {
    const { store_text, metrics, parts_of_speech } = parseRecipe(minimal, 'x')
    assert.deepEqual([store_text, metrics, parts_of_speech], [undefined, undefined, undefined])
    assert.notEqual(
      fingerprint(parseRecipe(`${minimal}store_text: false\n`, 'x')),
      fingerprint(parseRecipe(minimal, 'x'))
    )
  })

  test('sees everything else, the order of sources included', () => {
    const two = (names: readonly string[]): string =>
      `dataset: d\nrun: r\nsources:\n${names.map(name => `  - { name: ${name}, provider: offline, model: m, family: f }\n`).join('')}`
    const prints = [minimal, `${minimal}attempts: 2\n`, two(['a', 'b']), two(['b', 'a'])].map(text =>
      fingerprint(parseRecipe(text, 'x'))
    )
    assert.equal(new Set(prints).size, prints.length)
    for (const print of prints) assert.match(print, /^[0-9a-f]{32}$/)
  })
})

test('editors get a schema of what is written, not of what it becomes', () => {
  const schema = recipeJsonSchema() as {
    required: string[]
    properties: Record<string, { description?: string }>
  }
  assert.deepEqual(schema.required.toSorted(), ['dataset', 'run', 'sources'])
  assert.match(schema.properties['run']?.description ?? '', /Campaign/)
})
