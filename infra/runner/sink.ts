/**
 * The host of the store: reads topics, turns records into rows and inserts them exactly once. The intent log is the
 * metadata of Kafka's committed offsets: before a chunk [from, to) is inserted, `from` is committed with the words
 * "to"; after the insert `to` is committed. A restart that finds an open intent reads exactly that range again and
 * recovers it before anything else.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../processors/contract.ts'
import type { Sink } from '../../processors/sink.ts'
import { EverseedError } from '../../schemas/errors.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Codec } from '../codec.ts'
import type { ClusterAdmin } from '../kafka/admin.ts'
import { type Commit, CommitRefused } from '../kafka/commit.ts'
import type { GroupConsumer, GroupEvents } from '../kafka/consumer.ts'
import type { OutRecord, Range, RawRecord } from '../kafka/record.ts'
import { type Chunk, type ChunkWriter, createChunker, type Recipes } from './chunk.ts'
import type { MetricsEndpoint } from './counters.ts'
import { createLiveness, type Worker } from './health.ts'
import { intent, startOf } from './intent.ts'
import {
  chunkEnd,
  holdsChunk,
  hungry,
  isDue,
  type Lane,
  newLane,
  overfull,
  type Portion
} from './sink-lane.ts'

export type { Chunk, ChunkWriter } from './chunk.ts'

/** What the host of a sink asks of the cluster. */
export type SinkLog = {
  /** Joins the sink's group for all its topics. */
  consume(on: GroupEvents): GroupConsumer
  /** Everything in a range, read committed. */
  read(range: Range): Promise<RawRecord[]>
  /** Writes dead letters; resolves when they are kept. */
  bury(letters: readonly OutRecord[]): Promise<void>
  readonly admin: Pick<ClusterAdmin, 'committed' | 'offsets'>
  /** Milliseconds after which the group gives up a silent member. */
  readonly sessionMs: number
}

/** How long what may pass is tried again before the process ends, and how long the group may hand out no slots. */
const patienceMs = 60_000
/** First and longest wait between tries; a third more or less at random. */
const firstWaitMs = 200
const longestWaitMs = 5000

/** An assignment: what is begun under one is not finished under another. */
type Tenure = {
  readonly commit: Commit
  readonly slots: readonly number[]
  /** Every slot has its lanes. */
  open: boolean
  readonly writer: ChunkWriter
  readonly lanes: Map<string, Lane>
}

/**
 * @param options.newWriter a writer for one assignment
 * @param options.recipes of the runs; see {@link createChunker}
 * @param options.buried names of topics whose unreadable records the sink buries; see {@link createChunker}
 * @param options.fromBeginning start at the first record where the committed offset is outside the log
 * @param options.fatal the process must end with this error; the next start recovers what is open
 */
