import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { run, type TestProcess } from '../../helpers/process.ts'
import { until } from '../../helpers/until.ts'

const needed = { kafkajs: { version: '2.2.4' }, 'ffi-rs': { version: '1.3.7', optional: true } }
const lockFile = (packages: Record<string, object>): string =>
  JSON.stringify({
    packages: Object.fromEntries([
      ['', {}],
      ...Object.entries(packages).map(([name, entry]) => [`node_modules/${name}`, entry])
    ])
  })

type Clone = {
  readonly root: string
  /** What npm was called with, one line a call. */
  readonly npmCalls: () => string[]
  readonly start: (
    script: string,
    options?: { args?: string[]; node?: string[]; env?: NodeJS.ProcessEnv }
  ) => TestProcess
}

/** A clone of the project with the launcher, a lock file and an `npm` that leaves an empty node_modules. */
function clone(t: TestContext): Clone {
  const root = mkdtempSync(join(tmpdir(), 'everseed-clone-'))
  t.after(() => rmSync(root, { recursive: true }))
  cpSync(join(import.meta.dirname, '../../../bin'), join(root, 'bin'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'package-lock.json'), lockFile(needed))
  mkdirSync(join(root, 'path'))
  writeFileSync(
    join(root, 'path', 'npm'),
    `#!/bin/sh\necho "$@" >> ${root}/calls\nmkdir -p ${root}/node_modules\n`
  )
  chmodSync(join(root, 'path', 'npm'), 0o755)
  return {
    root,
    npmCalls: () =>
      existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : [],
    start(script, { args = [], node = [], env = {} } = {}) {
      writeFileSync(join(root, 'script.js'), script)
      const { npm_config_omit: _, NODE_COMPILE_CACHE: __, ...inherited } = process.env
      return run(t, process.execPath, [...node, join(root, 'bin/node24.js'), 'script.js', ...args], {
        ...inherited,
        PATH: `${join(root, 'path')}${delimiter}${process.env['PATH']}`,
        EVERSEED_CACHE: join(root, 'cache'),
        ...env
      })
    }
  }
}

const hello = "console.log('hello', ...process.argv.slice(2)); process.exit(7)"

test('a fresh clone is installed once, then started; the exit code is the script’s', async t => {
  const { start, npmCalls } = clone(t)
  const first = start(hello, { args: ['a b', '--c'] })
  assert.deepEqual(await first.exited, { code: 7, signal: null })
  // Two pipes: which of them is read first is chance.
  assert.match(first.output(), /installing npm packages/)
  assert.match(first.output(), /hello a b --c/)
  const second = start(hello)
  await second.exited
  assert.equal(second.output(), 'hello\n')
  assert.deepEqual(npmCalls(), ['ci --no-audit --no-fund --loglevel=error'])
})

test('a changed lock file, or a node_modules that is gone, is installed again', async t => {
  const { root, start, npmCalls } = clone(t)
  await start(hello).exited
  writeFileSync(join(root, 'package-lock.json'), lockFile({ ...needed, pino: { version: '10.4.0' } }))
  await start(hello).exited
  rmSync(join(root, 'node_modules'), { recursive: true })
  await start(hello).exited
  assert.equal(npmCalls().length, 3)
})

test('starts at the same time install once', async t => {
  const { start, npmCalls } = clone(t)
  await Promise.all([start(hello).exited, start(hello).exited, start(hello).exited])
  assert.equal(npmCalls().length, 1)
})

/** An `npm` that says that it runs, then goes on until a file is there. */
function slowNpm(root: string): { runs: () => boolean; pid: () => number; end: () => void } {
  const [running, go] = [join(root, 'npm-runs'), join(root, 'npm-may-end')]
  writeFileSync(
    join(root, 'path', 'npm'),
    `#!/bin/sh
echo $$ > ${running}
while [ ! -e ${go} ]; do sleep 0.02; done
echo "$@" >> ${root}/calls
mkdir -p ${root}/node_modules
`
  )
  const pid = (): number => (existsSync(running) ? Number(readFileSync(running, 'utf8')) : 0)
  return { runs: () => pid() > 0, pid, end: () => writeFileSync(go, '') }
}
const turnOf = (root: string): string => join(root, '.everseed-install')

