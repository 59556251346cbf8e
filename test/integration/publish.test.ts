/** Publishing and closing on the real broker: what others do at the same time neither gets lost nor comes twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../../infra/deployment.ts'
import { openTransactional } from '../../infra/kafka/producer.ts'
import { allTopics } from '../../infra/processors.ts'
import {
  closeRun,
  documentOf,
  ensureDataset,
  ensureRun,
  findDataset,
  listRuns,
  publishHuman,
  publishPrompts,
  type Line,
  type Rejected
} from '../../infra/publish.ts'
import { changeRun } from '../../infra/runs.ts'
import { type Recipe, recipeSchema } from '../../processors/recipe.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { contentHash } from '../../schemas/identity.ts'
import { datasets, human, prompts, runs, samplesHuman } from '../../schemas/topics.ts'
import type { Run, Sample, Split } from '../../schemas/types.ts'
import { connectFor, readAll, write } from '../helpers/deployment.ts'
import { document } from '../helpers/play.ts'
import * as make from '../helpers/records.ts'

const recipe = (run: string): Recipe =>
  recipeSchema.parse({
    dataset: 'd',
    run,
    sources: [{ name: 's', provider: 'openai', model: 'm', family: 'f' }]
  })

async function withRun(
  t: Parameters<typeof connectFor>[0]
): Promise<{ deployment: Deployment; run: Run; foreign: number }> {
  const deployment = await connectFor(t)
  await deployment.prepare(allTopics)
  const run = await ensureRun(deployment, recipe('r'))
  return { deployment, run, foreign: (run.slot + 1) % deployment.config.partitions }
}

const silent = { rejected() {} }
async function* lines(from: number, to: number, gate?: Promise<void>): AsyncIterable<Line> {
  for (let number = from; number < to; number++) {
    yield { number, text: JSON.stringify({ text: `text ${number}`, origin: 'HUMAN_AUTHORED' }) }
    if (number === from) await gate
  }
}

test('a run that ended while somebody was closing it stays ended', async t => {
  const { deployment, run } = await withRun(t)
  const read = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  let looks = 0
  // One who closes reads that the run is open, and sleeps.
  const slow = changeRun(deployment, 'r', async found => {
    looks++
    read.resolve()
    await gate.promise
    return found!.state === 'open' ? { ...found!, state: 'draining', revision: found!.revision + 1 } : found!
  })
  await read.promise
  const closed = await closeRun(deployment, 'r')
  assert.deepEqual([closed.state, closed.revision], ['draining', run.revision + 1])
  const ended: Run = { ...closed, state: 'ended', revision: closed.revision + 1 }
  await write(deployment, runs, [{ key: 'r', value: ended }])
  gate.resolve()
  assert.equal((await slow).state, 'ended')
  assert.equal(looks, 2, 'it was overtaken and looked again')
  const history = (await readAll(deployment, runs)).map(({ decoded }) => decoded.state)
  assert.deepEqual(history, ['open', 'draining', 'ended'], 'what compaction keeps is the last')
})

test('a prompt that is made of held-out text is refused, by its id and by its name', async t => {
  const { deployment, run } = await withRun(t)
  const taken = (id: string, split: Split): Sample =>
    make.humanSample(id, id, { provenance: make.humanProvenance({ split }) })
  const [seed, held] = ['of the seed', 'held out'].map(words => contentHash(document(words).messages))
  await write(deployment, human, [
    { key: 'd/s', value: document('of the seed', { id: 's' }), partition: run.slot },
    { key: 'd/h', value: document('held out', { id: 'h' }), partition: run.slot },
    { key: 'd/f', value: document('fresh', { id: 'f' }), partition: run.slot }
  ])
  await write(deployment, samplesHuman, [
    { key: `d/${seed}`, value: taken(seed!, 'SEED'), partition: run.slot },
    { key: `d/${held}`, value: taken(held!, 'AUDIT'), partition: run.slot }
  ])
  async function* asked(): AsyncIterable<Line> {
    for (const [index, parent] of ['s', seed, 'h', held, 'f'].entries())
      yield {
        number: index + 1,
        text: JSON.stringify({ prompt: `Edit ${index}.`, origin: 'HUMAN_EDITED', parent_ids: [parent] })
      }
  }
  const rejected: string[] = []
  const on = { rejected: ({ error }: Rejected): void => void rejected.push(error) }
  const report = await publishPrompts(deployment, run, recipe('r'), asked(), 'test', on)
  assert.deepEqual([report.published, report.rejected], [2, 3])
  for (const [index, name] of ['h', held].entries())
    assert.match(rejected[index]!, new RegExp(`^parent ${name} is set aside \\(split AUDIT\\)`))
  assert.match(rejected[2]!, /^parent f is not taken in yet, and may be set aside/)
})

test('a late word about a run with an older revision is not heard', async t => {
  const { deployment, run } = await withRun(t)
  await write(deployment, runs, [
    { key: 'r', value: { ...run, state: 'ended', revision: 3 } },
    { key: 'r', value: { ...run, state: 'draining', revision: 2 } }
  ])
  assert.equal((await listRuns(deployment)).get('r')?.state, 'ended')
  assert.equal((await closeRun(deployment, 'r')).state, 'ended')
})

test('two that register the same run at once register one', async t => {
  const deployment = await connectFor(t)
  await deployment.prepare(allTopics)
  await ensureDataset(deployment, recipe('twice'))
  const [one, other] = await Promise.all([
    ensureRun(deployment, recipe('twice')),
    ensureRun(deployment, recipe('twice'))
  ])
  assert.deepEqual(structuredClone(one), structuredClone(other))
  assert.equal((await readAll(deployment, runs)).length, 1)
})

test('two that make the same dataset at once make one; who wants another hears of the first', async t => {
  const deployment = await connectFor(t)
  await deployment.prepare(allTopics)
  const wanting = (floor: number, seed: number): Recipe => {
    const { human: asked, ...rest } = recipe('first')
    return { ...rest, human: { ...asked, floor, split: { seed, reference: 90 - seed, audit: 10 } } }
  }
  const wants = [wanting(0.5, 60), wanting(0.2, 60), wanting(0.5, 80), wanting(0.5, 60)]
  const made = await Promise.allSettled(wants.map(one => ensureDataset(deployment, one)))
  const entries = (await readAll(deployment, datasets)).map(({ decoded }) => decoded)
  assert.equal(entries.length, 1, 'one entry, once')
  const [{ floor, split_seed } = assert.fail()] = entries
  for (const [index, outcome] of made.entries()) {
    const { human: wanted } = wants[index]!
    const fits = wanted.floor === floor && wanted.split.seed === split_seed
    assert.equal(outcome.status, fits ? 'fulfilled' : 'rejected')
    if (outcome.status === 'fulfilled')
      assert.deepEqual(structuredClone(outcome.value), structuredClone(entries[0]))
    else {
      assert.equal((outcome.reason as EverseedError).code, 'RUN_CONFLICT')
      assert.match(
        String(outcome.reason),
        /dataset d exists with other settings \((floor|split_seed) is .*, the recipe says/
      )
    }
  }
  assert.deepEqual(await findDataset(deployment, 'd'), entries[0])
})

test('datasets of a deployment are split by the same shares, those made at once as well', async t => {
  const deployment = await connectFor(t)
  await deployment.prepare(allTopics)
  const wanting = (dataset: string, seed: number): Recipe => {
    const { human: asked, ...rest } = recipe('first')
    return { ...rest, dataset, human: { ...asked, split: { seed, reference: 90 - seed, audit: 10 } } }
  }
  const wants = [wanting('d', 60), wanting('e', 50), wanting('f', 60), wanting('g', 50)]
  const made = await Promise.allSettled(wants.map(one => ensureDataset(deployment, one)))
  const entries = (await readAll(deployment, datasets)).map(({ decoded }) => decoded)
  assert.equal(entries.length, 2)
  assert.equal(new Set(entries.map(one => one.split_seed)).size, 1)
  for (const [index, outcome] of made.entries()) {
    const fits = wants[index]!.human.split.seed === entries[0]!.split_seed
    assert.equal(outcome.status, fits ? 'fulfilled' : 'rejected')
    if (outcome.status === 'rejected')
      assert.match(
        String(outcome.reason),
        /dataset [defg] would be split otherwise \(seed \d0, reference \d0, audit 10\) than [defg], which is there already/
      )
  }
})

test('a run is closed when its prompts in other slots were moved, and not before', async t => {
  const { deployment, run, foreign } = await withRun(t)
  const { kafka, config, admin } = deployment
  const of = (id: string, fields: object): { key: string; value: object; partition: number } => ({
    key: id,
    value: make.prompt(id, fields),
    partition: foreign
  })
  // Another client's partitioner put it there; other runs' prompts and bytes nobody can read are no hindrance.
  await write(deployment, prompts, [
    of('stray', { run: 'r' }),
    { key: 'junk', value: Buffer.from('no record'), partition: foreign },
    of('else', { run: 'another' })
  ])
  await assert.rejects(closeRun(deployment, 'r', 300), {
    code: 'TIMEOUT',
    message: /run r stays open: .*generate has 1 records to go.*everseed publish close r/
  })
  assert.equal((await listRuns(deployment)).get('r')?.state, 'open')
  const closing = closeRun(deployment, 'r')
  const generate = await openTransactional(kafka, config, 'generate.test')
  t.after(() => generate.close())
  const value = deployment.codec.encode(prompts, make.prompt('stray', { run: 'r' }))
  await generate.commit([{ topic: prompts.name, partition: run.slot, key: 'stray', value }], {
    id: 'generate',
    offsets: new Map([[prompts.name, 1]]),
    partition: foreign
  })
  const closed = await closing
  assert.equal(closed.state, 'draining')
  assert.ok(closed.prompts_to[run.slot]! >= 1, 'the end lies behind what was moved')
  assert.equal(closed.prompts_to[run.slot], (await admin.offsets(prompts.name))[run.slot]!.high)
})

test('two pipes publish into one dataset at once, and neither takes over from the other', async t => {
  const { deployment } = await withRun(t)
  const dataset = await ensureDataset(deployment, recipe('r'))
  const gate = Promise.withResolvers<void>()
  const slow = publishHuman(deployment, dataset, lines(0, 600, gate.promise), 'test', silent, null)
  const quick = await publishHuman(deployment, dataset, lines(1000, 1600), 'test', silent, null)
  gate.resolve()
  assert.deepEqual([quick.published, (await slow).published], [600, 600])
  assert.equal((await readAll(deployment, human)).length, 1200)
})

test('what is hidden by an open transaction is waited for, not published twice', async t => {
  const { deployment, run } = await withRun(t)
  const { kafka, config, admin } = deployment
  const dataset = await ensureDataset(deployment, recipe('r'))
  const library = kafka.producer({
    transactionalId: `${config.prefix}open`,
    idempotent: true,
    maxInFlightRequests: 1
  })
  await library.connect()
  t.after(() => library.disconnect())
  const open = await library.transaction()
  await open.send({ topic: config.prefix + human.name, messages: [{ value: 'x', partition: run.slot }] })
  // Others' documents lie behind it, and nobody who reads what is committed sees them yet.
  const behind: { key: string; value: object; partition: number }[] = []
  for await (const { text } of lines(0, 5)) {
    const { id, value } = documentOf(text, 'd', 'test')
    behind.push({ key: id, value, partition: run.slot })
  }
  await write(deployment, human, behind)
  // The transaction ends while it is waited for.
  const settled: typeof admin.settled = async (...asked) => {
    const answer = admin.settled(...asked)
    await open.abort().catch(() => {})
    return await answer
  }
  const waiting = { ...deployment, admin: { ...admin, settled } }
  const report = await publishHuman(waiting, dataset, lines(0, 6), 'test', silent, 'a')
  assert.deepEqual([report.already, report.published], [5, 1])
})

test('a registry that is away ends publishing instead of hiding what is there', async t => {
  const { deployment } = await withRun(t)
  const dataset = await ensureDataset(deployment, recipe('r'))
  const { codec } = deployment
  await publishHuman(deployment, dataset, lines(0, 3), 'test', silent, 'a')
  const away = new EverseedError('REGISTRY_UNREACHABLE', 'the registry does not answer')
  const deaf = { ...deployment, codec: { ...codec, decode: () => Promise.reject(away) } }
  await assert.rejects(publishHuman(deaf, dataset, lines(0, 3), 'test', silent, 'a'), {
    code: 'REGISTRY_UNREACHABLE'
  })
  await write(deployment, human, [{ key: 'junk', value: Buffer.from('no record'), partition: 0 }])
  const report = await publishHuman(deployment, dataset, lines(0, 3), 'test', silent, 'a')
  assert.deepEqual([report.published, report.already], [0, 3])
})
