import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createMemory } from '../../../infra/runner/state.ts'

test('reads see staged changes', () => {
  const { tables } = createMemory(['t'])
  const t = tables['t']!
  t.stage('a', 1)
  assert.equal(t.get('a'), 1)
  assert.ok(t.has('a'))
  t.forget('a')
  assert.equal(t.get('a'), undefined)
  assert.ok(!t.has('a'))
})

test('a cut holds each changed key once, with its newest value, and the next one starts anew', () => {
  const memory = createMemory(['t', 'u'])
  const { t, u } = memory.tables as Record<'t' | 'u', (typeof memory.tables)[string]>
  t.stage('a', 1)
  t.stage('a', 2)
  u.stage('a', 3)
  t.stage('b', 4)
  t.forget('b')
  assert.equal(memory.changed, 3)
  assert.deepEqual(memory.cut(), [
    { table: 't', key: 'a', value: 2 },
    { table: 't', key: 'b', value: undefined },
    { table: 'u', key: 'a', value: 3 }
  ])
  assert.equal(memory.changed, 0)
  assert.deepEqual(memory.cut(), [])
})

test('forgetting what is not there changes nothing', () => {
  const memory = createMemory(['t'])
  memory.tables['t']!.forget('never')
  assert.deepEqual(memory.cut(), [])
})

test('replaying the cuts into a new memory gives the same memory', () => {
  const change = fc.record({
    table: fc.constantFrom('t', 'u'),
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.nat(), { nil: undefined }),
    cut: fc.boolean()
  })
  fc.assert(
    fc.property(fc.array(change), changes => {
      const memory = createMemory(['t', 'u'])
      const copy = createMemory(['t', 'u'])
      const copyOver = (): void => {
        for (const { table, key, value } of memory.cut()) copy.restore(table, key, value)
      }
      for (const { table, key, value, cut } of changes) {
        if (value === undefined) memory.tables[table]!.forget(key)
        else memory.tables[table]!.stage(key, value)
        if (cut) copyOver()
      }
      copyOver()
      for (const name of ['t', 'u'])
        assert.deepEqual(new Map(copy.tables[name]!.entries()), new Map(memory.tables[name]!.entries()))
      assert.equal(copy.size, memory.size)
      assert.equal(copy.changed, 0, 'what is restored is not written again')
    })
  )
})
