import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import avro from 'avsc'
import { recordType } from '../../../infra/codec.ts'
import { typesSource } from '../../../schemas/generate.ts'
import {
  type AvroSchema,
  recordNames,
  recordSchema,
  type RecordSchema,
  selfContained
} from '../../../schemas/load.ts'
import type { Records } from '../../../schemas/topics.ts'

const root = join(import.meta.dirname, '../../..')
const golden = join(root, 'test/fixtures/golden')
const released = join(root, 'test/fixtures/schemas')

/** Released versions, oldest first: v1, v2, … */
const versions = readdirSync(released)
  .filter(name => /^v\d+$/.test(name))
  .toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)))

function withFiles(directory: string): (name: string) => RecordSchema | undefined {
  return name => {
    try {
      return JSON.parse(readFileSync(join(directory, `${name}.avsc`), 'utf8')) as RecordSchema
    } catch {
      return undefined
    }
  }
}

/** A released record with the others it names written out, independently of how the code under test does it. */
function releasedSchema(version: string, name: string): AvroSchema | undefined {
  const load = withFiles(join(released, version))
  const seen = new Set<string>()
  const expand = (schema: unknown): unknown => {
    if (typeof schema === 'string') {
      const found = seen.has(schema) ? undefined : load(schema)
      return found ? expand(found) : schema
    }
    if (Array.isArray(schema)) return schema.map(expand)
    if (typeof schema !== 'object' || schema === null) return schema
    const one = schema as Record<string, unknown>
    if (one['type'] === 'record') seen.add(String(one['name']))
    return Object.fromEntries(
      Object.entries(one).map(([key, value]) => [
        key,
        key === 'type' || key === 'items' || key === 'values'
          ? expand(value)
          : key === 'fields'
            ? (value as Record<string, unknown>[]).map(field => ({ ...field, type: expand(field['type']) }))
            : value
      ])
    )
  }
  const file = load(name)
  return file && (expand(file) as AvroSchema)
}

const typeOf = (schema: AvroSchema): avro.Type => avro.Type.forSchema(schema as avro.Schema)

/** Why two versions of a record may not stand in one topic under FULL_TRANSITIVE; undefined when they may. */
function incompatibility(one: AvroSchema, other: AvroSchema): string | undefined {
  for (const [reader, writer] of [
    [one, other],
    [other, one]
  ] as const) {
    try {
      typeOf(reader).createResolver(typeOf(writer))
    } catch (error) {
      return (error as Error).message
    }
  }
  return undefined
}

const fields = (
  schema: RecordSchema
): { record: string; name: string; type: AvroSchema; doc: string; default?: unknown }[] => {
  const found: ReturnType<typeof fields> = []
  const walk = (one: AvroSchema): void => {
    if (typeof one === 'string') return
    if (Array.isArray(one)) return one.forEach(walk)
    if (one.type === 'record') {
      for (const field of (one as unknown as RecordSchema).fields) {
        found.push({ record: String(one['name']), ...field })
        walk(field.type)
      }
      return
    }
    for (const key of ['type', 'items', 'values'] as const)
      if (one[key] !== undefined) walk(one[key] as AvroSchema)
  }
  walk(schema)
  return found
}

/** What records are found by: they can never leave, so they need no default. */
const identities = new Set([
  'Control.scope',
  'Dataset.name',
  'DiversityStat.scope',
  'Document.id',
  'Generation.id',
  'Generation.request_id',
  'JournalEntry.request_id',
  'Model.id',
  'Prompt.id',
  'PublisherKey.id',
  'Rejection.id',
  'Retraction.id',
  'Run.id',
  'Sample.id',
  'State.table',
  'Version.dataset'
])

describe('the schemas', () => {
  test('are what types.ts was generated from', () => {
    assert.equal(readFileSync(join(root, 'schemas/types.ts'), 'utf8'), typesSource(), 'run npm run generate')
  })

  test('document every record, every field and every enum', () => {
    for (const name of recordNames()) {
      const schema = recordSchema(name)
      assert.ok(schema.doc, name)
      assert.equal(schema.name, name)
      for (const field of fields(schema)) {
        assert.ok(field.doc, `${field.record}.${field.name}`)
        assert.doesNotMatch(
          field.doc,
          /\.$/,
          `${field.record}.${field.name}: the generator sets the full stop`
        )
      }
    }
  })

  test('give every field but the identities a default, so that it can leave', () => {
    const without = recordNames()
      .flatMap(name => fields(recordSchema(name)))
      .filter(field => field.default === undefined)
      .map(({ record, name }) => `${record}.${name}`)
    assert.deepEqual(new Set(without), identities)
  })

  test('give every enum a default symbol, so that it can grow', () => {
    let enums = 0
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      const one = value as { type?: unknown; name?: unknown; symbols?: string[]; default?: string }
      if (one.type === 'enum') {
        enums++
        assert.ok(one.symbols?.includes(one.default ?? ''), String(one.name))
      }
      Object.values(value).forEach(walk)
    }
    for (const name of recordNames()) walk(recordSchema(name))
    assert.ok(enums >= 5, String(enums))
  })

  test('hold no union but with null first, and no number a reader of another language would round', () => {
    for (const name of recordNames())
      for (const { record, name: field, type } of fields(recordSchema(name))) {
        const where = `${record}.${field}`
        if (Array.isArray(type)) {
          assert.equal(type.length, 2, where)
          assert.equal(type[0], 'null', where)
        }
        assert.ok(!JSON.stringify(type).includes('"float"'), where)
        assert.ok(!JSON.stringify(type).includes('"decimal"'), where)
      }
  })

  test('stand alone once the records they name are written out', () => {
    for (const name of recordNames()) {
      const type = typeOf(selfContained(name))
      assert.equal(type.name, `everseed.${name}`)
    }
  })
})

