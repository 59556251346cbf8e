/** Parquet files: the one place that knows the library which writes them. */
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer'
import type { Columns, Row, Type, Value } from './columns.ts'

/** A row group ends after so many rows or characters of text: what is held in memory of a file. */
const groupRows = 5000
const groupSize = 8 * 1024 * 1024

/** A column as elements of a Parquet schema, depth first. */
function elements(name: string, type: Type): SchemaElement[] {
  const own = { name, repetition_type: 'OPTIONAL' } as const
  switch (type) {
    case 'string':
      return [{ ...own, type: 'BYTE_ARRAY', converted_type: 'UTF8' }]
    case 'int64':
      return [{ ...own, type: 'INT64' }]
    case 'float64':
      return [{ ...own, type: 'DOUBLE' }]
    case 'bool':
      return [{ ...own, type: 'BOOLEAN' }]
    default:
  }
  if ('list' in type) {
    const list = { name: 'list', repetition_type: 'REPEATED', num_children: 1 } as const
    return [{ ...own, converted_type: 'LIST', num_children: 1 }, list, ...elements('element', type.list)]
  }
  const parts = Object.entries(type.struct)
  return [{ ...own, num_children: parts.length }, ...parts.flatMap(([key, part]) => elements(key, part))]
}

/** The schema of a file. */
export function schemaOf(columns: Columns): SchemaElement[] {
  const list = Object.entries(columns)
  return [
    { name: 'root', num_children: list.length },
    ...list.flatMap(([name, type]) => elements(name, type))
  ]
}

/** A value as the library takes it: whole numbers of 64 bits are its only ones that are not as JSON has them. */
function stored(value: Value | undefined, type: Type): unknown {
  if (value === null || value === undefined) return null
  if (typeof type === 'string') return type === 'int64' ? BigInt(value as number) : value
  if ('list' in type) return (value as readonly Value[]).map(one => stored(one, type.list))
  const parts = value as Record<string, Value>
  return Object.fromEntries(Object.entries(type.struct).map(([key, part]) => [key, stored(parts[key], part)]))
}

/** A Parquet file in the making. The same rows give the same bytes. */
export type ParquetFile = {
  /** @param size characters the row has as JSON */
  add(row: Row, size: number): void
  finish(): void
}

/**
 * @param columns its schema
 * @param write takes the next bytes of the file; they are reused afterwards
 */
export function createParquet(columns: Columns, write: (bytes: Uint8Array) => void): ParquetFile {
  const bytes = new ByteWriter(1024 * 1024)
  const flush = (): void => {
    write(bytes.getBytes())
    bytes.index = 0
  }
  const file = new ParquetWriter({ writer: bytes, schema: schemaOf(columns), createdBy: 'everseed' })
  let rows: Row[] = []
  let held = 0
  const group = (): void => {
    if (rows.length === 0) return
    const columnData = Object.entries(columns).map(([name, type]) => ({
      name,
      data: rows.map(row => stored(row[name], type))
    }))
    void file.write({ columnData, rowGroupSize: rows.length })
    flush()
    rows = []
    held = 0
  }
  return {
    add(row, size) {
      rows.push(row)
      held += size
      if (rows.length >= groupRows || held >= groupSize) group()
    },
    finish() {
      group()
      void file.finish()
      flush()
    }
  }
}
