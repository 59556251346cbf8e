/** The host of a processor on the real broker: slots, take-over, fencing of what was lost, dead letters, replay. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../../../infra/config.ts'
import type { Deployment } from '../../../infra/deployment.ts'
import { openTransactional } from '../../../infra/kafka/producer.ts'
import { silentLog } from '../../../infra/log.ts'
import { allTopics } from '../../../infra/processors.ts'
import { startUp } from '../../../infra/up.ts'
import { admit } from '../../../processors/admit.ts'
import { defineProcessor } from '../../../processors/contract.ts'
import { slotOf } from '../../../schemas/identity.ts'
import { datasets, deadLetters, human, samplesHuman } from '../../../schemas/topics.ts'
import { bareEnvironment } from '../../helpers/cli.ts'
import {
  connectFor,
  deleteGroup,
  setOffset,
  randomConfig,
  readAll,
  readRaw,
  runHost,
  write
} from '../../helpers/deployment.ts'
import { sharedStack } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'

const document = (dataset: string, text: string) => ({
  id: text,
  dataset,
  messages: [{ role: 'document', content: text }],
  provenance: { origin: 'HUMAN_AUTHORED' }
})

/** One dataset per slot. */
function datasetPerSlot(partitions: number): string[] {
  const names: string[] = []
  for (let index = 0; names.filter(Boolean).length < partitions; index++)
    names[slotOf(`d${index}`, '', 1, partitions)] ??= `d${index}`
  return names
}

const admittedTexts = async (deployment: Deployment): Promise<string[]> =>
  (await readAll(deployment, samplesHuman)).map(({ decoded }) => decoded.messages[0]!.content).toSorted()

test('two hosts share the slots; when one goes the other goes on where it was, and nothing is done twice', async t => {
  const config = await randomConfig()
  const deployment = await connectFor(t, config)
  const names = datasetPerSlot(deployment.config.partitions)
  await write(
    deployment,
    datasets,
    names.map(name => ({ key: name, value: { name } }))
  )
  const first = await runHost(t, deployment, admit)
  const second = await runHost(t, await connectFor(t, config), admit)
  await until(
    'both to own slots',
    () => first.health().slots.length === 2 && second.health().slots.length === 2
  )

  const batch = (round: number) =>
    names.flatMap((name, partition) =>
      Array.from({ length: 50 }, (_, index) => ({
        key: `${index}`,
        partition,
        value: document(name, `${name} ${round} ${index}`)
      }))
    )
  await write(deployment, human, batch(0))
  await until('the first batch', async () => (await readRaw(deployment, 'samples.human')).length === 200)
  await second.drain()
  await until('the first to own all', () => first.health().slots.length === 4)
  await write(deployment, human, [...batch(1), ...batch(0)])
  await until(
    'the second batch',
    async () =>
      (await deployment.admin.lag('admit', ['human'])) === 0 &&
      (await readRaw(deployment, 'samples.human')).length >= 400
  )
  const expected = [0, 1]
    .flatMap(round => batch(round).map(({ value }) => value.messages[0]!.content))
    .toSorted()
  assert.deepEqual(await admittedTexts(deployment), expected)
})

test('a record outside its slot is forwarded and processed once', async t => {
  const deployment = await connectFor(t)
  const [name] = datasetPerSlot(deployment.config.partitions)
  await write(deployment, datasets, [{ key: name!, value: { name } }])
  await runHost(t, deployment, admit)
  await write(
    deployment,
    human,
    [3, 2, 1, 0].map(partition => ({
      key: `${partition}`,
      partition,
      value: document(name!, `text ${partition}`)
    }))
  )
  await until('four samples', async () => (await readRaw(deployment, 'samples.human')).length === 4)
  const records = await readAll(deployment, samplesHuman)
  assert.deepEqual(new Set(records.map(({ partition }) => partition)), new Set([0]))
})

