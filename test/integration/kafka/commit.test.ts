/** Offsets on the real broker: commits bound to the assignment they were handed out with, and nothing done in silence. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Deployment } from '../../../infra/deployment.ts'
import { type Commit, CommitRefused } from '../../../infra/kafka/commit.ts'
import { createGroupConsumer } from '../../../infra/kafka/consumer.ts'
import { readRanges } from '../../../infra/kafka/reader.ts'
import { silentLog } from '../../../infra/log.ts'
import { human } from '../../../schemas/topics.ts'
import { connectFor, deleteRecords, randomConfig, write } from '../../helpers/deployment.ts'
import { until } from '../../helpers/until.ts'

/** A member of the group `g` that keeps the commit of every assignment. */
async function member(t: TestContext, { kafka, config, prepare }: Deployment) {
  await prepare([human])
  const commits: Commit[] = []
  let slots: readonly number[] = []
  const consumer = createGroupConsumer(
    kafka,
    config,
    silentLog,
    { group: 'g', topics: [human.name] },
    {
      assigned(given, commit) {
        slots = given
        commits.push(commit)
      },
      heartbeat: () => {},
      batch: () => {},
      dead: () => {}
    }
  )
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= consumer.stop())
  t.after(stop)
  await consumer.start()
  await until('an assignment', () => commits.length > 0)
  return { commits, stop, slots: () => slots }
}

const at = (offset: number, metadata = '') => [{ topic: human.name, partition: 0, offset, metadata }]

test('a commit holds for its assignment; later it is refused and changes nothing', async t => {
  const config = await randomConfig()
  const deployment = await connectFor(t, config)
  const committed = async () => (await deployment.admin.committed('g', [human.name])).get(human.name)?.get(0)
  const first = await member(t, deployment)
  const early = first.commits.at(-1)!
  await early(at(3, '{"to":7}'))
  assert.deepEqual(await committed(), { offset: 3, metadata: '{"to":7}' })

  const second = await member(t, await connectFor(t, config))
  await until('both to share the slots', () => first.slots().length === 2 && second.slots().length === 2)
  await assert.rejects(early(at(4)), CommitRefused)
  const [late] = [first.commits.at(-1)!]
  await late(at(5))
  assert.deepEqual(await committed(), { offset: 5, metadata: '' })

  await second.stop()
  await until('the first to own all', () => first.slots().length === 4)
  await assert.rejects(late(at(6)), CommitRefused)
  assert.deepEqual(await committed(), { offset: 5, metadata: '' })
})

test('a commit of a member that has left is an error, not a success', async t => {
  const deployment = await connectFor(t)
  const { commits, stop } = await member(t, deployment)
  await commits[0]!(at(1))
  await stop()
  await assert.rejects(commits[0]!(at(2)))
  const found = (await deployment.admin.committed('g', [human.name])).get(human.name)?.get(0)
  assert.deepEqual(found, { offset: 1, metadata: '' })
})

test('an offset that is not in the log any more ends the consumer, and no other is put in its place', async t => {
  const deployment = await connectFor(t)
  const { kafka, config, admin, prepare } = deployment
  await prepare([human])
  const entries = Array.from({ length: 5 }, (_, index) => ({ key: `${index}`, value: Buffer.from('x') }))
  await write(deployment, human, entries)
  await deleteRecords(deployment, human.name, 0, 3)
  const dead: Error[] = []
  let handed = 0
  const consumer = createGroupConsumer(
    kafka,
    config,
    silentLog,
    { group: 'g', topics: [human.name] },
    {
      assigned() {
        consumer.seek(human.name, 0, 1)
        consumer.resume(human.name, 0)
      },
      heartbeat: () => {},
      batch: () => void handed++,
      dead: error => void dead.push(error)
    }
  )
  t.after(() => consumer.stop())
  await consumer.start()
  const where = `${config.prefix}human/0`
  await until('an end', () => dead.length > 0 || handed > 0)
  assert.equal(handed, 0)
  assert.match(dead[0]!.message, new RegExp(`the offset wanted of ${where} is outside the log`))
  assert.equal((await admin.committed('g', [human.name])).get(human.name)?.get(0), undefined)
})

test('a reader of records that are gone says so, and does not pass for one that read them', async t => {
  const deployment = await connectFor(t)
  const { kafka, config, admin, prepare } = deployment
  await prepare([human])
  const entries = Array.from({ length: 5 }, (_, index) => ({ key: `${index}`, value: Buffer.from('x') }))
  await write(deployment, human, entries)
  await deleteRecords(deployment, human.name, 0, 3)
  const read: number[] = []
  const from = (offset: number): Promise<void> =>
    readRanges(
      kafka,
      config,
      [{ topic: human.name, partition: 0, from: offset, to: 5 }],
      records => void read.push(...records.map(record => record.offset))
    )
  await assert.rejects(from(1), { code: 'KAFKA_UNREACHABLE', message: /human\/0 is outside the log/ })
  assert.deepEqual(read, [])
  await from((await admin.offsets(human.name))[0]!.low)
  assert.deepEqual(read, [3, 4])
})
