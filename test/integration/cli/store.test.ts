/** The store as a process on a deployment of its own: what nobody else buries, and the rollups filled again. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { DeadLetter } from '../../../infra/cli/deadletters.ts'
import type { Dropped } from '../../../infra/clickhouse/drop.ts'
import type { Folded } from '../../../infra/clickhouse/fold.ts'
import type { Rebuilt } from '../../../infra/clickhouse/rebuild.ts'
import { deadLetters, generations, runs, type Topic, training } from '../../../schemas/topics.ts'
import { type Command, startEverseed } from '../../helpers/cli.ts'
import { readRaw, write } from '../../helpers/deployment.ts'
import { until } from '../../helpers/until.ts'
import { startEngine } from '../../helpers/engine.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'
import * as make from '../../helpers/records.ts'

const [engine, place] = await Promise.all([startEngine({ after }), startWorkplace({ after })])
const warehouse = engine.as('writer')
const { user, password, database } = engine.login('writer')
const env = {
  ...place.env,
  EVERSEED_CLICKHOUSE_URL: engine.url,
  EVERSEED_CLICKHOUSE_USER: user,
  EVERSEED_CLICKHOUSE_PASSWORD: password,
  EVERSEED_CLICKHOUSE_DATABASE: database
}
let running: Command | undefined
after(async () => {
  running?.kill('SIGTERM')
  await running?.ended
})

const startStore = (): Command => (running = startEverseed(['run', 'store'], { cwd: place.folder, env }))
const stopStore = async (): Promise<void> => {
  running!.kill('SIGTERM')
  const { code, stderr } = await running!.ended
  assert.equal(code, 0, stderr)
  running = undefined
  await until('the group to be empty', async () => (await place.deployment.admin.members('store')) === 0)
}
const stored = (topic: Topic, count: number): Promise<void> =>
  until(`${count} records of ${topic.name} to be stored; the store says: ${running?.stderr()}`, async () => {
    const { admin } = place.deployment
    return (
      (await admin.lag('store', [topic.name])) === 0 &&
      (await admin.committed('store', [topic.name])).get(topic.name)?.get(0)?.offset === count
    )
  })

test('a record of a topic that only the store reads is buried by it, with place and reason; the rest is stored', async () => {
  const values = Array.from({ length: 20 }, (_, index) => ({
    key: `g${index}`,
    value: make.generation(`g${index}`, 'x', { usage: make.usage({ cost_micros: 1 }) })
  }))
  await write(place.deployment, generations, values)
  const sample = { key: 's', value: make.sample('s', 'text') }
  await write(place.deployment, training, [sample, { key: 'torn', value: Buffer.from('torn') }, sample])
  startStore()
  await stored(generations, 20)
  await stored(training, 3)
  const letters = await readRaw(place.deployment, deadLetters.name)
  assert.deepEqual(
    letters.map(({ value, headers }) => [
      value!.toString(),
      ...['x-topic', 'x-partition', 'x-offset', 'x-reason', 'x-processor'].map(name =>
        headers[name]!.toString()
      )
    ]),
    [['torn', 'training', '0', '1', 'malformed_frame', 'store']]
  )
  // What a crash between the letter and its offset leaves: the same letter again, listed once.
  const [letter] = letters
  const headers = Object.fromEntries(
    Object.entries(letter!.headers).map(([name, value]) => [name, value.toString()])
  )
  await write(place.deployment, deadLetters, [{ key: 'torn', value: letter!.value, headers }])
  const { stdout } = await place.everseed(['deadletters', 'list', '--json'], { env })
  assert.deepEqual(
    (JSON.parse(stdout) as DeadLetter[]).map(({ topic, offset, position }) => [topic, offset, position]),
    [['training', 1, '0@0']]
  )
  const rows = await warehouse.rows(
    `SELECT _offset AS at FROM samples FINAL WHERE _topic = 'training' ORDER BY at`
  )
  assert.deepEqual(rows, [{ at: 0 }, { at: 2 }])
})

test('rebuild is refused while a store runs; then it says what was wrong, and nothing once it is right', async () => {
  const rebuild = () => place.everseed(['rebuild', '--json'], { env })
  const refused = await rebuild()
  assert.equal(refused.code, 3)
  assert.match(
    refused.stderr,
    /1 process is in the group of the store.*everseed up --only none.*\[STORE_RUNNING\]/
  )
  await stopStore()

  const done = async (): Promise<Rebuilt[]> => {
    const { code, stdout, stderr } = await rebuild()
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as Rebuilt[]
  }
  const right = [
    { rollup: 'counts', rows: 22, differences: [] },
    { rollup: 'threads', rows: 22, differences: [] },
    { rollup: 'usage', rows: 20, differences: [] },
    { rollup: 'diversity_states', rows: 22, differences: [] },
    { rollup: 'diversity_sums', rows: 20, differences: [] }
  ].map(one => ({ ...one, kept: [] }))
  assert.deepEqual(await done(), right)
  const spend = 'SELECT source, calls, cost_usd FROM spend'
  const spent = await warehouse.rows(spend)

  // A chunk summed twice under another name, and a topic nobody counted.
  await warehouse.command(
    `INSERT INTO usage SELECT * REPLACE ('again' AS chunk_id) FROM usage FINAL WHERE slot = 0`
  )
  await warehouse.command(`DELETE FROM counts WHERE _topic = 'training'`)
  assert.notDeepEqual(await warehouse.rows(spend), spent)
  const whole = { rows: 20, offsetSum: '190' }
  assert.deepEqual(await done(), [
    {
      ...right[0],
      differences: [
        {
          topic: 'training',
          slot: 0,
          before: { rows: 0, offsetSum: '0' },
          after: { rows: 2, offsetSum: '2' }
        }
      ]
    },
    right[1],
    {
      ...right[2],
      differences: [{ topic: 'generations', slot: 0, before: { rows: 40, offsetSum: '380' }, after: whole }]
    },
    ...right.slice(3)
  ])
  assert.deepEqual(await warehouse.rows(spend), spent)
  assert.deepEqual(await done(), right)

  // Sums that no count of rows would show.
  await warehouse.command(
    'INSERT INTO usage SELECT * REPLACE (cost_micros + 1 AS cost_micros) FROM usage FINAL'
  )
  const [, , usage] = await done()
  assert.deepEqual(usage!.differences, [{ topic: 'generations', slot: 0, before: whole, after: whole }])
  const told = await place.everseed(['rebuild'], { env })
  assert.equal(
    told.stdout,
    'rollup\trows\tdifferences\ncounts\t22\t0\nthreads\t22\t0\nusage\t20\t0\ndiversity_states\t22\t0\ndiversity_sums\t20\t0\n'
  )
  assert.deepEqual(await warehouse.rows(spend), spent)
})

test('after a rebuild the store goes on where it was', async () => {
  startStore()
  await write(place.deployment, generations, [{ key: 'late', value: make.generation('late', 'x') }])
  await stored(generations, 21)
  const [spent] = await warehouse.rows<{ calls: number }>('SELECT sum(calls) AS calls FROM spend')
  assert.equal(spent!.calls, 21)
  await stopStore()
})

test('texts of a run whose recipe keeps them out are not stored, however late the store hears of it', async () => {
  startStore()
  await until('the store to run', async () => (await place.deployment.admin.members('store')) === 1)
  const closed = make.run('closed', { store_text: false })
  await write(place.deployment, runs, [{ key: 'closed', value: closed, partition: 0 }])
  const answers = ['closed', 'open'].map(run => ({
    key: run,
    value: make.generation(run, `an answer of ${run}`, { run })
  }))
  await write(place.deployment, runs, [{ key: 'open', value: make.run('open'), partition: 0 }])
  await write(place.deployment, generations, answers)
  await stored(generations, 23)
  const rows = await warehouse.rows(
    `SELECT id, reply, length(words) AS words FROM generations FINAL WHERE id IN ('closed', 'open') ORDER BY id`
  )
  assert.deepEqual(rows, [
    { id: 'closed', reply: '', words: 4 },
    { id: 'open', reply: 'an answer of open', words: 4 }
  ])
  await stopStore()
})

test('doctor logs in as both users of ClickHouse, and says which setting is wrong', async () => {
  const doctor = async (more: Record<string, string>) => {
    const { stdout } = await place.everseed(['doctor', '--json'], { env: { ...env, ...more } })
    const found = JSON.parse(stdout) as { check: string; ok: boolean; detail: string }[]
    return found.filter(({ check }) => check === 'clickhouse' || check === 'reader')
  }
  const reader = engine.login('reader')
  const readers = {
    EVERSEED_CLICKHOUSE_READER: reader.user,
    EVERSEED_CLICKHOUSE_READER_PASSWORD: reader.password
  }
  assert.deepEqual(
    (await doctor(readers)).map(({ check, ok }) => [check, ok]),
    [
      ['clickhouse', true],
      ['reader', true]
    ]
  )
  const [written, read] = await doctor({ ...readers, EVERSEED_CLICKHOUSE_READER_PASSWORD: 'wrong' })
  assert.ok(written!.ok)
  assert.match(
    read!.detail,
    /^user reader: .*check EVERSEED_CLICKHOUSE_READER and EVERSEED_CLICKHOUSE_READER_PASSWORD$/s
  )
})

/** What doctor says of one thing it looks at. */
async function finding(check: string, of: Record<string, string> = env) {
  const { stdout } = await place.everseed(['doctor', '--json'], { env: of })
  const found = JSON.parse(stdout) as { check: string; ok: boolean; detail: string }[]
  return found.find(one => one.check === check)!
}

