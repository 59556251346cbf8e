/** Work that one process does at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTurn } from '../../../infra/kafka/turn.ts'
import { silentLog } from '../../../infra/log.ts'
import { retractions } from '../../../schemas/topics.ts'
import { connectFor, randomConfig } from '../../helpers/deployment.ts'
import { until } from '../../helpers/until.ts'

test('one at a time: who comes later waits, is told so, and has its turn though the one before failed', async t => {
  const config = await randomConfig()
  const deployments = await Promise.all([1, 2, 3].map(() => connectFor(t, config)))
  const [first, ...others] = deployments
  await first!.prepare([retractions])
  const waits = new Set<number>()
  const order: string[] = []
  const take = (who: number, work: () => Promise<void>): Promise<void> =>
    inTurn(
      deployments[who]!,
      silentLog,
      'trial',
      async () => {
        order.push(`${who} begins`)
        await work()
        order.push(`${who} ends`)
      },
      () => waits.add(who)
    )
  const over = Promise.withResolvers<void>()
  const one = take(0, () => over.promise)
  await until('the first to have its turn', () => order.length === 1)
  const rest = others.map((_, index) => take(index + 1, () => Promise.resolve()))
  await until('the others to wait', () => waits.size === 2)
  assert.deepEqual(order, ['0 begins'])
  over.reject(new Error('it broke'))
  await assert.rejects(one, { message: 'it broke' })
  await Promise.all(rest)
  const [second, third] = order[1] === '1 begins' ? [1, 2] : [2, 1]
  assert.deepEqual(order, ['0 begins', ...[second, third].flatMap(who => [`${who} begins`, `${who} ends`])])
  assert.equal(waits.has(0), false)
  await until('the group to be empty', async () => (await first!.admin.members('trial')) === 0)
})

test('without the topics of a deployment there is no turn to take', async t => {
  await assert.rejects(
    inTurn(await connectFor(t), silentLog, 'trial', () => Promise.resolve()),
    {
      code: 'TOPIC_MISSING'
    }
  )
})
