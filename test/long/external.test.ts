/**
 * The pipeline on services it did not start, by environment variables alone: a broker with SCRAM over TLS, a registry behind a
 * login, a ClickHouse with users. What is wrong in a setting is told in words.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import kafkajs from 'kafkajs'
import { readConfig } from '../../infra/config.ts'
import { connect, type Deployment } from '../../infra/deployment.ts'
import { corpusLines } from '../../infra/demo/demo.ts'
import { engineChild, engineUsers, readerName, writerName } from '../../infra/embedded/clickhouse.ts'
import { fetchJars } from '../../infra/embedded/download.ts'
import { locateJava } from '../../infra/embedded/java.ts'
import { choosePorts } from '../../infra/embedded/ports.ts'
import { registryChild, registryPath } from '../../infra/embedded/registry.ts'
import { createSupervisor } from '../../infra/embedded/supervisor.ts'
import { silentLog } from '../../infra/log.ts'
import { allTopics, processorNames } from '../../infra/processors.ts'
import { startUp, type Up } from '../../infra/up.ts'
import { datasets, human, samplesHuman, samplesVerified, training } from '../../schemas/topics.ts'
import { type Answer, bareEnvironment, runEverseed, startEverseed } from '../helpers/cli.ts'
import { readAll, write } from '../helpers/deployment.ts'
import { until } from '../helpers/until.ts'
import { runEnded } from '../helpers/pipeline.ts'
import { humanProvenance, message } from '../helpers/records.ts'
import { secureBroker } from '../helpers/secure-broker.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-external-'))
const java = locateJava(process.env)
const jars = await fetchJars(process.env, () => {})
const ports = await choosePorts(join(folder, 'ports.json'), 'free')
const kafkaPassword = 'pass "word" of \\ the pipeline'
const limited = { user: 'limited', password: 'limited-secret' }
const broker = secureBroker(
  java,
  jars,
  join(folder, 'kafka'),
  ports,
  { user: 'pipeline', password: kafkaPassword },
  [limited]
)
const engineDir = join(folder, 'clickhouse')
const users = engineUsers(engineDir)
const registryLogin = { user: 'schemas', password: 'registry-secret' }

/** The registry has no users of its own; in front of it stands what production puts there. */
let logins = 0
const guard: Server = createServer((incoming, outgoing) => {
  const expected = `Basic ${btoa(`${registryLogin.user}:${registryLogin.password}`)}`
  if (incoming.headers.authorization !== expected) {
    outgoing.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': 'Basic' })
    outgoing.end('{"error_code":401,"message":"Unauthorized"}')
    return
  }
  logins++
  const { method, url, headers } = incoming
  const behind = request(
    {
      host: '127.0.0.1',
      port: ports.registry,
      path: url,
      method,
      headers: { ...headers, authorization: '' }
    },
    answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    }
  )
  behind.on('error', () => outgoing.writeHead(502).end())
  incoming.pipe(behind)
})
await new Promise<void>(resolve => guard.listen(0, '127.0.0.1', resolve))

/** What a person sets, and nothing else. */
const environment: Record<string, string> = {
  ...broker.environment,
  EVERSEED_REGISTRY_URL: `http://127.0.0.1:${(guard.address() as AddressInfo).port}${registryPath}`,
  EVERSEED_REGISTRY_USER: registryLogin.user,
  EVERSEED_REGISTRY_PASSWORD: registryLogin.password,
  EVERSEED_CLICKHOUSE_URL: `http://127.0.0.1:${ports.clickhouse}`,
  EVERSEED_CLICKHOUSE_USER: writerName,
  EVERSEED_CLICKHOUSE_PASSWORD: users.writer,
  EVERSEED_CLICKHOUSE_READER: readerName,
  EVERSEED_CLICKHOUSE_READER_PASSWORD: users.reader,
  EVERSEED_PREFIX: 'team-a.'
}
const secrets = [kafkaPassword, limited.password, registryLogin.password, users.writer, users.reader]