export function createSinkHost(options: {
  kafka: SinkLog
  codec: Codec
  sink: Sink
  newWriter: () => ChunkWriter
  recipes?: Recipes
  buried: ReadonlySet<string>
  log: Log
  metrics: MetricsEndpoint
  fromBeginning?: boolean
  fatal: (error: Error) => void
}): Worker {
  const { kafka, sink, newWriter, log, metrics, fromBeginning = false, fatal } = options
  const topics = new Map<string, Topic>(Object.values(sink.inputs).map(topic => [topic.name, topic]))
  const chunker = createChunker(options)
  const draining = new AbortController()
  const opened = Promise.withResolvers<void>()
  let tenure: Tenure | undefined
  /** Since when there is none; the first one may take as long as the cluster needs to start. */
  let idleSince = Number.POSITIVE_INFINITY
  let state: 'starting' | 'running' | 'draining' = 'starting'
  let timer: NodeJS.Timeout | undefined
  const liveness = createLiveness(kafka.sessionMs)
  const underWay = new Set<Promise<void>>()
  const lanesOf = (): Lane[] => [...(tenure?.lanes.values() ?? [])]

  const mayPass = (error: unknown, { writer }: Tenure): boolean => {
    if (writer.mayPass(error)) return true
    if (error instanceof EverseedError)
      return error.code === 'KAFKA_UNREACHABLE' || error.code === 'REGISTRY_UNREACHABLE'
    return error instanceof Error && error.name.startsWith('KafkaJS')
  }

  /** The group has moved on, and its next assignment is on the way: what is not committed is read again then. */
  const leave = (mine: Tenure, why: string): void => {
    if (tenure !== mine) return
    tenure = undefined
    idleSince = performance.now()
    metrics.lost('refused')
    log.info({}, `slots given up until the next assignment: ${why}`)
  }

  /**
   * Does something until it succeeds, for as long as the assignment lasts.
   * @returns false when the assignment is over
   * @throws what cannot pass, and what does not pass in a minute
   */
  const persist = async (
    mine: Tenure,
    what: string,
    work: (tries: number) => Promise<void>
  ): Promise<boolean> => {
    const started = performance.now()
    for (let tries = 0; tenure === mine; tries++) {
      try {
        await work(tries)
        return tenure === mine
      } catch (error) {
        if (tenure !== mine) return false
        if (error instanceof CommitRefused) {
          leave(mine, error.message)
          return false
        }
        if (draining.signal.aborted || !mayPass(error, mine) || performance.now() - started > patienceMs)
          throw error
        metrics.count('retried', '')
        log.warn({ err: error, tries: tries + 1 }, `${what} failed, trying again`)
        const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** tries) * (2 / 3 + (2 / 3) * Math.random())
        await sleep(wait, undefined, { signal: draining.signal }).catch(() => {})
      }
    }
    return false
  }

  const commit = (mine: Tenure, lane: Lane, offset: number, metadata: string): Promise<boolean> =>
    persist(mine, `commit of ${lane.topic.name}/${lane.slot}`, () =>
      mine.commit([{ topic: lane.topic.name, partition: lane.slot, offset, metadata }])
    )

  /** Inserts a chunk under its intent; after a failure nobody knows how much of it is there. */
  const insert = (mine: Tenure, chunk: Chunk, uncertain: boolean): Promise<boolean> => {
    const { topic, partition, from, to } = chunk
    return persist(mine, `insert of ${topic}/${partition} ${from} to ${to}`, tries =>
      uncertain || tries > 0 ? mine.writer.recover(chunk) : mine.writer.write(chunk)
    )
  }

  /** An open intent from before: the range it names is read again, to the record, and recovered. */
  const recover = async (mine: Tenure, lane: Lane, to: number): Promise<boolean> => {
    const { topic, slot } = lane
    const range = { partition: slot, from: lane.committed, to }
    const records = await kafka.read({ topic: topic.name, ...range })
    log.info(
      { topic: topic.name, slot, from: range.from, to, records: records.length },
      'recovering a chunk that was under way'
    )
    // Its dead letters were written before the intent.
    const { chunk } = await chunker.cut(topic, records, range)
    if (!(await insert(mine, chunk, true)) || !(await commit(mine, lane, to, ''))) return false
    lane.committed = to
    return true
  }

  const openLanes = async (mine: Tenure, slots: readonly number[]): Promise<void> => {
    const committed = await kafka.admin.committed(sink.name, [...topics.keys()])
    for (const topic of topics.values()) {
      const ends = await kafka.admin.offsets(topic.name)
      for (const slot of slots) {
        const range = ends[slot]
        const name = `${topic.name}/${slot}`
        if (!range || mine.lanes.has(name)) continue
        const { from, to } = startOf(name, range, committed.get(topic.name)?.get(slot), {
          group: sink.name,
          fromBeginning,
          log
        })
        const lane = newLane(topic, slot, from)
        if (to !== undefined && !(await recover(mine, lane, to))) return
        if (tenure !== mine) return
        lane.taken = lane.committed
        mine.lanes.set(name, lane)
        consumer.seek(topic.name, slot, lane.committed)
        consumer.resume(topic.name, slot)
      }
    }
    mine.open = true
    state = 'running'
  }

  /** Begins to cut a chunk: of the records after those of the chunk under way, which ends at `from`. */
  const portion = (mine: Tenure, lane: Lane, from: number, skip: number): Portion => {
    const { queue, topic, slot } = lane
    const { end, bytes } = chunkEnd(lane, skip)
    const records = queue.slice(skip, end)
    const to = end === queue.length ? lane.taken : records.at(-1)!.offset + 1
    const cutting = async (): Promise<Awaited<Portion['cut']>> => {
      let done: Awaited<Portion['cut']>
      const work = async (): Promise<void> => {
        done = await chunker.cut(topic, records, { partition: slot, from, to })
      }
      return (await persist(mine, 'decoding', work)) ? done : undefined
    }
    const cut = cutting()
    // Whoever wants it hears of its failure; until then nobody listens.
    cut.catch(() => {})
    return { count: records.length, bytes, to, cut }
  }

  /** The next chunk, when it would be a full one: what is added later could not join it. */
  const portionAhead = (mine: Tenure, lane: Lane, current: Portion): Portion | undefined =>
    holdsChunk(lane, current) ? portion(mine, lane, current.to, current.count) : undefined

  const flush = async (mine: Tenure, lane: Lane): Promise<void> => {
    const current = lane.ahead ?? portion(mine, lane, lane.committed, 0)
    lane.ahead = undefined
    const { count, bytes, to } = current
    const cut = await current.cut
    if (!cut) return
    const { chunk, dead } = cut
    const started = performance.now()
    // Before the offset moves on. A crash in between writes them again; place and processor tell that it is the same letter.
    if (dead.length > 0 && !(await persist(mine, 'a dead letter', () => kafka.bury(dead)))) return
    if (chunk.rows.size > 0) {
      if (!(await commit(mine, lane, lane.committed, intent(to)))) return
      const inserted = insert(mine, chunk, false)
      // While the database works.
      lane.ahead = portionAhead(mine, lane, current)
      if (!(await inserted)) return
    }
    if (!(await commit(mine, lane, to, ''))) return
    lane.queue.splice(0, count)
    lane.bytes -= bytes
    lane.committed = to
    lane.since = lane.queue.length > 0 ? performance.now() : 0
    let written = 0
    for (const rows of chunk.rows.values()) written += rows.length
    metrics.committed(count, written, performance.now() - started)
  }

  /**
   * Keeps a task in view until it ends. What it throws ends the process while the assignment lasts; its lanes are not
   * touched again then.
   */
  const follow = (mine: Tenure, task: Promise<unknown>, after = (): void => {}): void => {
    const followed = task
      .then(after)
      .catch((error: unknown) => {
        if (tenure === mine && state !== 'draining') fatal(error as Error)
      })
      .finally(() => underWay.delete(followed))
    underWay.add(followed)
  }

  const work = (mine: Tenure, lane: Lane): void => {
    if (lane.working || tenure !== mine || state === 'draining' || !isDue(lane)) return
    lane.working = true
    follow(mine, flush(mine, lane), () => {
      lane.working = false
      if (lane.paused && hungry(lane) && tenure === mine) {
        lane.paused = false
        consumer.resume(lane.topic.name, lane.slot)
      }
      work(mine, lane)
    })
  }

  /** Control records at the ends of topics: committed when nothing else is going on. */
  const commitTrailing = (mine: Tenure): void => {
    const behind = lanesOf().filter(
      lane => !lane.working && lane.queue.length === 0 && lane.taken > lane.committed
    )
    if (behind.length === 0) return
    const positions = behind.map(({ topic, slot, taken }) => ({
      topic: topic.name,
      partition: slot,
      offset: taken,
      metadata: ''
    }))
    for (const lane of behind) lane.working = true
    const task = persist(mine, 'commit of trailing offsets', () => mine.commit(positions)).then(done => {
      if (done) for (const [index, lane] of behind.entries()) lane.committed = positions[index]!.offset
    })
    follow(mine, task, () => {
      for (const lane of behind) {
        lane.working = false
        work(mine, lane)
      }
    })
  }

  const consumer: GroupConsumer = kafka.consume({
    assigned(slots, commitOffsets) {
      const mine: Tenure = {
        commit: commitOffsets,
        slots,
        open: false,
        writer: newWriter(),
        lanes: new Map()
      }
      tenure = mine
      liveness.beat()
      idleSince = Number.POSITIVE_INFINITY
      log.info({ slots }, 'slots assigned')
      follow(
        mine,
        persist(mine, 'opening the slots', () => openLanes(mine, slots)).then(done => {
          if (done) opened.resolve()
        })
      )
    },
    heartbeat: () => liveness.beat(),
    batch(topic, slot, records, position) {
      const mine = tenure
      const lane = mine?.lanes.get(`${topic}/${slot}`)
      if (!mine || !lane || position <= lane.taken) return
      for (const record of records) {
        if (record.offset < lane.taken) continue
        lane.queue.push(record)
        lane.bytes += record.value?.length ?? 0
      }
      lane.taken = position
      if (lane.queue.length > 0 && lane.since === 0) lane.since = performance.now()
      if (overfull(lane)) {
        lane.paused = true
        consumer.pause(topic, slot)
      }
      work(mine, lane)
    },
    dead: fatal
  })

  const backlog = (): number => lanesOf().reduce((sum, lane) => sum + lane.queue.length, 0)
  const slotsOf = (): number[] => [...new Set(lanesOf().map(lane => lane.slot))]

  return {
    opened: opened.promise,
    async start() {
      metrics.gauges(() => ({ backlog: backlog(), memory: 0, slots: slotsOf().length }))
      await consumer.start()
      let looks = 0
      timer = setInterval(() => {
        const mine = tenure
        const second = ++looks % 10 === 0
        if (second) liveness.look(mine?.slots.map(slot => [slot, mine.open]) ?? [])
        if (mine) {
          for (const lane of mine.lanes.values()) work(mine, lane)
          if (second) commitTrailing(mine)
        } else if (performance.now() - idleSince > patienceMs) {
          clearInterval(timer)
          fatal(
            new EverseedError(
              'KAFKA_UNREACHABLE',
              `the group of the store refused a commit and handed out no slots for ${patienceMs / 1000} s`
            )
          )
        }
      }, 100)
    },
    health() {
      const { stuck } = liveness
      return {
        state: state !== 'draining' && stuck !== undefined ? 'stuck' : state,
        slots: slotsOf(),
        backlog: backlog(),
        memory: 0,
        ...(stuck !== undefined && { problem: stuck })
      }
    },
    async drain() {
      state = 'draining'
      draining.abort()
      clearInterval(timer)
      await Promise.all(underWay)
      await consumer.stop()
    }
  }
}
