/**
 * `mix` on the real broker, killed again and again while human and verified samples arrive; then what it says is missing,
 * from the mixer through the guard to `everseed status`. EVERSEED_KILLS and EVERSEED_SEED make it longer or repeat it.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MixStatus } from '../../infra/mixes.ts'
import { guard } from '../../processors/guard.ts'
import { mix } from '../../processors/mix.ts'
import { slotOf } from '../../schemas/identity.ts'
import { control, datasets, runs, samplesHuman, samplesVerified, training } from '../../schemas/topics.ts'
import type { Sample } from '../../schemas/types.ts'
import { bareEnvironment, everseed as program } from '../helpers/cli.ts'
import { readAll, readRaw, runHost, write } from '../helpers/deployment.ts'
import { startWorkplace } from '../helpers/pipeline.ts'
import { run as runProcess, type TestProcess } from '../helpers/process.ts'
import { random } from '../helpers/random.ts'
import * as make from '../helpers/records.ts'
import { until } from '../helpers/until.ts'

const kills = Number(process.env['EVERSEED_KILLS'] ?? 5)
const seed = Number(process.env['EVERSEED_SEED'] ?? 20_260_302)
/** Text of the splits that must never be seen. */
const secret = 'held-out'

const { deployment, everseed, folder, env, file } = await startWorkplace({ after })
const quick = { ...env, EVERSEED_SESSION_TIMEOUT_MS: '1500', EVERSEED_HEARTBEAT_MS: '300' }

/** A dataset with nothing but a floor, and one with rules: most rows of a family, people repeated once. */
const plain = 'd'
const ruled = 'ruled'
const quota = 40
const partitionOf = (dataset: string): number => slotOf(dataset, '', 1, deployment.config.partitions)

type Arrival = { readonly topic: typeof samplesHuman; readonly sample: Sample }
const fed: Arrival[] = []

/** Samples arrive: of both sides, of both datasets, of every split. */
async function arrive(draw: () => number, count: number): Promise<void> {
  const arrivals = Array.from({ length: count }, (): Arrival => {
    const id = `s${fed.length + Math.floor(draw() * 1e9)}`
    const dataset = draw() < 0.5 ? plain : ruled
    if (draw() < 0.5) {
      const split = draw() < 0.7 ? 'SEED' : draw() < 0.5 ? 'REFERENCE' : 'AUDIT'
      const text = `${split === 'SEED' ? 'a' : secret} text ${id}`
      const provenance = make.humanProvenance({ split })
      return { topic: samplesHuman, sample: make.humanSample(id, text, { dataset, provenance }) }
    }
    const family = draw() < 0.5 ? 'a' : 'b'
    const provenance = make.provenance({ model_id: family, model_family: family })
    return {
      topic: samplesVerified,
      sample: make.sample(id, `answer ${id}`, { dataset, run: `run-${dataset}`, provenance })
    }
  })
  fed.push(...arrivals)
  for (const topic of [samplesHuman, samplesVerified]) {
    const own = arrivals.filter(one => one.topic === topic).map(({ sample }) => sample)
    await write(
      deployment,
      topic,
      own.map(value => ({ key: value.id, value, partition: partitionOf(value.dataset) }))
    )
  }
}

/** Members of the mixer’s group that were told their share. */
async function membersOf(): Promise<number> {
  const admin = deployment.kafka.admin()
  await admin.connect()
  try {
    const { groups } = await admin.describeGroups([`${deployment.config.prefix}mix`])
    return groups[0]!.members.filter(({ memberAssignment }) => memberAssignment.length > 0).length
  } finally {
    await admin.disconnect()
  }
}

const startMix = (): TestProcess =>
  runProcess(
    { after },
    program[0],
    [...program.slice(1), 'run', 'mix'],
    { ...bareEnvironment(), ...quick },
    folder
  )

/** Rows of a dataset, in order, after everything that lies there was processed. */
async function rowsOf(dataset: string): Promise<Sample[]> {
  return (await readAll(deployment, training))
    .map(({ decoded }) => decoded)
    .filter(one => one.dataset === dataset)
}
const isGuest = ({ run }: Sample): boolean => run !== ''
const samplesOf = (dataset: string): Sample[] =>
  fed.map(({ sample }) => sample).filter(sample => sample.dataset === dataset)