test('who waits for another installation is told so, and finds its packages', async t => {
  const { root, start, npmCalls } = clone(t)
  const npm = slowNpm(root)
  const first = start(hello)
  await until('npm runs', npm.runs)
  const second = start(hello)
  await second.says(new RegExp(`process ${first.pid} is installing .*; waiting for it`))
  npm.end()
  assert.equal((await first.exited).code, 7)
  assert.equal((await second.exited).code, 7)
  assert.equal(npmCalls().length, 1)
  assert.ok(!existsSync(turnOf(root)))
})

test('an installation shows that it lives, and one that was killed is taken over by exactly one', async t => {
  const { root, start, npmCalls } = clone(t)
  const npm = slowNpm(root)
  const killed = start(hello)
  await until('npm runs', npm.runs)
  const longAgo = new Date(Date.now() - 3_600_000)
  utimesSync(turnOf(root), longAgo, longAgo)
  await until('a sign of life', () => Date.now() - statSync(turnOf(root)).mtimeMs < 60_000)
  killed.process.kill('SIGKILL')
  process.kill(npm.pid(), 'SIGKILL')
  await killed.exited
  utimesSync(turnOf(root), longAgo, longAgo)
  npm.end()
  const codes = await Promise.all(Array.from({ length: 5 }, async () => (await start(hello).exited).code))
  assert.deepEqual(codes, [7, 7, 7, 7, 7])
  assert.equal(npmCalls().length, 1)
})

test('a later process of the same id does not hold the place of one that was killed', async t => {
  const { root, start, npmCalls } = clone(t)
  writeFileSync(turnOf(root), `${process.pid} 1`)
  const longAgo = new Date(Date.now() - 60_000)
  utimesSync(turnOf(root), longAgo, longAgo)
  assert.equal((await start(hello).exited).code, 7)
  assert.equal(npmCalls().length, 1)
})

test('what is no file in the place of the lock is refused, not read', async t => {
  const { root, start } = clone(t)
  execFileSync('mkfifo', [turnOf(root)])
  const started = start(hello)
  assert.equal((await started.exited).code, 1)
  assert.match(started.output(), /\.everseed-install is in the way of the installation: remove it/)
})

test('SIGTERM during the installation ends npm too', async t => {
  const { root, start } = clone(t)
  const npm = slowNpm(root)
  const started = start(hello)
  await until('npm runs', npm.runs)
  process.kill(started.pid, 'SIGTERM')
  assert.deepEqual(await started.exited, { code: 143, signal: null })
  assert.throws(() => process.kill(npm.pid(), 0), { code: 'ESRCH' })
  assert.ok(!existsSync(turnOf(root)))
})

test('what npm ci by hand left is taken as it is; left-out optional parts stay out', async t => {
  const { root, start, npmCalls } = clone(t)
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(join(root, 'node_modules/.package-lock.json'), lockFile({ kafkajs: { version: '2.2.4' } }))
  await start(hello).exited
  assert.deepEqual(npmCalls(), [])
  writeFileSync(join(root, 'package-lock.json'), lockFile({ ...needed, pino: { version: '10.4.0' } }))
  await start(hello).exited
  assert.match(npmCalls()[0]!, / --omit=optional$/)
})

/** What an npm ci by hand left of the lock file. */
function installByHand(root: string, wanted: Record<string, object>, left: Record<string, object>): void {
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(join(root, 'package-lock.json'), lockFile(wanted))
  writeFileSync(join(root, 'node_modules/.package-lock.json'), lockFile(left))
}

test('npm ci --omit=dev by hand is an installation, and one without a needed package is none', async t => {
  const { root, start, npmCalls } = clone(t)
  const forTests = {
    typescript: { version: '7.0.2', dev: true },
    fsevents: { version: '2.3.3', devOptional: true }
  }
  installByHand(root, { ...needed, ...forTests }, needed)
  await start(hello).exited
  assert.deepEqual(npmCalls(), [])
  rmSync(join(root, 'node_modules'), { recursive: true })
  installByHand(root, { ...needed, ...forTests }, forTests)
  await start(hello).exited
  assert.equal(npmCalls().length, 1)
})

