/**
 * Where a `clickhouse` program is installed, that is run. No such program is at hand here: a stand-in of the same name
 * passes its arguments to the library's `clickhouse local`, which is what the program's is.
 */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { engineChild, engineUsers, writerName } from '../../../infra/embedded/clickhouse.ts'
import { startOf } from '../../../infra/embedded/identity.ts'
import { choosePorts } from '../../../infra/embedded/ports.ts'
import { createSupervisor } from '../../../infra/embedded/supervisor.ts'
import { silentLog } from '../../../infra/log.ts'

const dir = mkdtempSync(join(tmpdir(), 'everseed-program-'))
const { resolve } = createRequire(import.meta.url)
const path = join(dir, 'clickhouse')
writeFileSync(
  path,
  `#!${process.execPath}
const { DataType, load, open } = require('${resolve('ffi-rs')}')
const argv = ['clickhouse', ...process.argv.slice(3)]
if (process.argv[2] !== 'local') process.exit(2)
open({ library: 'engine', path: '${resolve('@chdb/lib-linux-x64-gnu/libchdb.so')}' })
load({ library: 'engine', funcName: 'chdb_query_cmdline', retType: DataType.External, runInNewThread: true,
  paramsType: [DataType.I32, DataType.StringArray], paramsValue: [argv.length, argv] }).then(() => process.exit(0))
`
)
chmodSync(path, 0o755)

const supervisor = createSupervisor(silentLog)
after(async () => {
  await supervisor.stopAll()
  rmSync(dir, { recursive: true, force: true })
})

test('an installed program serves the same database to the same users, and ends in order', async () => {
  const engineDir = join(dir, 'engine')
  const { clickhouse: http, clickhouseTcp: tcp } = await choosePorts(join(dir, 'ports.json'), 'free')
  await supervisor.supervise(engineChild(engineDir, { http, tcp }, 'everseed', { kind: 'program', path }))
  const { writer } = engineUsers(engineDir)
  const response = await fetch(`http://127.0.0.1:${http}/`, {
    method: 'POST',
    body: "SELECT engine FROM system.databases WHERE name = 'everseed'",
    headers: {
      authorization: `Basic ${Buffer.from(`${writerName}:${writer}`).toString('base64')}`,
      connection: 'close'
    }
  })
  assert.equal((await response.text()).trim(), 'Atomic')
  const [state] = supervisor.states()
  const pid = state!.pid!
  await supervisor.stopAll()
  assert.equal(startOf(pid), undefined)
  assert.equal(state!.lastError, 'ended with code 0')
})
