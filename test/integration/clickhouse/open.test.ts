import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { insertTimeout, openReader, openStore } from '../../../infra/clickhouse/open.ts'
import { claim, ownerOf } from '../../../infra/clickhouse/owner.ts'
import { silentLog } from '../../../infra/log.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import * as make from '../../helpers/records.ts'

const engine = await startEngine({ after })
const own = { clusterId: 'c', prefix: 'a.' }
const config = { url: engine.url, ...engine.login('writer'), reader: engine.login('reader') }

test('the store opens an empty server, writes, and people read', async t => {
  const { newWriter, close } = await openStore(config, own, 10_000, silentLog)
  t.after(close)
  await newWriter().write(
    chunkOf('generations', 0, 0, [make.generation('g1', 'x'), make.generation('g2', 'y')])
  )
  const reader = openReader(config, silentLog)
  t.after(() => reader.close())
  assert.deepEqual(await reader.rows('SELECT generated FROM funnel WHERE run = {run:String}', { run: 'r' }), [
    { generated: 2 }
  ])
  await assert.rejects(reader.rows('SELECT * FROM nothing'), { code: 'SQL_FAILED' })
})

test('an insert is given up before the group gives its slots away', async () => {
  assert.deepEqual([60_000, 10_000, 3000, 1500].map(insertTimeout), [8000, 8000, 2400, 1200])
  const { newWriter, close } = await openStore(config, own, 2, silentLog)
  const answers = Array.from({ length: 5000 }, (_, index) => make.generation(`l${index}`, 'y'.repeat(500)))
  await assert.rejects(newWriter().write(chunkOf('generations', 1, 0, answers)), {
    code: 'CLICKHOUSE_FAILED',
    message: /no answer in 1 ms/
  })
  await close()
})

test('an insert that is too slow for its time gets more, until all of it is there once', async () => {
  const { newWriter, close } = await openStore(config, own, 2, silentLog)
  const values = Array.from({ length: 5000 }, (_, index) => make.generation(`s${index}`, 'z'.repeat(500)))
  const chunk = chunkOf('generations', 2, 0, values)
  const writer = newWriter()
  await assert.rejects(writer.write(chunk), { message: /no answer in 1 ms/ })
  let tries = 1
  for (let done = false; !done; tries++) {
    assert.ok(tries < 20, 'each try has twice the time of the one before')
    done = await writer.recover(chunk).then(
      () => true,
      () => false
    )
  }
  assert.ok(tries > 3)
  const reader = openReader(config, silentLog)
  assert.deepEqual(
    await reader.rows(
      `SELECT count() AS n, uniqExact(id) AS ids, (SELECT sum(calls) FROM usage FINAL WHERE slot = 2) AS calls FROM generations WHERE slot = 2`
    ),
    [{ n: 5000, ids: 5000, calls: 5000 }]
  )
  await reader.close()
  await close()
})

test('a wrong password is told at once', async () => {
  const started = performance.now()
  await assert.rejects(openStore({ ...config, password: 'wrong' }, own, 10_000, silentLog), {
    code: 'CLICKHOUSE_FAILED',
    message: /login of everseed/
  })
  assert.ok(performance.now() - started < 10_000)
})

test('another deployment is refused before it changes anything: another prefix, another cluster', async () => {
  for (const stranger of [
    { ...own, prefix: 'b.' },
    { ...own, clusterId: 'd' }
  ])
    await assert.rejects(openStore(config, stranger, 10_000, silentLog), {
      code: 'DATABASE_TAKEN',
      message: new RegExp(
        `database everseed .*\\(cluster c, prefix 'a\\.'; this one is cluster ${stranger.clusterId}, prefix '${stranger.prefix}'\\)` +
          '.*EVERSEED_CLICKHOUSE_DATABASE.*EVERSEED_DATA_DIR.*drop database everseed'
      )
    })
  const { close } = await openStore(config, own, 10_000, silentLog)
  await close()
})

test('of deployments that open a database at once one gets it, and the others hear which', async () => {
  for (let round = 0; round < 5; round++) {
    const { database } = engine.warehouse()
    await engine.warehouse(database).createDatabase()
    const owners = ['a.', 'b.', 'c.', 'd.'].map(prefix => ({ clusterId: "it's", prefix }))
    const claims = await Promise.allSettled(owners.map(owner => claim(engine.warehouse(database), owner)))
    const got = owners.filter((_, index) => claims[index]!.status === 'fulfilled')
    assert.equal(got.length, 1)
    assert.deepEqual(await ownerOf(engine.warehouse(database)), got[0])
    for (const refused of claims)
      if (refused.status === 'rejected')
        assert.match(String(refused.reason), new RegExp(`prefix '${got[0]!.prefix}'; this one is`))
  }
})

test('what says whose a database is is documented, and is not there before somebody claims it', async () => {
  const warehouse = engine.warehouse()
  assert.equal(await ownerOf(warehouse), undefined)
  await warehouse.createDatabase()
  assert.equal(await ownerOf(warehouse), undefined)
  await claim(warehouse, own)
  assert.deepEqual(
    await warehouse.rows(
      `SELECT name FROM system.columns WHERE database = currentDatabase() AND comment != ''
       UNION ALL SELECT name FROM system.tables WHERE database = currentDatabase() AND comment != ''`
    ),
    [{ name: 'cluster_id' }, { name: 'prefix' }, { name: 'deployment' }]
  )
})
