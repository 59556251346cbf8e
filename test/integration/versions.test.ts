/** Versions of a dataset: closed once and whole, verified from the topic, refused where a promise would be broken. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { datasets, retractions, training, versions } from '../../schemas/topics.ts'
import { slotOf } from '../../schemas/identity.ts'
import type { Sample } from '../../schemas/types.ts'
import type { Manifest } from '../../infra/versions/manifest.ts'
import { readRows } from '../../infra/versions/rows.ts'
import { type Answer, runShell } from '../helpers/cli.ts'
import { readAll, write } from '../helpers/deployment.ts'
import { startWorkplace } from '../helpers/pipeline.ts'
import * as make from '../helpers/records.ts'

const { deployment, everseed, folder, env } = await startWorkplace({ after })
const slot = slotOf('d', '', 1, deployment.config.partitions)

let rows = 0
/** Lays rows down as mix does: a real one, then a synthetic one. */
async function lay(
  count: number,
  change: (sample: Sample, index: number) => Sample = one => one
): Promise<void> {
  const samples = Array.from({ length: count }, (_, index) => {
    const number = rows++
    const one =
      number % 2 === 0
        ? make.humanSample(`human-${number}`, `text ${number}`, {
            provenance: make.humanProvenance({ split: 'SEED' })
          })
        : make.sample(`model-${number}`, `answer ${number}`)
    return change(one, index)
  })
  // Rows of another dataset in the same slot are no business of this one's.
  const foreign = make.humanSample(`foreign-${rows}`, 'elsewhere', { dataset: 'other' })
  await write(
    deployment,
    training,
    [...samples, foreign].map(value => ({ key: value.id, value, partition: slot }))
  )
}

type Closed = {
  created: boolean
  name: string
  version: string
  parent: string | null
  digest: string
  offsets: number[]
  manifest: Manifest
}
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- says what the JSON is
function parsed<Value>({ code, stdout, stderr }: Answer): Value {
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Value
}
const create = async (dataset = 'd'): Promise<Closed> =>
  parsed<Closed>(await everseed(['versions', 'create', dataset, '--json']))

before(async () => {
  await write(deployment, datasets, [
    { key: 'd', value: make.dataset('d') },
    { key: 'low', value: make.dataset('low') }
  ])
})

test('nothing is closed over nothing, and unknown datasets are named', async () => {
  const empty = await everseed(['versions', 'create', 'd'])
  assert.equal(empty.code, 2)
  assert.match(empty.stderr, /has no training rows yet.*\[VERSION_EMPTY\]/)
  const unknown = await everseed(['versions', 'create', 'nowhere'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /no dataset nowhere.*\[UNKNOWN_NAME\]/)
  assert.equal((await readAll(deployment, versions)).length, 0)
})

test('a version holds what is there, and its digest is computed again by other tools', async () => {
  await lay(40)
  const first = await create()
  assert.deepEqual([first.created, first.name, first.parent], [true, 'd@1', null])
  assert.deepEqual([first.manifest.rows, first.manifest.human], [40, 20])
  assert.deepEqual(first.manifest.origins, { HUMAN_AUTHORED: 20, SYNTHETIC: 20 })
  assert.deepEqual(first.manifest.generations, { 0: 20, 1: 20 })
  assert.deepEqual(first.manifest.models, { alpha: 20 })
  assert.equal(first.manifest.smallest_prefix_share, 0.5)
  const sum = await runShell('$everseed subscribe training --version d@1 --format keys | sha256sum', {
    cwd: folder,
    env
  })
  assert.equal(sum.stdout.split(' ')[0], first.digest, sum.stderr)
})

test('the next one holds the first, and nothing new makes none', async () => {
  await lay(11)
  const second = await create()
  assert.deepEqual([second.name, second.parent, second.manifest.rows], ['d@2', 'd@1', 51])
  assert.deepEqual(await create(), { ...second, created: false })
  const list = parsed<Closed[]>(await everseed(['versions', 'list', 'd', '--json']))
  assert.deepEqual(
    list.map(({ name }) => name),
    ['d@1', 'd@2']
  )
  const changes = parsed<{ rows: number; origins: object }>(
    await everseed(['versions', 'diff', 'd@1', 'd@2', '--json'])
  )
  assert.deepEqual([changes.rows, changes.origins], [11, { HUMAN_AUTHORED: 6, SYNTHETIC: 5 }])
  // The first is read as it was, whatever came since.
  const keys = await everseed(['subscribe', 'training', '--version', 'd@1', '--format', 'keys'])
  assert.equal(keys.stdout.trim().split('\n').length, 40)
})

test('verify reads again: a version is as it was closed, and a record that says otherwise is found out', async () => {
  const whole = await everseed(['versions', 'verify', 'd@2'])
  assert.equal(whole.code, 0, whole.stdout)
  assert.match(whole.stdout, /d@2 is as it was closed: 51 rows/)
  const [, { decoded }] = (await readAll(deployment, versions)) as [
    unknown,
    { decoded: Closed & { manifest: string } }
  ]
  const forged = {
    ...decoded,
    version: '3',
    parent: 'd@2',
    digest: '0'.repeat(64),
    manifest: JSON.stringify({ ...JSON.parse(decoded.manifest), human: 51 })
  }
  await write(deployment, versions, [{ key: 'd@3', value: forged, partition: slot }])
  const answer = await everseed(['versions', 'verify', 'd@3', '--json'])
  assert.equal(answer.code, 1)
  const { ok, wrong } = JSON.parse(answer.stdout) as { ok: boolean; wrong: string[] }
  assert.equal(ok, false)
  assert.match(wrong.join('\n'), /digest of its rows is [0-9a-f]{64}, its record says 0{64}/)
  assert.match(wrong.join('\n'), /human is 26, its record says 51/)
  // Nothing is built on it either.
  await lay(2)
  const refused = await everseed(['versions', 'create', 'd'])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /rows of d@3 are not those it was closed with.*\[VERSION_BROKEN\]/)
})

