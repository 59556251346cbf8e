/** SIGKILL of the process that supervises the parts: nothing it leaves may block the next start. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { followParent } from '../../../infra/embedded/child.ts'
import { type Identity, isAlive } from '../../../infra/embedded/identity.ts'
import { run, type TestProcess } from '../../helpers/process.ts'
import { until } from '../../helpers/until.ts'
import { openStack } from '../../helpers/stack.ts'

type Ending = { after(done: () => void | Promise<void>): void }

/** A process that supervises a stack, its folder, and the children it recorded. */
function startSupervisor(t: Ending): { supervisor: TestProcess; dir: string; children: () => Identity[] } {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-killed-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const supervisor = run(t, process.execPath, [join(import.meta.dirname, '../../helpers/dev-stack.ts'), dir])
  const children = (): Identity[] => {
    try {
      return (JSON.parse(readFileSync(join(dir, 'lock.json'), 'utf8')) as { children: Identity[] }).children
    } catch {
      return []
    }
  }
  return { supervisor, dir, children }
}

test('killed while everything runs: the next start has the same ports', async t => {
  const { supervisor, dir, children } = startSupervisor(t)
  await supervisor.says(/ready after/)
  const left = children()
  assert.equal(left.length, 3)
  const ports = readFileSync(join(dir, 'ports.json'), 'utf8')
  supervisor.process.kill('SIGKILL')
  await supervisor.exited
  const stack = await openStack(dir)
  assert.deepEqual(left.filter(isAlive), [], 'the old children have ended')
  assert.equal(readFileSync(join(dir, 'ports.json'), 'utf8'), ports)
  await stack.stop()
})

test('killed while the parts start: those that were not ready are known too', async t => {
  const { supervisor, dir, children } = startSupervisor(t)
  const unfinished = join(dir, 'registry', 'unfinished')
  await until('the registry makes its tables', () => existsSync(unfinished), 60_000)
  await until('three children are recorded', () => children().length === 3, 60_000)
  assert.doesNotMatch(supervisor.output(), /ready after/)
  const left = children()
  supervisor.process.kill('SIGKILL')
  await supervisor.exited
  const stack = await openStack(dir)
  assert.deepEqual(left.filter(isAlive), [], 'the old children have ended')
  assert.ok(!existsSync(unfinished), 'from here on its database is not touched')
  await stack.stop()
})

const canFollow = followParent('x', [])[0] !== 'x'

test('on Linux the children end by themselves, with no next start', { skip: !canFollow }, async t => {
  const { supervisor, children } = startSupervisor(t)
  await supervisor.says(/ready after/)
  const left = children()
  assert.equal(left.filter(isAlive).length, 3)
  supervisor.process.kill('SIGKILL')
  await until('all have ended', () => !left.some(isAlive), 15_000)
})
