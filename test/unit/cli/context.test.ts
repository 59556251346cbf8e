import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { completed, resolveConfig, runningUp } from '../../../infra/cli/context.ts'
import { type Identity, identify } from '../../../infra/embedded/identity.ts'

const running = {
  EVERSEED_PREFIX: 'lab.',
  EVERSEED_PARTITIONS: '8',
  EVERSEED_KAFKA_BROKERS: '127.0.0.1:9092,127.0.0.1:9094',
  EVERSEED_REGISTRY_URL: 'http://127.0.0.1:8081/apis/ccompat/v7',
  EVERSEED_CLICKHOUSE_URL: 'http://127.0.0.1:8123',
  EVERSEED_CLICKHOUSE_DATABASE: 'everseed',
  EVERSEED_CLICKHOUSE_USER: 'everseed',
  EVERSEED_CLICKHOUSE_PASSWORD: 'of the embedded server',
  EVERSEED_CLICKHOUSE_READER: 'reader',
  EVERSEED_CLICKHOUSE_READER_PASSWORD: 'of its reader'
}

/** A data folder on which this process runs `up`, or another one did. */
function dataDir(t: TestContext, holder: Identity = identify(process.pid)!): string {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-context-'))
  t.after(() => rmSync(dir, { recursive: true }))
  writeFileSync(
    join(dir, 'endpoints.json'),
    JSON.stringify({ ...holder, environment: running, children: [] })
  )
  return dir
}

test('an empty value is an absent one: the running up is found', t => {
  assert.deepEqual(completed({ EVERSEED_KAFKA_BROKERS: '', EVERSEED_CLICKHOUSE_URL: '' }, running), running)
  const env = { EVERSEED_DATA_DIR: dataDir(t), EVERSEED_KAFKA_BROKERS: '', EVERSEED_REGISTRY_URL: '' }
  assert.deepEqual(resolveConfig(env).kafka.brokers, ['127.0.0.1:9092', '127.0.0.1:9094'])
  assert.equal(resolveConfig(env).kafka.prefix, 'lab.')
})

test('a process that only got the pid of an up that was killed is no running up', t => {
  assert.equal(runningUp(dataDir(t))?.pid, process.pid)
  assert.equal(runningUp(dataDir(t, { pid: process.pid, started: 'long-ago' })), undefined)
})

test('a server elsewhere is not sent the password of the running one', t => {
  const config = resolveConfig({
    EVERSEED_DATA_DIR: dataDir(t),
    EVERSEED_CLICKHOUSE_URL: 'https://prod.example.com:8443'
  })
  assert.deepEqual(config.clickhouse, {
    url: 'https://prod.example.com:8443',
    database: 'everseed',
    user: 'default',
    password: '',
    reader: undefined
  })
  assert.deepEqual(config.kafka.brokers, ['127.0.0.1:9092', '127.0.0.1:9094'], 'the other parts are found')
})

test('a cluster elsewhere is not read by the ids of the running registry, nor the reverse', t => {
  const dir = dataDir(t)
  for (const env of [
    { EVERSEED_KAFKA_BROKERS: 'prod-1:9092' },
    { EVERSEED_REGISTRY_URL: 'https://registry.example.com' }
  ]) {
    const [name] = Object.keys(env)
    assert.throws(() => resolveConfig({ EVERSEED_DATA_DIR: dir, ...env }), {
      code: 'CONFIG_INVALID',
      message: new RegExp(`${name} is set without EVERSEED_(KAFKA_BROKERS|REGISTRY_URL)`)
    })
    assert.throws(() => resolveConfig({ EVERSEED_DATA_DIR: join(dir, 'nothing-runs-here'), ...env }), {
      code: 'CONFIG_INVALID'
    })
  }
  const both = resolveConfig({
    EVERSEED_DATA_DIR: dir,
    EVERSEED_KAFKA_BROKERS: 'prod-1:9092',
    EVERSEED_REGISTRY_URL: 'https://registry.example.com'
  })
  assert.deepEqual(both.kafka.brokers, ['prod-1:9092'])
  assert.equal(both.kafka.prefix, 'everseed.', 'the prefix of the running one is not that of the other')
})

test('the environment up was started with leads to that up', t => {
  // The shell still holds the brokers; the registry is the one that `up` embedded.
  const config = resolveConfig({
    EVERSEED_DATA_DIR: dataDir(t),
    EVERSEED_KAFKA_BROKERS: '127.0.0.1:9092, 127.0.0.1:9094'
  })
  assert.equal(config.registry?.url, running.EVERSEED_REGISTRY_URL)
  assert.equal(config.kafka.partitions, 8)
})

test('single settings that are no address go over those of the running up', () => {
  assert.equal(completed({ EVERSEED_PREFIX: 'other.' }, running)['EVERSEED_PREFIX'], 'other.')
})