const peopleOf = (dataset: string): Sample[] =>
  samplesOf(dataset).filter(({ provenance: { split } }) => split === 'SEED')
const guestsOf = (dataset: string): Sample[] => samplesOf(dataset).filter(isGuest)
const inQuota = ({ provenance }: Sample): boolean => provenance.model_family === 'b'
/** How many guests a dataset's quota drops. */
const droppedOf = (dataset: string): number =>
  dataset === ruled ? Math.max(0, guestsOf(ruled).filter(inQuota).length - quota) : 0

const statusOf = async (dataset: string): Promise<MixStatus> => {
  const { stdout, stderr } = await everseed(['status', '--json'])
  const found = (JSON.parse(stdout) as { datasets: MixStatus[] | null }).datasets?.find(
    one => one.dataset === dataset
  )
  return found ?? assert.fail(`no ${dataset} in ${stdout}${stderr}`)
}

before(async () => {
  const settings = { epochs: 2, quota: [{ family: 'b', rows: quota }] }
  await write(deployment, datasets, [
    { key: plain, value: make.dataset(plain) },
    { key: ruled, value: make.dataset(ruled, { floor: 0.6, mix: JSON.stringify(settings) }) }
  ])
  await write(
    deployment,
    runs,
    [plain, ruled].map(dataset => {
      const fields = { dataset, slot: partitionOf(dataset) }
      return {
        key: `run-${dataset}`,
        value: make.run(`run-${dataset}`, { dataset, ...make.asking('a', 'b', 'alpha') }, fields)
      }
    })
  )
})

test(`${kills} SIGKILLs, each after a second member came, break no promise: each row once, every prefix above the floor, nothing of other splits`, async t => {
  const draw = random(seed)
  const laidDown = async (): Promise<number> =>
    (await deployment.admin.offsets(training.name)).reduce((sum, { high }) => sum + high, 0)
  let older: TestProcess | undefined
  for (let round = 0; round <= kills; round++) {
    // It takes over half of the slots while the older one works on them, and all of them when that one is killed.
    const child = startMix()
    const earlier = await laidDown()
    const size = 60 + Math.floor(draw() * 120)
    // Half of it while the process starts and takes over, the rest while it works.
    await arrive(draw, size)
    await until('rows of this round', async () => (await laidDown()) > earlier)
    const arriving = arrive(draw, size)
    await sleep(draw() * 400)
    await until('the new member to work', async () => (await membersOf()) === (older ? 2 : 1))
    if (older) {
      older.process.kill('SIGKILL')
      await older.exited
    }
    older = child
    await arriving
    if (round < kills) continue
    // By the floor of a half the side there is less of is laid down whole; people who are repeated bring all guests in.
    await until('every sample that has its place', async () => {
      const [one, other] = [await rowsOf(plain), await rowsOf(ruled)]
      const pairs = Math.min(peopleOf(plain).length, guestsOf(plain).length)
      return (
        one.length === 2 * pairs && other.filter(isGuest).length === guestsOf(ruled).length - droppedOf(ruled)
      )
    })
    child.process.kill('SIGTERM')
    assert.deepEqual(await child.exited, { code: 0, signal: null }, child.output())
  }
  const texts = (await readRaw(deployment, training.name)).map(({ value }) => value!.toString('latin1'))
  assert.equal(texts.filter(text => text.includes(secret)).length, 0, 'text of another split is in training')

  for (const [dataset, floor, passes] of [
    [plain, 0.5, 1],
    [ruled, 0.6, 2]
  ] as const) {
    const rows = await rowsOf(dataset)
    let real = 0
    for (const [index, { provenance }] of rows.entries()) {
      if (provenance.origin === 'HUMAN_AUTHORED') real++
      assert.ok(real >= floor * (index + 1), `${dataset}, row ${index}: ${real} of ${index + 1} are human`)
    }
    const keys = new Set(rows.map(({ id, epoch }) => `${id}:${epoch}`))
    assert.equal(keys.size, rows.length, `${dataset}: rows are laid twice`)
    for (const { epoch, run } of rows) assert.ok(epoch === 1 || (run === '' && epoch <= passes))
    const status = await statusOf(dataset)
    const [people, guests] = [peopleOf(dataset), guestsOf(dataset)]
    assert.deepEqual(
      { rows: status.rows, real: status.real, ...status.waiting },
      {
        rows: rows.length,
        real,
        verified: guests.length - droppedOf(dataset) - rows.filter(isGuest).length,
        human: people.length - rows.filter(one => !isGuest(one) && one.epoch === 1).length
      },
      dataset
    )
    if (dataset === ruled) {
      assert.equal(rows.filter(inQuota).length, quota)
      assert.ok(
        rows.some(({ epoch }) => epoch === 2),
        'people are repeated'
      )
      assert.equal(status.warnings.length, 1)
    }
    t.diagnostic(
      `seed ${seed}: ${dataset}: ${rows.length} rows of ${people.length + guests.length} samples, ${real} human`
    )
  }
})

