import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { RawRecord } from '../../../infra/kafka/record.ts'
import { createPending } from '../../../infra/runner/pending.ts'

const one = (offset: number, bytes: number) => ({ raw: { offset, value: Buffer.alloc(bytes) } as RawRecord })

test('what waits keeps its order and is counted, in records and bytes', () => {
  const step = fc.oneof(fc.record({ push: fc.nat(9) }), fc.constantFrom('shift' as const, 'clear' as const))
  fc.assert(
    fc.property(fc.array(step), steps => {
      const pending = createPending<ReturnType<typeof one>>()
      let list: ReturnType<typeof one>[] = []
      for (const [offset, what] of steps.entries()) {
        if (typeof what === 'object') {
          const item = one(offset, what.push)
          list.push(item)
          pending.push(item)
        } else if (what === 'clear') {
          assert.deepEqual(pending.clear(), list)
          list = []
        } else if (pending.next) {
          list.shift()
          pending.shift()
        }
        assert.equal(pending.next, list[0])
        assert.deepEqual(
          [pending.size, pending.bytes],
          [list.length, list.reduce((sum, { raw }) => sum + raw.value!.length, 0)]
        )
      }
    })
  )
})

test('thousands are taken out one by one', () => {
  const pending = createPending<ReturnType<typeof one>>()
  for (let offset = 0; offset < 10_000; offset++) pending.push(one(offset, 1))
  for (let offset = 0; offset < 10_000; offset++) {
    assert.deepEqual([pending.next?.raw.offset, pending.size], [offset, 10_000 - offset])
    pending.shift()
  }
  assert.deepEqual([pending.next, pending.size, pending.bytes], [undefined, 0, 0])
})