test('poison is buried with its place and reason, the rest goes through, and a replay reaches only the one who buried it', async t => {
  const deployment = await connectFor(t)
  await runHost(t, deployment, admit)
  const early = {
    key: 'early',
    value: document('late', 'published before its dataset'),
    partition: slotOf('late', '', 1, deployment.config.partitions)
  }
  await write(deployment, human, [early, { key: 'garbage', value: Buffer.from('garbage') }])
  await until('two dead letters', async () => (await readRaw(deployment, deadLetters.name)).length === 2)
  const letters = (await readRaw(deployment, deadLetters.name)).toSorted((a, b) =>
    a.headers['x-key']!.toString() < b.headers['x-key']!.toString() ? -1 : 1
  )
  const headers = letters.map(letter =>
    Object.fromEntries(
      ['x-reason', 'x-processor', 'x-topic', 'x-partition', 'x-offset'].map(name => [
        name,
        letter.headers[name]!.toString()
      ])
    )
  )
  assert.deepEqual(headers, [
    {
      'x-reason': 'unknown_dataset',
      'x-processor': 'admit',
      'x-topic': 'human',
      'x-partition': String(early.partition),
      'x-offset': '0'
    },
    {
      'x-reason': 'malformed_frame',
      'x-processor': 'admit',
      'x-topic': 'human',
      'x-partition': '0',
      'x-offset': early.partition === 0 ? '1' : '0'
    }
  ])
  assert.equal(letters[1]!.value!.toString(), 'garbage')

  await write(deployment, datasets, [{ key: 'late', value: { name: 'late' } }])
  const replayed = { key: 'early', value: letters[0]!.value!, partition: early.partition }
  await write(deployment, human, [{ ...replayed, headers: { 'x-for-group': 'somebody-else' } }])
  await write(deployment, human, [{ ...replayed, headers: { 'x-for-group': 'admit' } }])
  await until('the replayed document', async () => (await readRaw(deployment, 'samples.human')).length === 1)
  await until('no lag', async () => (await deployment.admin.lag('admit', ['human'])) === 0)
  assert.equal((await readRaw(deployment, deadLetters.name)).length, 2)
})

test('memory without committed offsets is refused, and read again only when told to', async t => {
  const config = await randomConfig()
  const deployment = await connectFor(t, config)
  const [name] = datasetPerSlot(deployment.config.partitions)
  await write(deployment, datasets, [{ key: name!, value: { name } }])
  await write(deployment, human, [{ key: 'a', value: document(name!, 'a text') }])
  const host = await runHost(t, deployment, admit)
  await until('the sample', async () => (await readRaw(deployment, 'samples.human')).length === 1)
  await host.drain()
  await deleteGroup(deployment, 'admit')

  const refused = Promise.withResolvers<Error>()
  const again = await runHost(t, await connectFor(t, config), admit, { fatal: refused.resolve })
  const error = await refused.promise
  assert.match(error.message, /--from-beginning/)
  assert.equal((error as { code?: string }).code, 'OFFSETS_LOST')
  await again.drain()

  await runHost(t, await connectFor(t, config), admit, { fromBeginning: true })
  await until('no lag', async () => (await deployment.admin.lag('admit', ['human'])) === 0)
  assert.equal((await readRaw(deployment, 'samples.human')).length, 1, 'the memory knows the text')
})

test('an offset outside the log is refused, and given up for the first record only when told to', async t => {
  const config = await randomConfig()
  const deployment = await connectFor(t, config)
  const [name] = datasetPerSlot(deployment.config.partitions)
  await write(deployment, datasets, [{ key: name!, value: { name } }])
  await write(deployment, human, [{ key: 'a', value: document(name!, 'a text') }])
  const host = await runHost(t, deployment, admit)
  await until('the sample', async () => (await readRaw(deployment, 'samples.human')).length === 1)
  await host.drain()
  await setOffset(deployment, 'admit', 'human', 0, 4711)

  const refused = Promise.withResolvers<Error>()
  const again = await runHost(t, await connectFor(t, config), admit, { fatal: refused.resolve })
  const error = await refused.promise
  assert.match(error.message, /slot 0: committed offset 4711 of human is outside the log .*--from-beginning/)
  assert.equal((error as { code?: string }).code, 'OFFSETS_LOST')
  await again.drain()

  const last = await runHost(t, await connectFor(t, config), admit, { fromBeginning: true })
  await write(deployment, human, [{ key: 'b', value: document(name!, 'another text') }])
  await until('the new sample', async () => (await readRaw(deployment, 'samples.human')).length === 2)
  await until('no lag', async () => (await deployment.admin.lag('admit', ['human'])) === 0)
  assert.equal(last.health().state, 'running')
})