test('doctor says whether the rollups agree with the rows, and which lane does not', async () => {
  const right = { check: 'rollups', ok: true, detail: 'they agree with 25 rows in 2 partitions' }
  assert.deepEqual(await finding('rollups'), right)
  await warehouse.command(`DELETE FROM counts WHERE _topic = 'training'`)
  const { ok, detail } = await finding('rollups')
  assert.ok(!ok)
  assert.match(
    detail,
    /^counts_of_samples has 0 records of training\/0 \(offsets add up to 0\) instead of 2 \(2\)\n[^\n]*everseed rebuild$/
  )
  assert.equal((await place.everseed(['rebuild'], { env })).code, 0)
  assert.deepEqual(await finding('rollups'), right)
})

test('a database of another deployment is refused by all who would write it, and doctor tells of it', async () => {
  const others = { ...env, EVERSEED_PREFIX: `${place.env['EVERSEED_PREFIX']}b.` }
  const refusal = /database everseed belongs to another deployment.*drop database everseed/
  const doctor = (of: Record<string, string>) => finding('database', of)
  const { ok, detail } = await doctor(env)
  assert.deepEqual([ok, detail], [true, 'database everseed holds the rows of this deployment'])
  const stranger = await doctor(others)
  assert.ok(!stranger.ok)
  assert.match(stranger.detail, refusal)
  for (const command of [['rebuild'], ['run', 'store']]) {
    const { code, stderr } = await place.everseed(command, { env: others })
    assert.equal(code, 2, stderr)
    assert.match(stderr, refusal)
  }
})

