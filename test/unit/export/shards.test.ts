import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parquetReadObjects } from 'hyparquet'
import { createShards, type FileKind, type ShardFile } from '../../../infra/export/shards.ts'

const base = mkdtempSync(join(tmpdir(), 'everseed-shards-'))
after(() => rmSync(base, { recursive: true, force: true }))

const columns = { text: 'string' } as const
function written(
  rows: number,
  size: { rows: number; bytes: number },
  kinds: readonly FileKind[] = ['jsonl', 'parquet']
): { folder: string; files: ShardFile[] } {
  const folder = mkdtempSync(join(base, 'shards-'))
  const shards = createShards(folder, 'train', columns, kinds, size)
  for (let row = 0; row < rows; row++) shards.add({ text: `row ${row}` })
  return { folder, files: shards.finish() }
}

test('shards end after so many rows, are named by their number and count, and hold every row once in order', async () => {
  const { folder, files } = written(25, { rows: 10, bytes: 1e9 })
  assert.deepEqual(
    files.map(({ name, rows, split, kind }) => [name, rows, split, kind]),
    [0, 1, 2].flatMap(shard =>
      (['jsonl', 'parquet'] as const).map(kind => [
        `train-0000${shard}-of-00003.${kind}`,
        shard === 2 ? 5 : 10,
        'train',
        kind
      ])
    )
  )
  assert.deepEqual(readdirSync(folder).toSorted(), files.map(({ name }) => name).toSorted())
  const [lines, objects]: [string[], string[]] = [[], []]
  for (const { name, kind, bytes, sha256 } of files) {
    const content = readFileSync(join(folder, name))
    assert.equal(content.length, bytes)
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256)
    if (kind === 'jsonl') {
      const text = content.toString().trimEnd().split('\n')
      lines.push(...text.map(line => (JSON.parse(line) as { text: string }).text))
    } else {
      const file = content.buffer.slice(content.byteOffset, content.byteOffset + content.length)
      objects.push(...((await parquetReadObjects({ file })) as { text: string }[]).map(({ text }) => text))
    }
  }
  const expected = Array.from({ length: 25 }, (_, row) => `row ${row}`)
  assert.deepEqual(lines, expected)
  assert.deepEqual(objects, expected)
})

test('shards end after so many bytes too, and no row is cut', () => {
  // A line of a row below ten has 17 bytes.
  const { files } = written(6, { rows: 1000, bytes: 30 }, ['jsonl'])
  assert.deepEqual(
    files.map(({ rows, bytes }) => [rows, bytes]),
    [
      [2, 34],
      [2, 34],
      [2, 34]
    ]
  )
})

test('one kind of file alone; no rows, no file', () => {
  assert.deepEqual(
    written(3, { rows: 10, bytes: 1e9 }, ['parquet']).files.map(({ kind }) => kind),
    ['parquet']
  )
  const { folder, files } = written(0, { rows: 10, bytes: 1e9 })
  assert.deepEqual([files, readdirSync(folder)], [[], []])
})
