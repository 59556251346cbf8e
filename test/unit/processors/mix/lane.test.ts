/** What is remembered of the samples that wait, as they are laid. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../../../infra/log.ts'
import { createLane, type Laid } from '../../../../processors/mix/lane.ts'
import { type Input, planOf } from '../../../../processors/mix/plan.ts'
import { createQueues } from '../../../../processors/mix/waiting.ts'
import { parseMix } from '../../../../processors/mixing.ts'
import { rowOf } from '../../../../processors/split.ts'
import * as make from '../../../helpers/records.ts'

const room = { all: 1e6, each: 1e6, offsets: 100 }

test('a class of which none waits is forgotten; a count that says too little or too much is mended', () => {
  const plan = planOf({ floor: 0.5 }, parseMix('{}')!)
  const queues = createQueues<Input>(
    room,
    async () => {},
    () => {},
    silentLog
  )
  const lane = createLane(plan, queues)
  const line = lane.lineOf(plan.classNamed('verified'))
  for (const offset of [3, 4, 8])
    queues.add(line.queue, offset, rowOf(make.sample(`v${offset}`, `answer ${offset}`))!)
  const settle = (waiting: Laid['waiting'], laid: number): Laid['waiting'] => {
    line.next = laid
    return lane.settle(waiting)
  }
  const other = { real: { count: 1, from: 0 } }
  const before = { verified: { count: 3, from: 3 }, ...other }
  assert.equal(settle(before, 0), before, 'nothing was laid: the very same')
  assert.deepEqual(settle(before, 1), { verified: { count: 2, from: 4 }, ...other })
  // Two of three were counted that are not there any more.
  assert.deepEqual(settle({ verified: { count: 1, from: 4 }, ...other }, 1), {
    verified: { count: 1, from: 8 },
    ...other
  })
  assert.deepEqual(settle({ verified: { count: 5, from: 8 }, ...other }, 1), other)
})
