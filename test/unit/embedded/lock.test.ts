import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { identify, isAlive, startOf } from '../../../infra/embedded/identity.ts'
import { holderOf, lockDataDir, replaceFile } from '../../../infra/embedded/lock.ts'
import { run, type TestProcess } from '../../helpers/process.ts'
import { until } from '../../helpers/until.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-lock-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

const holder = (t: TestContext, dir: string, ...args: string[]): TestProcess =>
  run(t, process.execPath, [join(import.meta.dirname, '../../helpers/lock-holder.ts'), dir, ...args])

test('a process is its pid and its start: another start is another process', () => {
  const own = identify(process.pid)!
  assert.ok(isAlive(own))
  assert.equal(isAlive({ ...own, started: `${own.started}0` }), false)
  assert.equal(startOf(0), undefined)
})

test(
  'an ended child that nobody has waited for does not live',
  { skip: process.platform !== 'linux' },
  async t => {
    const child = run(t, 'sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'])
    const [, pid] = await child.says(/(\d+)/)
    await until('the zombie is seen as dead', () => startOf(Number(pid)) === undefined)
  }
)

test('a second start is refused and told which process holds the folder', async t => {
  const dir = folder(t)
  const first = holder(t, dir)
  await first.says(/held/)
  assert.equal(holderOf(dir)?.pid, first.pid)
  const second = holder(t, dir)
  await second.says(new RegExp(`DATA_DIR_HELD process ${first.pid} runs everseed on ${dir}: .*everseed down`))
  first.process.stdin!.end()
  await first.exited
  assert.equal(holderOf(dir), undefined)
  await holder(t, dir).says(/held/)
})

test('what a killed holder left is taken over, and the children it recorded are ended', async t => {
  const dir = folder(t)
  // It does not end when it is asked.
  const stubborn = run(t, process.execPath, [
    '-e',
    "process.on('SIGTERM', () => console.log('no')); console.log('up'); setInterval(() => {}, 1000)"
  ])
  await stubborn.says(/up/)
  const first = holder(t, dir, String(stubborn.pid))
  await first.says(/held/)
  first.process.kill('SIGKILL')
  await first.exited
  assert.equal(holderOf(dir), undefined)
  const lock = await lockDataDir(dir)
  assert.deepEqual(await stubborn.exited, { code: null, signal: 'SIGKILL' })
  assert.match(stubborn.output(), /no/)
  lock.release()
})

test('a recorded pid that now belongs to another process is left alone', async t => {
  const dir = folder(t)
  const innocent = run(t, process.execPath, ['-e', "console.log('up'); setInterval(() => {}, 1000)"])
  await innocent.says(/up/)
  const dead = { pid: 2 ** 22 + 1, started: 'x' }
  writeFileSync(
    join(dir, 'lock.json'),
    JSON.stringify({ holder: dead, children: [{ pid: innocent.pid, started: 'some other time' }] })
  )
  const lock = await lockDataDir(dir)
  assert.ok(isAlive(identify(innocent.pid)!))
  lock.release()
})

test('of many starts at once exactly one gets the folder', async t => {
  const dir = folder(t)
  for (let round = 0; round < 2; round++) {
    const starts = Array.from({ length: 6 }, () => holder(t, dir))
    const words = await Promise.all(starts.map(async start => (await start.says(/held|DATA_DIR_HELD/))[0]))
    assert.equal(words.filter(word => word === 'held').length, 1, words.join(' '))
    for (const start of starts) start.process.stdin!.end()
    await Promise.all(starts.map(start => start.exited))
  }
  assert.deepEqual(readdirSync(dir), [], 'no claim is left')
})

test('a claim of a process that was killed while it claimed stops nobody', async t => {
  const dir = folder(t)
  writeFileSync(join(dir, 'lock.json.claim.1.long-ago'), '')
  writeFileSync(join(dir, 'lock.json'), '{ cut')
  const lock = await lockDataDir(dir)
  assert.deepEqual(readdirSync(dir), ['lock.json'])
  lock.release()
})

test('a released lock is not written again, and the folder is the owner’s alone', async t => {
  const dir = join(folder(t), 'data')
  const lock = await lockDataDir(dir)
  assert.equal(statSync(dir).mode & 0o777, 0o700)
  lock.release()
  lock.children([process.pid])
  assert.equal(existsSync(join(dir, 'lock.json')), false)
})

test('a folder that others may write to is refused with the command that helps; one they may read becomes private', async t => {
  const dir = join(folder(t), 'data')
  mkdirSync(dir)
  for (const mode of [0o777, 0o1777, 0o775, 0o702]) {
    chmodSync(dir, mode)
    await assert.rejects(lockDataDir(dir), {
      code: 'CONFIG_INVALID',
      message: `others may write to the data folder ${dir}, and the passwords of the embedded ClickHouse lie there: look what is in it, then chmod 700 ${dir}`
    })
    assert.equal(statSync(dir).mode & 0o1777, mode)
    assert.deepEqual(readdirSync(dir), [])
  }
  chmodSync(dir, 0o755)
  const lock = await lockDataDir(dir)
  assert.equal(statSync(dir).mode & 0o777, 0o700)
  lock.release()
})

test('a folder of somebody else is refused', { skip: process.platform === 'win32' }, async t => {
  let dir = '/'
  if (process.getuid!() === 0) {
    dir = folder(t)
    chownSync(dir, 65_534, 65_534)
  }
  await assert.rejects(lockDataDir(dir), {
    code: 'CONFIG_INVALID',
    message: /belongs to user \d+, not to \d+/
  })
})

test('a file is replaced by a new one: what lies in its way is not written through', t => {
  const dir = folder(t)
  const [file, victim] = [join(dir, 'endpoints.json'), join(dir, 'victim')]
  writeFileSync(victim, 'mine')
  symlinkSync(victim, `${file}.${process.pid}.part`)
  replaceFile(file, 'secret')
  assert.equal(readFileSync(victim, 'utf8'), 'mine')
  assert.equal(readFileSync(file, 'utf8'), 'secret')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(dir).toSorted(), ['endpoints.json', 'victim'])
})
