/**
 * Samples that wait for their places, in queues with room in memory for the first ones of each. The others are read
 * again when it is their turn: an input is never held back, so that a dataset that waits stops no other.
 */
import type { Log } from '../contract.ts'
import type { Row } from '../split.ts'

/**
 * Room for waiting samples in one slot, bytes: `all` is shared by all queues, `each` is every queue's own, so that no
 * queue takes another's place (there are as many as kinds of samples the dataset's rules tell apart); `offsets`: how many are read again at once.
 */
export type Room = { readonly all: number; readonly each: number; readonly offsets: number }

type Waiting = { readonly offset: number; readonly sample: Row; readonly bytes: number }

/** Samples of one kind, oldest first. */
export type Queue<Input extends string = string> = {
  readonly input: Input
  readonly held: Waiting[]
  bytes: number
  /** Nothing from here on is held; null: everything is. */
  beyond: number | null
  /** Offset of the last one that is not held. */
  last: number
}

/** The queues of a slot share their room and fill one at a time. */
export type Queues<Input extends string = string> = {
  queue(input: Input): Queue<Input>
  add(queue: Queue<Input>, offset: number, sample: Row): void
  /** Removes the first samples. */
  take(queue: Queue<Input>, count: number): void
  /** Begins to read again what a queue that holds nothing left off, unless another one is being filled. */
  fill(queue: Queue<Input>): void
  /** Begins to read what lies in a range into a queue that is empty. */
  refill(queue: Queue<Input>, from: number, last: number): void
  /** What is being filled. */
  readonly filling: Queue | undefined
  /** Offers a sample that was read again; false: nothing is being filled. */
  found(queue: Queue<Input>, offset: number, sample: Row): boolean
}

/** Where the first sample of a queue lies, or one before it; null: it is empty. */
export function firstOf({ held, beyond }: Queue): number | null {
  return held[0]?.offset ?? beyond
}

/** Whether a queue holds nothing although samples wait in it. */
export function isStarved({ held, beyond }: Queue): boolean {
  return held.length === 0 && beyond !== null
}

/** About what a sample takes in memory, bytes. */
function sizeOf({ messages }: Row): number {
  let size = 2048
  for (const { content, tool_calls, reasoning_content } of messages)
    size += content.length + (tool_calls?.length ?? 0) + (reasoning_content?.length ?? 0)
  return size
}

/**
 * @param room how much may be held
 * @param reread shows records of [from, to) again, which come back by `found`
 * @param filled called when a queue was filled
 */
export function createQueues<Input extends string>(
  room: Room,
  reread: (input: Input, from: number, to: number) => Promise<void>,
  filled: () => void,
  log: Log
): Queues<Input> {
  /** Bytes held over all queues, those found for the one that is being filled included. */
  let bytesHeld = 0
  /** What is being filled, from where, with what; `cut`: the first one there was no room for. */
  let filling:
    | { readonly queue: Queue; from: number; readonly found: Waiting[]; bytes: number; cut: number | null }
    | undefined

  /** Whether a queue that holds some bytes may hold more: one sample always, and what fits its own room or everybody's. */
  const fits = (own: number, more: number): boolean =>
    own === 0 || own + more <= room.each || bytesHeld + more <= room.all

  const run = async (queue: Queue<Input>, job: NonNullable<typeof filling>): Promise<void> => {
    try {
      while (job.found.length === 0 && job.from <= queue.last) {
        const to = Math.min(job.from + room.offsets, queue.last + 1)
        await reread(queue.input, job.from, to)
        job.from = job.cut ?? to
      }
      for (const one of job.found) queue.held.push(one)
      queue.bytes += job.bytes
      queue.beyond = job.from <= queue.last ? job.from : null
      filling = undefined
      filled()
    } catch (error) {
      bytesHeld -= job.bytes
      filling = undefined
      log.warn({ err: error }, 'waiting samples could not be read again; trying again')
    }
  }

  const fill = (queue: Queue<Input>): void => {
    if (filling || queue.beyond === null) return
    filling = { queue, from: queue.beyond, found: [], bytes: 0, cut: null }
    void run(queue, filling)
  }

  return {
    queue: input => ({ input, held: [], bytes: 0, beyond: null, last: -1 }),

    add(queue, offset, sample) {
      const bytes = sizeOf(sample)
      if (queue.beyond === null && fits(queue.bytes, bytes)) {
        queue.held.push({ offset, sample, bytes })
        queue.bytes += bytes
        bytesHeld += bytes
        return
      }
      // Whatever comes behind one that is not held is read again with it: order is kept.
      queue.beyond ??= offset
      queue.last = offset
    },

    take(queue, count) {
      for (const { bytes } of queue.held.splice(0, count)) {
        queue.bytes -= bytes
        bytesHeld -= bytes
      }
    },

    get filling() {
      return filling?.queue
    },

    fill,

    refill(queue, from, last) {
      queue.beyond = from
      queue.last = last
      fill(queue)
    },

    found(queue, offset, sample) {
      if (!filling) return false
      if (queue !== filling.queue || offset < filling.from || filling.cut !== null) return true
      const bytes = sizeOf(sample)
      if (fits(filling.bytes, bytes)) {
        filling.found.push({ offset, sample, bytes })
        filling.bytes += bytes
        bytesHeld += bytes
      } else filling.cut = offset
      return true
    }
  }
}
