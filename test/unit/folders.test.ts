import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeFolder } from '../../infra/folders.ts'

const base = mkdtempSync(join(tmpdir(), 'everseed-folders-'))
after(() => rmSync(base, { recursive: true }))

test('a folder is made with those above it, and may be there', () => {
  const deep = join(base, 'a', 'b', 'c')
  makeFolder(deep, 0o700)
  makeFolder(deep)
  assert.equal(statSync(deep).mode & 0o777, 0o700)
  assert.equal(statSync(join(base, 'a')).mode & 0o777, 0o700)
})

test('where none can be made that is said', { skip: process.platform !== 'linux' }, () => {
  writeFileSync(join(base, 'file'), '')
  assert.throws(() => makeFolder(join(base, 'file')), { code: 'EEXIST' })
  assert.throws(() => makeFolder(join(base, 'file', 'below')), { code: 'ENOTDIR' })
  assert.throws(() => makeFolder('/proc/x'), { code: 'ENOENT' })
  assert.throws(() => makeFolder('/proc/x/y/z'), { code: 'ENOENT' })
})