test('a checkout that cannot be written is started all the same', async t => {
  const { root, start, npmCalls } = clone(t)
  installByHand(root, needed, needed)
  // Nobody writes over a folder, root neither.
  mkdirSync(join(root, 'node_modules/.everseed-installed'))
  for (let time = 0; time < 2; time++) {
    const started = start(hello)
    assert.equal((await started.exited).code, 7)
    assert.equal(started.output(), 'hello\n')
  }
  assert.deepEqual(npmCalls(), [])
})

test('npm start --omit=optional is remembered', async t => {
  const { root, start, npmCalls } = clone(t)
  await start(hello, { env: { npm_config_omit: 'dev optional' } }).exited
  writeFileSync(join(root, 'package-lock.json'), lockFile({ ...needed, pino: { version: '10.4.0' } }))
  await start(hello).exited
  assert.deepEqual(
    npmCalls().map(call => call.endsWith('--omit=optional')),
    [true, true]
  )
})

test('an installation of other versions by hand is replaced', async t => {
  const { root, start, npmCalls } = clone(t)
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(
    join(root, 'node_modules/.package-lock.json'),
    lockFile({ ...needed, kafkajs: { version: '2.0.0' } })
  )
  await start(hello).exited
  assert.equal(npmCalls().length, 1)
})

test('a failed installation ends with a word, and is tried again', async t => {
  const { root, start } = clone(t)
  writeFileSync(join(root, 'path', 'npm'), '#!/bin/sh\nexit 1\n')
  const failed = start(hello)
  assert.equal((await failed.exited).code, 1)
  assert.match(failed.output(), /npm ci failed; run it by hand in /)
  assert.doesNotMatch(failed.output(), /hello/)
  writeFileSync(join(root, 'path', 'npm'), `#!/bin/sh\nmkdir -p ${root}/node_modules\n`)
  assert.equal((await start(hello).exited).code, 7)
})

test('an older Node hands over to the packaged one, by path, and puts it first on the PATH', async t => {
  const { root, start } = clone(t)
  writeFileSync(
    join(root, 'old.cjs'),
    "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })"
  )
  const node = ['--require', join(root, 'old.cjs')]
  const without = start(hello, { node })
  assert.equal((await without.exited).code, 1)
  assert.match(without.output(), /needs Node 24 or newer .* npm ci without --omit=optional/)
  const os = process.platform === 'win32' ? 'win' : process.platform
  const packaged = join(root, 'node_modules', `node-${os}-${process.arch}`, 'bin', 'node')
  mkdirSync(dirname(packaged), { recursive: true })
  writeFileSync(packaged, `#!/bin/sh\necho packaged "$@"\necho path "$PATH"\n`)
  chmodSync(packaged, 0o755)
  const found = start(hello, { node })
  await found.exited
  assert.match(found.output(), /packaged --disable-warning=ExperimentalWarning \S+script\.js/)
  assert.ok(found.output().includes(`path ${dirname(packaged)}${delimiter}`))
})

const waiting = `for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => { console.log('got', name); if (name === 'SIGTERM') process.exit(5) })
console.log('up', process.pid); setInterval(() => {}, 1000)`

test('SIGTERM is passed on, SIGINT is left to the terminal', async t => {
  const started = clone(t).start(waiting)
  await started.says(/up/)
  process.kill(started.pid, 'SIGINT')
  process.kill(started.pid, 'SIGTERM')
  assert.deepEqual(await started.exited, { code: 5, signal: null })
  assert.doesNotMatch(started.output(), /got SIGINT/)
  assert.match(started.output(), /got SIGTERM/)
})

test('a script that is killed ends the launcher by the same signal', async t => {
  const started = clone(t).start(waiting)
  process.kill(Number((await started.says(/up (\d+)/))[1]), 'SIGKILL')
  assert.deepEqual(await started.exited, { code: null, signal: 'SIGKILL' })
})

test('compiled code is kept under the user’s cache', async t => {
  const { root, start } = clone(t)
  await start("console.log(process.env['NODE_COMPILE_CACHE'])").says(
    new RegExp(join(root, 'cache', 'compile'))
  )
})
