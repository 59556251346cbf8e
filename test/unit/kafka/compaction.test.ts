/** The settings of topics while records are taken out of them, and afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { restored } from '../../../infra/kafka/compaction.ts'
import { differences, isErasing, topicSettings, whileErasing } from '../../../infra/kafka/settings.ts'
import { allTopics } from '../../../infra/processors.ts'
import { samplesHuman } from '../../../schemas/topics.ts'

const asMade = (topic: (typeof allTopics)[number]) => new Map(Object.entries(topicSettings(topic, 1)))

test('an erasure shows in the settings, and what made the topic refused is said to be one', () => {
  const during = new Map([...asMade(samplesHuman), ...Object.entries(whileErasing)])
  assert.equal(isErasing(during), true)
  assert.equal(isErasing(asMade(samplesHuman)), false)
  const [first] = differences(samplesHuman, during, 1)
  assert.match(
    first!,
    /cleanup\.policy is compact, must be delete \(an everseed erase is under way, or was killed: run it again\)/
  )
  // Somebody else's compaction is not called one.
  const [foreign] = differences(
    samplesHuman,
    new Map([...asMade(samplesHuman), ['cleanup.policy', 'compact']]),
    1
  )
  assert.match(foreign!, /must be delete$/)
})

test('afterwards every topic is as it was, with whatever else an operator had set', () => {
  const own = fc.dictionary(
    fc.constantFrom('segment.bytes', 'compression.type', 'min.insync.replicas', 'index.interval.bytes'),
    fc.constantFrom('1048576', 'producer', '2')
  )
  fc.assert(
    fc.property(fc.constantFrom(...allTopics), own, (topic, more) => {
      const before = new Map([...asMade(topic), ...Object.entries(more)])
      const during = new Map([...before, ...Object.entries(whileErasing)])
      assert.deepEqual(restored(topic, during, 1), before)
      // The broker writes 0 as 0.0.
      during.set('min.cleanable.dirty.ratio', '0.0')
      assert.deepEqual(restored(topic, during, 1), before)
      assert.deepEqual(restored(topic, before, 1), before, 'and what was never changed stays')
    })
  )
})
