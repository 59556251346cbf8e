/** Dead letters: the original bytes, and in headers why, where from, and by whom. */
import { deadLetters } from '../../schemas/topics.ts'
import type { OutRecord, RawRecord } from '../kafka/record.ts'
import { fits, recordBytes } from '../kafka/waves.ts'

/** Names of the headers of a dead letter. */
export const deadLetterHeaders = {
  /** The record's own key; absent where it has none. */
  key: 'x-key',
  reason: 'x-reason',
  message: 'x-message',
  errorClass: 'x-error-class',
  processor: 'x-processor',
  topic: 'x-topic',
  partition: 'x-partition',
  offset: 'x-offset',
  schemaId: 'x-schema-id',
  attempt: 'x-attempt',
  settles: 'x-settles',
  /** Which attempt those samples are. */
  sampleAttempt: 'x-sample-attempt',
  run: 'x-run',
  /** On a replayed record: the only group that takes it. */
  forGroup: 'x-for-group',
  /** On a replayed record, and on the notice among the dead letters: the dead letter it was, partition@offset. */
  replayOf: 'x-replay-of'
} as const

/** Characters of a message, or of the name of a run, kept. */
const longestMessage = 1000

/** Why a record died. */
export type Death = {
  readonly processor: string
  readonly reason: string
  readonly message: string
  readonly errorClass: string
  readonly attempts: number
  /** Samples of `run` that will never come because of it. */
  readonly settles: number
  /** Which attempt those samples are: 1, or more for repairs. */
  readonly sampleAttempt: number
  readonly run: string
}

/**
 * What a producer compressed may be larger than any topic takes. Its letter goes without it, and says where it lies: one
 * that is refused would keep the record, and all behind it, for ever.
 */
function bodiless(letter: OutRecord, own: Record<string, string | Buffer>): OutRecord {
  const message = `${recordBytes(letter)} bytes are more than ${deadLetters.name} takes, so the record itself is only in ${String(own[deadLetterHeaders.topic])}: ${String(own[deadLetterHeaders.message])}`
  const headers: Record<string, string | Buffer> = {
    ...own,
    [deadLetterHeaders.message]: message.slice(0, longestMessage)
  }
  const bare = { ...letter, value: null, headers }
  if (fits(bare, deadLetters)) return bare
  delete headers[deadLetterHeaders.key]
  return bare
}

/**
 * @param record the record as it was read
 * @param death why it died
 */
export function deadLetter(record: RawRecord, death: Death): OutRecord {
  const names = deadLetterHeaders
  const schemaId =
    record.value && record.value.length >= 5 && record.value[0] === 0 ? record.value.readInt32BE(1) : ''
  const kept = Object.fromEntries(Object.entries(record.headers).filter(([name]) => !name.startsWith('x-')))
  const own = {
    ...(record.key && { [names.key]: record.key }),
    [names.reason]: death.reason,
    [names.message]: death.message.slice(0, longestMessage),
    [names.errorClass]: death.errorClass,
    [names.processor]: death.processor,
    [names.topic]: record.topic,
    [names.partition]: String(record.partition),
    [names.offset]: String(record.offset),
    [names.schemaId]: String(schemaId),
    [names.attempt]: String(death.attempts),
    [names.settles]: String(death.settles),
    [names.sampleAttempt]: String(death.sampleAttempt),
    [names.run]: death.run.slice(0, longestMessage)
  }
  const { partition, value } = record
  // Of its own, not the record's: a record without a key, or with that of another one, leaves a letter like every other.
  const key = `${death.processor}/${record.topic}/${partition}/${record.offset}`
  const letter = { topic: deadLetters.name, partition, key, value, headers: { ...kept, ...own } }
  return fits(letter, deadLetters) ? letter : bodiless(letter, own)
}

/** The reason of a notice that a dead letter was given back. */
const givenBack = 'given_back'

/**
 * What is written beside a dead letter that is given back, into the same partition: that it was, and that what it settled
 * is open again. It holds no body, and is for who counts what is settled: the guard, and the store.
 * @param letter the dead letter
 */
export function givingBack(letter: RawRecord): OutRecord {
  const names = deadLetterHeaders
  const header = (name: string): string => letter.headers[name]?.toString() ?? ''
  const same = [
    names.key,
    names.processor,
    names.topic,
    names.partition,
    names.offset,
    names.sampleAttempt,
    names.run
  ]
  return {
    topic: deadLetters.name,
    partition: letter.partition,
    key: `${givenBack}/${positionOf(letter)}`,
    value: null,
    headers: {
      ...Object.fromEntries(
        same.flatMap(name => (letter.headers[name] ? [[name, letter.headers[name]]] : []))
      ),
      [names.reason]: givenBack,
      [names.settles]: String(-Number(header(names.settles) || 0)),
      [names.forGroup]: 'guard',
      [names.replayOf]: positionOf(letter)
    }
  }
}

/** Where a dead letter lies: partition@offset. */
export function positionOf({ partition, offset }: RawRecord): string {
  return `${partition}@${offset}`
}

/** The position of the dead letter a notice is about; undefined for a dead letter. */
export function noticeOf({ headers }: RawRecord): string | undefined {
  return headers[deadLetterHeaders.replayOf]?.toString()
}

/**
 * A dead letter as it goes back to the topic it came from, for the one group that buried it.
 * @param letter the dead letter
 */
export function resurrected(letter: RawRecord): OutRecord {
  const names = deadLetterHeaders
  const header = (name: string): string => letter.headers[name]?.toString() ?? ''
  const kept = Object.entries(letter.headers).filter(([name]) => !name.startsWith('x-'))
  return {
    topic: header(names.topic),
    partition: Number(header(names.partition)),
    key: letter.headers[names.key] ?? null,
    value: letter.value,
    headers: {
      ...Object.fromEntries(kept),
      [names.forGroup]: header(names.processor),
      [names.replayOf]: positionOf(letter)
    }
  }
}
