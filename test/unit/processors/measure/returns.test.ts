import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReturns } from '../../../../processors/measure/returns.ts'

test('one is read after the other, and wanted only while it is read', async () => {
  const log: string[] = []
  const returns = createReturns(
    async (input, from, to) => {
      log.push(`${input} ${from} to ${to}: ${['a', 'b'].filter(key => returns.wants(key)).join()}`)
      await new Promise(resolve => setImmediate(resolve))
      log.push(`end of ${from}`)
    },
    () => assert.fail('nothing failed')
  )
  assert.ok(!returns.busy)
  const both = [returns.read('generations', ['a'], 1, 5), returns.read('verified', ['b'], 2, 6)]
  assert.ok(returns.busy)
  await returns.idle()
  await Promise.all(both)
  assert.deepEqual(log, ['generations 1 to 5: a', 'end of 1', 'verified 2 to 6: b', 'end of 2'])
  assert.ok(!returns.busy && !returns.wants('a') && !returns.wants('b'))
})

test('of what could not be read nothing is kept, and the next is read all the same', async () => {
  const closed: string[] = []
  const returns = createReturns(
    async (_, from) => {
      if (from === 0) throw new Error('the broker is away')
    },
    key => void closed.push(key)
  )
  const first = returns.read('generations', ['a', 'b'], 0, 9)
  const second = returns.read('generations', ['c'], 3, 9)
  await assert.rejects(first, /the broker is away/)
  await second
  await returns.idle()
  assert.deepEqual(closed, ['a', 'b'])
  assert.ok(!returns.busy)
})
