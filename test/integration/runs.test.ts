/**
 * Runs of paid calls, on one pipeline. Of models trained on versions, whose texts make the next version: the generation of
 * everything follows, nobody declares it. And such as are stopped, by their budget or by failing calls: they end, every sample
 * accounted for, and stop nobody else.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createWarehouse } from '../../infra/clickhouse/client.ts'
import { corpusLines } from '../../infra/demo/demo.ts'
import { silentLog } from '../../infra/log.ts'
import { generations, promptsParked, training } from '../../schemas/topics.ts'
import type { Model } from '../../schemas/types.ts'
import type { Answer } from '../helpers/cli.ts'
import { readAll } from '../helpers/deployment.ts'
import type { FakeServer } from '../helpers/fake-model.ts'
import { startFakeOpenAI } from '../helpers/fake-openai.ts'
import { runEnded, startPipeline } from '../helpers/pipeline.ts'

const { deployment, everseed, file, up } = await startPipeline({ after }, { OPENAI_API_KEY: 'test-key' })
const good = await startFakeOpenAI({ latencyMs: 10 })
// Slow enough for the guard's word to come in between.
const bad = await startFakeOpenAI({ latencyMs: 40, script: () => ({ kind: 'error', status: 400 }) })
after(async () => {
  await Promise.all([good.close(), bad.close()])
})

/** What a run of paid calls came to. */
type Funnel = {
  expected: number
  generated: number
  verified: number
  rejected: number
  parked: number
  dead: number
}

