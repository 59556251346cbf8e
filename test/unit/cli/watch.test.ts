import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progressOf } from '../../../infra/cli/watch.ts'

test('progress counts a settled sample once, whatever became of it', () => {
  assert.deepEqual(progressOf({}, 720), { settled: 0, whole: 720 }, 'before the first row')
  // Of the 99 rejected 40 are duplicates; 9 of the others are tried again.
  const row = {
    expected: 729,
    generated: 720,
    duplicates: 40,
    rejected: 99,
    verified: 600,
    parked: 20,
    dead: 10
  }
  assert.deepEqual(progressOf(row, 720), { settled: 729, whole: 729 })
})
