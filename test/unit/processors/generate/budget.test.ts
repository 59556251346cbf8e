import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import {
  type Charge,
  type Claim,
  createBudget,
  nothing,
  plus,
  type Release,
  Stopped
} from '../../../../processors/generate/budget.ts'
import type { Journal } from '../../../../processors/ports.ts'
import { turns } from '../../../helpers/slot.ts'

/** A budget beside a journal that remembers what is set aside; nothing is ever settled. */
function bench() {
  const aside = new Map<string, Charge>()
  const controller = new AbortController()
  const journal: Pick<Journal, 'reserve' | 'spent'> = {
    reserve: ({ run, requestId, reservedMicros, reservedTokens }) =>
      void aside.set(`${run}|${requestId}`, { micros: reservedMicros, tokens: reservedTokens }),
    spent(run) {
      let sum = nothing
      for (const [key, charge] of aside) if (key.startsWith(`${run}|`)) sum = plus(sum, charge)
      return { costMicros: 0, tokens: 0, reservedMicros: sum.micros, reservedTokens: sum.tokens }
    }
  }
  const budget = createBudget(journal, controller.signal)
  /** What became of those who asked, in the order in which it did. */
  const order: string[] = []
  const releases = new Map<string, Release>()
  const ask = (id: string, micros: number, fields: Partial<Claim> = {}): void => {
    const limits = { usd: 10 / 1e6 } as Claim['limits']
    const claim = { id, run: 'r', limits, worst: { micros, tokens: micros }, lost: nothing, ...fields }
    budget.reserve(claim).then(
      release => {
        order.push(id)
        releases.set(id, release)
      },
      (error: Error) => order.push(`${id} ${error instanceof Stopped ? 'is stopped' : error.message}`)
    )
  }
  const end = async (id: string, micros: number): Promise<void> => {
    releases.get(id)!({ micros, tokens: micros })
    releases.delete(id)
    await turns(1)
  }
  return { ask, end, order, releases, journal, controller }
}

describe('a budget', () => {
  test('lets calls wait for those under way, in order of asking, and stops what no outcome of theirs leaves room for', async () => {
    const { ask, end, order } = bench()
    for (const id of ['a', 'b', 'c', 'd']) ask(id, 5)
    // It would fit beside c, and waits behind it all the same: what is large must get its turn.
    ask('small', 1)
    await turns(1)
    assert.deepEqual(order, ['a', 'b'])
    await end('a', 2)
    assert.deepEqual(order, ['a', 'b'], '7 are set aside')
    await end('b', 2)
    assert.deepEqual(order.slice(2), ['c'])
    await end('c', 2)
    assert.deepEqual(order.slice(3), ['d is stopped', 'small'])
  })

  test('what cannot be afforded at all is stopped at once, whoever waits for what', async () => {
    const { ask, order, releases } = bench()
    ask('a', 11)
    ask('b', 0, { limits: { tokens: 1 } as Claim['limits'], worst: { micros: 0, tokens: 2 } })
    await turns(1)
    assert.deepEqual(order, ['a is stopped', 'b is stopped'])
    assert.equal(releases.size, 0)
  })

  test('runs do not wait for each other', async () => {
    const { ask, order } = bench()
    ask('a', 10)
    ask('b', 10)
    ask('c', 10, { run: 'other' })
    await turns(1)
    assert.deepEqual(order, ['a', 'c'])
  })

  test('what was lost stays set aside beside the reserve, and after it', async () => {
    const { ask, end, order, journal } = bench()
    ask('a', 4, { lost: { micros: 3, tokens: 3 } })
    await turns(1)
    assert.equal(journal.spent('r').reservedMicros, 7)
    // 3 are lost for good: there is room for 7 once the 4 are given back, and for 8 never.
    ask('b', 7)
    ask('c', 8)
    await turns(1)
    assert.deepEqual(order, ['a'])
    await end('a', 3)
    assert.deepEqual(order, ['a', 'b', 'c is stopped'])
  })

  test('when it is aborted nobody waits any more, and nobody begins to', async () => {
    const { ask, order, controller } = bench()
    ask('a', 10)
    ask('b', 10)
    await turns(1)
    controller.abort(new Error('over'))
    ask('c', 0)
    await turns(1)
    assert.deepEqual(order, ['a', 'b over', 'c over'])
  })

  test('is never passed, never deadlocks, and stops nobody it could have afforded', async () => {
    const call = fc.record({ worst: fc.nat(12), costs: fc.double({ min: 0, max: 1, noNaN: true }) })
    const cases = fc.record({
      calls: fc.array(call, { maxLength: 20 }),
      ends: fc.infiniteStream(fc.nat())
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ calls, ends }) => {
        const { ask, end, order, releases, journal } = bench()
        const spent = (): number => journal.spent('r').reservedMicros
        for (const [index, { worst }] of calls.entries()) ask(`${index}`, worst)
        await turns(1)
        for (const pick of ends) {
          assert.ok(spent() <= 10)
          const open = [...releases.keys()]
          if (open.length === 0) break
          const id = open[pick % open.length]!
          const { worst, costs } = calls[Number(id)]!
          await end(id, Math.floor(worst * costs))
        }
        assert.equal(order.length, calls.length, 'everybody was told')
        for (const [index, { worst }] of calls.entries()) {
          if (order.includes(`${index} is stopped`)) assert.ok(spent() + worst > 10)
        }
      }),
      { numRuns: 200 }
    )
  })
})
