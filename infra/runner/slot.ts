/**
 * One processor at work on one slot: takes raw records in, decodes, processes, encodes, and commits outputs, state,
 * dead letters and consumed offsets together. It knows no Kafka: the log it commits to is a port, real or in memory.
 */
import { performance } from 'node:perf_hooks'
import type { Instance, Output } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { stateTopic } from '../../schemas/topics.ts'
import { EncodeError } from '../codec.ts'
import type { OutRecord, RawRecord } from '../kafka/record.ts'
import { createEncoder } from './encoder.ts'
import { createHandler, type Handler, noOutputs } from './handler.ts'
import { createLanes } from './lanes.ts'
import { createPending } from './pending.ts'
import { defaultLimits, type Slot, type SlotOptions } from './slot-contract.ts'
import { createMemory, type Memory, restoring } from './state.ts'
import { verdicts } from './verdicts.ts'

export { defaultLimits, type Limits, type Slot, type SlotLog, type SlotOptions } from './slot-contract.ts'

type Entry = {
  /** Absent where no record but a look around has something to write. */
  readonly raw: RawRecord | undefined
  done: boolean
  outputs: readonly OutRecord[]
  bytes: number
}

type Received = Entry & { readonly raw: RawRecord }

/**
 * @param options what it works with
 */
