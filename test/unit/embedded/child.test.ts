import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { followParent, spawnChild, tail, waitReady } from '../../../infra/embedded/child.ts'
import { startOf } from '../../../infra/embedded/identity.ts'
import { run } from '../../helpers/process.ts'
import { until } from '../../helpers/until.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-child-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

const never = new AbortController().signal

test('a program that does not exist is an end, told in the log', async t => {
  const logFile = join(folder(t), 'logs', 'part.log')
  const child = spawnChild('/nowhere/program', [], logFile)
  assert.deepEqual(await child.exited, { code: 1, signal: null })
  assert.match(readFileSync(logFile, 'utf8'), /ENOENT/)
  child.stop()
  child.kill()
})

test('an answer of somebody else on the port does not count for a child that ended', async t => {
  const logFile = join(folder(t), 'part.log')
  const child = spawnChild(
    process.execPath,
    ['-e', "console.log('address in use'); process.exit(1)"],
    logFile
  )
  await child.exited
  await assert.rejects(
    waitReady('the part', child, logFile, () => Promise.resolve(), never),
    { code: 'PART_FAILED', message: /the part did not start: it ended\.\naddress in use/ }
  )
})

test('a child that never answers is ended and the error says what the last answer was', async t => {
  const logFile = join(folder(t), 'part.log')
  const child = spawnChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], logFile)
  await assert.rejects(
    waitReady('the part', child, logFile, () => Promise.reject(new Error('status 503')), never, 100),
    { message: /no answer in 0\.1 s: status 503/ }
  )
  assert.deepEqual(await child.exited, { code: null, signal: 'SIGKILL' })
})

test('a question that is never answered holds up neither an end nor a stop', async t => {
  const logFile = join(folder(t), 'part.log')
  const forever = (): Promise<void> => Promise.withResolvers<void>().promise
  const ending = spawnChild(process.execPath, ['-e', 'setTimeout(() => {}, 100)'], logFile)
  await assert.rejects(waitReady('the part', ending, logFile, forever, never), /did not start: it ended/)
  const stop = new AbortController()
  const child = spawnChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], logFile)
  const waiting = waitReady('the part', child, logFile, forever, stop.signal)
  stop.abort()
  await assert.rejects(waiting, /did not start: stopped/)
})

test('a stop ends the wait', async t => {
  const logFile = join(folder(t), 'part.log')
  const stop = new AbortController()
  const child = spawnChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], logFile)
  const waiting = waitReady(
    'the part',
    child,
    logFile,
    () => Promise.reject(new Error('not yet')),
    stop.signal
  )
  stop.abort()
  await assert.rejects(waiting, /did not start: stopped/)
})

test('a log that has grown long is set aside at the next start', async t => {
  const logFile = join(folder(t), 'part.log')
  writeFileSync(logFile, 'old\n')
  truncateSync(logFile, 17 * 1024 * 1024)
  await spawnChild(process.execPath, ['-e', "console.log('new')"], logFile).exited
  assert.equal(readFileSync(logFile, 'utf8'), 'new\n')
  assert.match(readFileSync(`${logFile}.1`, 'utf8'), /^old\n/)
  assert.equal(tail(logFile, 1), 'new')
})

const canFollow = followParent('x', [])[0] === 'setpriv'

test('the kernel ends a following child when its parent is killed', { skip: !canFollow }, async t => {
  const dir = folder(t)
  const parent = run(t, process.execPath, [
    '--input-type=module',
    '-e',
    `import { spawnChild } from '${join(import.meta.dirname, '../../../infra/embedded/child.ts')}'
     const child = spawnChild('sleep', ['600'], '${join(dir, 'log')}', { follow: true })
     console.log('child', child.pid)
     setInterval(() => {}, 1000)`
  ])
  const pid = Number((await parent.says(/child (\d+)/))[1])
  await until('it runs', () => startOf(pid) !== undefined)
  parent.process.kill('SIGKILL')
  await until('it has ended', () => startOf(pid) === undefined)
})
