/** What an erasure would take out of a log besides, and what nothing takes out. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Warehouse } from '../../infra/clickhouse/client.ts'
import { erase } from '../../infra/erase/erase.ts'
import { type Hit, keysOf, newestAmong } from '../../infra/erase/log.ts'
import { wantedOf } from '../../infra/erase/wanted.ts'
import { erasedHeader } from '../../infra/kafka/record.ts'
import { type Plan, retract } from '../../infra/retract.ts'
import { retractionsOf, reword } from '../../infra/retractions.ts'
import { slotOf } from '../../schemas/identity.ts'
import { generations, retractions, samplesVerified, training } from '../../schemas/topics.ts'
import type { Retraction } from '../../schemas/types.ts'
import { readAll, write } from '../helpers/deployment.ts'
import { startWorkplace } from '../helpers/pipeline.ts'
import * as make from '../helpers/records.ts'

const { deployment } = await startWorkplace({ after })
const slot = slotOf('d', '', 1, deployment.config.partitions)
const hit = (topic: string, partition: number, offset: number, key: string | null): Hit => ({
  topic,
  partition,
  offset,
  key: key === null ? null : Buffer.from(key),
  of: 'h1'
})

test('a log keeps the first record of each key that does not go, and loses others and those without a key', async () => {
  const put = (...keys: (string | null)[]): Promise<void> =>
    write(
      deployment,
      generations,
      keys.map(key => ({ key, value: make.generation(key ?? 'x', 'reply'), partition: slot }))
    )
  const keys = async (...going: Hit[]) => {
    const ends = (await deployment.admin.offsets(generations.name)).map(({ high }) => high)
    return await keysOf(deployment, generations.name, going, ends)
  }
  await put('a', 'b', 'c', 'd')
  assert.deepEqual(await keys(), { lost: 0, kept: 4 })
  assert.deepEqual(await keys(hit(generations.name, slot, 1, 'b')), { lost: 0, kept: 3 })
  // Of an erasure that was interrupted: c goes with whatever is compacted next, and is not lost by that.
  const headers = { [erasedHeader]: 'asked for' }
  await write(deployment, generations, [{ key: 'c', value: null, partition: slot, headers }])
  assert.deepEqual(await keys(), { lost: 0, kept: 3 })
  assert.deepEqual(await keys(hit(generations.name, slot, 2, 'c')), { lost: 0, kept: 3 })
  await put('b', null)
  const first = `${generations.name}/${slot}@5, key b`
  assert.deepEqual(await keys(), { lost: 2, kept: 3, first })
  const rest = await keys(hit(generations.name, slot, 1, 'b'))
  assert.deepEqual([rest.lost, rest.kept], [1, 2])
  assert.match(rest.first!, /@6, without a key$/)
  // What came again before an interrupted erasure goes with it; what comes after it is there once.
  await put('e', 'e', 'e')
  assert.deepEqual([(await keys()).lost, (await keys()).kept], [4, 4])
  await write(deployment, generations, [{ key: 'e', value: null, partition: slot, headers }])
  assert.deepEqual([(await keys()).lost, (await keys()).kept], [2, 3])
  await put('e')
  assert.deepEqual([(await keys()).lost, (await keys()).kept], [2, 4])
  await put('e')
  assert.deepEqual([(await keys()).lost, (await keys()).kept], [3, 4])
})

test('what nobody can read in training is a row of no version, and lost with nothing', async () => {
  const rubbish = { value: Buffer.from('garbage'), partition: slot }
  const row = { key: 'd/a', value: make.humanSample('a', 'text'), partition: slot }
  await write(deployment, training, [row, { key: null, ...rubbish }, { key: 'd/a', ...rubbish }])
  const ends = (await deployment.admin.offsets(training.name)).map(({ high }) => high)
  assert.deepEqual(await keysOf(deployment, training.name, [], ends), { lost: 0, kept: 1 })
  await write(deployment, training, [{ ...row, key: null }])
  const more = (await deployment.admin.offsets(training.name)).map(({ high }) => high)
  const { lost, first } = await keysOf(deployment, training.name, [], more)
  assert.deepEqual([lost, first], [1, `training/${slot}@3, without a key`])
})

test('of a table only the newest entry of a key stays whatever is compacted', async () => {
  const entries = ['a', 'b', 'a'].map(id => ({
    key: `d/${id}`,
    value: make.retraction(id),
    partition: 0
  }))
  await write(deployment, retractions, entries)
  const hits = [0, 1, 2].map(offset => hit(retractions.name, 0, offset, entries[offset]!.key))
  const log = hit(generations.name, slot, 0, 'a')
  assert.deepEqual(await newestAmong(deployment, [...hits, log]), [hits[1], hits[2]])
})

test('reasons and authors that say the words are said anew, and nothing else of an entry', async () => {
  const entry = (
    id: string,
    fields: Partial<Retraction>
  ): { key: string; value: Retraction; partition: 0 } => ({
    key: `w/${id}`,
    value: make.retraction(id, { dataset: 'w', ...fields }),
    partition: 0
  })
  const words = 'the words that have to go'
  await write(deployment, retractions, [
    entry('a', { reason: `it said ${words}!`, author: 'ann', descendants: true }),
    entry('b', { reason: 'withdrawn', author: words }),
    entry('c', { reason: 'withdrawn', author: 'ann' })
  ])
  await reword(deployment, ['nothing there', words], 'asked for', 'bob')
  const found = await retractionsOf(deployment, 'w')
  assert.deepEqual(
    [...found.values()].map(one => [one.id, one.reason, one.author, one.descendants]),
    [
      ['a', 'asked for', 'ann', true],
      ['b', 'withdrawn', 'bob', false],
      ['c', 'withdrawn', 'ann', false]
    ]
  )
})

test('where rows may say no words, ClickHouse is told by the logs where these stood', async () => {
  const words = 'a sentence that stands in an answer, word by word'
  const told: Record<string, unknown>[] = []
  const warehouse: Warehouse = {
    database: 'd',
    rows: async () => [],
    command: async (sql, { params = {} } = {}) => {
      if (sql.startsWith('INSERT INTO emptied') && sql.includes('FROM samples')) told.push(params)
    },
    insert: async () => {},
    createDatabase: async () => {},
    ready: async () => {},
    kill: async () => {},
    close: async () => {}
  }
  const answers = ['of something else', `and then: ${words}!`].map((text, at) => ({
    key: `d/said-${at}`,
    value: make.sample(`said-${at}`, text),
    partition: slot
  }))
  await write(deployment, samplesVerified, answers)
  const wanted = [wantedOf('d', 'h2', [make.message('document', words)])]
  const plan = { dataset: 'd', wanted, short: [], gone: [], records: {}, rows: 0, others: [], versions: [] }
  await erase(deployment, warehouse, undefined, plan, 'asked for', 'ann')
  assert.ok(told.length > 0)
  for (const params of told) assert.deepEqual(params, { topic: samplesVerified.name, slot, offsets: [1] })
})

test('who is stopped before the first write has erased nothing', async () => {
  const wanted = [wantedOf('d', 'h1', [make.message('document', 'words of a text that is to be erased')])]
  const plan = { dataset: 'd', wanted, short: [], gone: [], records: {}, rows: 0, others: [], versions: [] }
  const before = await readAll(deployment, retractions)
  const stopped = new Error('stopped')
  await assert.rejects(
    erase(deployment, undefined, undefined, plan, 'asked for', 'ann', () => {}, AbortSignal.abort(stopped)),
    stopped
  )
  assert.equal((await readAll(deployment, retractions)).length, before.length)
})

test('whoever retracts a text again takes nothing back of what was asked before', async () => {
  const before = make.retraction('r', { dataset: 'w', reason: 'first', descendants: true })
  await write(deployment, retractions, [{ key: 'w/r', value: before, partition: 0 }])
  const standing = { rows: 0, human: 0, displaced: 0 }
  const plan: Plan = {
    dataset: 'w',
    descendants: false,
    entries: [{ id: 'r', ancestor: null }],
    named: 1,
    already: 0,
    unseen: null,
    rows: 0,
    floor: 0.5,
    before: standing,
    after: standing,
    versions: [],
    prompts: null,
    models: null
  }
  await retract(deployment, plan, 'second', 'bob')
  const found = (await retractionsOf(deployment, 'w')).get('r')
  assert.deepEqual(structuredClone(found), structuredClone(before))
})
