import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, test } from 'node:test'
import { environment, readConfig } from '../../infra/config.ts'
import type { EverseedError } from '../../schemas/errors.ts'

describe('the configuration', () => {
  test('of an empty environment is an embedded stack', () => {
    const config = readConfig({})
    assert.equal(config.dataDir, resolve('.everseed'))
    assert.deepEqual(config.kafka, {
      brokers: undefined,
      prefix: 'everseed.',
      partitions: 4,
      replication: 1,
      sessionTimeoutMs: 10_000,
      heartbeatMs: 1000,
      tls: undefined,
      sasl: undefined
    })
    assert.equal(config.registry, undefined)
    assert.equal(config.clickhouse, undefined)
    assert.deepEqual(config.health, { host: '127.0.0.1', port: 0 })
  })

  test('reads external parts, with credentials', () => {
    const config = readConfig({
      EVERSEED_KAFKA_BROKERS: 'a:1, b:2',
      EVERSEED_KAFKA_TLS: 'true',
      EVERSEED_KAFKA_SASL_MECHANISM: 'scram-sha-512',
      EVERSEED_KAFKA_USERNAME: 'u',
      EVERSEED_KAFKA_PASSWORD: 'p',
      EVERSEED_REGISTRY_URL: 'https://registry:8081',
      EVERSEED_REGISTRY_USER: 'ru',
      EVERSEED_REGISTRY_PASSWORD: 'rp',
      EVERSEED_CLICKHOUSE_URL: 'https://clickhouse:8443',
      EVERSEED_CLICKHOUSE_READER: 'reader'
    })
    assert.deepEqual(config.kafka.brokers, ['a:1', 'b:2'])
    assert.deepEqual(config.kafka.tls, {})
    assert.deepEqual(config.kafka.sasl, { mechanism: 'scram-sha-512', username: 'u', password: 'p' })
    assert.deepEqual(config.registry, { url: 'https://registry:8081', user: 'ru', password: 'rp' })
    assert.deepEqual(config.clickhouse, {
      url: 'https://clickhouse:8443',
      database: 'everseed',
      user: 'default',
      password: '',
      reader: { user: 'reader', password: '' }
    })
  })

  test('reads certificates from their files', t => {
    const dir = mkdtempSync(join(tmpdir(), 'everseed-config-'))
    t.after(() => rmSync(dir, { recursive: true }))
    const file = join(dir, 'ca.pem')
    writeFileSync(file, 'a certificate')
    const env = { EVERSEED_KAFKA_BROKERS: 'a:1', EVERSEED_KAFKA_TLS: '1', EVERSEED_KAFKA_CA: file }
    assert.deepEqual(readConfig(env).kafka.tls, { ca: 'a certificate' })
    const pair = { EVERSEED_KAFKA_CERT: file, EVERSEED_KAFKA_KEY: join(dir, 'none') }
    assert.throws(() => readConfig({ ...env, ...pair }), {
      code: 'CONFIG_INVALID',
      message: /EVERSEED_KAFKA_KEY: cannot read .*none/
    })
  })

  test('takes an empty value for an absent one', () => {
    assert.equal(readConfig({ EVERSEED_REGISTRY_URL: '', EVERSEED_PARTITIONS: '' }).kafka.partitions, 4)
  })

  test('gives a processor that stops the time that is asked for', () => {
    assert.equal(readConfig({}).drainMs, 3500)
    assert.equal(readConfig({ EVERSEED_DRAIN_MS: '25000' }).drainMs, 25_000)
  })

  test('names the variable that is wrong', () => {
    const wrong: Record<string, Record<string, string>> = {
      EVERSEED_PARTITIONS: { EVERSEED_PARTITIONS: '0' },
      EVERSEED_REGISTRY_URL: { EVERSEED_REGISTRY_URL: 'somewhere' },
      EVERSEED_KAFKA_TLS: { EVERSEED_KAFKA_TLS: 'yes' },
      EVERSEED_LOG_LEVEL: { EVERSEED_LOG_LEVEL: 'loud' },
      EVERSEED_HEALTH_PORT: { EVERSEED_HEALTH_PORT: '70000' },
      EVERSEED_PREFIX: { EVERSEED_PREFIX: 'with space' },
      EVERSEED_CLICKHOUSE_DATABASE: { EVERSEED_CLICKHOUSE_DATABASE: 'a; drop' },
      EVERSEED_KAFKA_USERNAME: { EVERSEED_KAFKA_SASL_MECHANISM: 'plain' },
      EVERSEED_HEARTBEAT_MS: { EVERSEED_HEARTBEAT_MS: '5000' },
      EVERSEED_DRAIN_MS: { EVERSEED_DRAIN_MS: '0' }
    }
    for (const [name, env] of Object.entries(wrong))
      assert.throws(() => readConfig(env), { code: 'CONFIG_INVALID', message: new RegExp(name) }, name)
  })

  test('refuses what it would have to ignore', () => {
    const kafka = { EVERSEED_KAFKA_BROKERS: 'a:1' }
    const login = { EVERSEED_KAFKA_USERNAME: 'u', EVERSEED_KAFKA_PASSWORD: 'hunter2' }
    const clickhouse = { EVERSEED_CLICKHOUSE_URL: 'https://c' }
    const registry = { EVERSEED_REGISTRY_URL: 'https://r' }
    const refused: [Record<string, string>, RegExp][] = [
      [{ ...kafka, EVERSEED_KAFKA_CA: 'ca.pem' }, /KAFKA_CA needs EVERSEED_KAFKA_TLS=true/],
      [
        { ...kafka, EVERSEED_KAFKA_TLS: 'false', EVERSEED_KAFKA_CA: 'ca.pem' },
        /KAFKA_CA needs EVERSEED_KAFKA_TLS/
      ],
      [
        { ...kafka, EVERSEED_KAFKA_TLS: '1', EVERSEED_KAFKA_CERT: 'c.pem' },
        /KAFKA_CERT needs EVERSEED_KAFKA_KEY/
      ],
      [{ ...kafka, ...login }, /KAFKA_USERNAME needs EVERSEED_KAFKA_SASL_MECHANISM/],
      [
        { ...kafka, EVERSEED_KAFKA_PASSWORD: 'hunter2' },
        /KAFKA_PASSWORD needs EVERSEED_KAFKA_SASL_MECHANISM/
      ],
      [{ ...kafka, ...login, EVERSEED_KAFKA_SASL_MECHANISM: '' }, /needs EVERSEED_KAFKA_SASL_MECHANISM/],
      [{ EVERSEED_KAFKA_TLS: 'true' }, /KAFKA_TLS needs EVERSEED_KAFKA_BROKERS/],
      [{ ...login, EVERSEED_KAFKA_SASL_MECHANISM: 'plain' }, /needs EVERSEED_KAFKA_BROKERS/],
      [{ ...registry, EVERSEED_REGISTRY_PASSWORD: 'hunter2' }, /needs EVERSEED_REGISTRY_USER/],
      [{ EVERSEED_REGISTRY_USER: 'u' }, /REGISTRY_USER needs EVERSEED_REGISTRY_URL/],
      [{ ...clickhouse, EVERSEED_CLICKHOUSE_READER_PASSWORD: 'hunter2' }, /needs EVERSEED_CLICKHOUSE_READER/],
      ...['USER', 'PASSWORD', 'DATABASE', 'READER'].map((name): [Record<string, string>, RegExp] => [
        { [`EVERSEED_CLICKHOUSE_${name}`]: 'x' },
        new RegExp(`EVERSEED_CLICKHOUSE_${name} needs EVERSEED_CLICKHOUSE_URL`)
      ])
    ]
    for (const [env, words] of refused) {
      assert.throws(
        () => readConfig(env),
        (error: EverseedError) =>
          error.code === 'CONFIG_INVALID' && words.test(error.message) && !error.message.includes('hunter2'),
        JSON.stringify(env)
      )
    }
    assert.equal(readConfig({ ...kafka, EVERSEED_KAFKA_TLS: 'false' }).kafka.tls, undefined)
  })

  test('checks addresses like those of providers, and sends no password readably to another machine', () => {
    for (const part of ['REGISTRY', 'CLICKHOUSE']) {
      const of = (url: string, more: Record<string, string> = {}) =>
        readConfig({ [`EVERSEED_${part}_URL`]: url, ...more })
      const login = { [`EVERSEED_${part}_USER`]: 'u', [`EVERSEED_${part}_PASSWORD`]: 'hunter2' }
      for (const [url, words] of [
        ['https://u:hunter2@host', new RegExp(`holds credentials: .*EVERSEED_${part}_PASSWORD`)],
        ['ftp://host', /only http and https/],
        ['somewhere', /is not an address/]
      ] as const)
        assert.throws(
          () => of(url),
          (error: EverseedError) =>
            error.code === 'CONFIG_INVALID' &&
            words.test(error.message) &&
            !error.message.includes('hunter2'),
          url
        )
      assert.throws(() => of('http://host:1', login), {
        code: 'CONFIG_INVALID',
        message: new RegExp(`_URL is plain http to host:1: .*EVERSEED_${part}_PLAIN_HTTP=true`)
      })
      assert.ok(of('http://host:1', { ...login, [`EVERSEED_${part}_PLAIN_HTTP`]: 'true' }))
      assert.ok(of('http://host:1'))
      assert.ok(of('http://127.0.0.1:1', login))
      assert.ok(of('https://host', login))
    }
  })

  test('knows its own variables only', () => {
    assert.throws(() => readConfig({ EVERSEED_KAFKA_BROKER: 'a:1' }), {
      code: 'CONFIG_INVALID',
      message: /EVERSEED_KAFKA_BROKER is not a setting; known are .*EVERSEED_KAFKA_BROKERS/
    })
    assert.ok(readConfig({ PATH: '/bin', EVERSEED_CACHE: '/tmp' }))
  })

  test('documents every variable', () => {
    for (const [name, type] of Object.entries(environment)) {
      assert.match(name, /^EVERSEED_[A-Z_]+$/)
      assert.ok(type.description, name)
    }
  })
})
