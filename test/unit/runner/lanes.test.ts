import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLanes } from '../../../infra/runner/lanes.ts'

test('items of a key take turns, others do not wait, and nothing is kept of a key that is done', () => {
  const started: string[] = []
  const lanes = createLanes<string>(item => {
    started.push(item)
    lanes.hold(item[0])
  })
  for (const item of ['a1', 'a2', 'b1', 'a3']) lanes.enter(item[0], item)
  assert.deepEqual(started, ['a1', 'b1'])
  lanes.leave('a', true)
  assert.deepEqual(started, ['a1', 'b1', 'a2'])
  lanes.leave('b', true)
  lanes.enter('b', 'b2')
  assert.deepEqual(started.slice(3), ['b2'])
  lanes.leave('a', false)
  assert.deepEqual(started.slice(4), [], 'nothing is to be started any more')
})

test('without a key nothing waits', () => {
  const started: number[] = []
  const lanes = createLanes<number>(item => {
    started.push(item)
    lanes.hold(undefined)
  })
  for (const item of [1, 2, 3]) lanes.enter(undefined, item)
  lanes.leave(undefined, true)
  assert.deepEqual(started, [1, 2, 3])
})

test('items that are done at once let the next one pass', () => {
  const started: string[] = []
  const lanes = createLanes<string>(item => {
    started.push(item)
    if (item === 'slow') lanes.hold('a')
    else lanes.leave('a', true)
  })
  for (const item of ['slow', 'x', 'y', 'z']) lanes.enter('a', item)
  assert.deepEqual(started, ['slow'])
  lanes.leave('a', true)
  assert.deepEqual(started, ['slow', 'x', 'y', 'z'])
})
