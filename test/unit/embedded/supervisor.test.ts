import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { saysReady, spawnChild } from '../../../infra/embedded/child.ts'
import { type Child, createSupervisor, type Running } from '../../../infra/embedded/supervisor.ts'
import { silentLog } from '../../../infra/log.ts'
import { until } from '../../helpers/until.ts'

const quick = { firstMs: 1, longestMs: 4, forgivenAfterMs: 60_000 }

/** A child without a process: it ends when the test, or a stop, says so. */
function puppet(
  pid: number,
  options: { stubborn?: boolean } = {}
): Running & { end(code: number): void; asked: boolean } {
  const { promise, resolve } = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>()
  const one = {
    pid,
    exited: promise,
    asked: false,
    end: (code: number) => resolve({ code, signal: null }),
    stop: () => {
      one.asked = true
      if (!options.stubborn) resolve({ code: 0, signal: null })
    },
    kill: () => resolve({ code: null, signal: 'SIGKILL' })
  }
  return one
}

test('what dies is started again, and the states tell how often and why', async () => {
  const started: ReturnType<typeof puppet>[] = []
  const seen: string[] = []
  const supervisor = createSupervisor(silentLog, () => seen.push(supervisor.states()[0]!.state), quick)
  await supervisor.supervise({
    name: 'part',
    start: async () => {
      const one = puppet(100 + started.length)
      started.push(one)
      return one
    }
  })
  for (let deaths = 1; deaths <= 3; deaths++) {
    started.at(-1)!.end(7)
    await until('it is started again', () => started.length === deaths + 1)
  }
  await until('it runs', () => supervisor.states()[0]!.state === 'running')
  assert.deepEqual(supervisor.states(), [
    { name: 'part', state: 'running', pid: 103, restarts: 3, lastError: 'ended with code 7' }
  ])
  await supervisor.stopAll()
  assert.deepEqual(supervisor.states()[0], {
    name: 'part',
    state: 'stopped',
    pid: null,
    restarts: 3,
    lastError: 'ended with code 0'
  })
  assert.deepEqual([...new Set(seen)], ['starting', 'running', 'backoff', 'stopped'])
  assert.equal(started.length, 4)
})

test('a start that fails after it once worked is tried again; one that never worked is not', async () => {
  const supervisor = createSupervisor(silentLog, () => {}, quick)
  let starts = 0
  let first: ReturnType<typeof puppet> | undefined
  await supervisor.supervise({
    name: 'part',
    start: async () => {
      starts++
      if (starts === 2 || starts === 3) throw new Error('the port is taken')
      const one = puppet(starts)
      first ??= one
      return one
    }
  })
  first!.end(1)
  await until('the fourth start worked', () => supervisor.states()[0]!.pid === 4)
  assert.equal(supervisor.states()[0]!.lastError, 'the port is taken')
  await supervisor.stopAll()

  let tries = 0
  const hopeless = createSupervisor(silentLog, () => {}, quick)
  await assert.rejects(
    hopeless.supervise({
      name: 'part',
      start: () => {
        tries++
        return Promise.reject(new Error('no such file'))
      }
    }),
    /no such file/
  )
  assert.equal(tries, 1)
  assert.equal(hopeless.states()[0]!.state, 'stopped')
})

test('the wait between starts doubles up to a limit, and a long life is forgiven', async () => {
  const waits: number[] = []
  const log = { ...silentLog, warn: (fields: object) => waits.push((fields as { inMs: number }).inMs) }
  const deaths = async (forgivenAfterMs: number): Promise<number[]> => {
    waits.length = 0
    const supervisor = createSupervisor(log, () => {}, { firstMs: 20, longestMs: 60, forgivenAfterMs })
    let starts = 0
    void supervisor
      .supervise({
        name: 'part',
        start: async () => {
          starts++
          const one = puppet(starts)
          setTimeout(() => one.end(1), 2)
          return one
        }
      })
      .catch(() => {})
    await until('four deaths', () => waits.length >= 4)
    await supervisor.stopAll()
    return waits.slice(0, 4)
  }
  const growing = await deaths(60_000)
  for (const [index, base] of [20, 40, 60, 60].entries()) {
    assert.ok(growing[index]! >= base * 0.75 - 1 && growing[index]! <= base * 1.25 + 1, growing.join(' '))
  }
  for (const wait of await deaths(0)) assert.ok(wait <= 26, `${wait} after a life that was long enough`)
})

test('a stop does not wait for a pause between two starts', async () => {
  const supervisor = createSupervisor(silentLog, () => {}, { ...quick, firstMs: 600_000, longestMs: 600_000 })
  const one = puppet(1)
  await supervisor.supervise({ name: 'part', start: async () => one })
  one.end(1)
  await until('it pauses', () => supervisor.states()[0]!.state === 'backoff')
  await supervisor.stopAll()
  assert.equal(supervisor.states()[0]!.state, 'stopped')
})

