import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Identity, openFolder } from '../../../infra/export/folder.ts'

const base = mkdtempSync(join(tmpdir(), 'everseed-folder-'))
after(() => rmSync(base, { recursive: true, force: true }))

let number = 0
const fresh = (): string => join(base, `folder-${number++}`)
const identity: Identity = {
  name: 'd@1',
  digest: 'a'.repeat(64),
  format: 'messages',
  files: ['jsonl'],
  validation: 0.05
}

/** Writes an export of some files. */
function write(path: string, names: readonly string[], content: string, as = identity): void {
  const folder = openFolder(path, as)
  for (const name of names) writeFileSync(join(folder.draft, name), content)
  folder.publish(names, { export: as, files: names.map(name => ({ name })) })
  folder.discard()
}

test('a folder that is not there is made, and holds the files and the manifest when it is done', () => {
  const path = join(fresh(), 'deep')
  write(path, ['train-00000-of-00001.jsonl', 'README.md'], 'one')
  assert.deepEqual(readdirSync(path).toSorted(), ['README.md', 'manifest.json', 'train-00000-of-00001.jsonl'])
})

test('the same export is written anew, fewer shards and all; files of others stay', () => {
  const path = fresh()
  write(path, ['train-00000-of-00002.jsonl', 'train-00001-of-00002.jsonl'], 'one')
  writeFileSync(join(path, 'notes.txt'), 'mine')
  write(path, ['train-00000-of-00001.jsonl'], 'two')
  assert.deepEqual(readdirSync(path).toSorted(), ['manifest.json', 'notes.txt', 'train-00000-of-00001.jsonl'])
  assert.equal(readFileSync(join(path, 'train-00000-of-00001.jsonl'), 'utf8'), 'two')
})

test('anything else is refused and not touched', () => {
  const path = fresh()
  mkdirSync(path)
  writeFileSync(join(path, 'train-00000-of-00001.jsonl'), 'mine')
  assert.throws(() => openFolder(path, identity), { code: 'EXPORT_REFUSED', message: /holds no export/ })
  assert.deepEqual(readdirSync(path), ['train-00000-of-00001.jsonl'])

  const other = fresh()
  write(other, ['README.md'], 'one')
  for (const change of [
    { name: 'd@2' },
    { digest: 'b'.repeat(64) },
    { format: 'text' },
    { files: ['parquet'] },
    { validation: 0 }
  ])
    assert.throws(() => openFolder(other, { ...identity, ...change }), {
      code: 'EXPORT_REFUSED',
      message: /holds another export, d@1 as messages/
    })
  assert.deepEqual(readdirSync(other).toSorted(), ['README.md', 'manifest.json'])
  writeFileSync(join(base, 'file'), '')
  assert.throws(() => openFolder(join(base, 'file'), identity), { code: 'FILE_UNWRITABLE' })
})

test('what a killed export left is no obstacle to the same one: before its first file, in the middle, while it was put in place', () => {
  const bare = fresh()
  mkdirSync(join(bare, '.draft'), { recursive: true })
  write(bare, ['README.md'], 'one')
  assert.deepEqual(readdirSync(bare).toSorted(), ['README.md', 'manifest.json'])

  const middle = fresh()
  writeFileSync(join(openFolder(middle, identity).draft, 'train-00000.jsonl'), 'half')
  assert.throws(() => openFolder(middle, { ...identity, format: 'text' }), { code: 'EXPORT_REFUSED' })
  write(middle, ['README.md'], 'one')
  assert.deepEqual(readdirSync(middle).toSorted(), ['README.md', 'manifest.json'])

  const placing = fresh()
  openFolder(placing, identity)
  writeFileSync(join(placing, 'train-00000-of-00002.jsonl'), 'half')
  write(placing, ['train-00000-of-00001.jsonl'], 'two')
  assert.deepEqual(readdirSync(placing).toSorted(), ['manifest.json', 'train-00000-of-00001.jsonl'])
})

test('what was not published is removed, and the folder too where it was not there before', () => {
  const path = fresh()
  openFolder(path, identity).discard()
  assert.throws(() => readdirSync(path), { code: 'ENOENT' })
  mkdirSync(path)
  openFolder(path, identity).discard()
  assert.deepEqual(readdirSync(path), [])
})
