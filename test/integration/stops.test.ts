/** Runs that are stopped: by their budget, by failing calls. They end, every sample accounted for, and stop nobody else. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createWarehouse } from '../../infra/clickhouse/client.ts'
import { corpusLines } from '../../infra/demo/demo.ts'
import { silentLog } from '../../infra/log.ts'
import { promptsParked } from '../../schemas/topics.ts'
import { type FakeServer } from '../helpers/fake-model.ts'
import { startFakeOpenAI } from '../helpers/fake-openai.ts'
import { readAll } from '../helpers/deployment.ts'
import { startPipeline } from '../helpers/pipeline.ts'

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
