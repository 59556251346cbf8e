/**
 * What a sink is: records in, rows of tables out, nothing else. The runner of sinks cuts the input into chunks,
 * writes each chunk once and commits its offsets.
 */
import type { Topic } from '../schemas/topics.ts'

/** The value of one column. Numbers are finite, strings well-formed: whoever makes a row sees to that. */
export type Field =
  string | number | boolean | null | readonly (string | number)[] | Readonly<Record<string, string | number>>

/** A row: the values in the order of its table's columns. */
export type Row = readonly Field[]

/** A table a sink fills. */
export type Table = {
  readonly name: string
  /** Columns in the order rows carry them. */
  readonly columns: readonly string[]
}

/** A record as a sink sees it. */
export type SinkRecord = {
  readonly slot: number
  readonly offset: number
  readonly key: string
  /** When the broker got it, Unix time in milliseconds. */
  readonly timestamp: number
  /** The decoded value; bytes where the topic carries no schema; null for a deletion. */
  readonly value: unknown
  readonly headers: Readonly<Record<string, Buffer>>
  /** The recipe of its run keeps texts out of the sink: everything of its row but the words of people and models. */
  readonly withoutText?: boolean
}

/** Rows made of a record or of a chunk of records, by table name. */
export type Rows = { readonly table: string; readonly rows: readonly Row[] }

/** A sink as data. `rows` is pure: the same record gives the same rows, or a replay could not be recognised. */
export type Sink = {
  readonly name: string
  /** One line for the README and the help. */
  readonly doc: string
  /** Topics it reads, by a name of its own. */
  readonly inputs: Readonly<Record<string, Topic>>
  readonly tables: Readonly<Record<string, Table>>
  /** Raised whenever `rows` makes other rows of the same record; part of what identifies a chunk. */
  readonly transformVersion: number
  /**
   * The rows of one record; none for a deletion.
   * @param topic name of the topic, without the deployment's prefix
   * @throws EverseedError UNKNOWN_NAME for a topic the sink does not read
   */
  readonly rows: (topic: string, record: SinkRecord) => Rows
}
