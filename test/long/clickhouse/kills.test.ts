/**
 * SIGKILL of the server in the middle of inserts, many times, with readers asking meanwhile. EVERSEED_KILLS and
 * EVERSEED_SEED make it longer or repeat it.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createChunkWriter } from '../../../infra/clickhouse/chunks.ts'
import { migrate } from '../../../infra/clickhouse/migrate.ts'
import { silentLog } from '../../../infra/log.ts'
import type { Chunk } from '../../../infra/runner/sink.ts'
import { store } from '../../../processors/store.ts'
import type { Rejection } from '../../../schemas/types.ts'
import { chunkOf } from '../../helpers/chunks.ts'
import { startEngine } from '../../helpers/engine.ts'
import { random } from '../../helpers/random.ts'
import * as make from '../../helpers/records.ts'

const kills = Number(process.env['EVERSEED_KILLS'] ?? 12)
const seed = Number(process.env['EVERSEED_SEED'] ?? 20_260_101)

const engine = await startEngine({ after })

const rejection = (id: string): Rejection => ({
  id,
  sample: make.sample(id, 'no'),
  processor: 'verify',
  check: 'length',
  version: '1',
  reason: 'too_short',
  detail: '',
  hit: null,
  retried: false,
  rejected_at: 0
})
const topics: Readonly<Record<string, (id: string) => unknown>> = {
  generations: id => make.generation(id, 'an answer', { usage: make.usage({ cost_micros: 3 }) }),
  'samples.verified': id => make.sample(id, 'an answer'),
  'samples.rejected': rejection
}

/** A partition as the runner of sinks sees it: what is committed, and the chunk under way. */
type Lane = {
  readonly topic: string
  readonly slot: number
  committed: number
  open: Chunk | undefined
}

test(`${kills} kills lose and double nothing, in rows and in rollups`, async t => {
  const warehouse = engine.warehouse()
  await migrate(warehouse, silentLog)
  const draw = random(seed)
  const repairs = { tokens: 0, views: 0 }
  const log = {
    ...silentLog,
    warn: (fields: object) => void ('view' in fields ? repairs.views++ : repairs.tokens++)
  }
  const lanes: Lane[] = Object.keys(topics).flatMap(topic =>
    [0, 1].map(slot => ({ topic, slot, committed: 0, open: undefined }))
  )
  const newWriter = () =>
    createChunkWriter({ warehouse, clusterId: 'c', group: 'store', sink: store, log, timeoutMs: 8000 })
  const nextChunk = ({ topic, slot, committed }: Lane): Chunk => {
    const size = 1 + Math.floor(draw() * 300)
    const ids = Array.from({ length: size }, (_, index) => `${topic}-${slot}-${committed + index}`)
    return chunkOf(topic, slot, committed, ids.map(topics[topic]!))
  }
  /** Asks what everybody sees while inserts and kills go on: nothing acknowledged is missing, nothing is there twice. */
  const read = async (over: () => boolean, tell: () => void): Promise<number> => {
    for (let asked = 0; ; asked++) {
      const acknowledged = lanes.map(({ committed }) => committed)
      const found = await warehouse
        .rows<{ topic: string; slot: number; rows: number; offsets: number }>(
          `SELECT _topic AS topic, slot, count() AS rows, uniqExact(_offset) AS offsets FROM generations FINAL GROUP BY topic, slot
           UNION ALL SELECT _topic, slot, count(), uniqExact(_offset) FROM samples FINAL GROUP BY _topic, slot`
        )
        .catch((error: unknown) => {
          assert.ok(over(), `a read failed without a kill: ${String(error)}`)
        })
      if (!found) return asked
      for (const { topic, slot, rows, offsets } of found) {
        const lane = lanes.findIndex(one => one.topic === topic && one.slot === slot)
        assert.equal(rows, offsets, `${topic}/${slot} shows offsets twice`)
        assert.ok(
          rows >= acknowledged[lane]!,
          `${topic}/${slot}: ${rows} rows, ${acknowledged[lane]} acknowledged`
        )
      }
      if (asked === 0) tell()
      if (over()) return asked + 1
    }
  }
  let broken = 0
  let reads = 0
  for (let round = 0; round <= kills; round++) {
    // A writer a round: as after a restart, it knows nothing.
    const writer = newWriter()
    const recoverAll = (by: typeof writer) =>
      Promise.all(
        lanes.map(async lane => {
          if (!lane.open) return
          await by.recover(lane.open)
          lane.committed = lane.open.to
          lane.open = undefined
        })
      )
    if (round > 0 && round < kills && draw() < 0.25) {
      // A recovery that is killed is recovered.
      const recovering = recoverAll(writer).catch(() => {})
      await sleep(draw() * 200)
      await engine.kill()
      await recovering
      await engine.start()
      await recoverAll(newWriter())
    } else await recoverAll(writer)
    let dying = false
    let begun = 0
    // The first write of a writer looks whether it replays; the kills are meant for the inserts.
    const underWay = Promise.withResolvers<void>()
    const tell = (): void => {
      // Once by each lane and once by the reader.
      if (++begun === lanes.length + 1) underWay.resolve()
    }
    const work = lanes.map(async lane => {
      for (let chunks = 0; round < kills ? !dying : chunks < 2; chunks++) {
        lane.open = nextChunk(lane)
        try {
          await writer.write(lane.open)
        } catch (error) {
          assert.ok(dying, `an insert failed without a kill: ${String(error)}`)
          broken++
          return
        }
        lane.committed = lane.open.to
        lane.open = undefined
        if (chunks === 0) tell()
      }
    })
    const working = Promise.all(work)
    const reading = read(() => dying || round === kills, tell)
    if (round < kills) {
      await Promise.race([underWay.promise, working, reading])
      await sleep(draw() * 100)
      dying = true
      await engine.kill()
    }
    await working
    reads += await reading
    if (round < kills) await engine.start()
  }
  t.diagnostic(
    `seed ${seed}: ${broken} inserts broken off, ${reads} reads meanwhile, ${repairs.tokens} tokens remembered without rows, ${repairs.views} views repaired`
  )
  assert.ok(reads >= kills, `only ${reads} reads`)
  assert.ok(broken >= kills, `only ${broken} inserts were hit by ${kills} kills`)

  const found = await newWriter().audit()
  assert.equal(found.length, lanes.length)
  for (const { topic, slot, committed } of lanes) {
    const row = found.find(one => one.topic === topic && one.slot === slot)!
    const offsetSum = String((committed * (committed - 1)) / 2)
    const exact = { rows: committed, offsetSum }
    assert.deepEqual(
      { rows: row.rows, offsets: row.offsets, offsetSum: row.offsetSum, last: row.lastOffset },
      { ...exact, offsets: committed, last: committed - 1 },
      `${topic}/${slot}`
    )
    assert.ok(row.rollups.length > 0)
    for (const rollup of row.rollups)
      assert.deepEqual(
        rollup,
        { view: rollup.view, ...exact, agrees: true },
        `${rollup.view} of ${topic}/${slot}`
      )
  }
  const total = (topic: string): number =>
    lanes.filter(lane => lane.topic === topic).reduce((sum, lane) => sum + lane.committed, 0)
  const [funnel] = await warehouse.rows('SELECT generated, verified, rejected FROM funnel')
  assert.deepEqual(funnel, {
    generated: total('generations'),
    verified: total('samples.verified'),
    rejected: total('samples.rejected')
  })
  const [spent] = await warehouse.rows<{ micros: number }>(
    'SELECT round(sum(cost_usd) * 1e6) AS micros FROM spend'
  )
  assert.equal(spent!.micros, 3 * total('generations'))
})