test('what is missing is in the control table by the mixer and the guard, and in status, until it comes', async t => {
  await runHost(t, deployment, mix)
  await runHost(t, deployment, guard)
  const samples = Array.from({ length: 50 }, (_, index) =>
    make.sample(`short-${index}`, `answer ${index}`, { dataset: plain, run: `run-${plain}` })
  )
  // There were more guests than people before.
  const expected = (await statusOf(plain)).waiting.verified + samples.length
  await write(
    deployment,
    samplesVerified,
    samples.map(value => ({ key: value.id, value, partition: partitionOf(plain) }))
  )
  const words = async (author: string) =>
    (await readAll(deployment, control))
      .map(({ decoded }) => decoded)
      .filter(({ scope, author: by }) => scope === `dataset:${plain}` && by === author)
  const evidence = async (author: string) =>
    JSON.parse((await words(author)).at(-1)?.evidence ?? '{}') as { waiting?: number; human_missing?: number }
  // What waits from before is said first; other numbers follow ten seconds later.
  await until('the guard to say it', async () => (await evidence('guard')).waiting === expected)
  const { waiting, human_missing } = await evidence('guard')
  assert.equal(human_missing, waiting, 'as many people as guests, by a floor of a half')
  assert.deepEqual(await evidence('mix'), await evidence('guard'))
  const [last] = (await words('guard')).slice(-1)
  assert.deepEqual([last?.action, last?.state], ['warn', 'STOP_MIX'])
  assert.equal((await statusOf(plain)).missing, last?.reason)
  const told = await everseed(['status'])
  assert.match(
    told.stderr,
    new RegExp(`STOP_MIX: dataset d: ${waiting} verified samples wait; ${waiting} human rows`)
  )
  assert.match(told.stderr, /warning: dataset ruled: human text may be repeated up to 2 times/)

  const people = Array.from({ length: waiting! }, (_, index) =>
    make.humanSample(`come-${index}`, `text ${index}`, {
      dataset: plain,
      provenance: make.humanProvenance({ split: 'SEED' })
    })
  )
  await write(
    deployment,
    samplesHuman,
    people.map(value => ({ key: value.id, value, partition: partitionOf(plain) }))
  )
  await until('the word to be taken back', async () => (await words('guard')).at(-1)?.action === 'none')
  const { missing, waiting: left } = await statusOf(plain)
  assert.deepEqual([missing, left.verified], [null, 0])
})

test('who publishes to a dataset hears its warnings, and cannot change how it is mixed', async () => {
  const people = file('people.jsonl', '{"text": "A text of a person.", "origin": "HUMAN_AUTHORED"}\n')
  const published = await everseed(['publish', 'human', people, '--dataset', ruled])
  assert.equal(published.code, 0, published.stderr)
  assert.match(published.stderr, /^warning: dataset ruled: human text may be repeated up to 2 times/m)
  const recipe = file(
    'recipe.yaml',
    `dataset: ${ruled}\nrun: other\nhuman: { floor: 0.6 }\nmix: { epochs: 3 }\nsources: [{ name: a, provider: offline, model: a, family: a }]\n`
  )
  const refused = await everseed(['publish', 'human', people, '--recipe', recipe])
  assert.equal(refused.code, 2)
  assert.match(
    refused.stderr,
    /other settings \(mix is \{.*"epochs":2.*the recipe says .*"epochs":3.*\[RUN_CONFLICT\]/s
  )
})
