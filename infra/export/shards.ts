/** Shards: the rows of a split as files of a bounded size, JSON lines and Parquet side by side. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Columns, Row } from './columns.ts'
import { createParquet, type ParquetFile } from './parquet.ts'

export const fileKinds = ['jsonl', 'parquet'] as const
export type FileKind = (typeof fileKinds)[number]

/** A file of an export. */
export type ShardFile = {
  readonly name: string
  readonly split: string
  readonly kind: FileKind
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
}

/** A shard ends after so many rows or bytes of JSON. */
export type ShardSize = { readonly rows: number; readonly bytes: number }
export const shardSize: ShardSize = { rows: 50_000, bytes: 64 * 1024 * 1024 }

/** Text is written when so much of it has come together. */
const held = 1024 * 1024

/** A file being written, and its hash. Writing is synchronous: a reader that is too fast waits by itself. */
function createSink(path: string): {
  write(bytes: Uint8Array): void
  close(): { bytes: number; sha256: string }
} {
  const file = openSync(path, 'w')
  const hash = createHash('sha256')
  let total = 0
  return {
    write(bytes) {
      hash.update(bytes)
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
      total += bytes.length
    },
    close() {
      closeSync(file)
      return { bytes: total, sha256: hash.digest('hex') }
    }
  }
}

type Shard = {
  rows: number
  /** Bytes of JSON, whether they are written or not. */
  size: number
  lines: string[]
  pending: number
  readonly sinks: readonly (readonly [FileKind, ReturnType<typeof createSink>])[]
  readonly parquet: ParquetFile | undefined
}

/** The rows of one split, in order. */
export type Shards = {
  add(row: Row): void
  /** Ends the last shard. A file's name says how many there are, so it is given here; until then it has its number alone. */
  finish(): ShardFile[]
}

const number = (value: number): string => String(value).padStart(5, '0')

/**
 * @param folder where the files are written
 * @param size of a shard
 */
export function createShards(
  folder: string,
  split: string,
  columns: Columns,
  kinds: readonly FileKind[],
  size: ShardSize = shardSize
): Shards {
  const draft = (kind: FileKind, index: number): string => join(folder, `${split}-${number(index)}.${kind}`)
  const done: { rows: number; files: { kind: FileKind; bytes: number; sha256: string }[] }[] = []
  let shard: Shard | undefined
  const open = (): Shard => {
    const sinks = kinds.map(kind => [kind, createSink(draft(kind, done.length))] as const)
    const parquet = sinks.find(([kind]) => kind === 'parquet')?.[1]
    return {
      rows: 0,
      size: 0,
      lines: [],
      pending: 0,
      sinks,
      parquet: parquet && createParquet(columns, parquet.write)
    }
  }
  const flush = (one: Shard): void => {
    one.sinks.find(([kind]) => kind === 'jsonl')?.[1].write(Buffer.from(one.lines.join('')))
    one.lines = []
    one.pending = 0
  }
  const end = (one: Shard): void => {
    flush(one)
    one.parquet?.finish()
    done.push({ rows: one.rows, files: one.sinks.map(([kind, sink]) => ({ kind, ...sink.close() })) })
    shard = undefined
  }
  return {
    add(row) {
      shard ??= open()
      const line = `${JSON.stringify(row)}\n`
      const bytes = Buffer.byteLength(line)
      shard.rows++
      shard.size += bytes
      shard.lines.push(line)
      shard.pending += bytes
      shard.parquet?.add(row, line.length)
      if (shard.pending >= held) flush(shard)
      if (shard.rows >= size.rows || shard.size >= size.bytes) end(shard)
    },
    finish() {
      if (shard) end(shard)
      return done.flatMap(({ rows, files }, index) =>
        files.map(({ kind, bytes, sha256 }) => {
          const name = `${split}-${number(index)}-of-${number(done.length)}.${kind}`
          renameSync(draft(kind, index), join(folder, name))
          return { name, split, kind, rows, bytes, sha256 }
        })
      )
    }
  }
}
