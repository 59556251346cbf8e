/** Parquet written by pyarrow 21.0.0 (test/fixtures/formats/make.py says with which parameters), read as rows. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import zlib, { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetMetadata } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { parquetRows } from '../../../infra/formats/parquet.ts'
import { rowOf } from '../../../infra/formats/shapes.ts'
import { documentOf, placeOf } from '../../../infra/lines.ts'
import { asBuffer, gathered } from '../../helpers/tables.ts'

const fixture = (name: string): Buffer =>
  readFileSync(join(import.meta.dirname, '../../fixtures/formats', name))
const read = (name: string) => gathered(parquetRows(asBuffer(fixture(name)), name))

/** The rows of documents.*.parquet as lines of ours. */
const documents = [
  {
    id: '9007199254740993',
    text: 'Call me Ishmael.',
    origin: 'HUMAN_AUTHORED',
    license: 'CC0-1.0',
    metadata: {
      page: '3',
      shelf: 'A 1',
      score: '0.5',
      kept: 'true',
      seen: '2024-02-29T12:00:00.000Z',
      day: '1851-10-18T00:00:00.000Z',
      tags: '["sea","whale"]',
      place: '{"town":"Nantucket"}'
    }
  },
  {
    id: '2',
    text: 'Größe, 日本語 and 🙂\r\n',
    origin: 'UNKNOWN',
    parent_ids: [],
    metadata: { score: '1', kept: 'false' }
  },
  {
    id: '3',
    messages: [
      { role: 'user', content: 'Two and two?' },
      { role: 'assistant', content: 'Four.' }
    ],
    origin: 'HUMAN_EDITED',
    parent_ids: ['a', 'b'],
    metadata: {}
  }
]

describe('Parquet', () => {
  for (const kind of ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'v2'])
    test(`is read whatever its pages are packed with: ${kind}`, async () => {
      const rows = await read(`documents.${kind}.parquet`)
      assert.deepEqual(
        rows.map(line => placeOf(line).name),
        ['row 1', 'row 2', 'row 3']
      )
      assert.deepEqual(
        rows.map(({ columns }) => rowOf(columns!)),
        documents
      )
    })

  test('is read one row group at a time', async () => {
    const whole = asBuffer(fixture('documents.none.parquet'))
    const { row_groups } = parquetMetadata(whole.slice(0) as ArrayBuffer)
    assert.equal(row_groups.length, 2)
    const { dictionary_page_offset, data_page_offset } = row_groups[1]!.columns[0]!.meta_data!
    const second = Number(dictionary_page_offset ?? data_page_offset)
    const slices: [number, number][] = []
    const rows = parquetRows(
      {
        byteLength: whole.byteLength,
        slice(start, end = whole.byteLength) {
          slices.push([start, end])
          return whole.slice(start, end)
        }
      },
      'x'
    )
    await rows.next()
    await rows.next()
    const [, ...first] = slices.splice(0)
    assert.ok(first.length > 0 && first.every(([, end]) => end <= second), 'after the index, the first group')
    await rows.next()
    assert.ok(
      slices.length > 0 && slices.every(([start]) => start >= second),
      'the third row is in the second'
    )
  })

  test('of ShareGPT is conversations', async () => {
    const [one, two] = (await read('sharegpt.parquet')).map(
      ({ columns }) => documentOf(columns!, 'd', 'test', { origin: 'UNKNOWN' }).value
    )
    assert.deepEqual(
      one!.messages.map(({ role, content }) => [role, content]),
      [
        ['user', 'Who?'],
        ['assistant', 'Me.']
      ]
    )
    assert.deepEqual([one!.id, one!.metadata], ['identity_0', { source: 'forum' }])
    assert.equal(two!.messages[0]!.role, 'system')
  })

  test('with bytes that are no text: that row is told', async () => {
    const [good, bad] = await read('latin1.parquet')
    assert.deepEqual(rowOf(good!.columns!), { text: 'fine', metadata: {} })
    assert.throws(() => rowOf(bad!.columns!), {
      code: 'RECORD_INVALID',
      message: /^text: bytes that are not UTF-8/
    })
    assert.deepEqual(await read('empty.parquet'), [])
  })

  test('that unpacks to more than its pages say is a broken file, not an empty memory', async () => {
    for (const [codec, pack] of [
      ['GZIP', gzipSync],
      ['BROTLI', brotliCompressSync],
      ['ZSTD', zstdCompressSync]
    ] as const) {
      // A bomb: every page says how long its text is, and holds 64 MiB of nothing.
      const bomb = parquetWriteBuffer({
        codec,
        compressors: { [codec]: () => pack(Buffer.alloc(64 * 1024 * 1024)) },
        columnData: [{ name: 'text', data: ['x'], type: 'STRING' }]
      })
      assert.ok(bomb.byteLength < 1024 * 1024)
      const before = process.memoryUsage().arrayBuffers
      await assert.rejects(gathered(parquetRows(asBuffer(new Uint8Array(bomb)), 'bomb')), {
        code: 'FILE_UNREADABLE',
        message: /^row group 0 of bomb cannot be read/
      })
      assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024, codec)
    }
  })

  test('packed with Zstandard on a Node that has none: what it takes is said', async t => {
    const { zstdDecompressSync } = zlib
    t.after(() => Object.assign(zlib, { zstdDecompressSync }))
    Reflect.deleteProperty(zlib, 'zstdDecompressSync')
    await assert.rejects(read('documents.zstd.parquet'), {
      code: 'FILE_UNREADABLE',
      message: /Zstandard, which needs Node 22\.15 or newer, and this is v\d+\.\d+\.\d+$/
    })
  })

  test('that cannot be read is named, with what to do', async () => {
    const code = 'FILE_UNREADABLE'
    await assert.rejects(read('documents.lz4.parquet'), {
      code,
      message:
        /^row group 0 of documents\.lz4\.parquet cannot be read: .*LZ4_RAW; write it with snappy, zstd or gzip$/
    })
    await assert.rejects(read('make.py'), { code, message: /^make\.py as Parquet cannot be read: / })
    const nameless = parquetWriteBuffer({ columnData: [{ name: 'content', data: ['x'], type: 'STRING' }] })
    await assert.rejects(gathered(parquetRows(asBuffer(new Uint8Array(nameless)), 'x')), {
      code: 'RECORD_INVALID',
      message: /no column text, messages.* but content: name/
    })
    const broken = Buffer.from(fixture('documents.zstd.parquet'))
    broken.fill(0xff, 4, 200)
    await assert.rejects(gathered(parquetRows(asBuffer(broken), 'broken')), {
      code,
      message: /^row group 0 of broken cannot be read/
    })
  })
})
