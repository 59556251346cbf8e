/** The source of `types.ts`, made from the `.avsc` files; `npm run generate` writes it. */
import { type AvroSchema, recordNames, recordSchema } from './load.ts'

const primitives: Record<string, string> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  string: 'string',
  bytes: 'Buffer'
}

/** The TypeScript source of `types.ts`. */
export function typesSource(): string {
  const out: string[] = ['// Generated from the .avsc files by `npm run generate`; do not edit.', '']
  const done = new Set<string>()
  const union = (symbols: readonly string[]) => symbols.map(symbol => `'${symbol}'`).join(' | ')

  const typeOf = (schema: AvroSchema): string => {
    if (typeof schema === 'string') return primitives[schema] ?? schema
    if (Array.isArray(schema)) return schema.map(typeOf).toReversed().join(' | ')
    if (schema.type === 'record' || schema.type === 'enum') {
      define(schema)
      return schema['name'] as string
    }
    if (schema.type === 'array') {
      const items = typeOf(schema['items'] as AvroSchema)
      return items.includes('|') ? `(${items})[]` : `${items}[]`
    }
    if (schema.type === 'map') return `Record<string, ${typeOf(schema['values'] as AvroSchema)}>`
    return typeOf(schema.type)
  }

  const define = (schema: Exclude<AvroSchema, string | AvroSchema[]>): void => {
    const name = schema['name'] as string
    if (done.has(name)) return
    done.add(name)
    if (schema.type === 'enum') {
      out.push(
        `/** ${schema['doc'] as string}. */`,
        `export type ${name} = ${union(schema['symbols'] as string[])}`,
        ''
      )
      return
    }
    const lines = [`/** ${schema['doc'] as string} */`, `export type ${name} = {`]
    for (const field of schema['fields'] as { name: string; type: AvroSchema; doc: string }[]) {
      lines.push(`  /** ${field.doc}. */`, `  ${field.name}: ${typeOf(field.type)}`)
    }
    out.push(...lines, '}', '')
  }

  for (const name of recordNames()) define(recordSchema(name))
  return out.join('\n')
}
