import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLiveness, serveHealth } from '../../../infra/runner/health.ts'

const looks = (
  liveness: ReturnType<typeof createLiveness>,
  seconds: number,
  ...slots: [number, boolean][]
): void => {
  for (let second = 0; second < seconds; second++) liveness.look(slots)
}

describe('a processor is stuck', () => {
  test('when its group has not heard of it for a session, from the first sign of life on', () => {
    const liveness = createLiveness(10_000)
    looks(liveness, 100)
    assert.equal(liveness.stuck, undefined)
    liveness.beat()
    looks(liveness, 10)
    assert.equal(liveness.stuck, undefined)
    looks(liveness, 1)
    assert.equal(liveness.stuck, 'no heartbeat for 11 s')
    liveness.beat()
    assert.equal(liveness.stuck, undefined)
  })

  test('when a slot cannot be opened, until it is open or somebody else’s', () => {
    const liveness = createLiveness(10_000)
    looks(liveness, 15, [0, true], [3, false])
    assert.equal(liveness.stuck, undefined)
    looks(liveness, 1, [0, true], [3, false])
    assert.equal(liveness.stuck, 'slot 3 could not be opened for 16 s')
    looks(liveness, 1, [0, true], [3, true])
    assert.equal(liveness.stuck, undefined)
    looks(liveness, 16, [0, false])
    assert.notEqual(liveness.stuck, undefined)
    looks(liveness, 1)
    assert.equal(liveness.stuck, undefined)
  })
})

describe('/healthz', () => {
  const metrics = { text: async () => 'a 1\n', contentType: 'text/plain' }
  const address = { host: '127.0.0.1', port: 0 }

  test('answers 200 or 503, and /metrics beside it', async t => {
    let ok = true
    const { url, close } = await serveHealth(address, () => ({ ok, state: 'running' }), metrics)
    t.after(close)
    const ask = async (path: string): Promise<[number, string]> => {
      const response = await fetch(url + path, { headers: { connection: 'close' } })
      return [response.status, await response.text()]
    }
    assert.deepEqual(await ask('/healthz'), [200, '{"ok":true,"state":"running"}\n'])
    ok = false
    assert.equal((await ask('/healthz'))[0], 503)
    assert.deepEqual(await ask('/metrics'), [200, 'a 1\n'])
    assert.equal((await ask('/'))[0], 404)
  })

  test('on a port that is taken is a clear error', async t => {
    const first = await serveHealth(address, () => ({ ok: true }), metrics)
    t.after(first.close)
    const port = Number(new URL(first.url).port)
    await assert.rejects(
      serveHealth({ host: '127.0.0.1', port }, () => ({ ok: true }), metrics),
      { code: 'CONFIG_INVALID', message: new RegExp(`${port}.*EADDRINUSE.*EVERSEED_HEALTH_PORT`) }
    )
  })
})