describe('models trained on versions', () => {
  const recipeOf = (run: string, model: string, family: string, more = ''): string => `dataset: chain
run: ${run}
sources:
  - { name: paid, provider: openai, model: ${model}, family: ${family}, base_url: "${good.url}", max_tokens: 200${more} }
samples_per_prompt: 2
mix: { max_generation: 2 }
checks: { min_chars: 10 }
window: 500
`
  const recipe = (run: string, model: string, family: string, more?: string): string =>
    file(`${run}.yaml`, recipeOf(run, model, family, more))

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- says what the JSON is
  function parsed<Value>({ code, stdout, stderr }: Answer): Value {
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as Value
  }
  /** Asserts how a command is refused. */
  async function refused(args: readonly string[], words: RegExp): Promise<void> {
    const { code, stderr } = await everseed(args)
    assert.equal(code, 2, stderr)
    assert.match(stderr, words)
  }

  /** Lets a model answer; the generations its texts are of. */
  async function play(run: string, model: string, family: string): Promise<(number | null)[]> {
    const prompts = Array.from({ length: 4 }, (_, index) =>
      JSON.stringify({ prompt: `Speak about matter ${index} in ${run}.` })
    )
    const path = file(`${run}.jsonl`, prompts.join('\n'))
    const { code, stderr } = await everseed([
      'publish',
      'prompts',
      path,
      '--recipe',
      recipe(run, model, family)
    ])
    assert.equal(code, 0, stderr)
    // The first one is registered later.
    assert.equal(
      /what model [^ ]+ was trained on is unknown, it is not registered: assumed is human text alone/.test(
        stderr
      ),
      run === 'first',
      stderr
    )
    await runEnded(deployment, run)
    const made = (await readAll(deployment, generations)).filter(({ decoded }) => decoded.run === run)
    assert.equal(made.length, 8)
    return [...new Set(made.map(({ decoded }) => decoded.provenance.generation))]
  }

  before(async () => {
    const human = file('human.jsonl', corpusLines().slice(0, 80).join('\n'))
    const { code, stderr } = await everseed([
      'publish',
      'human',
      human,
      '--recipe',
      recipe('first', 'model-a', 'family-a')
    ])
    assert.equal(code, 0, stderr)
  })

  test('A writes, B is trained on it and writes, A′ is trained on that: 1, 2, 3', async () => {
    assert.deepEqual(await play('first', 'model-a', 'family-a'), [1])
    const one = parsed<{ manifest: { generations: object } }>(
      await everseed(['versions', 'create', 'chain', '--json'])
    )
    assert.deepEqual(Object.keys(one.manifest.generations), ['0', '1'])

    const add = ['models', 'add', 'model-b', '--family', 'family-b', '--trained-on', 'chain@1', '--json']
    const b = parsed<Model & { created: boolean }>(await everseed(add))
    assert.deepEqual([b.created, b.generation, b.trained_on], [true, 1, ['chain@1']])
    const again = parsed<Model & { created: boolean }>(await everseed(add))
    assert.deepEqual([again.created, again.revision], [false, b.revision])
    assert.deepEqual(await play('second', 'model-b', 'family-b'), [2])

    const two = parsed<{ name: string; manifest: { generations: object } }>(
      await everseed(['versions', 'create', 'chain', '--json'])
    )
    assert.equal(two.name, 'chain@2')
    assert.deepEqual(Object.keys(two.manifest.generations), ['0', '1', '2'])
    const prime = [
      'models',
      'add',
      'model-a-prime',
      '--family',
      'family-a',
      '--trained-on',
      'chain@2',
      '--json'
    ]
    assert.equal(parsed<Model>(await everseed(prime)).generation, 2)
    assert.deepEqual(await play('third', 'model-a-prime', 'family-a'), [3])
    const laid = await readAll(deployment, training)
    assert.deepEqual(
      new Set(laid.map(({ decoded }) => decoded.provenance.generation)),
      new Set([0, 1, 2]),
      'the third generation is deeper than the recipe allows'
    )

    parsed(await everseed(['models', 'add', 'model-a', '--family', 'family-a', '--json']))
    const tuned = parsed<Model>(
      await everseed([
        'models',
        'add',
        'model-c',
        '--family',
        'family-b',
        '--base',
        'model-b',
        '--trained-on',
        'chain@1',
        '--json'
      ])
    )
    assert.deepEqual([tuned.generation, tuned.base], [1, 'model-b'])
    const list = parsed<Model[]>(await everseed(['models', 'list', '--json']))
    assert.deepEqual(
      list.map(({ id, generation }) => [id, generation]),
      [
        ['model-b', 1],
        ['model-a-prime', 2],
        ['model-a', null],
        ['model-c', 1]
      ]
    )
  })

  test('no model descends from itself, and what it names is there', async () => {
    const family = ['--family', 'f']
    await refused(
      ['models', 'add', 'x', ...family, '--base', 'x'],
      /x would descend from itself, by its base x: give.*\[MODEL_CYCLE\]/
    )
    await refused(
      ['models', 'add', 'model-a', ...family, '--trained-on', 'chain@1'],
      /model-a would descend from itself, by chain@1, which holds texts of model-a: .*name of its own.*\[MODEL_CYCLE\]/
    )
    // model-b was trained on what model-a wrote; model-c is of model-b.
    await refused(
      ['models', 'add', 'model-a', ...family, '--base', 'model-c'],
      /model-a would descend from itself, by its base model-c, by (its base model-b, by )?chain@1, which holds texts of model-a: /
    )
    await refused(
      ['models', 'add', 'x', ...family, '--trained-on', 'chain@7'],
      /no version chain@7; there are chain@1.*\[UNKNOWN_NAME\]/
    )
    await refused(
      ['models', 'add', 'x', ...family, '--base', 'y'],
      /base y is not registered.*\[UNKNOWN_NAME\]/
    )
  })

  test('what a model was made of is never taken back, and names are names', async () => {
    const family = ['--family', 'family-b']
    await refused(
      ['models', 'add', 'model-b', ...family],
      /model-b is registered as trained on chain@1, and what a model was made of is never taken back.*\[PROVENANCE_INVALID\]/
    )
    await refused(
      ['models', 'add', 'model-c', ...family, '--trained-on', 'chain@1'],
      /model-c is registered as fine-tuned from model-b, and .*\[PROVENANCE_INVALID\]/
    )
    await refused(['models', 'add', ' ', ...family], /the model has no name.*\[CONFIG_INVALID\]/)
    await refused(
      ['models', 'add', 'x', ...family, '--trained-on', 'chain@1,'],
      /--trained-on has no name.*\[CONFIG_INVALID\]/
    )
    await refused(
      ['models', 'add', 'x', '--family', 'Q w'],
      /--family Q w: no recipe can name it: lower-case letters.*\[CONFIG_INVALID\]/
    )
    await refused(
      ['models', 'add', 'x', ...family, '--provider', 'foo'],
      /Allowed choices are openai, anthropic/
    )
    const more = [
      'models',
      'add',
      'model-c',
      ...family,
      '--base',
      'model-b',
      '--trained-on',
      'chain@1, chain@2',
      '--json'
    ]
    assert.equal(parsed<Model>(await everseed(more)).generation, 2)
  })

  test('a recipe assumes what is unknown, and nothing that is known', async () => {
    const prompts = file('one.jsonl', JSON.stringify({ prompt: 'Speak.' }))
    const publish = (run: string, model: string, family: string, more?: string): string[] => [
      'publish',
      'prompts',
      prompts,
      '--recipe',
      recipe(run, model, family, more)
    ]
    await refused(
      publish('wrong', 'model-b', 'family-b', ', trained_generation: 0'),
      /source paid: trained_generation is 0, and by its training data model model-b is of 1.*\[RECIPE_INVALID\]/
    )
    await refused(
      publish('other', 'model-b', 'f'),
      /family is f, and model model-b is registered as of family family-b/
    )
    await refused(
      publish('blank', 'model-a', 'family-a'),
      /what model model-a was trained on is unknown: say which generation to assume/
    )
    const { code, stderr } = await everseed(publish('said', 'model-a', 'family-a', ', trained_generation: 4'))
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /is not registered/)
    await runEnded(deployment, 'said')
    const made = (await readAll(deployment, generations)).filter(({ decoded }) => decoded.run === 'said')
    assert.deepEqual([...new Set(made.map(({ decoded }) => decoded.provenance.generation))], [5])
    assert.ok((await readAll(deployment, training)).length > 0)
  })
})

