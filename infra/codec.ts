/**
 * Records to bytes and back: the Confluent wire format (a zero byte, the schema id as a big-endian 32-bit integer,
 * Avro binary). Pure but for looking up unknown writer schemas, which the registry behind it answers.
 */
import avro from 'avsc'
import { EverseedError } from '../schemas/errors.ts'
import { selfContained, type RecordSchema } from '../schemas/load.ts'
import type { Records, Topic } from '../schemas/topics.ts'

type Resolver = ReturnType<avro.Type['createResolver']>

/** Where schema ids come from. */
export type SchemaIds = {
  /** The id a topic's values are written under. */
  idOf(topic: Topic): number
  /** The schema of an id somebody else wrote; undefined when the registry does not know it. */
  schemaOf(id: number): Promise<unknown>
}

/** Why bytes could not be decoded. */
export class DecodeError extends Error {
  readonly reason: 'malformed_frame' | 'unknown_schema' | 'malformed_record' | 'no_value'
  /** The frame's schema id, where it could be read. */
  readonly schemaId: number | undefined
  /** Whether it may be readable later: the registry does not know the schema, yet. */
  readonly mayCome: boolean

  constructor(reason: DecodeError['reason'], message: string, schemaId?: number, mayCome = false) {
    super(message)
    this.name = 'DecodeError'
    this.reason = reason
    this.schemaId = schemaId
    this.mayCome = mayCome
  }
}

/** Encodes and decodes the values of topics. */
export type Codec = {
  /**
   * @throws EncodeError when the value does not fit the topic's schema
   */
  encode(topic: Topic, value: object): Buffer
  /**
   * Decodes at once when the writer's schema is known, otherwise after asking the registry.
   * @throws DecodeError
   */
  decode<Value>(topic: Topic<Value>, bytes: Buffer | null): Value | Promise<Value>
  /**
   * Decodes some fields and passes over the others, which costs a fraction: texts are most of a record.
   * @throws DecodeError
   */
  decodeFields<Value, Key extends keyof Value & string>(
    topic: Topic<Value>,
    fields: readonly Key[],
    bytes: Buffer | null
  ): Pick<Value, Key> | Promise<Pick<Value, Key>>
}

/** A value that does not fit its schema; names the field. */
export class EncodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'EncodeError'
  }
}

const headerBytes = 5
const readers = new Map<string, avro.Type>()

/**
 * The Avro type of a record, built once.
 * @param record record name
 */
export function recordType(record: keyof Records): avro.Type {
  let type = readers.get(record)
  if (!type) {
    type = avro.Type.forSchema(selfContained(record) as unknown as avro.Schema)
    readers.set(record, type)
  }
  return type
}

const projections = new Map<string, avro.Type>()

/** The type of a record with nothing but some of its fields. */
function projection(record: keyof Records, fields: readonly string[]): avro.Type {
  const key = `${record}:${fields.join()}`
  let type = projections.get(key)
  if (!type) {
    const whole = selfContained(record)
    const kept = whole.fields.filter(({ name }) => fields.includes(name))
    type = avro.Type.forSchema({ ...whole, fields: kept } as unknown as avro.Schema)
    projections.set(key, type)
  }
  return type
}

/** The schema text registered for a record. */
export function registeredSchema(record: keyof Records): RecordSchema {
  return selfContained(record)
}

/** Milliseconds an id the registry does not know is not asked about again: a registry may lag, but not for long. */
const unknownMs = 10_000
/** Ids remembered as unreadable; garbage may name any. */
const mostRefused = 1000

/**
 * @param ids where schema ids come from
 * @param clock milliseconds from anywhere on
 */