test('a member without slots counts as open, and one with slots once all of them are', async t => {
  const config = await randomConfig()
  const one = { ...config, kafka: { ...config.kafka, partitions: 1 } }
  const deployment = await connectFor(t, one)
  const first = await runHost(t, deployment, admit)
  await first.opened
  await write(deployment, datasets, [{ key: 'd', value: { name: 'd' } }])
  await write(deployment, human, [{ key: 'a', value: document('d', 'a text') }])
  await until('the sample', async () => (await readRaw(deployment, 'samples.human')).length === 1)
  const second = await runHost(t, await connectFor(t, one), admit)
  await second.opened
  const slots = [first, second].map(host => host.health().slots.length)
  assert.deepEqual(new Set(slots), new Set([0, 1]))
})

test('everseed up is not up where offsets are lost: it says so, and the processor is not started again and again', async t => {
  const config = await randomConfig()
  const deployment = await connectFor(t, config)
  await deployment.prepare(allTopics)
  await setOffset(deployment, 'admit', 'human', 0, 4711)
  const { kafka, registry } = config
  const { clickhouse } = await sharedStack()
  const folder = mkdtempSync(join(tmpdir(), 'everseed-lost-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = {
    ...bareEnvironment(),
    EVERSEED_DATA_DIR: folder,
    EVERSEED_PREFIX: kafka.prefix,
    EVERSEED_KAFKA_BROKERS: kafka.brokers!.join(','),
    EVERSEED_REGISTRY_URL: registry!.url,
    EVERSEED_CLICKHOUSE_URL: clickhouse.url,
    EVERSEED_CLICKHOUSE_USER: clickhouse.user,
    EVERSEED_CLICKHOUSE_PASSWORD: clickhouse.password
  }
  const up = startUp({
    config: readConfig(env),
    env,
    log: silentLog,
    progress: () => {},
    processors: ['admit']
  }).then(running => running.stop())
  await assert.rejects(up, {
    code: 'OFFSETS_LOST',
    message: /admit, slot 0: committed offset 4711 of human is outside the log .*--from-beginning/
  })
  const starts = readFileSync(join(folder, 'logs', 'admit.log'), 'utf8').match(/"msg":"admit ends: /g)
  assert.equal(starts?.length, 1)
})

test('a slot that loses every transaction ends the process, and one that commits in between does not', async t => {
  const deployment = await connectFor(t)
  const { kafka, config } = deployment
  const [name] = datasetPerSlot(config.partitions)
  await write(deployment, datasets, [{ key: name!, value: { name } }])
  let fencing = 0
  const fenced = defineProcessor({
    name: 'fenced',
    doc: 'loses its transactional id while it works',
    inputs: { human },
    outputs: { admitted: samplesHuman },
    drops: [],
    state: {},
    create: ({ emit }) => ({
      async process() {
        if (fencing-- > 0) await (await openTransactional(kafka, config, 'fenced.0')).close()
        return emit()
      }
    })
  })
  const ended = Promise.withResolvers<Error>()
  let errors = 0
  const fatal = (error: Error): void => {
    errors++
    ended.resolve(error)
  }
  await runHost(t, deployment, fenced, { limits: { losses: 3 }, fatal })
  for (const [round, key] of ['a', 'b'].entries()) {
    fencing = 2
    await write(deployment, human, [{ key, value: document(name!, key) }])
    await until('the offset', async () => {
      const offsets = await deployment.admin.committed('fenced', ['human'])
      return offsets.get('human')?.get(0)?.offset === round + 1
    })
  }
  assert.equal(errors, 0)
  fencing = 3
  await write(deployment, human, [{ key: 'c', value: document(name!, 'c') }])
  const error = await ended.promise
  assert.equal((error as { code?: string }).code, 'FENCED')
  assert.match(error.message, /fenced, slot 0: 3 transactions in a row were lost/)
})