test('a child that is stopped while it starts is asked, and killed when it does not listen', async () => {
  const supervisor = createSupervisor(silentLog, () => {}, quick)
  const one = puppet(1, { stubborn: true })
  const ready = supervisor.supervise({
    name: 'slow',
    async start(_signal, spawned) {
      spawned?.(one)
      await one.exited
      throw new Error('never ready')
    }
  })
  await until('its process is known before it is ready', () => supervisor.states()[0]!.pid === 1)
  assert.equal(supervisor.states()[0]!.state, 'starting')
  await supervisor.stopAll(['slow'], 30)
  assert.ok(one.asked)
  assert.deepEqual(await one.exited, { code: null, signal: 'SIGKILL' })
  await assert.rejects(ready)
})

/** A child of Node that runs a script given as text. */
function nodeChild(t: TestContext, name: string, script: string): Child {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-child-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return {
    name,
    async start(_signal, spawned) {
      const logFile = join(dir, 'log')
      const child = spawnChild(process.execPath, ['-e', script], logFile, { ipc: true })
      spawned?.(child)
      await saysReady(name, child, logFile)
      return child
    }
  }
}

test('a real process counts as running when it says so, is restarted after SIGKILL and stopped by SIGTERM', async t => {
  const supervisor = createSupervisor(silentLog, () => {}, quick)
  await supervisor.supervise(
    nodeChild(t, 'worker', "process.send({ type: 'ready' }); setInterval(() => {}, 1000)")
  )
  const [state] = supervisor.states()
  const first = state!.pid!
  process.kill(first, 'SIGKILL')
  await until('another process runs', () => state!.state === 'running' && state!.pid !== first)
  assert.equal(state!.lastError, 'ended with SIGKILL')
  await supervisor.stopAll()
  assert.equal(state!.lastError, 'ended with SIGTERM')
})

test('a real process that ignores SIGTERM is killed after its grace', async t => {
  const supervisor = createSupervisor(silentLog, () => {}, quick)
  await supervisor.supervise(
    nodeChild(
      t,
      'deaf',
      "process.on('SIGTERM', () => {}); process.send({ type: 'ready' }); setInterval(() => {}, 1000)"
    )
  )
  await supervisor.stopAll(['deaf'], 50)
  assert.equal(supervisor.states()[0]!.lastError, 'ended with SIGKILL')
})

test('a process that ends before it is ready fails with the end of its log', async t => {
  const supervisor = createSupervisor(silentLog, () => {}, quick)
  await assert.rejects(
    supervisor.supervise(nodeChild(t, 'broken', "console.error('no such topic'); process.exit(4)")),
    {
      code: 'PART_FAILED',
      message: /broken ended with code 4 before it was ready\.\nno such topic\nIts log: /
    }
  )
})

const says = (code: string): string =>
  `process.send({ type: 'failed', code: '${code}', message: 'slot 3: gone' }, () => process.exit(1))`

test('what a process says it ends with is its last error, before it is ready and after', async t => {
  const supervisor = createSupervisor(silentLog, () => {}, quick)
  await assert.rejects(supervisor.supervise(nodeChild(t, 'worker', says('KAFKA_REFUSED'))), {
    code: 'KAFKA_REFUSED',
    message: /^slot 3: gone\nIts log: /,
    cause: 1
  })
  assert.match(supervisor.states()[0]!.lastError!, /^slot 3: gone/)

  const other = createSupervisor(silentLog, () => {}, quick)
  await other.supervise(nodeChild(t, 'worker', `process.send({ type: 'ready' }); ${says('KAFKA_REFUSED')}`))
  const [state] = other.states()
  await until('it is started again', () => state!.restarts > 1)
  assert.equal(state!.lastError, 'ended with code 1: slot 3: gone [KAFKA_REFUSED]')
  await other.stopAll()
})

test('what every further start would end with is final: it is not started again, and the state says why', async t => {
  const errors: string[] = []
  const log = { ...silentLog, error: (_: object, message: string) => void errors.push(message) }
  const supervisor = createSupervisor(log, () => {}, quick)
  await supervisor.supervise(
    nodeChild(t, 'worker', `process.send({ type: 'ready' }); ${says('OFFSETS_LOST')}`)
  )
  const [state] = supervisor.states()
  await until('it is given up', () => state!.state === 'stopped')
  assert.deepEqual(state, {
    name: 'worker',
    state: 'stopped',
    pid: null,
    restarts: 0,
    lastError: 'ended with code 1: slot 3: gone [OFFSETS_LOST]'
  })
  assert.deepEqual(errors, ['worker ended with code 1: slot 3: gone [OFFSETS_LOST]; it is not started again'])
  await supervisor.stopAll()
})
