/** A broker that wants TLS and SCRAM, as production ones do: the client gets in with both and with nothing less. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import kafkajs from 'kafkajs'
import { type KafkaConfig, readConfig } from '../../../infra/config.ts'
import { fetchJars } from '../../../infra/embedded/download.ts'
import { locateJava } from '../../../infra/embedded/java.ts'
import { brokerChild, brokerSettings } from '../../../infra/embedded/kafka.ts'
import { choosePorts } from '../../../infra/embedded/ports.ts'
import { createSupervisor } from '../../../infra/embedded/supervisor.ts'
import { createKafka } from '../../../infra/kafka/client.ts'
import { silentLog } from '../../../infra/log.ts'
import { brokerAnswers } from '../../../infra/kafka/client.ts'

const dir = mkdtempSync(join(tmpdir(), 'everseed-secure-'))
const java = locateJava(process.env)
const jars = await fetchJars(process.env, () => {})
const ports = await choosePorts(join(dir, 'ports.json'), 'free')
const broker = `127.0.0.1:${ports.kafka}`

/** A key with a self-signed certificate for loopback, by the tool every Java brings. */
function certificate(name: string): { store: string; pem: string } {
  const keytool = java.path === 'java' ? 'keytool' : join(dirname(java.path), 'keytool')
  const store = join(dir, `${name}.p12`)
  const common = ['-alias', name, '-keystore', store, '-storetype', 'PKCS12', '-storepass', 'store-pass']
  execFileSync(
    keytool,
    [
      '-genkeypair',
      ...common,
      '-keyalg',
      'EC',
      '-dname',
      'CN=localhost',
      '-ext',
      'SAN=IP:127.0.0.1,DNS:localhost'
    ],
    { stdio: 'ignore' }
  )
  const pem = join(dir, `${name}.pem`)
  execFileSync(keytool, ['-exportcert', '-rfc', ...common, '-file', pem], { stdio: 'ignore' })
  return { store, pem }
}
const own = certificate('broker')
const other = certificate('other')

const listener = 'listener.name.sasl_ssl'
const settings = {
  ...brokerSettings(ports, join(dir, 'kafka', 'logs')),
  listeners: `SASL_SSL://${broker},CONTROLLER://127.0.0.1:${ports.controller}`,
  'advertised.listeners': `SASL_SSL://${broker}`,
  'listener.security.protocol.map': 'SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
  'inter.broker.listener.name': 'SASL_SSL',
  'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
  'sasl.enabled.mechanisms': 'SCRAM-SHA-512,SCRAM-SHA-256',
  [`${listener}.scram-sha-512.sasl.jaas.config`]:
    'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin-pass";',
  [`${listener}.scram-sha-256.sasl.jaas.config`]:
    'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  'ssl.keystore.location': own.store,
  'ssl.keystore.password': 'store-pass',
  'ssl.key.password': 'store-pass',
  'ssl.keystore.type': 'PKCS12',
  'ssl.truststore.location': own.pem,
  'ssl.truststore.type': 'PEM'
}
const password = 'a\\b "c" d'
const users = [
  'SCRAM-SHA-512=[name=admin,password=admin-pass]',
  `SCRAM-SHA-512=[name=pipeline,password=${password}]`,
  `SCRAM-SHA-256=[name=pipeline,password=${password}]`
]

/** What a person sets to reach it. */
const environment = {
  EVERSEED_KAFKA_BROKERS: broker,
  EVERSEED_KAFKA_TLS: 'true',
  EVERSEED_KAFKA_CA: own.pem,
  EVERSEED_KAFKA_SASL_MECHANISM: 'scram-sha-512',
  EVERSEED_KAFKA_USERNAME: 'pipeline',
  EVERSEED_KAFKA_PASSWORD: password
}
const configOf = (changes: Record<string, string | undefined> = {}): KafkaConfig => ({
  ...readConfig({ ...environment, ...changes }).kafka,
  brokers: [broker]
})

/** Tries once, where the pipeline's client tries again and again. */
async function getsIn(changes: Record<string, string | undefined>): Promise<void> {
  const { tls, sasl } = configOf(changes)
  const client = new kafkajs.Kafka({
    brokers: [broker],
    retry: { retries: 0 },
    logLevel: kafkajs.logLevel.NOTHING,
    ...(tls && { ssl: tls.ca === undefined ? {} : { ca: [tls.ca] } }),
    ...(sasl && { sasl: sasl as kafkajs.SASLOptions })
  })
  const admin = client.admin()
  try {
    await admin.connect()
    await admin.listTopics()
  } finally {
    await admin.disconnect()
  }
}

const supervisor = createSupervisor(silentLog)
after(async () => {
  await supervisor.stopAll()
  rmSync(dir, { recursive: true, force: true })
})
mkdirSync(join(dir, 'kafka'))
await supervisor.supervise(
  brokerChild(java, jars, join(dir, 'kafka'), settings, () => brokerAnswers(configOf(), [broker]), {
    name: 'secure',
    format: users.flatMap(user => ['--add-scram', user])
  })
)

test('records go in and come out over TLS with either SCRAM mechanism', async () => {
  for (const mechanism of ['scram-sha-512', 'scram-sha-256']) {
    const kafka = createKafka(configOf({ EVERSEED_KAFKA_SASL_MECHANISM: mechanism }), silentLog, 'test')
    const admin = kafka.admin()
    const producer = kafka.producer({ idempotent: true })
    await Promise.all([admin.connect(), producer.connect()])
    await admin.createTopics({ topics: [{ topic: mechanism, numPartitions: 1 }], waitForLeaders: true })
    await producer.send({ topic: mechanism, acks: -1, messages: [{ value: 'x' }, { value: 'y' }] })
    const [partition] = await admin.fetchTopicOffsets(mechanism)
    assert.equal(partition!.high, '2')
    await Promise.all([admin.disconnect(), producer.disconnect()])
  }
})

test('a wrong password, an unknown authority, no SASL and no TLS are each refused', async () => {
  await getsIn({})
  await assert.rejects(getsIn({ EVERSEED_KAFKA_PASSWORD: 'guess' }), /SASL SCRAM|[Aa]uthentication/)
  await assert.rejects(getsIn({ EVERSEED_KAFKA_CA: other.pem }), /certificate/)
  await assert.rejects(getsIn({ EVERSEED_KAFKA_CA: undefined }), /certificate/)
  const noLogin = {
    EVERSEED_KAFKA_SASL_MECHANISM: undefined,
    EVERSEED_KAFKA_USERNAME: undefined,
    EVERSEED_KAFKA_PASSWORD: undefined
  }
  await assert.rejects(getsIn(noLogin), { name: /^Kafka/ })
  await assert.rejects(getsIn({ EVERSEED_KAFKA_TLS: 'false', EVERSEED_KAFKA_CA: undefined }), {
    name: /^Kafka/
  })
})

test('the password stands in no file of the broker in the clear', () => {
  assert.ok(!readFileSync(join(dir, 'kafka', 'server.properties'), 'utf8').includes(password))
})
