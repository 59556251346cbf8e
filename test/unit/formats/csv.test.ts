import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { csvRows } from '../../../infra/formats/csv.ts'
import { nastyString } from '../../helpers/arbitrary.ts'
import { until } from '../../helpers/until.ts'
import { chunks, csv, gathered } from '../../helpers/tables.ts'

/** Rows as cells, and wrong ones as their problem, by the lines they begin on. */
async function read(bytes: string | Buffer, size?: number): Promise<[number, object | string][]> {
  return (await gathered(csvRows(chunks(bytes, size)))).map(({ number, columns, problem }) => [
    number,
    columns ?? problem!
  ])
}

describe('CSV', () => {
  test('has its columns by name, whatever ends a line and wherever a chunk ends', async () => {
    for (const end of ['\n', '\r\n', '\r'])
      for (const size of [1, 3, 65_536]) {
        const file = `\ufefftext,author${end}Größe,A${end}"a, ""b""${end}c",${end}last,B`
        assert.deepEqual(await read(file, size), [
          [2, { text: 'Größe', author: 'A' }],
          [3, { text: `a, "b"${end}c`, author: '' }],
          [5, { text: 'last', author: 'B' }]
        ])
      }
  })

  test('may mix the ends of its lines, and have empty ones', async () => {
    assert.deepEqual(await read('text,id\r\na,1\n\n\r\nb,2\r\n'), [
      [2, { text: 'a', id: '1' }],
      [5, { text: 'b', id: '2' }]
    ])
  })

  test('has the delimiter of its first row, or the one that is said', async () => {
    assert.deepEqual(await read('"text, or so";text\na,b;c\n'), [[2, { 'text, or so': 'a,b', text: 'c' }]])
    assert.deepEqual(await read('id\ttext\n1\ta;b,c\n'), [[2, { id: '1', text: 'a;b,c' }]])
    assert.deepEqual(
      await gathered(csvRows(chunks('text\ta,b,c\nx\ty\n'), '\t')).then(([line]) => line?.columns),
      {
        text: 'x',
        'a,b,c': 'y'
      }
    )
  })

  test('takes a quote inside a cell for what it is', async () => {
    assert.deepEqual(await read('text,id\n5" nails,1\n"x"y,2\nz,3\n'), [
      [2, { text: '5" nails', id: '1' }],
      [3, { text: '"x"y', id: '2' }],
      [4, { text: 'z', id: '3' }]
    ])
  })

  test('tells ragged rows and bytes that are no text, and goes on', async () => {
    const file = Buffer.concat([
      Buffer.from('text,id\na\nb,1\nc,2,3\n'),
      Buffer.from('caf\u00e9,4\n', 'latin1'),
      Buffer.from('d,5\n')
    ])
    assert.deepEqual(await read(file), [
      [2, '1 cells where the first row names 2 columns'],
      [3, { text: 'b', id: '1' }],
      [4, '3 cells where the first row names 2 columns'],
      [5, 'not UTF-8: convert the file first (iconv -t UTF-8)'],
      [6, { text: 'd', id: '5' }]
    ])
  })

  test('ends at a quote that nobody closes, in the file or in as much as a record may be, and says where', async () => {
    const files = [
      'text,id\na,1\n"b,2\nc,3\n',
      `text,id\na,1\n"b,${'x'.repeat(17 * 1024 * 1024)}"\nc,3\n${'d,4\n'.repeat(100_000)}`
    ]
    for (const file of files) {
      const [good, bad, ...rest] = await read(file)
      assert.deepEqual(good, [2, { text: 'a', id: '1' }])
      assert.equal(bad?.[0], 3)
      assert.match(
        bad?.[1] as string,
        /longer than 16 MiB, or with a quote that is never closed: nothing behind it is read/
      )
      assert.deepEqual(rest, [])
    }
  })

  test('is read no further than to where it is broken: a cell without end, or a row of small ones', async () => {
    async function* endless(begin: string, piece: string): AsyncGenerator<Buffer> {
      yield Buffer.from(begin)
      for (;;) yield Buffer.from(piece.repeat(64))
    }
    const long = 'x'.repeat(1000)
    for (const input of [
      endless('text\na\n"', long),
      endless('text\na\n', `${long},`),
      endless('text\na\n', `"${long}\n",`)
    ]) {
      const lines = await gathered(csvRows(input))
      assert.deepEqual(
        lines.map(({ number, columns }) => [number, columns?.['text']]),
        [
          [2, 'a'],
          [3, undefined]
        ]
      )
      assert.match(lines[1]!.problem!, /^longer than 16 MiB/)
    }
  })

  test('needs a first row that names its columns', async () => {
    const refused: [string | Buffer, RegExp][] = [
      ['Call me Ishmael.,1\nx,2\n', /no column text, messages.* but Call me Ishmael\., 1/],
      ['text,id,text\n', /the column text twice/],
      [Buffer.from('\ufefftext\n', 'utf16le'), /the first row is not UTF-8/]
    ]
    for (const [file, message] of refused)
      await assert.rejects(read(file), { code: 'RECORD_INVALID', message })
    assert.deepEqual(await read(''), [])
    assert.deepEqual(await read(',text\n7,a\n'), [[2, { column_1: '7', text: 'a' }]])
  })

  test('stops reading where nobody listens any more, and hears what went wrong in what it reads', async () => {
    let ended = false
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        yield Buffer.from('text\n')
        for (;;) yield Buffer.from('more\n'.repeat(1000))
      } finally {
        ended = true
      }
    }
    for await (const { number } of csvRows(endless())) if (number === 5000) break
    await until('the end of the input', () => ended)
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('text\na\n')
      throw new Error('the disk is gone')
    }
    await assert.rejects(gathered(csvRows(failing())), /the disk is gone/)
  })

  test('gives back what was written, in any cells', async () => {
    const rows = fc
      .integer({ min: 2, max: 4 })
      .chain(width =>
        fc
          .array(fc.array(nastyString, { minLength: width, maxLength: width }), { maxLength: 5 })
          .map(cells => [['text', 'a', 'b', 'c'].slice(0, width), ...cells] as const)
      )
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.constantFrom(',', ';', '\t'),
        fc.integer({ min: 1, max: 9 }),
        async (table, delimiter, size) => {
          const lines = await gathered(csvRows(chunks(csv(table, delimiter), size)))
          assert.deepEqual(
            lines.map(({ columns }) => Object.values(columns!)),
            table.slice(1).map(row => row.map(cell => cell.toWellFormed()))
          )
        }
      )
    )
  })
})