describe('released schemas', () => {
  test('are there, and the newest is what the code has: a change is a new version', () => {
    assert.deepEqual(
      versions,
      Array.from(versions, (_, index) => `v${index + 1}`)
    )
    assert.ok(versions.length > 0)
    for (const name of recordNames()) {
      const newest = versions.findLast(version => releasedSchema(version, name) !== undefined)
      assert.ok(
        newest,
        `${name} was never released: copy it to test/fixtures/schemas and add its golden bytes`
      )
      const canonical = (schema: AvroSchema): string =>
        JSON.stringify(typeOf(schema).schema({ exportAttrs: true }))
      assert.equal(
        canonical(selfContained(name) as unknown as AvroSchema),
        canonical(releasedSchema(newest, name)!),
        `${name} differs from ${newest}: put the schemas into v${versions.length + 1} and add golden bytes`
      )
    }
  })

  test('are compatible with what the code has, in both directions, all of them', () => {
    for (const version of versions)
      for (const file of readdirSync(join(released, version))) {
        const name = file.replace('.avsc', '')
        assert.ok(recordNames().includes(name), `${name} of ${version} was removed; topics still hold it`)
        const found = incompatibility(selfContained(name), releasedSchema(version, name)!)
        assert.equal(found, undefined, `${name} and ${version}: ${found}`)
      }
  })

  test('an incompatible change is found here before the registry refuses it', () => {
    const now = selfContained('Message') as unknown as AvroSchema & { fields: { name: string }[] }
    const changed = (change: (schema: { fields: Record<string, unknown>[] }) => void): AvroSchema => {
      const copy = structuredClone(now) as unknown as { fields: Record<string, unknown>[] }
      change(copy)
      return copy as unknown as AvroSchema
    }
    const field = { name: 'added', type: 'string', doc: 'x' }
    const refused: Record<string, AvroSchema> = {
      'a new field without default': changed(({ fields: list }) => list.push(field)),
      'another type': changed(({ fields: list }) => (list[0]!['type'] = 'long')),
      'a renamed field without default': changed(({ fields: list }) => {
        list[0]!['name'] = 'speaker'
        delete list[0]!['default']
      })
    }
    for (const [what, schema] of Object.entries(refused)) assert.ok(incompatibility(now, schema), what)
    const fine: Record<string, AvroSchema> = {
      'a new field with a default': changed(({ fields: list }) => list.push({ ...field, default: '' })),
      'a field with a default that leaves': changed(({ fields: list }) => list.pop()),
      'other words': changed(({ fields: list }) => (list[0]!['doc'] = 'other words'))
    }
    for (const [what, schema] of Object.entries(fine))
      assert.equal(incompatibility(now, schema), undefined, what)
  })

  test('an enum that grew is read by who does not know the symbol', () => {
    const grown = structuredClone(selfContained('Cell')) as unknown as {
      fields: { name: string; type: { symbols: string[] } }[]
    }
    grown.fields.find(({ name }) => name === 'refusal')!.type.symbols.push('discuss')
    const schema = grown as unknown as AvroSchema
    assert.equal(incompatibility(selfContained('Cell') as unknown as AvroSchema, schema), undefined)
    const bytes = typeOf(schema).toBuffer({ task: '', topic: '', format: '', refusal: 'discuss' })
    const reader = recordType('Cell' as keyof Records)
    const cell = reader.fromBuffer(bytes, reader.createResolver(typeOf(schema))) as { refusal: string }
    assert.equal(cell.refusal, 'reject')
  })
})

describe('golden bytes', () => {
  for (const version of versions)
    for (const file of readdirSync(join(released, version))) {
      const name = file.replace('.avsc', '')
      test(`${name} ${version}`, () => {
        const value: unknown = JSON.parse(readFileSync(join(golden, `${name}.${version}.json`), 'utf8'))
        const bytes = Buffer.from(
          readFileSync(join(golden, `${name}.${version}.hex`), 'utf8').replaceAll('\n', ''),
          'hex'
        )
        const writer = typeOf(releasedSchema(version, name)!)
        assert.deepEqual(writer.toBuffer(value), bytes, 'the value is written as these bytes')
        assert.deepEqual(plain(writer.fromBuffer(bytes)), value)
        // Read by what the code has now: every field that is still there as it was.
        const reader = recordType(name as keyof Records)
        const read = plain(reader.fromBuffer(bytes, reader.createResolver(writer))) as Record<string, unknown>
        assert.deepEqual(fieldsIn(read, value), fieldsIn(value, read))
      })
    }
})

/** A value without the fields another version of it does not have, at any depth. */
function fieldsIn(value: unknown, other: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(other))
    return value.map((one, index) => fieldsIn(one, other[index]))
  if (typeof value !== 'object' || value === null || typeof other !== 'object' || other === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => field in other)
      .map(([field, one]) => [field, fieldsIn(one, (other as Record<string, unknown>)[field])])
  )
}

/** Decoded records are instances of a class each. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
