/** Topics, schemas and transactions on the real broker and registry. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readConfig } from '../../../infra/config.ts'
import { connect } from '../../../infra/deployment.ts'
import { openTransactional, TransactionLost } from '../../../infra/kafka/producer.ts'
import { readRanges } from '../../../infra/kafka/reader.ts'
import { whileErasing } from '../../../infra/kafka/settings.ts'
import { fits, headroom, recordBytes } from '../../../infra/kafka/waves.ts'
import { silentLog } from '../../../infra/log.ts'
import { allTopics } from '../../../infra/processors.ts'
import { candidates, generations, samplesHuman } from '../../../schemas/topics.ts'
import { connectFor, randomConfig, readRaw, write } from '../../helpers/deployment.ts'
import { sharedStack } from '../../helpers/stack.ts'

describe('topics', () => {
  test('are created as the table says and found again', async t => {
    const deployment = await connectFor(t)
    await deployment.prepare(allTopics)
    assert.deepEqual(await deployment.admin.topicProblems(allTopics), [])
    assert.equal((await deployment.admin.offsets('samples.human')).length, deployment.config.partitions)
    assert.equal((await deployment.admin.offsets('runs')).length, 1)
  })

  const dangers = [
    { entries: { 'retention.ms': '86400000' }, says: /samples\.human: retention\.ms is 86400000/ },
    { entries: { 'cleanup.policy': 'compact' }, says: /samples\.human: cleanup\.policy is compact/ },
    { entries: { 'retention.bytes': '1000000' }, says: /samples\.human: retention\.bytes is 1000000/ }
  ]
  for (const { entries, says } of dangers) {
    test(`samples.human with ${JSON.stringify(entries)} is refused`, async t => {
      const config = await randomConfig()
      const deployment = await connectFor(t, config)
      await deployment.prepare([samplesHuman])
      await deployment.admin.setSettings('samples.human', new Map(Object.entries(entries)))
      const again = await connectFor(t, config)
      await assert.rejects(again.prepare([samplesHuman]), { code: 'TOPIC_MISMATCH', message: says })
    })
  }

  test('a topic an erasure was killed over is told at once, with what to do', async t => {
    const config = await randomConfig()
    const deployment = await connectFor(t, config)
    await deployment.prepare([samplesHuman])
    await deployment.admin.setSettings('samples.human', new Map(Object.entries(whileErasing)))
    const again = await connectFor(t, config)
    await assert.rejects(again.prepare([samplesHuman]), {
      code: 'TOPIC_MISMATCH',
      message:
        /cleanup\.policy is compact.*Nothing was changed: everseed doctor names the texts; everseed erase finishes it/
    })
  })

  test('another partition count is refused', async t => {
    const config = await randomConfig()
    const deployment = await connectFor(t, config)
    await deployment.prepare([candidates])
    const other = await connectFor(t, { ...config, kafka: { ...config.kafka, partitions: 7 } })
    await assert.rejects(other.prepare([candidates]), {
      code: 'TOPIC_MISMATCH',
      message: /has 4 partitions, must have 7/
    })
  })
})

test('no broker is a clear error', async () => {
  const { registry } = await sharedStack()
  const config = readConfig({ EVERSEED_KAFKA_BROKERS: '127.0.0.1:1', EVERSEED_REGISTRY_URL: registry.url })
  await assert.rejects(connect(config, silentLog, 'test'), {
    code: 'KAFKA_UNREACHABLE',
    message: /127\.0\.0\.1:1/
  })
})

describe('schemas', () => {
  test('an incompatible schema is refused by the registry and named', async t => {
    const deployment = await connectFor(t)
    const { url } = (await sharedStack()).registry
    const subject = `${deployment.config.prefix}candidates-value`
    const foreign = {
      type: 'record',
      name: 'Sample',
      namespace: 'everseed',
      fields: [{ name: 'id', type: 'int' }]
    }
    const post = async (path: string, method: string, body: object): Promise<number> => {
      const headers = { 'content-type': 'application/json', connection: 'close' }
      const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) })
      await response.text()
      return response.status
    }
    assert.equal(
      await post(`/subjects/${subject}/versions`, 'POST', { schema: JSON.stringify(foreign) }),
      200
    )
    assert.equal(await post(`/config/${subject}`, 'PUT', { compatibility: 'FULL_TRANSITIVE' }), 200)
    await assert.rejects(deployment.prepare([candidates]), {
      code: 'SCHEMA_INCOMPATIBLE',
      message: new RegExp(subject)
    })
  })

  test('subjects hold FULL_TRANSITIVE', async t => {
    const deployment = await connectFor(t)
    await deployment.prepare([generations])
    const { url } = (await sharedStack()).registry
    const response = await fetch(`${url}/config/${deployment.config.prefix}generations-value`, {
      headers: { connection: 'close' }
    })
    assert.equal(
      ((await response.json()) as { compatibilityLevel: string }).compatibilityLevel,
      'FULL_TRANSITIVE'
    )
  })
})

describe('transactions', () => {
  const record = (key: string) => ({ topic: 'candidates', partition: 0, key, value: Buffer.from(key) })

  test('a second producer of the same id fences the first', async t => {
    const { kafka, config, prepare } = await connectFor(t)
    await prepare([candidates])
    const first = await openTransactional(kafka, config, 'test.0')
    t.after(() => first.close())
    await first.commit([record('a')])
    const second = await openTransactional(kafka, config, 'test.0')
    t.after(() => second.close())
    await assert.rejects(
      first.commit([record('b')]),
      (error: unknown) => error instanceof TransactionLost && error.fenced
    )
    await second.commit([record('c')])
    await assert.rejects(first.commit([record('d')]), (error: unknown) => error instanceof TransactionLost)
  })

  test('what was not committed is never seen, and offsets commit with the records', async t => {
    const deployment = await connectFor(t)
    const { kafka, config, admin } = deployment
    await deployment.prepare([candidates, generations])
    const producer = await openTransactional(kafka, config, 'test.1')
    t.after(() => producer.close())
    await producer.commit([record('kept')], {
      id: 'group',
      offsets: new Map([['generations', 7]]),
      partition: 2
    })
    await assert.rejects(
      producer.commit([{ ...record('lost'), topic: 'no-such-topic' }, record('lost')], {
        id: 'group',
        offsets: new Map([['generations', 9]]),
        partition: 2
      })
    )
    // The answer to a commit comes before its records are visible.
    await admin.settled(['candidates'])
    assert.deepEqual(
      (await readRaw(deployment, 'candidates')).map(({ key }) => key?.toString()),
      ['kept']
    )
    assert.equal((await admin.committed('group', ['generations'])).get('generations')?.get(2)?.offset, 7)
  })

  test('a topic is settled once no transaction is open in it', async t => {
    const deployment = await connectFor(t)
    const { kafka, config, admin } = deployment
    await deployment.prepare([candidates])
    await admin.settled(['candidates'])
    const open = kafka.producer({
      transactionalId: `${config.prefix}open`,
      idempotent: true,
      maxInFlightRequests: 1
    })
    await open.connect()
    t.after(() => open.disconnect())
    const transaction = await open.transaction()
    await transaction.send({ topic: `${config.prefix}candidates`, messages: [{ partition: 0, value: 'x' }] })
    let settled = false
    const waiting = admin.settled(['candidates']).then(() => (settled = true))
    // Two round trips are time enough for a wait that does not wait.
    for (let look = 0; look < 2; look++) assert.equal((await admin.offsets('candidates'))[0]!.high, 0)
    assert.equal(settled, false)
    await transaction.commit()
    await waiting
    assert.equal((await admin.offsets('candidates'))[0]!.high, 2)
  })

  test('a topic in which always something is open is settled up to what was there', async t => {
    const deployment = await connectFor(t)
    const { kafka, config, admin } = deployment
    await deployment.prepare([candidates])
    const writers = await Promise.all(
      ['first', 'second'].map(async name => {
        const producer = kafka.producer({
          transactionalId: `${config.prefix}${name}`,
          idempotent: true,
          maxInFlightRequests: 1
        })
        await producer.connect()
        t.after(() => producer.disconnect())
        return producer
      })
    )
    const begin = async (turn: number) => {
      const transaction = await writers[turn % 2]!.transaction()
      await transaction.send({
        topic: `${config.prefix}candidates`,
        messages: [{ partition: 0, value: 'x' }]
      })
      return transaction
    }
    let open = await begin(0)
    await assert.rejects(admin.settled(['candidates'], 100), {
      code: 'TIMEOUT',
      message: new RegExp(`${config.prefix}candidates/0`)
    })
    let settled = false
    const waiting = admin.settled(['candidates'], 30_000).then(() => (settled = true))
    for (let turn = 1; !settled; turn++) {
      const next = await begin(turn)
      await open.commit()
      open = next
    }
    await Promise.all([waiting, open.abort()])
  })

  test('more than a batch holds is one transaction all the same', async t => {
    const deployment = await connectFor(t)
    const { kafka, config } = deployment
    await deployment.prepare([candidates])
    const producer = await openTransactional(kafka, config, 'test.large')
    t.after(() => producer.close())
    // 12 MB in one partition whose batches may hold 8 MiB, one record nearly that large in the middle.
    const small = Array.from({ length: 4000 }, (_, index) => ({
      ...record(String(index)),
      value: Buffer.alloc(1024, index % 256)
    }))
    const large = { ...record('large'), value: Buffer.alloc(7.9 * 1024 * 1024) }
    const all = [...small.slice(0, 2000), large, ...small.slice(2000)]
    await producer.commit(all)
    // The answer to a commit comes before its records are visible.
    await deployment.admin.settled(['candidates'])
    const read = await readRaw(deployment, 'candidates')
    assert.deepEqual(
      read.map(({ key }) => key?.toString()),
      all.map(({ key }) => key)
    )
  })

  test('a record no batch can hold is told apart from a lost transaction, by topic and key', async t => {
    const deployment = await connectFor(t)
    const { kafka, config } = deployment
    await deployment.prepare([candidates, generations])
    const producer = await openTransactional(kafka, config, 'test.larger')
    t.after(() => producer.close())
    const huge = { ...record('huge'), value: Buffer.alloc(9 * 1024 * 1024) }
    await assert.rejects(producer.commit([{ ...record('a'), topic: 'generations' }, huge]), {
      code: 'RECORD_TOO_LARGE',
      message: /candidates\/0, key huge.*max\.message\.bytes/
    })
    assert.deepEqual(await readRaw(deployment, 'generations'), [])
    await assert.rejects(producer.commit([record('b')]), (error: unknown) => error instanceof TransactionLost)
  })

  test('the largest record that fits by our count is taken, key, headers and all', async t => {
    const deployment = await connectFor(t)
    const { kafka, config } = deployment
    await deployment.prepare([candidates])
    const producer = await openTransactional(kafka, config, 'test.largest')
    t.after(() => producer.close())
    const of = (bytes: number) => ({
      ...record('k'.repeat(1000)),
      value: Buffer.alloc(bytes),
      headers: { 'x-reason': 'r'.repeat(1000), 'x-message': 'ä'.repeat(1000) }
    })
    const bare = recordBytes(of(0))
    const largest = of(candidates.maxBytes + headroom - 61 - bare)
    assert.ok(fits(largest, candidates))
    assert.ok(!fits(of(largest.value.length + 1), candidates))
    await producer.commit([largest])
    // The answer to a commit comes before its records are visible.
    await deployment.admin.settled(['candidates'])
    assert.equal((await readRaw(deployment, 'candidates')).length, 1)
  })

  test('a range is read to the record, control records and all', async t => {
    const deployment = await connectFor(t)
    const { kafka, config } = deployment
    await deployment.prepare([candidates])
    const producer = await openTransactional(kafka, config, 'test.2')
    t.after(() => producer.close())
    for (let batch = 0; batch < 5; batch++)
      await producer.commit(['x', 'y', 'z'].map(key => record(`${key}${batch}`)))
    // The answer to a commit comes before its records are visible.
    await deployment.admin.settled(['candidates'])
    const read = async (from: number, to: number): Promise<number[]> => {
      const offsets: number[] = []
      await readRanges(
        kafka,
        config,
        [{ topic: 'candidates', partition: 0, from, to }],
        records => void offsets.push(...records.map(({ offset }) => offset))
      )
      return offsets
    }
    // Three records and a control record per transaction.
    assert.deepEqual(await read(0, 20), [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18])
    assert.deepEqual(await read(5, 10), [5, 6, 8, 9])
    assert.deepEqual(await read(3, 4), [])
    assert.deepEqual(await read(20, 20), [])
  })
})

test('a record over the limit of its topic is refused with a clear error', async t => {
  const deployment = await connectFor(t)
  const large = { key: 'large', value: Buffer.alloc(9 * 1024 * 1024) }
  await assert.rejects(write(deployment, candidates, [large]), {
    code: 'RECORD_TOO_LARGE',
    message: /candidates/
  })
})