test('what a dead letter settled is open again once it is given back', async () => {
  startStore()
  const dead = async (): Promise<unknown> =>
    (await warehouse.rows<{ dead: number }>(`SELECT dead FROM funnel WHERE run = 'back'`))[0]?.dead
  const names = {
    reason: 'unencodable',
    processor: 'generate',
    topic: 'prompts',
    partition: '0',
    offset: '0'
  }
  const counted = { run: 'back', settles: '2', 'sample-attempt': '1' }
  const headers = Object.fromEntries(
    Object.entries({ ...names, ...counted }).map(([name, value]) => [`x-${name}`, value])
  )
  await write(place.deployment, deadLetters, [{ key: 'q', value: Buffer.from('a prompt'), headers }])
  await until('two samples to be dead', async () => (await dead()) === 2)
  const { stdout } = await place.everseed(['deadletters', 'replay', '--reason', 'unencodable', '--json'], {
    env
  })
  assert.deepEqual(JSON.parse(stdout), { replayed: 1, already: 0 })
  await until('none to be dead', async () => (await dead()) === 0)
  await stopStore()
})

test('fold --drop is refused while a store runs; then old rows are gone, and what was counted stays', async () => {
  const fold = () => place.everseed(['fold', '--drop', '30', '--json'], { env })
  startStore()
  await until('the store to run', async () => (await place.deployment.admin.members('store')) === 1)
  assert.match((await fold()).stderr, /\[STORE_RUNNING\]/)
  await stopStore()
  const spend = 'SELECT source, calls, cost_usd FROM spend'
  const spent = await warehouse.rows(spend)
  // As if they had come a year ago.
  await warehouse.command(
    `INSERT INTO generations SELECT * REPLACE (recorded_at - INTERVAL 1 YEAR AS recorded_at) FROM generations FINAL WHERE _offset < 22`
  )
  const { code, stdout, stderr } = await fold()
  assert.equal(code, 0, stderr)
  const { dropped, folded } = JSON.parse(stdout) as { dropped: Dropped[]; folded: Folded[] }
  const [gone] = await warehouse.rows<{ first: number }>('SELECT min(_offset) AS first FROM generations')
  assert.ok(gone!.first > 0)
  assert.deepEqual(dropped[0], { table: 'generations', what: 'left', rows: gone!.first })
  assert.deepEqual(
    folded.map(({ rollup }) => rollup),
    ['usage', 'diversity_sums']
  )
  assert.deepEqual(await warehouse.rows(spend), spent)
  const told = await place.everseed(['rebuild'], { env })
  assert.match(
    told.stderr,
    new RegExp(
      `usage: generations/0 keeps ${gone!.first} rows below offset ${gone!.first}, whose raw rows were dropped`
    )
  )
  assert.deepEqual(await warehouse.rows(spend), spent)
})
