import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { pin } from '../../bench/processes.ts'

test('a process that was moved to one core gets back those it had', () => {
  const before = availableParallelism()
  const unpin = pin(process.pid, 0)
  assert.ok(availableParallelism() <= before)
  unpin()
  assert.equal(availableParallelism(), before)
})
