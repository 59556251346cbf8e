/**
 * Offset commits that belong to one generation of a group, and none that nobody asked for. The library's own
 * `commitOffsets` answers success when the consumer is not running, tries again with whatever generation is current by
 * then, and so can neither be trusted nor be late without harm. Its offset managers are right: each is made for one
 * generation, tries once and says what the broker answered. This is the one place that reaches for them.
 */
import type { Cluster } from 'kafkajs'
import { createRequire } from 'node:module'

/** An offset to commit; topics carry no prefix. */
export type Position = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

/**
 * Commits in one try, for the assignment it was handed out with and for no other. It resolves when the broker took it.
 * @throws CommitRefused when the group moved on; whatever the network says when the outcome is unknown
 */
export type Commit = (positions: readonly Position[]) => Promise<void>

/** The broker knows a newer generation of the group: the slots are somebody else's, or will be handed out again. */
export class CommitRefused extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'CommitRefused'
  }
}

type OffsetManager = {
  readonly generationId: number
  commitOffsets(offsets: {
    topics: {
      topic: string
      partitions: { partition: number; offset: string; metadata: string }[]
    }[]
  }): Promise<void>
}
type ConsumerGroup = {
  readonly cluster: Cluster
  readonly offsetManager: OffsetManager | null
  connect(): Promise<void>
  recoverFromOffsetOutOfRange(error: OutOfRange): Promise<void>
}
type OutOfRange = Error & { readonly topic: string; readonly partition: number }

/** Answers of a broker that serves a newer generation, or is about to. */
const refusals = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'UNRELEASED_INSTANCE_ID'
])

/** The group each consumer's cluster last joined with: a consumer that restarts makes a new one. */
const groups = new WeakMap<Cluster, ConsumerGroup>()
const { prototype } = createRequire(import.meta.url)('kafkajs/src/consumer/consumerGroup') as {
  prototype: ConsumerGroup
}
const { connect } = prototype
prototype.connect = function remembered(this: ConsumerGroup): Promise<void> {
  groups.set(this.cluster, this)
  return connect.call(this)
}

/**
 * Where the offset wanted is not in the log the library commits one of its own and reads on from the first record, behind
 * the back of whoever keeps the positions: what lies before them would be dropped, and what was lost never told. Here the
 * consumer ends instead. A group's next start compares its offsets with the log; a reader asked for records that are gone.
 */
export function refuseOffsetResets(): void {
  prototype.recoverFromOffsetOutOfRange = async error => {
    const { topic, partition } = error
    error.message = `the offset wanted of ${topic}/${partition} is outside the log: records were deleted, or the topic was made anew`
    throw error
  }
}

/**
 * To be called while the library tells of a new assignment.
 * @param cluster the consumer's own
 * @param prefix of topic names
 */
export function commitOf(cluster: Cluster, prefix: string): Commit {
  const manager = groups.get(cluster)!.offsetManager!
  return async positions => {
    const topics = Map.groupBy(positions, ({ topic }) => topic)
    try {
      await manager.commitOffsets({
        topics: Array.from(topics, ([topic, list]) => ({
          topic: prefix + topic,
          partitions: list.map(({ partition, offset, metadata }) => ({
            partition,
            offset: String(offset),
            metadata
          }))
        }))
      })
    } catch (error) {
      const { type, message } = error as { type?: string; message: string }
      if (type === undefined || !refusals.has(type)) throw error
      throw new CommitRefused(`generation ${manager.generationId} of the group is over: ${message}`, error)
    }
  }
}
