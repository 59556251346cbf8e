/** Starting as a person does, by the launcher: the second time without the world, and where there is no Java. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readConfig } from '../../infra/config.ts'
import { connect } from '../../infra/deployment.ts'
import { silentLog } from '../../infra/log.ts'
import { barePath } from '../helpers/bare-path.ts'
import { bareEnvironment, start } from '../helpers/cli.ts'
import { run } from '../helpers/process.ts'

const root = join(import.meta.dirname, '../..')

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'everseed-start-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Starts the parts, does something and stops them; what was said on the way. */
async function startParts(
  t: TestContext,
  dataDir: string,
  env: NodeJS.ProcessEnv = {},
  meanwhile: () => Promise<void> = async () => {}
): Promise<string> {
  const args = [join(root, 'bin/everseed.js'), '--data-dir', dataDir, 'up', '--only', 'none']
  const up = run(t, process.execPath, args, { ...bareEnvironment(), ...env })
  await up.says(/Ctrl-C stops everything/)
  await meanwhile()
  // The launcher passes it on; an interrupt it would leave to the terminal.
  up.process.kill('SIGTERM')
  assert.deepEqual(await up.exited, { code: 0, signal: null }, up.output())
  return up.output()
}

test('a second start fetches nothing and works offline', { timeout: 300_000 }, async t => {
  const folder = newFolder(t)
  const dataDir = join(folder, 'data')
  // Killed at the worst moment of its first start the registry left some of its tables, on which it would never start.
  const registry = join(dataDir, 'registry')
  mkdirSync(registry, { recursive: true, mode: 0o700 })
  writeFileSync(join(registry, 'registry.mv.db'), 'half a database')
  writeFileSync(join(registry, 'unfinished'), '')
  await startParts(t, dataDir)
  assert.ok(!existsSync(join(registry, 'unfinished')))

  const [programs, calls] = [join(folder, 'programs'), join(folder, 'calls')]
  mkdirSync(programs)
  for (const name of ['npm', 'mvn', 'curl', 'wget']) {
    writeFileSync(join(programs, name), `#!/bin/sh\necho ${name} "$@" >> '${calls}'\nexit 1\n`)
    chmodSync(join(programs, name), 0o755)
  }
  // Nothing listens on port 1; a fetch of Node's goes by these only when it is told to.
  const dead = Object.fromEntries(
    ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map(name => [name, 'http://127.0.0.1:1'])
  )
  const said = await startParts(t, dataDir, {
    ...dead,
    NODE_USE_ENV_PROXY: '1',
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    PATH: `${programs}${delimiter}${process.env['PATH']}`
  })
  assert.ok(!existsSync(calls), existsSync(calls) ? readFileSync(calls, 'utf8') : '')
  assert.match(said, /^everseed is up after [\d.]+ s/m)
  assert.doesNotMatch(said, /install|download|fetch/i)
})

test('topics that are not kept as they must be keep processors from starting, and can be put right', async t => {
  const dataDir = join(newFolder(t), 'data')
  const keepFor = async (retentionMs: number): Promise<void> => {
    const { environment } = JSON.parse(readFileSync(join(dataDir, 'endpoints.json'), 'utf8')) as {
      environment: Record<string, string>
    }
    const deployment = await connect(readConfig(environment), silentLog, 'test', { hurried: true })
    await deployment.admin.setSettings('samples.human', new Map([['retention.ms', String(retentionMs)]]))
    await deployment.close()
  }
  await startParts(t, dataDir, {}, () => keepFor(86_400_000))
  const args = [join(root, 'bin/everseed.js'), '--data-dir', dataDir, 'up']
  const { code, stderr } = await start(process.execPath, args, { cwd: root }).ended
  assert.equal(code, 1)
  assert.match(
    stderr,
    /samples\.human: retention\.ms is 86400000, must be -1\..*--only none.*\[TOPIC_MISMATCH\]/
  )
  const said = await startParts(t, dataDir, {}, () => keepFor(-1))
  assert.match(said, /must be -1\..*the parts run all the same, so that it can be done/)
  assert.doesNotMatch(await startParts(t, dataDir), /must be/)
})

test('without Java, npm start is one clear error', async t => {
  const folder = newFolder(t)
  const args = [join(root, 'bin/node24.js'), 'infra/main.ts', '--data-dir', join(folder, 'data')]
  const env = { PATH: barePath(join(folder, 'bin')), JAVA_HOME: '' }
  const { code, stderr } = await start(process.execPath, args, { cwd: root, env }).ended
  assert.equal(code, 1, stderr)
  assert.match(
    stderr,
    /^everseed: the embedded Kafka needs Java 17 or newer and none was found\. Install it: .*JAVA_HOME.* \[JAVA_MISSING\]\n$/
  )
})