export function createSlot(options: SlotOptions): Slot {
  const { processor, slot, partitions, log, codec, tables, logger, metrics, now, onLost } = options
  const limits = { ...defaultLimits, ...options.limits }
  const { concurrency = 1 } = processor
  const memory: Memory = createMemory(Object.keys(processor.state))
  const encoder = createEncoder(processor, slot, codec, options.onOutput)
  /** Aborted when the slot is lost or drains: nothing more is begun. */
  const leaving = new AbortController()
  /** Aborted when it is lost: nothing that is under way is of use. */
  const gone = new AbortController()
  /** Records from before the committed offsets: all of them are seen before anything new is. */
  const replays: RawRecord[] = []
  const pending = createPending<Received>()
  const window: Entry[] = []
  let windowBytes = 0
  let inFlight = 0
  /** Offset after the last record taken in, and past control records; offset after the last processed; last committed. */
  const taken = new Map<string, number>()
  /** Records per topic that were taken in and are not committed. */
  const outstanding = new Map<string, number>()
  const processed = new Map<string, number>()
  const committed = new Map<string, number>()
  const replayUntil = new Map<string, number>()
  let instance: Instance
  let handler: Handler
  let closed = false
  let draining = false
  let tickDue = false
  let resting = false
  /** Ranges that are being read once more. */
  let rereading = 0
  let flushing: Promise<void> | undefined
  let firstDoneAt = 0
  let wake: () => void = () => {}
  let finished: Promise<void> = Promise.resolve()

  const stop = (reason: unknown): void => {
    closed = true
    leaving.abort(reason)
    gone.abort(reason)
    wake()
  }

  const lose = (error: unknown): void => {
    if (closed) return
    stop(error)
    onLost(error)
  }

  /** What fails in a drain is not done: it is begun anew by the next owner. */
  const failed = (error: unknown): void => {
    if (!draining) lose(error)
    else if (error !== leaving.signal.reason)
      logger.warn({ err: error, slot }, 'processing failed in a drain')
  }

  const finish = (entry: Entry, outputs: readonly OutRecord[]): void => {
    entry.outputs = outputs
    let bytes = 0
    for (const output of outputs) bytes += output.value?.length ?? 0
    entry.bytes = bytes
    windowBytes += bytes
    entry.done = true
    if (firstDoneAt === 0) firstDoneAt = performance.now()
    if (entry.raw) processed.set(entry.raw.topic, entry.raw.offset + 1)
  }

  /** Records under way at once; those of a key follow each other, without going back to who waits for a place. */
  const lanes = createLanes<Received>(entry => {
    const key = entry.raw.key?.toString()
    const done = (): void => lanes.leave(key, !closed && !draining)
    const outcome = handler.handle(entry.raw)
    if (!(outcome instanceof Promise)) {
      finish(entry, outcome)
      return done()
    }
    lanes.hold(key)
    inFlight++
    outcome
      .then(outputs => finish(entry, outputs))
      .catch(failed)
      .finally(() => {
        inFlight--
        done()
        wake()
      })
      .catch(lose)
  })

  /** Whether something from before the committed offsets was not seen again yet. */
  const replaying = (): boolean => {
    if (replays.length > 0) return true
    for (const [topic, until] of replayUntil) if ((taken.get(topic) ?? 0) < until) return true
    return false
  }

  /** While the window before is being committed this one may grow: a broker that is slow gets larger transactions, and fewer. */
  const full = (times = flushing ? limits.behind : 1): boolean =>
    window.length >= times * limits.records || windowBytes >= times * limits.bytes

  /** Starts records until the window is full or nothing waits. One after the other unless concurrent. */
  const work = async (): Promise<boolean> => {
    let progressed = false
    const started = performance.now()
    if (replayUntil.size > 0) {
      for (const raw of replays.splice(0)) {
        const late = handler.replay(raw)
        if (late) await late
        progressed = true
      }
      if (replaying()) return progressed
      replayUntil.clear()
    }
    for (let entry = pending.next; entry && !full() && !closed; entry = pending.next) {
      if (concurrency > 1 && inFlight >= concurrency) break
      pending.shift()
      window.push(entry)
      progressed = true
      if (concurrency > 1) {
        lanes.enter(entry.raw.key?.toString(), entry)
        continue
      }
      const outcome = handler.handle(entry.raw)
      finish(entry, outcome instanceof Promise ? await outcome : outcome)
      // Let fetches, heartbeats and commits breathe.
      if (performance.now() - started > 20) break
    }
    return progressed
  }

  const doneCount = (): number => {
    let count = 0
    while (count < window.length && window[count]!.done) count++
    return count
  }

  /** Cuts what is done off the window and commits it with its offsets and the memory's changes. */
  const flush = async (count: number): Promise<void> => {
    const batch = window.splice(0, count)
    const records: OutRecord[] = []
    let consumed = 0
    for (const entry of batch) {
      windowBytes -= entry.bytes
      for (const output of entry.outputs) records.push(output)
    }
    firstDoneAt = window.some(entry => entry.done) ? performance.now() : 0
    records.push(...encoder.changes(memory.cut()))
    const offsets = new Map<string, number>()
    for (const { raw } of batch) {
      if (!raw) continue
      consumed++
      const { topic, offset } = raw
      offsets.set(topic, offset + 1)
      outstanding.set(topic, outstanding.get(topic)! - 1)
    }
    // With nothing left of a topic the control records at its end are behind us as well.
    for (const [topic, position] of taken)
      if (idle(topic) && position > (committed.get(topic) ?? -1)) offsets.set(topic, position)
    const started = performance.now()
    await log.commit(records, offsets)
    metrics.committed(consumed, records.length, performance.now() - started)
    for (const [topic, offset] of offsets) committed.set(topic, offset)
  }

  const tick = (): void => {
    tickDue = true
    wake()
  }

  /** There is no record to bury in place of what cannot be written. */
  const unasked = (output: Output): OutRecord[] => {
    try {
      return encoder.outputs([output])
    } catch (cause) {
      if (!(cause instanceof EncodeError)) throw cause
      const what = `output ${output.to}, key ${output.key}, of a tick of ${processor.name} in slot ${slot}`
      throw new EverseedError('PROCESSOR_FAILED', `${what} cannot be written: ${cause.message}`, { cause })
    }
  }

  /** Lets the instance look around; true when it has something to write, which comes after what was processed before. */
  const tickInstance = (): boolean => {
    tickDue = false
    const outputs = (instance.tick?.()?.outputs ?? []).flatMap(unasked)
    if (outputs.length === 0) return false
    const entry: Entry = { raw: undefined, done: false, outputs: noOutputs, bytes: 0 }
    window.push(entry)
    finish(entry, outputs)
    return true
  }

  const waiting = (): boolean => pending.size > 0 || replays.length > 0

  const idle = (topic: string): boolean => (outstanding.get(topic) ?? 0) === 0

  /** Control records at the end of a topic: worth a commit only when nothing else is going on. */
  const trailing = (): boolean => {
    for (const topic of taken.keys()) if (!idle(topic)) return false
    for (const [topic, position] of taken) if (position > (committed.get(topic) ?? -1)) return true
    return false
  }

  const startFlush = (count: number): void => {
    flushing = flush(count)
      .catch(lose)
      .finally(() => {
        flushing = undefined
        wake()
      })
  }

  const loop = async (): Promise<void> => {
    for (;;) {
      if (closed) return
      const woken = new Promise<void>(resolve => (wake = resolve))
      const ticked = tickDue && concurrency === 1 && !replaying()
      const tickWrites = ticked && tickInstance()
      const idleTick = ticked && trailing()
      const progressed = draining ? false : await work()
      if (closed) return
      if (tickDue && concurrency > 1) {
        tickDue = false
        if (!flushing && trailing()) startFlush(0)
      }
      const count = doneCount()
      const nothingWaits = pending.size === 0 || draining
      const old = firstDoneAt > 0 && performance.now() - firstDoneAt >= limits.delayMs
      if (tickWrites || (ticked && memory.changed > 0) || idleTick) {
        await flushing
        if (closed) return
        startFlush(doneCount())
        await flushing
        continue
      }
      if (!flushing && count > 0 && (nothingWaits || concurrency > 1 || full() || old)) {
        startFlush(count)
        continue
      }
      if (draining && !flushing && count === 0 && inFlight === 0) return
      if (!progressed) {
        resting = true
        await woken
        resting = false
      } else await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** Past the last record processed, and past control records once they were committed. */
  const positionOf = (input: string): number => {
    const { name } = processor.inputs[input]!
    return Math.max(processed.get(name) ?? 0, committed.get(name) ?? 0)
  }

  const reread = async (input: string, from: number, to: number): Promise<void> => {
    rereading++
    try {
      await log.read(processor.inputs[input]!.name, from, to, async records => {
        for (const raw of records) {
          if (closed) return
          const late = handler.replay(raw)
          if (late) await late
        }
      })
    } finally {
      // Behind whoever waits for the answer.
      setImmediate(() => void rereading--)
    }
  }

  const create = (): Instance =>
    processor.create({
      slot,
      partitions,
      tables,
      state: memory.tables,
      log: logger,
      now,
      position: positionOf,
      reread,
      soon: tick,
      ports: options.ports,
      signal: leaving.signal,
      lost: gone.signal,
      ...verdicts
    })

  return {
    async open(from) {
      await log.restore(restoring(memory, codec, stateTopic(processor.name)))
      for (const [topic, offset] of from) {
        committed.set(topic, offset)
        processed.set(topic, offset)
      }
      instance = create()
      handler = createHandler(options, encoder, limits, instance, memory, leaving.signal)
      const again = instance.replayFrom?.() ?? {}
      for (const [name, topic] of Object.entries(processor.inputs)) {
        const start = committed.get(topic.name) ?? 0
        const wanted = Math.min(again[name] ?? start, start)
        if (wanted < start) replayUntil.set(topic.name, start)
        taken.set(topic.name, wanted)
      }
      finished = loop().catch(lose)
      return new Map(taken)
    },

    push(topic, records, position) {
      if (closed || draining) return
      const next = taken.get(topic)
      if (next === undefined || position <= next) return
      for (const raw of records) {
        if (raw.offset < next) continue
        if (raw.offset < (replayUntil.get(topic) ?? 0)) {
          replays.push(raw)
          continue
        }
        pending.push({ raw, done: false, outputs: noOutputs, bytes: 0 })
        outstanding.set(topic, (outstanding.get(topic) ?? 0) + 1)
      }
      taken.set(topic, position)
      wake()
    },

    position: topic => taken.get(topic) ?? 0,

    hungry(topic) {
      if (closed || draining) return false
      // Whatever else waits, it waits for what is replayed.
      if ((replayUntil.get(topic) ?? 0) > taken.get(topic)!) return true
      return pending.size <= 4 * limits.records && pending.bytes <= 16 * limits.bytes
    },

    tick,

    async drain() {
      draining = true
      leaving.abort(new Error('draining'))
      for (const { raw } of pending.clear()) {
        const { topic, offset } = raw
        // What is not begun is somebody else's; the position falls back to it.
        taken.set(topic, Math.min(taken.get(topic)!, offset))
        outstanding.set(topic, outstanding.get(topic)! - 1)
      }
      replays.length = 0
      wake()
      await finished
      await flushing
      stop(leaving.signal.reason)
    },

    close() {
      stop(new Error('the slot was lost'))
    },

    get idle() {
      return (
        resting && !closed && !tickDue && !flushing && rereading === 0 && window.length === 0 && !waiting()
      )
    },
    get backlog() {
      return replays.length + pending.size + window.length
    },
    get memory() {
      return memory.size
    }
  }
}
