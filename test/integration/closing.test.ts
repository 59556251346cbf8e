/** Closing a version under SIGKILL: no version is half there, none is twice, none is left out. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { listVersions, manifestOf, nameOf, verifyVersion } from '../../infra/versions/versions.ts'
import { random } from '../../metrics/random.ts'
import { slotOf } from '../../schemas/identity.ts'
import { datasets, training, versions } from '../../schemas/topics.ts'
import type { Version } from '../../schemas/types.ts'
import { startEverseed } from '../helpers/cli.ts'
import { readAll, write } from '../helpers/deployment.ts'
import { startWorkplace } from '../helpers/pipeline.ts'
import * as make from '../helpers/records.ts'

const { deployment, everseed, env, folder } = await startWorkplace({ after })
const slot = slotOf('d', '', 1, deployment.config.partitions)

/** Fixed, so that a failure can be run again. */
const seed = 20_261_127
const kills = 20

let rows = 0
async function lay(count: number): Promise<void> {
  const samples = Array.from({ length: count }, () => make.humanSample(`h${rows++}`, 'A text of a person.'))
  await write(
    deployment,
    training,
    samples.map(value => ({ key: value.id, value, partition: slot }))
  )
}

before(async () => {
  await write(deployment, datasets, [{ key: 'd', value: make.dataset('d') }])
})

test('twenty kills at any moment of closing leave whole versions, one after the other', async t => {
  const { uint32 } = random(seed)
  const create = (): ReturnType<typeof startEverseed> =>
    startEverseed(['versions', 'create', 'd', '--json'], { cwd: folder, env })
  await lay(500)
  const begun = performance.now()
  assert.equal((await create().ended).code, 0)
  const whole = performance.now() - begun
  const told: Version[] = []
  for (let kill = 0; kill < kills; kill++) {
    await lay(10)
    const command = create()
    // From the connection on: before there is nothing to be half done.
    const moment = whole * (0.3 + (0.9 * (uint32() % 1000)) / 1000)
    const timer = setTimeout(() => command.kill('SIGKILL'), moment)
    const { stdout } = await command.ended
    clearTimeout(timer)
    if (stdout.endsWith('}\n')) told.push(JSON.parse(stdout) as Version)
  }
  await lay(10)
  const last = await everseed(['versions', 'create', 'd', '--json'])
  assert.equal(last.code, 0, last.stderr)
  told.push(JSON.parse(last.stdout) as Version)

  const found = await listVersions(deployment, 'd')
  t.diagnostic(`${kills} kills, ${found.length} versions, ${told.length} told of`)
  assert.deepEqual(
    found.map(({ version }) => version),
    found.map((_, index) => String(index + 1))
  )
  const names = (await readAll(deployment, versions)).map(({ key }) => key!.toString())
  assert.deepEqual(names, found.map(nameOf), 'each name once')
  for (const [index, version] of found.entries()) {
    assert.equal(version.parent, index === 0 ? null : nameOf(found[index - 1]!))
    assert.deepEqual(await verifyVersion(deployment, version), [], nameOf(version))
  }
  // Who was told of a version finds it; the last one holds everything.
  for (const { dataset, version, digest } of told)
    assert.equal(found.find(one => one.version === version)?.digest, digest, `${dataset}@${version}`)
  assert.equal(manifestOf(found.at(-1)!).rows, rows)
})
