/** Work that one process does at a time, on whatever machine: who holds the only slot of a group of its own has the turn. */
import type { Log } from '../../processors/contract.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { retractions } from '../../schemas/topics.ts'
import type { Deployment } from '../deployment.ts'
import { createGroupConsumer } from './consumer.ts'

/** Any topic of one partition: nothing is read of it. */
const token = retractions

/**
 * Waits for the turn and does some work. Whoever comes later waits until it is over, or until the process that has the turn has
 * been dead for the length of a session.
 * @param name of the group, which is also who is named in the errors
 * @param waiting called once, when somebody else has the turn
 * @param signal stops the waiting; the work stops itself
 * @throws EverseedError FENCED when the turn was lost while the work was under way: somebody else may have it; TOPIC_MISSING,
 *   KAFKA_REFUSED, KAFKA_UNREACHABLE; what the work throws
 */
export async function inTurn<Result>(
  { kafka, config, admin }: Deployment,
  log: Log,
  name: string,
  work: () => Promise<Result>,
  waiting: () => void = () => {},
  signal?: AbortSignal
): Promise<Result> {
  await admin.requireTopics([token])
  const turn = Promise.withResolvers<void>()
  const lost = Promise.withResolvers<never>()
  lost.promise.catch(() => {})
  const stop = (): void => {
    if (!has) lost.reject(signal!.reason)
  }
  let has = false
  let told = false
  const consumer = createGroupConsumer(
    kafka,
    config,
    log,
    { group: name, topics: [token.name] },
    {
      assigned(slots) {
        if (slots.length > 0) {
          has = true
          return turn.resolve()
        }
        if (has)
          return lost.reject(
            new EverseedError(
              'FENCED',
              `another process began to ${name} while this one was away: do it again`
            )
          )
        if (!told) waiting()
        told = true
      },
      heartbeat() {},
      batch() {},
      dead: lost.reject
    }
  )
  signal?.addEventListener('abort', stop)
  try {
    signal?.throwIfAborted()
    await consumer.start()
    await Promise.race([turn.promise, lost.promise])
    return await Promise.race([work(), lost.promise])
  } finally {
    signal?.removeEventListener('abort', stop)
    await consumer.stop()
  }
}
