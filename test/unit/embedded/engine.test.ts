import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { engineUsers, findEngine } from '../../../infra/embedded/clickhouse.ts'
import { writeConfiguration } from '../../../infra/embedded/clickhouse-config.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-engine-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

function program(t: TestContext, version: string): string {
  const dir = folder(t)
  writeFileSync(join(dir, 'clickhouse'), `#!/bin/sh\necho 'ClickHouse local version ${version}.'\n`)
  chmodSync(join(dir, 'clickhouse'), 0o755)
  return dir
}

const missing = (specifier: string): string => {
  throw new Error(`Cannot find module '${specifier}'`)
}

test('the pinned library goes before an installed program', t => {
  assert.deepEqual(
    findEngine({ PATH: program(t, '27.1.1.1') }, specifier => specifier),
    { kind: 'library' }
  )
})

test('without the library an installed program that is new enough is used', t => {
  const found = { kind: 'program', path: 'clickhouse' }
  assert.deepEqual(findEngine({ PATH: program(t, '26.7.3.1') }, missing), found)
  assert.deepEqual(findEngine({ PATH: program(t, '27.1.0.0') }, missing), found)
})

test('without either the error says what to do', t => {
  assert.throws(() => findEngine({ PATH: '/nowhere' }, missing), {
    code: 'ENGINE_MISSING',
    message: /not installed\. On linux x64 run npm ci without --omit=optional;.*EVERSEED_CLICKHOUSE_URL/
  })
  assert.throws(() => findEngine({ PATH: program(t, '25.12.1.1') }, missing), {
    code: 'ENGINE_MISSING',
    message: /the clickhouse on the PATH is older than 26\.7/
  })
})

test('passwords are made once, differ, and are the owner’s alone; no file but that one holds them', t => {
  const dir = folder(t)
  const users = engineUsers(dir)
  assert.deepEqual(engineUsers(dir), users)
  assert.equal(new Set(Object.values(users)).size, 3)
  assert.equal(statSync(join(dir, 'users.json')).mode & 0o777, 0o600)
  writeConfiguration(dir, { http: 1, tcp: 2 }, users, 'everseed')
  for (const file of ['config.xml', 'users.xml']) {
    const text = readFileSync(join(dir, file), 'utf8')
    for (const password of Object.values(users)) assert.ok(!text.includes(password))
    assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600)
  }
})