describe('runs that are stopped', () => {
  const recipeOf = (run: string, server: FakeServer, budget: string): string => `dataset: stops
run: ${run}
sources:
  - name: paid
    provider: openai
    model: fake-gpt
    family: gpt
    base_url: "${server.url}"
    max_tokens: 200
    price: { input: 3, output: 15 }
    parallel: 8
samples_per_prompt: 4
checks: { min_chars: 10 }
window: 500
budget: ${budget}
`

  /** Publishes prompts of a run, waits for its end, and tells what became of it. */
  async function play(
    run: string,
    server: FakeServer,
    budget: string,
    count: number
  ): Promise<Funnel & { usd: number }> {
    const recipe = file(`${run}.yaml`, recipeOf(run, server, budget))
    const prompts = Array.from({ length: count }, (_, index) =>
      JSON.stringify({ prompt: `Speak about matter ${index} of ${run}.` })
    )
    const path = file(`${run}.jsonl`, prompts.join('\n'))
    const { code, stderr } = await everseed(['publish', 'prompts', path, '--recipe', recipe, '--wait'])
    assert.equal(code, 0, stderr)
    assert.match(stderr, /the run has ended/)
    const warehouse = createWarehouse({ ...up.config.clickhouse!, log: silentLog })
    try {
      const [funnel] = await warehouse.rows<Funnel>('SELECT * FROM funnel WHERE run = {run:String}', {
        params: { run }
      })
      const [spend] = await warehouse.rows<{ usd: number }>(
        'SELECT sum(cost_usd) AS usd FROM spend WHERE run = {run:String}',
        { params: { run } }
      )
      return { ...funnel!, usd: spend!.usd }
    } finally {
      await warehouse.close()
    }
  }

  /** Why prompts of a run were parked, each reason once. */
  async function reasons(run: string): Promise<string[]> {
    const parked = await readAll(deployment, promptsParked)
    return [
      ...new Set(
        parked.filter(({ decoded }) => decoded.prompt.run === run).map(({ decoded }) => decoded.reason)
      )
    ]
  }

  before(async () => {
    const human = file('human.jsonl', corpusLines().slice(0, 60).join('\n'))
    const { code, stderr } = await everseed([
      'publish',
      'human',
      human,
      '--recipe',
      file('first.yaml', recipeOf('first', good, '{ usd: 1 }'))
    ])
    assert.equal(code, 0, stderr)
  })

  test('a budget is spent nearly whole and never passed; the rest is parked with the reason', async () => {
    // A call here costs about a tenth of a cent, and a third of a cent at its worst.
    const usd = 0.05
    const {
      expected,
      generated,
      verified,
      rejected,
      parked,
      dead,
      usd: spent
    } = await play('broke', good, `{ usd: ${usd} }`, 40)
    assert.equal(expected, 160)
    assert.equal(dead, 0)
    assert.equal(generated + parked, expected)
    assert.equal(verified + rejected, generated)
    assert.ok(spent <= usd, `${spent} of ${usd}`)
    // What is left is less than the worst case of one more call, repeated as often as it may be.
    assert.ok(spent > usd / 2, `${spent} of ${usd}`)
    assert.ok(parked > 0)
    const why = await reasons('broke')
    assert.ok(why.length > 0 && why.every(reason => reason.startsWith('STOP_BUDGET')), why.join('\n'))
  })

  test('calls that fail stop their run, which ends; what was not asked is parked', async () => {
    const { expected, generated, rejected, parked, verified } = await play(
      'failing',
      bad,
      '{ usd: 5, error_rate: 0.5, error_window: 20 }',
      300
    )
    assert.equal(expected, 1200)
    assert.equal(verified, 0)
    assert.equal(generated, rejected)
    assert.equal(generated + parked, expected)
    assert.ok(generated >= 20 && parked > 0, `${generated} failed before the stop, ${parked} were spared`)
    const why = await reasons('failing')
    assert.ok(why.length > 0 && why.every(reason => reason.startsWith('STOP_ERRORS')), why.join('\n'))
  })

  test('the next run of the dataset is not held up', async () => {
    const { expected, generated, parked } = await play('next', good, '{ usd: 5 }', 5)
    assert.deepEqual({ expected, generated, parked }, { expected: 20, generated: 20, parked: 0 })
  })
})
