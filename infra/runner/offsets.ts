/** Where a slot goes on: its committed offsets, held against the log and against what the processor left behind. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log, Processor } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { stateTopic } from '../../schemas/topics.ts'
import type { ClusterAdmin } from '../kafka/admin.ts'

/** Milliseconds between two readings of the committed offsets. */
const againMs = 250

/** The offsets of a processor. */
export type Offsets = {
  /**
   * The offset each input is to be read from. To be asked for once the slot is fenced: nobody commits any more.
   * @throws EverseedError OFFSETS_LOST
   */
  ofSlot(slot: number): Promise<Map<string, number>>
}

/**
 * @param fromBeginning read from the start where output or state exists without committed offsets, or the offsets are
 *   outside the log
 */
export function createOffsets({
  admin,
  processor,
  log,
  fromBeginning = false
}: {
  readonly admin: Pick<ClusterAdmin, 'committed' | 'offsets'>
  readonly processor: Processor
  readonly log: Log
  readonly fromBeginning?: boolean
}): Offsets {
  const inputs = Object.values(processor.inputs).map(topic => topic.name)
  const traces = [
    ...(Object.keys(processor.state).length > 0 ? [stateTopic(processor.name).name] : []),
    ...Object.values(processor.outputs).flatMap(topic =>
      topic.kind === 'data' && topic.writers.length === 1 ? [topic.name] : []
    )
  ]

  /** The committed offsets, once two readings agree: before Kafka 4.0 a group's offsets trail the end of a transaction. */
  const read = async (slot: number): Promise<Map<string, number>> => {
    let before: string | undefined
    for (;;) {
      const answer = await admin.committed(processor.name, inputs)
      const offsets = new Map(
        inputs.flatMap(topic => {
          const offset = answer.get(topic)?.get(slot)?.offset
          return offset === undefined ? [] : [[topic, offset] as const]
        })
      )
      const seen = JSON.stringify([...offsets])
      if (seen === before) return offsets
      before = seen
      await sleep(againMs)
    }
  }

  const refuse = (slot: number, message: string): never => {
    throw new EverseedError('OFFSETS_LOST', `${processor.name}, slot ${slot}: ${message}`)
  }

  /** Work that left traces must have left offsets. */
  const checkTraces = async (slot: number): Promise<void> => {
    for (const topic of traces) {
      const { low, high } = (await admin.offsets(topic))[slot]!
      if (high > low) {
        refuse(
          slot,
          `${topic} holds records but the group has no committed offsets (did they expire?): reading everything again would write it twice. If that is wanted, start once with --from-beginning`
        )
      }
    }
  }

  /** Committed offsets must lie within the log; what was never committed starts at its first record. */
  const checkRange = async (slot: number, committed: Map<string, number>): Promise<void> => {
    for (const topic of inputs) {
      const { low, high } = (await admin.offsets(topic))[slot]!
      const offset = committed.get(topic)
      const outside = offset !== undefined && (offset < low || offset > high + 1)
      if (outside && fromBeginning) {
        log.warn(
          { topic, slot, offset, low, high },
          'the committed offset is outside the log; from the beginning'
        )
      }
      if (offset === undefined || (outside && fromBeginning)) committed.set(topic, low)
      else if (outside) {
        refuse(
          slot,
          `committed offset ${offset} of ${topic} is outside the log (${low} to ${high}): records were lost or the topic was made anew; check its retention, then start once with --from-beginning`
        )
      }
    }
  }

  return {
    async ofSlot(slot) {
      const committed = await read(slot)
      if (committed.size === 0 && !fromBeginning) await checkTraces(slot)
      await checkRange(slot, committed)
      return committed
    }
  }
}
