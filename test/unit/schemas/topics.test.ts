import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { writersOf } from '../../../infra/docs.ts'
import { allTopics, inputsOf, loadProcessors, loadStore, processorNames } from '../../../infra/processors.ts'
import { recordNames, recordSchema } from '../../../schemas/load.ts'
import { samplesHuman, stateTopic, tables, topics } from '../../../schemas/topics.ts'

const forever = -1
const processors = await loadProcessors()
const store = await loadStore()

describe('the topic table', () => {
  test('names each topic once, as Kafka takes it under any prefix', () => {
    const names = allTopics.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length)
    for (const name of names) assert.match(name, /^[a-z]+([.-][a-z]+)*$/)
  })

  test('gives every topic words, a key and writers', () => {
    for (const { name, doc, key, writers } of topics) {
      assert.ok(doc && key && writers.length > 0, name)
    }
  })

  test('carries records that exist, and every record that is not part of another', () => {
    const carried = new Set(topics.flatMap(({ record }) => record ?? []))
    for (const record of carried) assert.ok(recordNames().includes(record), record)
    const fields = recordNames().map(name => JSON.stringify(recordSchema(name).fields))
    const parts = recordNames().filter(name => fields.some(text => text.includes(`"${name}"`)))
    assert.deepEqual(new Set([...carried, ...parts, stateTopic('mix').record]), new Set(recordNames()))
  })

  test('never lets go of what cannot be made again', () => {
    for (const { name, cleanup, retentionMs, kind } of topics) {
      if (name === 'dead-letters' || name === 'human') assert.ok(retentionMs > 0, name)
      else assert.equal(retentionMs, forever, name)
      assert.equal(cleanup, kind === 'data' ? 'delete' : 'compact', name)
    }
    assert.equal(samplesHuman.cleanup, 'delete', 'append-only: compaction would take rows')
    assert.deepEqual(samplesHuman.writers, ['admit'])
  })

  test('has room for what dead letters and journals hold of other topics', () => {
    const most = Math.max(...topics.map(({ maxBytes }) => maxBytes))
    for (const { name, maxBytes } of topics) {
      assert.ok(maxBytes >= 8 * 1024 * 1024, name)
      if (['dead-letters', 'journal', 'generations'].includes(name)) assert.equal(maxBytes, most, name)
    }
  })

  test('knows as writers who writes, and only them', () => {
    for (const topic of topics) {
      const writing = processors
        .filter(({ outputs }) => Object.values(outputs).includes(topic))
        .map(({ name }) => name)
      const outside = ['publishers', 'operator', 'every processor']
      const inside = topic.writers.filter(name => !outside.includes(name))
      assert.deepEqual(inside.toSorted(), writing.toSorted(), topic.name)
    }
  })

  test('is forwarded by a processor that reads it, wherever publishers choose the partition', () => {
    for (const { name, writers, forwardedBy } of topics) {
      assert.equal(forwardedBy !== undefined, writers.includes('publishers'), name)
      if (forwardedBy === undefined) continue
      const reader = processors.find(processor => processor.name === forwardedBy)
      assert.ok(
        Object.values(reader?.inputs ?? {}).some(input => input.name === name),
        name
      )
    }
  })

  test('has a memory for each processor with state, in the partitions of its inputs', () => {
    for (const { name, state } of processors) {
      const declared = allTopics.some(topic => topic.name === stateTopic(name).name)
      assert.equal(declared, Object.keys(state).length > 0, name)
    }
    assert.equal(stateTopic('mix').kind, 'state')
    assert.equal(stateTopic('mix').cleanup, 'compact')
  })

  test('has its tables under their names', () => {
    for (const [name, topic] of Object.entries(tables)) {
      assert.equal(topic.name, name)
      assert.equal(topic.kind, 'table')
    }
  })
})

describe('the graph', () => {
  test('is known without loading a processor', () => {
    assert.deepEqual(
      processorNames,
      [...processors, store].map(({ name }) => name)
    )
    assert.deepEqual(
      inputsOf(store.name).toSorted(),
      Object.values(store.inputs)
        .map(topic => topic.name)
        .toSorted()
    )
    for (const { name, inputs } of processors)
      assert.deepEqual(
        inputsOf(name),
        Object.values(inputs).map(topic => topic.name)
      )
    assert.throws(() => inputsOf('constructor'), { code: 'UNKNOWN_NAME' })
  })

  test('is closed: whatever is read is written by somebody', () => {
    const reads = [...processors, store].flatMap(({ inputs }) => Object.values(inputs))
    for (const topic of reads) assert.ok(topics.includes(topic), topic.name)
    assert.deepEqual(
      reads.filter(topic => writersOf(topic).length === 0).map(({ name }) => name),
      []
    )
  })
})
