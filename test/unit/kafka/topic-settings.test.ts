import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { differences, topicSettings } from '../../../infra/kafka/settings.ts'
import {
  candidates,
  deadLetters,
  human,
  journal,
  samplesHuman,
  tables,
  type Topic
} from '../../../schemas/topics.ts'

const asIs = (topic: typeof candidates, replication: number, changes: Record<string, string> = {}) =>
  new Map(Object.entries({ ...topicSettings(topic as never, replication), ...changes }))

describe('settings of a topic', () => {
  test('fit themselves', () => {
    for (const topic of [candidates, samplesHuman, journal, ...Object.values(tables)]) {
      for (const replication of [1, 3])
        assert.deepEqual(differences(topic, asIs(topic as never, replication), replication), [])
    }
  })

  test('keep what was acknowledged when one of three brokers is lost', () => {
    assert.equal(topicSettings(candidates, 3)['min.insync.replicas'], '2')
    assert.equal(topicSettings(candidates, 1)['min.insync.replicas'], '1')
    const careless = { 'min.insync.replicas': '1' }
    assert.deepEqual(differences(candidates, asIs(candidates, 3, careless), 3), [
      'min.insync.replicas is 1, must be 2'
    ])
    assert.deepEqual(differences(candidates, asIs(candidates, 1, careless), 1), [])
    // Of five copies three may be asked for: stricter is the operator's business.
    assert.deepEqual(differences(candidates, asIs(candidates, 5, { 'min.insync.replicas': '3' }), 5), [])
  })

  test('take the largest record with its key, its headers and the frame of a batch', () => {
    const wanted = Number(topicSettings(candidates, 1)['max.message.bytes'])
    assert.ok(wanted > candidates.maxBytes)
    const taking = (bytes: number): string[] =>
      differences(candidates, asIs(candidates, 1, { 'max.message.bytes': String(bytes) }), 1)
    for (const bytes of [candidates.maxBytes, wanted - 1])
      assert.deepEqual(taking(bytes), [`max.message.bytes is ${bytes}, must be ${wanted}`])
    for (const bytes of [wanted, wanted + 1])
      assert.deepEqual(taking(bytes), [], 'more is the operator’s business')
  })

  test('keep records as long as the table says, and longer where the operator wants it', () => {
    const kept = (topic: Topic, name: string, value: number): string[] =>
      differences(topic, asIs(topic as never, 1, { [name]: String(value) }), 1)
    const { retentionMs } = deadLetters
    for (const shorter of [0, 3_600_000, retentionMs - 1])
      assert.deepEqual(kept(deadLetters, 'retention.ms', shorter), [
        `retention.ms is ${shorter}, must be ${retentionMs}`
      ])
    for (const longer of [retentionMs, retentionMs + 1, -1])
      assert.deepEqual(kept(deadLetters, 'retention.ms', longer), [])
    assert.deepEqual(kept(candidates, 'retention.ms', 10 * retentionMs), [
      `retention.ms is ${10 * retentionMs}, must be -1`
    ])
    for (const topic of [deadLetters, human, candidates])
      assert.deepEqual(kept(topic, 'retention.bytes', 1e12), ['retention.bytes is 1000000000000, must be -1'])
  })

  test('let compaction reach what is written: small segments where a topic is compacted', () => {
    assert.equal(topicSettings(journal, 1)['segment.bytes'], String(64 * 1024 * 1024))
    assert.equal(topicSettings(candidates, 1)['segment.bytes'], undefined)
  })
})
