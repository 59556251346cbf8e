/** How topics must be kept. */
import type { Topic } from '../../schemas/topics.ts'
import { headroom } from './waves.ts'

/**
 * The settings a topic must have, as Kafka spells them.
 * @param replication copies of each partition
 */
export function topicSettings(topic: Topic, replication: number): Record<string, string> {
  return {
    'cleanup.policy': topic.cleanup,
    'retention.ms': String(topic.retentionMs),
    'retention.bytes': '-1',
    'max.message.bytes': String(topic.maxBytes + headroom),
    // What was acknowledged survives the loss of a broker, and one broker that is away stops nobody.
    'min.insync.replicas': replication >= 3 ? '2' : '1',
    ...(topic.cleanup === 'compact' && {
      // The segment being written is never compacted; a broker's own 1 GiB would hold everything there is.
      'segment.bytes': String(64 * 1024 * 1024),
      'min.cleanable.dirty.ratio': '0.1',
      'delete.retention.ms': String(24 * 60 * 60 * 1000)
    })
  }
}

/** What a topic has in the place of its own while records are taken out of it. */
export const whileErasing: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact',
  // Of the segment that is written nothing is taken: it ends with the next record.
  'segment.ms': '1',
  'min.cleanable.dirty.ratio': '0',
  'min.compaction.lag.ms': '0',
  'max.compaction.lag.ms': '1',
  // What says that a record was erased stays, a thousand years. It is also what tells these settings from others.
  'delete.retention.ms': String(1000 * 365 * 24 * 60 * 60 * 1000),
  // What was taken out leaves the disk at once.
  'file.delete.delay.ms': '100'
}

/** The group whose only slot says who erases: two at once would put the settings of topics back under each other. */
export const eraseGroup = 'erase'

/** Whether records are taken out of a topic: an erasure is under way, or was killed. */
export const isErasing = (settings: ReadonlyMap<string, string>): boolean =>
  settings.get('delete.retention.ms') === whileErasing['delete.retention.ms']

/**
 * Differences that lose data or break order; others are the operator's business.
 * @param settings of the topic as it is
 * @param replication copies of each partition
 */
export function differences(
  topic: Topic,
  settings: ReadonlyMap<string, string>,
  replication: number
): string[] {
  const wanted = topicSettings(topic, replication)
  const wrong: string[] = []
  const check = (name: string, ok: (value: number) => boolean): void => {
    const value = settings.get(name)
    if (value !== undefined && !ok(Number(value))) wrong.push(`${name} is ${value}, must be ${wanted[name]}`)
  }
  if (settings.get('cleanup.policy') !== topic.cleanup) {
    const policy = settings.get('cleanup.policy')
    const why = isErasing(settings) ? ' (an everseed erase is under way, or was killed: run it again)' : ''
    wrong.push(`cleanup.policy is ${policy}, must be ${topic.cleanup}${why}`)
  }
  check('retention.ms', value => value < 0 || (topic.retentionMs >= 0 && value >= topic.retentionMs))
  check('retention.bytes', value => value < 0)
  check('max.message.bytes', value => value >= topic.maxBytes + headroom)
  if (replication >= 3) check('min.insync.replicas', value => value >= 2)
  return wrong
}
