/** The three embedded parts, for real: what they let do and refuse, what survives kills, and that nothing is left. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import kafkajs from 'kafkajs'
import type { ClickHouseConfig } from '../../../infra/config.ts'
import { startOf } from '../../../infra/embedded/identity.ts'
import { createKafka } from '../../../infra/kafka/client.ts'
import { silentLog } from '../../../infra/log.ts'
import { until } from '../../helpers/until.ts'
import { openStack, type Stack } from '../../helpers/stack.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-parts-'))
// A folder that the stack has to make: one made by mkdtemp would be private by itself.
const dir = join(folder, 'data')
let stack = await openStack(dir)
after(async () => {
  await stack.stop()
  rmSync(folder, { recursive: true, force: true })
})

const kafkaOf = ({ config }: Stack) => createKafka(config.kafka, silentLog, 'test')

/** Text of ClickHouse's answer; errors begin with `Code:`. */
async function sql(user: { user: string; password: string }, query: string): Promise<string> {
  const response = await fetch(stack.clickhouse.url, {
    method: 'POST',
    body: query,
    headers: {
      authorization: `Basic ${Buffer.from(`${user.user}:${user.password}`).toString('base64')}`,
      connection: 'close'
    }
  })
  return (await response.text()).trim()
}
const writer = (): ClickHouseConfig => stack.config.clickhouse!
const reader = (): { user: string; password: string } => stack.clickhouse.reader
const bootstrap = { user: 'default', password: '' }

async function register(subject: string): Promise<number> {
  const response = await fetch(`${stack.registry.url}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ schema: '"string"' })
  })
  return ((await response.json()) as { id: number }).id
}

/** Sends one record to a topic of one partition and returns how many there are. */
async function produce(): Promise<number> {
  const kafka = kafkaOf(stack)
  const admin = kafka.admin()
  const producer = kafka.producer({ idempotent: true })
  await Promise.all([admin.connect(), producer.connect()])
  await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }], waitForLeaders: true })
  await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'x' }] })
  const [partition] = await admin.fetchTopicOffsets('kept')
  await Promise.all([admin.disconnect(), producer.disconnect()])
  return Number(partition!.high)
}

const pidOf = (name: string): number => {
  const { state, pid } = stack.supervisor.states().find(one => one.name === name)!
  return state === 'running' ? pid! : 0
}

test('the broker makes no topic by itself, and a broker’s settings are those the pipeline needs', async () => {
  const kafka = kafkaOf(stack)
  const admin = kafka.admin()
  await admin.connect()
  const producer = kafka.producer({ retry: { retries: 0 } })
  await producer.connect()
  await assert.rejects(producer.send({ topic: 'never-made', messages: [{ value: 'x' }] }), /topic-partition/)
  await producer.disconnect()
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.BROKER, name: '1' }]
  })
  const settings = new Map(resources[0]!.configEntries.map(entry => [entry.configName, entry.configValue]))
  assert.equal(settings.get('offsets.retention.minutes'), '2147483647')
  assert.equal(settings.get('group.min.session.timeout.ms'), '1000')
  assert.ok(Number(settings.get('message.max.bytes')) > 10 * 1024 * 1024)
  await admin.disconnect()
})

test('the writer writes, the reader only reads the database, the bootstrap user sees nothing', async () => {
  assert.equal(await sql(writer(), 'CREATE TABLE everseed.kept (n Int32) ENGINE = MergeTree ORDER BY n'), '')
  assert.equal(await sql(writer(), 'INSERT INTO everseed.kept VALUES (1)'), '')
  assert.equal(await sql(reader(), 'SELECT sum(n) FROM everseed.kept'), '1')
  const file = join(dir, 'clickhouse', 'users.json')
  for (const [user, query] of [
    [reader(), 'INSERT INTO everseed.kept VALUES (2)'],
    [reader(), 'DROP TABLE everseed.kept'],
    [reader(), `SELECT * FROM file('${file}', 'RawBLOB')`],
    [
      reader(),
      `SELECT * FROM url('http://127.0.0.1:${stack.config.clickhouse!.url.split(':').at(-1)}/ping', 'RawBLOB')`
    ],
    [bootstrap, 'SELECT * FROM everseed.kept'],
    [reader(), 'SELECT name FROM system.users'],
    [bootstrap, 'SELECT name FROM system.users'],
    [bootstrap, 'CREATE TABLE everseed.mine (n Int32) ENGINE = Memory'],
    [bootstrap, `SELECT * FROM file('${file}', 'RawBLOB')`],
    [writer(), `SELECT * FROM file('${file}', 'RawBLOB')`],
    [{ user: writer().user, password: 'guess' }, 'SELECT 1']
  ] as const) {
    assert.match(await sql(user, query), /^Code: (164|497|516)\./, `${user.user}: ${query}`)
  }
  assert.equal(await sql(bootstrap, 'SHOW TABLES FROM everseed'), '')
  assert.equal(await sql(writer(), "SELECT engine FROM system.databases WHERE name = 'everseed'"), 'Atomic')
})

test('passwords and data are the owner’s alone', () => {
  assert.equal(statSync(dir).mode & 0o077, 0)
  for (const path of ['clickhouse', 'kafka', 'registry'])
    assert.equal(statSync(join(dir, path)).mode & 0o077, 0, path)
  assert.equal(statSync(join(dir, 'clickhouse', 'users.json')).mode & 0o777, 0o600)
})

test('a second start on the folder is refused and says who holds it', async () => {
  await assert.rejects(openStack(dir), {
    code: 'DATA_DIR_HELD',
    message: new RegExp(`process ${process.pid} runs everseed on ${dir}`)
  })
})

test('each part that is killed comes back on its port with its data', async () => {
  const id = await register('kept-value')
  const records = await produce()
  const parts = ['kafka', 'registry', 'clickhouse']
  const before = parts.map(pidOf)
  for (const pid of before) process.kill(pid, 'SIGKILL')
  await until(
    'all run again',
    () => parts.every((name, index) => pidOf(name) !== 0 && pidOf(name) !== before[index]),
    90_000
  )
  assert.equal(await register('kept-value'), id)
  assert.equal(await produce(), records + 1)
  assert.equal(await sql(reader(), 'SELECT sum(n) FROM everseed.kept'), '1')
  for (const { restarts, lastError } of stack.supervisor.states()) {
    assert.ok(restarts >= 1)
    assert.match(lastError!, /SIGKILL/)
  }
})

test('a stop leaves no process and takes less than ten seconds; the next start finds everything', async () => {
  const id = await register('kept-value')
  const records = await produce()
  const pids = stack.supervisor.states().map(({ pid }) => pid!)
  const started = Date.now()
  await Promise.all([stack.stop(), stack.stop()])
  assert.ok(Date.now() - started < 10_000, `${Date.now() - started} ms`)
  for (const pid of pids) assert.equal(startOf(pid), undefined)
  for (const { lastError } of stack.supervisor.states())
    assert.doesNotMatch(lastError!, /SIGKILL/, 'an orderly end')
  const ports = readFileSync(join(dir, 'ports.json'), 'utf8')

  stack = await openStack(dir)
  assert.equal(readFileSync(join(dir, 'ports.json'), 'utf8'), ports)
  assert.equal(await register('kept-value'), id)
  assert.equal(await produce(), records + 1)
  assert.equal(await sql(reader(), 'SELECT sum(n) FROM everseed.kept'), '1')
})