export function createCodec(ids: SchemaIds, clock: () => number = () => performance.now()): Codec {
  const resolvers = new Map<string, Resolver | null>()
  const refused = new Map<string, { readonly error: DecodeError; readonly until: number }>()
  let scratch = Buffer.allocUnsafe(64 * 1024)

  const read = (type: avro.Type, resolver: Resolver | null, bytes: Buffer, id: number): unknown => {
    try {
      const body = bytes.subarray(headerBytes)
      return resolver ? type.fromBuffer(body, resolver) : type.fromBuffer(body)
    } catch (error) {
      throw new DecodeError(
        'malformed_record',
        `the body does not fit schema ${id}: ${(error as Error).message}`,
        id
      )
    }
  }

  /** Remembers that nothing written under a schema can be read as a record. */
  const refuse = (key: string, id: number, message: string, ms: number): DecodeError => {
    const error = new DecodeError('unknown_schema', message, id, Number.isFinite(ms))
    if (refused.size >= mostRefused) refused.clear()
    refused.set(key, { error, until: clock() + ms })
    return error
  }

  const learn = async (
    topic: Topic,
    type: avro.Type,
    bytes: Buffer,
    id: number,
    key: string
  ): Promise<unknown> => {
    const schema = await ids.schemaOf(id)
    if (schema === undefined) throw refuse(key, id, `the registry does not know schema ${id}`, unknownMs)
    let resolver: Resolver
    try {
      resolver = type.createResolver(avro.Type.forSchema(schema as avro.Schema))
    } catch (error) {
      // What an id means never changes.
      const message = `schema ${id} cannot be read as ${topic.record}: ${(error as Error).message}`
      throw refuse(key, id, message, Number.POSITIVE_INFINITY)
    }
    resolvers.set(key, resolver)
    return read(type, resolver, bytes, id)
  }

  /** The id of the schema a value was written under. */
  const frameOf = (bytes: Buffer | null): { bytes: Buffer; id: number } => {
    if (bytes === null)
      throw new DecodeError('no_value', 'the record has no value; a data topic holds no tombstones')
    if (bytes.length < headerBytes || bytes[0] !== 0) {
      throw new DecodeError(
        'malformed_frame',
        'the value is not in the Confluent wire format (0, schema id, Avro)'
      )
    }
    return { bytes, id: bytes.readInt32BE(1) }
  }

  /** Reads by a resolver, which is made when its writer's schema is known. */
  const resolved = (topic: Topic, type: avro.Type, bytes: Buffer, id: number, key: string): unknown => {
    const resolver = resolvers.get(key)
    if (resolver) return read(type, resolver, bytes, id)
    const known = refused.get(key)
    if (known && clock() < known.until) throw known.error
    return learn(topic, type, bytes, id, key)
  }

  return {
    encode(topic, value) {
      const type = recordType(topic.record!)
      // Writing into one growing buffer and copying out is what avsc's own toBuffer does, less the second pass.
      let end = type.encode(value, scratch, headerBytes)
      if (end < 0) {
        scratch = Buffer.allocUnsafe((scratch.length - end) * 2)
        end = type.encode(value, scratch, headerBytes)
      }
      const frame = Buffer.allocUnsafe(end)
      scratch.copy(frame, 0, 0, end)
      frame[0] = 0
      frame.writeInt32BE(ids.idOf(topic), 1)
      return frame
    },

    decode<Value>(topic: Topic<Value>, bytes: Buffer | null): Value | Promise<Value> {
      if (topic.record === null) return bytes as Value
      const { bytes: frame, id } = frameOf(bytes)
      const type = recordType(topic.record)
      if (id === ids.idOf(topic)) return read(type, null, frame, id) as Value
      return resolved(topic, type, frame, id, `${id}:${topic.record}`) as Value | Promise<Value>
    },

    decodeFields<Value, Key extends keyof Value & string>(
      topic: Topic<Value>,
      fields: readonly Key[],
      bytes: Buffer | null
    ): Pick<Value, Key> | Promise<Pick<Value, Key>> {
      const { bytes: frame, id } = frameOf(bytes)
      const type = projection(topic.record!, fields)
      const key = `${id}:${topic.record}:${fields.join()}`
      if (id === ids.idOf(topic) && !resolvers.has(key))
        resolvers.set(key, type.createResolver(recordType(topic.record!)))
      return resolved(topic, type, frame, id, key) as Pick<Value, Key> | Promise<Pick<Value, Key>>
    }
  }
}

/** The error of a record that counts for good and is of a schema the registry does not know, by where it lies. */
export function missingSchema(place: string, cause: DecodeError): EverseedError {
  return new EverseedError(
    'RECORD_INVALID',
    `${place}: ${cause.message}; it may lag, or have lost what was registered: without that record nothing is decided. Bring the schema back`,
    { cause }
  )
}

/**
 * What a decoding comes to; undefined for a record that cannot be read. What comes at once is not waited for.
 * @param place where a record lies that counts for good: a registry may lag, so that one of a schema it lacks is an error
 * @throws EverseedError RECORD_INVALID
 */
export function ifReadable<Value>(
  decode: () => Value | Promise<Value>,
  place?: () => string
): Value | undefined | Promise<Value | undefined> {
  const unread = (error: unknown): undefined => {
    if (!(error instanceof DecodeError)) throw error
    if (place && error.mayCome) throw missingSchema(place(), error)
  }
  try {
    const value = decode()
    return value instanceof Promise ? value.catch(unread) : value
  } catch (error) {
    return unread(error)
  }
}

/** Runs an encode and turns avsc's path-less errors into ones that name the field. */
export function encodeChecked(codec: Codec, topic: Topic, value: object): Buffer {
  try {
    return codec.encode(topic, value)
  } catch (error) {
    const bad: string[] = []
    recordType(topic.record!).isValid(value, { errorHook: path => void bad.push(path.join('.')) })
    throw new EncodeError(
      `not a ${topic.record}: ${bad.length > 0 ? `field ${bad.join(', ')}` : (error as Error).message}`
    )
  }
}
