/** What is written as Parquet is read again by another library of the same makers; pyarrow reads it among the clients' tests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { type Columns, features, type Row } from '../../../infra/export/columns.ts'
import { formatNames, formats } from '../../../infra/export/formats.ts'
import { createParquet } from '../../../infra/export/parquet.ts'

function written(columns: Columns, rows: readonly Row[]): Buffer<ArrayBuffer> {
  const parts: Buffer[] = []
  const file = createParquet(columns, bytes => void parts.push(Buffer.from(bytes)))
  for (const row of rows) file.add(row, JSON.stringify(row).length)
  file.finish()
  return Buffer.concat(parts)
}

const bufferOf = (bytes: Buffer<ArrayBuffer>): ArrayBuffer =>
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)

/** Whole numbers come back as bigint; what is null may be absent, whoever writes it. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, one: unknown) =>
      typeof one === 'bigint'
        ? Number(one)
        : typeof one === 'object' && one !== null && !Array.isArray(one)
          ? Object.fromEntries(
              Object.entries(one)
                .filter(([, part]) => part !== null && part !== undefined)
                .toSorted(([a], [b]) => (a < b ? -1 : 1))
            )
          : one
    )
  )

const columns = {
  text: 'string',
  number: 'int64',
  share: 'float64',
  flag: 'bool',
  list: { list: 'string' },
  lists: { list: { list: 'string' } },
  turns: { list: { struct: { role: 'string', calls: { list: { struct: { name: 'string' } } } } } },
  nested: { struct: { a: 'string', b: { list: 'int64' } } }
} as const satisfies Columns

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const number = fc.integer({ min: -(2 ** 52), max: 2 ** 52 })
const maybe = <Some>(some: fc.Arbitrary<Some>): fc.Arbitrary<Some | null> => fc.option(some)
const row: fc.Arbitrary<Row> = fc.record({
  text: maybe(text),
  number: maybe(number),
  share: maybe(fc.double({ noNaN: true, noDefaultInfinity: true }).map(one => one + 0)),
  flag: maybe(fc.boolean()),
  list: maybe(fc.array(text, { maxLength: 3 })),
  lists: maybe(fc.array(fc.array(text, { maxLength: 2 }), { maxLength: 2 })),
  turns: maybe(
    fc.array(
      fc.record(
        { role: text, calls: fc.array(fc.record({ name: text }), { maxLength: 2 }) },
        { requiredKeys: ['role'] }
      ),
      { maxLength: 3 }
    )
  ),
  nested: maybe(fc.record({ a: maybe(text), b: fc.array(number, { maxLength: 2 }) }))
})

test('rows are read as they were written, nested and empty ones too', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async rows => {
      const read = await parquetReadObjects({ file: bufferOf(written(columns, rows)) })
      assert.deepEqual(plain(read), plain(rows))
    }),
    { numRuns: 60 }
  )
})

test('the same rows are the same bytes, and a large file has groups of a bounded size', () => {
  const rows = Array.from({ length: 12_000 }, (_, index) => ({ text: `row ${index}` }))
  const bytes = written({ text: 'string' }, rows)
  assert.ok(bytes.equals(written({ text: 'string' }, rows)))
  const groups = parquetMetadata(bufferOf(bytes)).row_groups.map(group => Number(group.num_rows))
  assert.deepEqual(groups, [5000, 5000, 2000])
  // By their text: 9 rows of a megabyte each.
  const large = Array.from({ length: 20 }, (_, index) => ({ text: `${index}`.padEnd(1024 * 1024) }))
  const most = Math.max(
    ...parquetMetadata(bufferOf(written({ text: 'string' }, large))).row_groups.map(({ num_rows }) =>
      Number(num_rows)
    )
  )
  assert.ok(most <= 9, String(most))
})

test('every format has a schema, and features as a dataset card writes them', () => {
  for (const name of formatNames) assert.ok(written(formats[name].columns, []).length > 100, name)
  assert.deepEqual(features(columns), [
    { name: 'text', dtype: 'string' },
    { name: 'number', dtype: 'int64' },
    { name: 'share', dtype: 'float64' },
    { name: 'flag', dtype: 'bool' },
    { name: 'list', list: 'string' },
    { name: 'lists', list: { list: 'string' } },
    {
      name: 'turns',
      list: [
        { name: 'role', dtype: 'string' },
        { name: 'calls', list: [{ name: 'name', dtype: 'string' }] }
      ]
    },
    {
      name: 'nested',
      struct: [
        { name: 'a', dtype: 'string' },
        { name: 'b', list: 'int64' }
      ]
    }
  ])
})
