/**
 * The pay-once journal of a slot. Intents are committed in batches before calls are made, results as they arrive;
 * settled entries travel in the output transaction. A producer of its own fences the journal of an earlier owner.
 */
import type { Journal, JournalMemory } from '../../processors/ports.ts'
import { journal as journalTopic } from '../../schemas/topics.ts'
import type { JournalEntry } from '../../schemas/types.ts'
import type { Codec } from '../codec.ts'
import type { OutRecord } from '../kafka/record.ts'

/** Milliseconds intents wait for company. */
const batchMs = 10

/** What the journal writes to. */
export type JournalLog = {
  restore(entry: (key: string, value: Buffer | null) => void | Promise<void>): Promise<void>
  commit(records: readonly OutRecord[]): Promise<void>
}

type Totals = { costMicros: number; tokens: number; reservedMicros: number; reservedTokens: number }

/** A journal with what the runner needs of it. */
export type SlotJournal = Journal & {
  open(): Promise<void>
  /** Takes in what the output transaction settles; called when the verdict is cut, before it is committed. */
  settled(entry: JournalEntry): void
}

/**
 * @param slot partition of the journal
 * @param lost called when a batch could not be committed: the slot must be opened again
 */
export function createJournal(
  slot: number,
  log: JournalLog,
  codec: Codec,
  now: () => number,
  lost: (error: unknown) => void
): SlotJournal {
  const memory = new Map<string, JournalMemory>()
  const totals = new Map<string, Totals>()
  const reserved = new Map<string, { micros: number; tokens: number }>()
  let waiting: { record: OutRecord; resolve: () => void; reject: (error: unknown) => void }[] = []
  let timer: NodeJS.Timeout | undefined
  let writing = false

  const totalsOf = (run: string): Totals => {
    let one = totals.get(run)
    if (!one) totals.set(run, (one = { costMicros: 0, tokens: 0, reservedMicros: 0, reservedTokens: 0 }))
    return one
  }
  const reserve = (id: string, run: string, micros: number, tokens: number): void => {
    const before = reserved.get(id)
    const sum = totalsOf(run)
    sum.reservedMicros += micros - (before?.micros ?? 0)
    sum.reservedTokens += tokens - (before?.tokens ?? 0)
    if (micros === 0 && tokens === 0) reserved.delete(id)
    else reserved.set(id, { micros, tokens })
  }

  const take = (entry: JournalEntry): void => {
    const { request_id: id, run, phase, draw, reply, reserved_micros, cost_micros, tokens } = entry
    if (phase === 'intent') {
      reserve(id, run, reserved_micros, tokens)
      memory.set(id, { phase, draw, reservedMicros: reserved_micros, reservedTokens: tokens })
    } else if (phase === 'result') {
      reserve(id, run, reserved_micros, tokens)
      memory.set(id, { phase, draw, reply, reservedMicros: reserved_micros, reservedTokens: tokens })
    } else if (phase === 'settled') {
      reserve(id, run, 0, 0)
      const sum = totalsOf(run)
      sum.costMicros += cost_micros
      sum.tokens += tokens
      memory.set(id, { phase })
    }
  }

  const write = async (): Promise<void> => {
    if (writing) return
    writing = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        await log.commit(batch.map(one => one.record))
        for (const one of batch) one.resolve()
      } catch (error) {
        for (const one of [...batch, ...waiting]) one.reject(error)
        waiting = []
        lost(error)
      }
    }
    writing = false
  }

  const append = (entry: JournalEntry): Promise<void> => {
    const record = {
      topic: journalTopic.name,
      partition: slot,
      key: entry.request_id,
      value: codec.encode(journalTopic, entry)
    }
    return new Promise((resolve, reject) => {
      waiting.push({ record, resolve, reject })
      timer ??= setTimeout(() => {
        timer = undefined
        void write()
      }, batchMs)
    })
  }

  const empty = { draw: '', reply: '', reserved_micros: 0, cost_micros: 0, tokens: 0 }

  return {
    async open() {
      await log.restore((_key, bytes) => {
        if (bytes === null) return
        const entry = codec.decode(journalTopic, bytes)
        return entry instanceof Promise ? entry.then(take) : take(entry)
      })
    },
    find: id => memory.get(id),
    reserve: ({ requestId, run, reservedMicros, reservedTokens }) =>
      reserve(requestId, run, reservedMicros, reservedTokens),
    async intent({ requestId, run, draw, reservedMicros, reservedTokens }) {
      const entry: JournalEntry = {
        ...empty,
        request_id: requestId,
        run,
        phase: 'intent',
        draw,
        reserved_micros: reservedMicros,
        tokens: reservedTokens,
        at: now()
      }
      take(entry)
      await append(entry)
    },
    async result({ requestId, run, draw, reply, reservedMicros, reservedTokens }) {
      const entry: JournalEntry = {
        ...empty,
        request_id: requestId,
        run,
        phase: 'result',
        draw,
        reply,
        reserved_micros: reservedMicros,
        tokens: reservedTokens,
        at: now()
      }
      await append(entry)
      take(entry)
    },
    spent: run => ({ ...totalsOf(run) }),
    settled: take
  }
}
