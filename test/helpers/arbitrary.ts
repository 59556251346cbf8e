/** Any record a schema allows, nasty ones preferred: what properties are asserted over. */
import fc from 'fast-check'
import { type AvroSchema, type RecordSchema, selfContained } from '../../schemas/load.ts'

const codeUnits = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe010 })), {
    maxLength: 8
  })
  .map(units => String.fromCharCode(...units))

/** Strings with control characters, quotes, lone surrogates and what breaks naive escaping. */
export const nastyString: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  codeUnits,
  fc.constantFrom(
    '',
    '\0',
    '\\',
    '\\N',
    '\\u0000',
    '"],["',
    "'",
    '\u2028',
    '__proto__',
    'constructor',
    'NULL',
    '{}'
  )
)

const integer = (bits: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }), fc.constantFrom(0, 1, -1))

const primitives: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  int: integer(32),
  // What the codec lets through: longs a number can hold.
  long: fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 1, 1_700_000_000_000_000)),
  float: fc.float(),
  double: fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 5e-324)),
  string: nastyString,
  bytes: fc.uint8Array({ maxLength: 16 }).map(bytes => Buffer.from(bytes))
}

/**
 * Any value of a record.
 * @param name record with a schema file of its own
 */
export function anyRecord(name: string): fc.Arbitrary<unknown> {
  const known = new Map<string, fc.Arbitrary<unknown>>()
  const of = (schema: AvroSchema): fc.Arbitrary<unknown> => {
    if (typeof schema === 'string') {
      const found = primitives[schema] ?? known.get(schema)
      if (!found) throw new Error(`schema ${name} names ${schema}, which it does not define`)
      return found
    }
    if (Array.isArray(schema)) return fc.oneof(...schema.map(of))
    const remember = (made: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => {
      known.set(String(schema['name']), made)
      return made
    }
    switch (schema.type) {
      case 'record': {
        const { fields } = schema as RecordSchema
        return remember(fc.record(Object.fromEntries(fields.map(field => [field.name, of(field.type)]))))
      }
      case 'enum':
        return remember(fc.constantFrom(...(schema['symbols'] as string[])))
      case 'array':
        return fc.array(of(schema['items'] as AvroSchema), { maxLength: 3 })
      case 'map':
        return fc.dictionary(nastyString, of(schema['values'] as AvroSchema), { maxKeys: 3 })
      default:
        return of(schema.type)
    }
  }
  return of(selfContained(name))
}