test('rows that are erased while they are read are told of, and no version is made without them', async () => {
  const row = { slot, offset: 1, sample: make.sample('model-1', '') }
  const value = make.retraction('model-1', { kind: 'ERASED', rows: [row] })
  const offsets = deployment.admin.offsets
  let looks = 0
  const admin: typeof deployment.admin = {
    ...deployment.admin,
    async offsets(topic) {
      if (topic === retractions.name && looks++ === 1)
        await write(deployment, retractions, [{ key: 'd/model-1', value }])
      return await offsets(topic)
    }
  }
  const all = { offsets: (await offsets(training.name)).map(({ high }) => high), without: new Set<string>() }
  const read = async (from: typeof deployment): Promise<number> => {
    let count = 0
    await readRows(from, make.dataset('d'), all, () => count++)
    return count
  }
  await assert.rejects(read({ ...deployment, admin }), { code: 'ERASING', message: /do it again/ })
  assert.equal(await read(deployment), rows, 'named, and in the log still: read once')
  looks = 2
  assert.equal(await read({ ...deployment, admin }), rows)
})

test('no version is closed over a prefix below the floor', async () => {
  const low = slotOf('low', '', 1, deployment.config.partitions)
  const value = make.sample('first', 'an answer', { dataset: 'low' })
  await write(deployment, training, [{ key: value.id, value, partition: low }])
  const { code, stderr } = await everseed(['versions', 'create', 'low'])
  assert.equal(code, 1)
  assert.match(stderr, /real share of 0, below the floor of 0\.5.*\[VERSION_BROKEN\]/)
})

test('two who close at once close one; a name that is not there is told with those that are', async () => {
  await write(deployment, datasets, [{ key: 'twice', value: make.dataset('twice') }])
  const own = slotOf('twice', '', 1, deployment.config.partitions)
  const samples = Array.from({ length: 30 }, (_, index) =>
    make.humanSample(`twice-${index}`, `text ${index}`, { dataset: 'twice' })
  )
  await write(
    deployment,
    training,
    samples.map(value => ({ key: value.id, value, partition: own }))
  )
  const answers = await Promise.all([1, 2, 3].map(() => everseed(['versions', 'create', 'twice', '--json'])))
  const done = answers.filter(({ code }) => code === 0).map(({ stdout }) => JSON.parse(stdout) as Closed)
  for (const { code, stderr } of answers)
    if (code !== 0) assert.match(stderr, /another process closes.*\[FENCED\]/)
  assert.equal(done.filter(({ created }) => created).length, 1)
  const records = (await readAll(deployment, versions)).filter(({ decoded }) => decoded.dataset === 'twice')
  assert.equal(records.length, 1)
  const { code, stderr } = await everseed(['versions', 'show', 'twice@7'])
  assert.equal(code, 2)
  assert.match(stderr, /no version twice@7; there are twice@1; close one with/)
})

test('a row of a schema the registry does not know, yet, keeps a version from being closed over it', async () => {
  await write(deployment, datasets, [{ key: 'lag', value: make.dataset('lag') }])
  const own = slotOf('lag', '', 1, deployment.config.partitions)
  const frame = deployment.codec.encode(training, make.humanSample('lag-1', 'text', { dataset: 'lag' }))
  frame.writeInt32BE(2 ** 30, 1)
  await write(deployment, training, [{ key: 'lag-1', value: frame, partition: own }])
  const { code, stderr } = await everseed(['versions', 'create', 'lag'])
  assert.equal(code, 2)
  assert.match(
    stderr,
    /everseed: training\/\d@\d+: the registry does not know schema 1073741824; .*Bring the schema back \[RECORD_INVALID\]/
  )
})