const services = createSupervisor(silentLog)
const dataDir = join(folder, 'processors')
let up: Up
let deployment: Deployment | undefined
after(async () => {
  await deployment?.close()
  await up?.stop()
  await services.stopAll()
  guard.closeAllConnections()
  guard.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A command that knows the services from its environment alone. */
async function everseed(args: readonly string[], changes: Record<string, string> = {}): Promise<Answer> {
  const answer = await runEverseed(args, {
    cwd: folder,
    env: { ...environment, EVERSEED_DATA_DIR: join(folder, 'elsewhere'), ...changes }
  })
  for (const secret of secrets) {
    assert.ok(!answer.stdout.includes(secret), `${args.join(' ')} prints a password`)
    assert.ok(!answer.stderr.includes(secret), `${args.join(' ')} prints a password`)
  }
  return answer
}

before(async () => {
  const { clickhouse: http, clickhouseTcp: tcp } = ports
  await Promise.all([
    services.supervise(broker.child),
    services.supervise(registryChild(java, jars, join(folder, 'registry'), ports.registry)),
    services.supervise(engineChild(engineDir, { http, tcp }, 'everseed'))
  ])
  const env = { ...bareEnvironment(), ...environment, EVERSEED_DATA_DIR: dataDir }
  up = await startUp({ config: readConfig(env), env, log: silentLog, progress: () => {} })
  deployment = await connect(up.config, silentLog, 'test')
  await deployment.prepare(allTopics)
})

test('up starts the processors and nothing else', () => {
  assert.deepEqual(
    up
      .states()
      .map(({ name }) => name)
      .toSorted(),
    [...processorNames].toSorted()
  )
  assert.ok(logins > 0, 'the registry was asked with a login')
})

test('the whole path runs on them, and every command finds them by the environment', async () => {
  const recipe = join(folder, 'recipe.yaml')
  writeFileSync(
    recipe,
    `dataset: d
run: r
sources: [{ name: s, provider: offline, model: ngram-3, family: f }]
samples_per_prompt: 3
`
  )
  const documents = corpusLines().slice(0, 200)
  writeFileSync(join(folder, 'human.jsonl'), documents.join('\n'))
  const prompts = Array.from({ length: 5 }, (_, index) =>
    JSON.stringify({ prompt: `Speak about matter ${index}.` })
  )
  writeFileSync(join(folder, 'prompts.jsonl'), prompts.join('\n'))
  const published = await everseed(['publish', 'human', 'human.jsonl', '--recipe', recipe])
  assert.equal(published.stdout, '200 published, 0 were there already, 0 rejected\n', published.stderr)
  const asked = await everseed(['publish', 'prompts', 'prompts.jsonl', '--recipe', recipe])
  assert.equal(asked.code, 0, asked.stderr)
  await runEnded(deployment!, 'r')
  const verified = await readAll(deployment!, samplesVerified)
  assert.ok(verified.length > 0)
  assert.ok(
    (await deployment!.kafka.admin().listTopics()).every(
      topic => topic.startsWith('team-a.') || topic.startsWith('__')
    )
  )

  const keys = await everseed(['subscribe', 'training', '--format', 'keys'])
  assert.deepEqual(
    keys.stdout.trimEnd().split('\n').toSorted(),
    (await readAll(deployment!, training)).map(({ key }) => key!.toString().split('/')[1] ?? '').toSorted()
  )
  const funnel = await everseed(['sql', '--json', 'SELECT run, prompts, expected, verified FROM funnel'])
  assert.deepEqual(JSON.parse(funnel.stdout), [
    { run: 'r', prompts: 5, expected: 15, verified: verified.length }
  ])
  const doctor = await everseed(['doctor', '--json'])
  assert.equal(doctor.code, 0, doctor.stdout)
})

test('status shows where the services are and no password of theirs', async () => {
  const expected = {
    kafka: { brokers: [environment['EVERSEED_KAFKA_BROKERS']], prefix: 'team-a.' },
    registry: { url: environment['EVERSEED_REGISTRY_URL'] },
    clickhouse: {
      url: environment['EVERSEED_CLICKHOUSE_URL'],
      database: 'everseed',
      user: readerName,
      password: '[secret]'
    }
  }
  type Status = typeof expected & {
    processors: { name: string; state: string; pid: number | null; lag: number }[]
    datasets: { dataset: string; rows: number; real_share: number }[]
  }
  const far = await everseed(['status', '--json'])
  const { processors, datasets: mixed, ...parts } = JSON.parse(far.stdout) as Status
  assert.deepEqual(parts, expected)
  assert.deepEqual(
    mixed.map(({ dataset }) => dataset),
    ['d']
  )
  assert.ok(mixed[0]!.rows > 0 && mixed[0]!.real_share >= 0.5, JSON.stringify(mixed))
  assert.deepEqual(
    processors,
    processorNames.map(name => ({ name, state: 'running', pid: null, lag: 0 })),
    'processors are known by their groups'
  )
  // Beside the data folder of `up` nothing needs to be set: it says where everything is.
  const near = await runEverseed(['status', '--json'], { cwd: folder, env: { EVERSEED_DATA_DIR: dataDir } })
  assert.equal(near.code, 0, near.stderr)
  const { processors: own, ...same } = JSON.parse(near.stdout) as Status
  assert.deepEqual(same, { ...expected, datasets: mixed })
  assert.ok(own.every(({ state, pid }) => state === 'running' && pid !== null))
})

test('a wrong setting is told in words that name it, soon, and without a password', async () => {
  const plain = {
    EVERSEED_KAFKA_SASL_MECHANISM: '',
    EVERSEED_KAFKA_USERNAME: '',
    EVERSEED_KAFKA_PASSWORD: ''
  }
  const wrong: [string[], Record<string, string>, string, RegExp][] = [
    [
      ['status'],
      { EVERSEED_KAFKA_PASSWORD: 'guess' },
      'KAFKA_UNREACHABLE',
      /refuses the login of user pipeline.*EVERSEED_KAFKA_PASSWORD/
    ],
    [
      ['status'],
      { EVERSEED_KAFKA_USERNAME: 'nobody' },
      'KAFKA_UNREACHABLE',
      /refuses the login of user nobody/
    ],
    [
      ['status'],
      { EVERSEED_KAFKA_SASL_MECHANISM: 'scram-sha-256' },
      'KAFKA_UNREACHABLE',
      /SCRAM-SHA-256|scram-sha-256|EVERSEED_KAFKA_SASL_MECHANISM/
    ],
    [
      ['status'],
      { EVERSEED_KAFKA_CA: broker.stranger },
      'KAFKA_UNREACHABLE',
      /certificate.*is not trusted.*EVERSEED_KAFKA_CA/
    ],
    [
      ['status'],
      { EVERSEED_KAFKA_CA: '' },
      'KAFKA_UNREACHABLE',
      /certificate.*is not trusted.*EVERSEED_KAFKA_CA/
    ],
    [
      ['status'],
      { EVERSEED_KAFKA_TLS: '', EVERSEED_KAFKA_CA: '' },
      'KAFKA_UNREACHABLE',
      /EVERSEED_KAFKA_TLS is false/
    ],
    [['status'], plain, 'KAFKA_UNREACHABLE', /EVERSEED_KAFKA_SASL_MECHANISM/],
    [
      ['run', 'verify'],
      { EVERSEED_KAFKA_PASSWORD: 'guess' },
      'KAFKA_UNREACHABLE',
      /refuses the login of user pipeline/
    ],
    [
      ['subscribe', 'training'],
      { EVERSEED_REGISTRY_PASSWORD: 'guess' },
      'REGISTRY_UNREACHABLE',
      /refuses user schemas \(401\).*EVERSEED_REGISTRY_PASSWORD/
    ],
    [
      ['subscribe', 'training'],
      { EVERSEED_REGISTRY_USER: '', EVERSEED_REGISTRY_PASSWORD: '' },
      'REGISTRY_UNREACHABLE',
      /refuses a login without user \(401\)/
    ],
    [
      ['sql', 'SELECT 1'],
      { EVERSEED_CLICKHOUSE_READER_PASSWORD: 'guess' },
      'SQL_FAILED',
      /Authentication failed.*EVERSEED_CLICKHOUSE_READER_PASSWORD/
    ],
    [
      ['run', 'store'],
      { EVERSEED_CLICKHOUSE_PASSWORD: 'guess' },
      'CLICKHOUSE_FAILED',
      /Authentication failed.*EVERSEED_CLICKHOUSE_PASSWORD/
    ]
  ]
  const answers = await Promise.all(
    wrong.map(async ([args, changes]) => {
      const started = performance.now()
      return { ...(await everseed(args, changes)), ms: performance.now() - started }
    })
  )
  for (const [index, [args, changes, code, words]] of wrong.entries()) {
    const { code: exit, stdout, stderr, ms } = answers[index]!
    const what = `${args.join(' ')} with ${JSON.stringify(changes)}`
    assert.equal(exit, 1, `${what}: ${stderr}`)
    assert.equal(stdout, '', what)
    assert.match(stderr, words, what)
    assert.match(stderr, new RegExp(`\\[${code}\\]`), what)
    assert.doesNotMatch(stderr, /\n\s+at /, what)
    assert.ok(ms < 60_000, `${what} took ${ms} ms`)
  }
})

test('a processor whose user lacks a right ends and says which; with the right it goes on where it was', async t => {
  const prefix = 'team-b.'
  const other = await connect(
    readConfig({ ...environment, EVERSEED_PREFIX: prefix, EVERSEED_DATA_DIR: join(folder, 'elsewhere') }),
    silentLog,
    'test'
  )
  const admin = other.kafka.admin()
  await admin.connect()
  t.after(async () => {
    await admin.disconnect()
    await other.close()
  })
  const {
    AclOperationTypes: operation,
    AclPermissionTypes: permission,
    AclResourceTypes: resource,
    ResourcePatternTypes: pattern
  } = kafkajs
  const limits = { principal: `User:${limited.user}`, host: '*' }
  const refused = {
    ...limits,
    resourceType: resource.TOPIC,
    resourceName: `${prefix}samples.human`,
    resourcePatternType: pattern.LITERAL,
    operation: operation.WRITE,
    permissionType: permission.DENY
  }
  const allowed = [resource.TOPIC, resource.GROUP, resource.TRANSACTIONAL_ID].map(resourceType => ({
    ...limits,
    resourceType,
    resourceName: prefix,
    resourcePatternType: pattern.PREFIXED,
    operation: operation.ALL,
    permissionType: permission.ALLOW
  }))
  await admin.createAcls({ acl: [...allowed, refused] })
  await other.prepare(allTopics)
  await write(other, datasets, [{ key: 'd', value: { name: 'd' } }])
  const value = {
    id: 'a',
    dataset: 'd',
    messages: [message('document', 'A text.')],
    provenance: humanProvenance()
  }
  await write(other, human, [{ key: 'a', value }])

  const environmentOfLimited = {
    EVERSEED_KAFKA_USERNAME: limited.user,
    EVERSEED_KAFKA_PASSWORD: limited.password,
    EVERSEED_PREFIX: prefix
  }
  const { code, stderr } = await everseed(['run', 'admit'], environmentOfLimited)
  assert.equal(code, 1)
  assert.match(
    stderr,
    /Kafka user limited may not write to team-b\.samples\.human: grant it with .*User:limited --operation Write --topic team-b\.samples\.human/
  )
  assert.match(stderr, /"code":"KAFKA_REFUSED"/)

  await admin.deleteAcls({ filters: [refused] })
  const granted = startEverseed(['run', 'admit'], {
    cwd: folder,
    env: {
      ...environment,
      EVERSEED_DATA_DIR: join(folder, 'elsewhere'),
      ...environmentOfLimited,
      EVERSEED_DRAIN_MS: '1'
    }
  })
  await until('the sample', async () => (await readAll(other, samplesHuman)).length === 1)
  granted.kill('SIGTERM')
  const end = await granted.ended
  assert.equal(end.code, 0)
  assert.match(end.stderr, /the drain took longer than 1 ms/, 'the time it gets is a setting')
})

test('sql stays read-only where no reading user is set', async () => {
  const writer = { EVERSEED_CLICKHOUSE_READER: '', EVERSEED_CLICKHOUSE_READER_PASSWORD: '' }
  const count = await everseed(['sql', '--json', 'SELECT currentUser() AS who'], writer)
  assert.deepEqual(JSON.parse(count.stdout), [{ who: writerName }])
  for (const query of [
    'DROP TABLE samples',
    `INSERT INTO models (id) VALUES ('x')`,
    'TRUNCATE TABLE samples'
  ]) {
    const { code, stderr } = await everseed(['sql', query], writer)
    assert.equal(code, 1)
    assert.match(stderr, /READONLY.*This command only reads/)
  }
})
