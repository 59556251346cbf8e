import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

type Entry = { readonly version?: string; readonly optionalDependencies?: Record<string, string> }

const { packages } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../package-lock.json'), 'utf8')
) as { packages: Record<string, Entry> }

/** The entry a package finds for a dependency: its own, else that of a folder above. */
function resolve(from: string, name: string): Entry | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const entry = packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]
    if (entry !== undefined || folder === '') return entry
  }
}

test('the lock file names the packages of every platform: npm ci refuses one that does not', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(name => resolve(path, name) === undefined)
  )
  assert.deepEqual(missing, [])
})

test('the lock file names no registry: the user’s own settings hold', () => {
  assert.deepEqual(
    Object.entries(packages).filter(([, entry]) => 'resolved' in entry),
    []
  )
})
