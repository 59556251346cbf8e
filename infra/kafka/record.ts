/** Records as they lie in the log: bytes, not yet decoded. */

/** A record read from a partition. */
export type RawRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer>>
}

/** A record to be written. */
export type OutRecord = {
  readonly topic: string
  readonly partition: number
  readonly key: string | Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string | Buffer>>
}

/** On a record without value: its key's record was erased, the header says why. Nobody else writes it. */
export const erasedHeader = 'x-erased'

/** Whether a record says no more than that its key's record was erased. */
export function isErasure({ value, headers }: Pick<RawRecord, 'value' | 'headers'>): boolean {
  return value === null && headers[erasedHeader] !== undefined
}

/** A half-open range [from, to) of a partition. */
export type Range = {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
}

type LibraryMessage = {
  key: Buffer | null
  value: Buffer | null
  offset: string
  timestamp: string
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>
}

const noHeaders = {}

/** Takes a message of the library apart; a repeated header keeps its last value. */
export function rawRecord(topic: string, partition: number, message: LibraryMessage): RawRecord {
  let headers: Record<string, Buffer> = noHeaders
  for (const name in message.headers) {
    const value = message.headers[name]
    const last = Array.isArray(value) ? value.at(-1) : value
    if (last === undefined) continue
    if (headers === noHeaders) headers = {}
    headers[name] = Buffer.isBuffer(last) ? last : Buffer.from(last)
  }
  return {
    topic,
    partition,
    offset: Number(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers
  }
}
