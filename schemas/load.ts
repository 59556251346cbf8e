/** Reads the `.avsc` files beside this one and makes each self-contained, as a schema registry wants it. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** An Avro schema as JSON: a name, a union, or an object. */
export type AvroSchema =
  string | AvroSchema[] | { readonly type: AvroSchema; readonly [attribute: string]: unknown }
/** An Avro record definition. */
export type RecordSchema = {
  readonly type: 'record'
  readonly name: string
  readonly doc: string
  readonly fields: readonly { name: string; type: AvroSchema; doc: string; default?: unknown }[]
  readonly [attribute: string]: unknown
}

const directory = import.meta.dirname

/** Names of all records that have a file of their own, sorted. */
export function recordNames(): string[] {
  return readdirSync(directory)
    .filter(file => file.endsWith('.avsc'))
    .map(file => file.slice(0, -'.avsc'.length))
    .toSorted()
}

/**
 * The record as written in its file: other records stand in it by name.
 * @param name record name, for example `Sample`
 */
export function recordSchema(name: string): RecordSchema {
  return JSON.parse(readFileSync(join(directory, `${name}.avsc`), 'utf8')) as RecordSchema
}

/**
 * The record with every other record it names written out where it is first used.
 * @param name record name, for example `Sample`
 */
export function selfContained(name: string): RecordSchema {
  const files = new Set(recordNames())
  const defined = new Set<string>()
  const expand = (schema: AvroSchema): AvroSchema => {
    if (typeof schema === 'string') {
      return files.has(schema) && !defined.has(schema) ? expand(recordSchema(schema)) : schema
    }
    if (Array.isArray(schema)) return schema.map(expand)
    if (schema.type === 'record') {
      const record = schema as RecordSchema
      defined.add(record.name)
      const fields = record.fields.map(field => ({ ...field, type: expand(field.type) }))
      return { ...record, fields }
    }
    if (schema.type === 'array') return { ...schema, items: expand(schema['items'] as AvroSchema) }
    if (schema.type === 'map') return { ...schema, values: expand(schema['values'] as AvroSchema) }
    return schema
  }
  return expand(recordSchema(name)) as RecordSchema
}
