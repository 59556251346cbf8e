import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { before, describe, test } from 'node:test'
import { type KafkaConfig, readConfig } from '../../../infra/config.ts'
import { nameRefusedTopics, protocolError, refusalOf } from '../../../infra/kafka/refusal.ts'

const require = createRequire(import.meta.url)
const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
  createErrorFromCode(code: number): Error & { type: string }
}
type Library = Record<
  'KafkaJSNonRetriableError' | 'KafkaJSNumberOfRetriesExceeded',
  new (cause: Error, more: object) => Error
>
const { KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded } = require('kafkajs/src/errors') as Library

const login = {
  EVERSEED_KAFKA_BROKERS: 'b:9092',
  EVERSEED_KAFKA_SASL_MECHANISM: 'plain',
  EVERSEED_KAFKA_USERNAME: 'pipeline',
  EVERSEED_KAFKA_PASSWORD: 'x'
}
const configOf = (env: Record<string, string>): KafkaConfig => ({
  ...readConfig(env).kafka,
  brokers: ['b:9092']
})
const config = configOf(login)
const asked = {
  right: 'Write',
  topics: ['everseed.a', 'everseed.b'],
  group: 'everseed.g',
  transactionalId: 'everseed.g.0'
} as const
const codes = {
  unknown: -1,
  topic: 29,
  group: 30,
  cluster: 31,
  record: 87,
  epoch: 47,
  id: 53,
  notAttempted: 55,
  leader: 6
}
const words = (code: number, more: object = {}): string | undefined =>
  refusalOf(Object.assign(createErrorFromCode(code), more), config, asked)?.message

describe('a right that is missing', () => {
  test('is told by user, thing and what to grant', () => {
    assert.equal(
      words(codes.topic, { topic: 'everseed.b' }),
      'Kafka user pipeline may not write to everseed.b: grant it with kafka-acls --add --allow-principal User:pipeline --operation Write --topic everseed.b'
    )
    assert.match(
      words(codes.topic)!,
      /write to everseed\.a, everseed\.b: .* --topic everseed\.a --topic everseed\.b$/
    )
    assert.match(
      words(codes.group)!,
      /may not be in the group everseed\.g: .* --operation Read --group everseed\.g$/
    )
    assert.match(
      words(codes.id)!,
      /id everseed\.g\.0: .* --operation Write .*--transactional-id everseed\.g\.0$/
    )
    assert.match(words(codes.cluster)!, /--operation IdempotentWrite --cluster$/)
    const error = refusalOf(createErrorFromCode(codes.topic), config, { ...asked, right: 'Read' })
    assert.equal(error?.code, 'KAFKA_REFUSED')
    assert.match(error.message, /may not read everseed\.a/)
  })

  test('of a client without a login names nobody', () => {
    const { message } = refusalOf(
      createErrorFromCode(codes.group),
      configOf({ EVERSEED_KAFKA_BROKERS: 'b:9092' }),
      asked
    )!
    assert.match(message, /^this client may not be in the group .* User:NAME /)
  })
})

test('what no new connection changes is refused as well, with the answer of the broker', () => {
  assert.match(words(codes.record)!, /everseed\.a, everseed\.b .*\(INVALID_RECORD\)/)
})

test('what may pass, or says that somebody else took over, is no refusal', () => {
  for (const code of [codes.unknown, codes.epoch, codes.notAttempted, codes.leader, 9999])
    assert.equal(words(code), undefined, String(code))
  assert.equal(refusalOf(new Error('the socket closed'), config, asked), undefined)
  assert.equal(refusalOf(undefined, config, asked), undefined)
})

test('the answer is found behind the wrappers of the library', () => {
  const answer = createErrorFromCode(codes.topic)
  const tried = new KafkaJSNumberOfRetriesExceeded(answer, { retryCount: 1, retryTime: 1 })
  for (const error of [
    answer,
    new KafkaJSNonRetriableError(answer, { cause: answer }),
    new Error('reading failed', { cause: tried }),
    new AggregateError([answer])
  ])
    assert.equal(protocolError(error)?.type, 'TOPIC_AUTHORIZATION_FAILED')
})

describe('of several topics in a transaction', () => {
  type Response = { parse(data: { errors: object[] }): Promise<unknown> }
  const responses = ['v0', 'v1'].map(
    version => require(`kafkajs/src/protocol/requests/addPartitionsToTxn/${version}/response`) as Response
  )
  const answer = (...topics: [string, number][]) => ({
    errors: topics.map(([topic, errorCode]) => ({ topic, partitionErrors: [{ partition: 0, errorCode }] }))
  })
  const mixed = answer(['fine', codes.notAttempted], ['denied', codes.topic])
  let library: unknown
  before(async () => {
    library = await responses[0]!.parse(mixed).catch((error: unknown) => (error as { type: string }).type)
    nameRefusedTopics()
  })

  test('the library told the first one that was not tried', () => {
    assert.equal(
      library,
      'OPERATION_NOT_ATTEMPTED',
      'kafkajs now tells the one that was refused: drop nameRefusedTopics'
    )
  })

  test('the one that is refused is told, by name', async () => {
    for (const { parse } of responses) {
      await assert.rejects(parse(mixed), { type: 'TOPIC_AUTHORIZATION_FAILED', topic: 'denied' })
      await assert.rejects(parse(answer(['gone', 3])), { type: 'UNKNOWN_TOPIC_OR_PARTITION' })
      assert.deepEqual(await parse(answer(['fine', 0])), answer(['fine', 0]))
    }
  })
})
