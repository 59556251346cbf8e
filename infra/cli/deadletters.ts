/** `everseed deadletters`: what could not be processed, and giving it back. */
import { EverseedError } from '../../schemas/errors.ts'
import { deadLetters } from '../../schemas/topics.ts'
import type { Deployment } from '../deployment.ts'
import { openTransactional, type TransactionalProducer, TransactionLost } from '../kafka/producer.ts'
import { readRanges } from '../kafka/reader.ts'
import type { OutRecord, RawRecord } from '../kafka/record.ts'
import { deadLetterHeaders, givingBack, noticeOf, positionOf, resurrected } from '../runner/deadletter.ts'
import { allTopics } from '../processors.ts'
import { countOf, withDeployment } from './context.ts'
import { note, print, printJson, table } from './output.ts'
import { takingTurns } from './turns.ts'

/** A dead letter as it is listed. */
export type DeadLetter = {
  readonly at: string
  readonly position: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly processor: string
  readonly reason: string
  readonly message: string
  readonly bytes: number
}

function describe(record: RawRecord): DeadLetter {
  const header = (name: string): string => record.headers[name]?.toString() ?? ''
  return {
    at: new Date(record.timestamp).toISOString(),
    position: positionOf(record),
    topic: header(deadLetterHeaders.topic),
    partition: Number(header(deadLetterHeaders.partition)),
    offset: Number(header(deadLetterHeaders.offset)),
    processor: header(deadLetterHeaders.processor),
    reason: header(deadLetterHeaders.reason),
    message: header(deadLetterHeaders.message),
    bytes: record.value?.length ?? 0
  }
}

/** What is in the topic, without the bodies: they may be large, and many. */
async function look({ kafka, config, admin }: Deployment): Promise<{
  letters: DeadLetter[]
  /** Positions of those that were given back. */
  back: Set<string>
}> {
  const letters: { letter: DeadLetter; timestamp: number }[] = []
  const back = new Set<string>()
  const names = new Set<string>()
  await admin.requireTopics([deadLetters])
  await readRanges(kafka, config, await admin.ranges(deadLetters.name), records => {
    for (const record of records) {
      const position = noticeOf(record)
      if (position !== undefined) {
        back.add(position)
        continue
      }
      const letter = describe(record)
      // The store writes its letters before it commits: after a crash in between, the same one again.
      const name = `${letter.processor} ${letter.topic}/${letter.partition}@${letter.offset}`
      if (names.has(name)) continue
      names.add(name)
      letters.push({ letter, timestamp: record.timestamp })
    }
  })
  return {
    letters: letters.toSorted((one, other) => one.timestamp - other.timestamp).map(({ letter }) => letter),
    back
  }
}

export async function list(options: { limit: string; reason?: string; json?: boolean }): Promise<void> {
  const limit = countOf('--limit', options.limit)
  const { letters } = await withDeployment(look)
  const fitting = letters.filter(letter => options.reason === undefined || letter.reason === options.reason)
  const wanted = fitting.slice(-limit)
  if (options.json) return printJson(wanted)
  if (wanted.length === 0) return note('no dead letters')
  print(
    table(
      ['at', 'position', 'from', 'processor', 'reason', 'message'],
      wanted.map(({ at, position, topic, partition, offset, processor, reason, message }) => [
        at,
        position,
        `${topic}/${partition}@${offset}`,
        processor,
        reason,
        message.slice(0, 100)
      ])
    )
  )
  if (fitting.length > limit) note(`the newest ${limit} of ${fitting.length}; --limit shows more`)
}

/** Dead letters and bytes given back in one transaction. */
const batchRecords = 500
const batchBytes = 1024 * 1024

/** Milliseconds after which the broker ends what a killed replay began. */
const transactionMs = 15_000

/** Gives dead letters back, each in one transaction with the notice that it was. */
async function giveBack(
  { kafka, config }: Deployment,
  producer: TransactionalProducer,
  chosen: readonly DeadLetter[]
): Promise<void> {
  const wanted = new Set(chosen.map(({ position }) => position))
  const places = chosen.map(({ position }) => position.split('@').map(Number) as [number, number])
  const lanes = Map.groupBy(places, ([partition]) => partition)
  const ranges = [...lanes].map(([partition, chosenHere]) => {
    const offsets = chosenHere.map(([, offset]) => offset)
    const from = offsets.reduce((first, offset) => Math.min(first, offset))
    const to = offsets.reduce((last, offset) => Math.max(last, offset)) + 1
    return { topic: deadLetters.name, partition, from, to }
  })
  let batch: OutRecord[] = []
  let bytes = 0
  const send = async (): Promise<void> => {
    if (batch.length > 0) await producer.commit(batch)
    batch = []
    bytes = 0
  }
  await readRanges(kafka, config, ranges, async records => {
    for (const record of records) {
      if (!wanted.delete(positionOf(record))) continue
      batch.push(resurrected(record), givingBack(record))
      bytes += record.value?.length ?? 0
      if (batch.length >= 2 * batchRecords || bytes >= batchBytes) await send()
    }
  })
  await send()
}

/**
 * Writes records back to the topic they came from, for the one group that buried them. Each dead letter goes back once,
 * however often and by however many it is asked for; when it is buried again, that is a dead letter of its own.
 */
export async function replay(options: { reason?: string; offset?: string; json?: boolean }): Promise<void> {
  const give = async (deployment: Deployment): Promise<{ replayed: number; already: number }> => {
    const { kafka, config, admin } = deployment
    const known = new Set(allTopics.map(topic => topic.name))
    // Whoever opens it last is alone, though the turn of the one before was lost: only then is it certain what was given back.
    const producer = await openTransactional(kafka, config, 'replay', transactionMs)
    try {
      await admin.settled([deadLetters.name])
      const { letters, back } = await look(deployment)
      const fitting = letters.filter(
        ({ topic, reason, position }) =>
          known.has(topic) &&
          (options.reason === undefined || reason === options.reason) &&
          (options.offset === undefined || position === options.offset)
      )
      if (fitting.length === 0)
        throw new EverseedError('UNKNOWN_NAME', 'no dead letter fits; see everseed deadletters list')
      const chosen = fitting.filter(({ position }) => !back.has(position))
      await giveBack(deployment, producer, chosen)
      return { replayed: chosen.length, already: fitting.length - chosen.length }
    } catch (cause) {
      if (!(cause instanceof TransactionLost)) throw cause
      throw cause.fenced
        ? new EverseedError(
            'FENCED',
            'another everseed deadletters replay took over; when it is done, replay again for what it left',
            { cause }
          )
        : new EverseedError(
            'KAFKA_UNREACHABLE',
            `the cluster was lost (${cause.message}); replay again: what was given back is not given back twice`,
            { cause }
          )
    } finally {
      await producer.close()
    }
  }
  const replayed = await withDeployment(deployment =>
    takingTurns(deployment, 'replay', 'gives dead letters back', () => give(deployment))
  )
  if (options.json) return printJson(replayed)
  print(
    `${replayed.replayed} given back to the processors that buried them, ${replayed.already} were given back before`
  )
}
