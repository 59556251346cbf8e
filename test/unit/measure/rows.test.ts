import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { readTexts } from '../../../infra/measure/read.ts'
import { type Row, rowsOf, sizeOf } from '../../../infra/measure/rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-rows-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function rows(...args: Parameters<typeof rowsOf>): Promise<Row[]> {
  const found: Row[] = []
  for await (const row of rowsOf(...args)) found.push(row)
  return found
}

const values = async (...args: Parameters<typeof rowsOf>): Promise<unknown[]> =>
  (await rows(...args)).map(({ value }) => value)

test('JSON lines, with their numbers; blank lines are none', async () => {
  const path = file('a.jsonl', '{"text":"a"}\n\n{"text":"b"}\r\nnope\n"c"')
  const [a, b, bad, c] = await rows(path)
  assert.deepEqual([a!.value, b!.value, c!.value], [{ text: 'a' }, { text: 'b' }, 'c'])
  assert.deepEqual([b!.place, bad!.place], [`${path}, line 3`, `${path}, line 4`])
  assert.match(bad!.problem!, /^not JSON: /)
  assert.deepEqual(await values(file('other.data', '{"text":"a"}')), [{ text: 'a' }], 'whatever its name')
})

test('packed lines, and how many bytes have been read of them', async () => {
  const lines = Array.from({ length: 50_000 }, (_, index) => JSON.stringify({ text: `text ${index}` }))
  const path = file('a.jsonl.gz', gzipSync(lines.join('\n')))
  let read = 0
  assert.equal((await rows(path, { read: bytes => (read = bytes) })).length, 50_000)
  assert.equal(read, await sizeOf(path))
  await assert.rejects(rows(file('broken.jsonl.gz', 'no gzip')), { code: 'FILE_UNREADABLE' })
})

test('a JSON file is a list of rows, or JSON lines', async () => {
  assert.deepEqual(await values(file('list.json', ' [{"text":"a"}, "b"]')), [{ text: 'a' }, 'b'])
  assert.deepEqual(await values(file('lines.json', '{"text":"a"}\n{"text":"b"}')), [
    { text: 'a' },
    { text: 'b' }
  ])
  await assert.rejects(rows(file('cut.json', '[{"text":')), { code: 'FILE_UNREADABLE' })
})

test('CSV and Parquet, whatever their columns are called', async () => {
  const csv = 'model,answer text\na,"one, two"\nb,"three\nfour"\nc\nd,five\n'
  for (const [name, content] of [
    ['a.csv', csv],
    ['a.csv.gz', gzipSync(csv)],
    ['a.tsv', csv.replaceAll(',', '\t')]
  ] as const) {
    const path = file(name, content)
    const told: string[] = []
    const bad = (place: string, problem: string): void => void told.push(`${place}: ${problem}`)
    const { texts } = await readTexts(path, { field: 'answer text', by: 'model', bad })
    assert.deepEqual(
      texts.map(({ text, group }) => [text, group]),
      [
        ['one, two'.replaceAll(',', name.includes('tsv') ? '\t' : ','), 'a'],
        ['three\nfour', 'b'],
        ['five', 'd']
      ]
    )
    assert.equal(told.length, 1)
    assert.ok(told[0]!.startsWith(`${path}, line 5: `), told[0])
  }
  const columns = [
    { name: 'answer', data: ['one two', 'three'], type: 'STRING' },
    { name: 'seed', data: [1n, 2n ** 60n], type: 'INT64' }
  ] as const
  const parquet = file('a.parquet', Buffer.from(parquetWriteBuffer({ columnData: [...columns] as never })))
  const { texts } = await readTexts(parquet, { by: 'seed' })
  assert.deepEqual(
    texts.map(({ text, group }) => [text, group]),
    [
      ['one two', '1'],
      ['three', '1152921504606846976']
    ]
  )
  await assert.rejects(rows(file('broken.parquet', 'no Parquet')), { code: 'FILE_UNREADABLE' })
  await assert.rejects(rows(join(folder, 'missing.parquet')), {
    code: 'FILE_UNREADABLE',
    message: /no such file/
  })
})

test('text by lines, paragraphs or as a whole', async () => {
  const path = file('a.txt', 'one\ntwo\n \n\nthree\nfour\n')
  assert.deepEqual(await values(path), ['one', 'two', 'three', 'four'])
  assert.deepEqual(await values(path, { split: 'paragraph' }), ['one\ntwo', 'three\nfour\n'])
  assert.deepEqual(await values(path, { split: 'file' }), ['one\ntwo\n \n\nthree\nfour\n'])
  const [good, bad] = await rows(file('latin.txt', Buffer.from('fine\ncaf\xe9\n', 'latin1')))
  assert.equal(good!.value, 'fine')
  assert.match(bad!.problem!, /not UTF-8/)
})

test('a folder is its files by path; a text file in it is one document', async () => {
  mkdirSync(join(folder, 'all/deep'), { recursive: true })
  file('all/b.txt', 'one\ntwo')
  file('all/deep/a.jsonl', '{"text":"in lines"}\n{"text":"too"}')
  file('all/.hidden.txt', 'no')
  file('all/picture.png', 'no')
  assert.deepEqual(await values(join(folder, 'all')), ['one\ntwo', { text: 'in lines' }, { text: 'too' }])
  assert.deepEqual((await values(join(folder, 'all'), { split: 'line' })).slice(0, 2), ['one', 'two'])
  mkdirSync(join(folder, 'empty'))
  await assert.rejects(rows(join(folder, 'empty')), {
    code: 'FILE_UNREADABLE',
    message: /nothing to measure/
  })
  await assert.rejects(rows(join(folder, 'missing.jsonl')), {
    code: 'FILE_UNREADABLE',
    message: /no such file/
  })
})

test('what cannot be measured is told and counted; only when nothing can it is an error', async () => {
  const told: string[] = []
  const bad = (place: string, problem: string): void => void told.push(`${place}: ${problem}`)
  const mixed = file('mixed.jsonl', '{"text":"a"}\nnope\n{"x":1}\n{"text":"b"}\n')
  const read = await readTexts(mixed, { bad })
  assert.deepEqual(
    read.texts.map(({ text }) => text),
    ['a', 'b']
  )
  assert.equal(read.bad, 2)
  assert.match(told[0]!, /mixed\.jsonl, line 2: not JSON/)
  assert.match(told[1]!, /mixed\.jsonl, line 3: no text/)
  await assert.rejects(readTexts(file('bad.jsonl', 'nope\nno\n')), {
    code: 'RECORD_INVALID',
    message: /none of the 2 rows .* can be measured; the first, .*line 1: not JSON/
  })
  await assert.rejects(readTexts(file('none.jsonl', '')), {
    code: 'RECORD_INVALID',
    message: /holds no documents/
  })
})
