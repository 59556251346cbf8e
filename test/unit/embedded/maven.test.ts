import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { mavenCommand, readyMaven, wrapperMaven } from '../../../infra/embedded/maven.ts'
import { barePath } from '../../helpers/bare-path.ts'

const onWindows = { skip: process.platform === 'win32' && 'mvnw.cmd brings its own' }

/** An environment without Maven, and without what its wrapper fetches with. */
function bareEnvironment(t: TestContext, more: Record<string, string> = {}): Record<string, string> {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-maven-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return { HOME: dir, PATH: barePath(join(dir, 'bin')), MAVEN_USER_HOME: join(dir, 'm2'), ...more }
}

/** A mirror that answers everything in one way. */
async function mirror(
  t: TestContext,
  status: number,
  body: string
): Promise<{ url: string; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    response.writeHead(status).end(body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/maven2`, asked }
}

test(
  'a Maven that is there is found where the wrapper itself looks for it, with a mirror or without',
  onWindows,
  async t => {
    for (const more of [{}, { MVNW_REPOURL: 'https://mirror.example.com/central' }]) {
      const env = bareEnvironment(t, more)
      const program = join(wrapperMaven(env).home, 'bin/mvn')
      mkdirSync(dirname(program), { recursive: true })
      writeFileSync(program, '#!/bin/sh\necho this one "$@"\n')
      chmodSync(program, 0o755)
      const [command, args] = await readyMaven(env)
      assert.equal(execFileSync(command, [...args, 'a'], { env, encoding: 'utf8' }), 'this one a\n')
    }
  }
)

test('a Maven on the PATH goes before the wrapper', onWindows, t => {
  const env = bareEnvironment(t)
  assert.deepEqual(mavenCommand(env)[0], 'sh')
  writeFileSync(join(env['PATH']!, 'mvn'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  assert.deepEqual(mavenCommand(env), ['mvn', []])
})

test(
  'without curl, wget and unzip a mirror is asked with its login, and what is not Maven is refused',
  onWindows,
  async t => {
    const { url, asked } = await mirror(t, 200, 'something else')
    const env = bareEnvironment(t, { MVNW_REPOURL: url, MVNW_USERNAME: 'me', MVNW_PASSWORD: 'hunter2' })
    await assert.rejects(readyMaven(env), (error: Error & { code: string }) => {
      assert.equal(error.code, 'DOWNLOAD_FAILED')
      assert.match(
        error.message,
        /its SHA-256 is [0-9a-f]{64}, not the one that is known.*MVNW_REPOURL.*apt-get install maven/
      )
      assert.ok(!error.message.includes('hunter2'))
      return true
    })
    assert.match(
      asked[0]!.url!,
      /^\/maven2\/org\/apache\/maven\/apache-maven\/3\.[\d.]+\/apache-maven-3\.[\d.]+-bin\.tar\.gz$/
    )
    assert.equal(asked[0]!.headers.authorization, `Basic ${btoa('me:hunter2')}`)
    assert.deepEqual(readdirSync(dirname(wrapperMaven(env).home)), [], 'nothing is left')
  }
)

test('a mirror that has no Maven, or does not answer, is told in words', onWindows, async t => {
  const { url } = await mirror(t, 404, '')
  await assert.rejects(readyMaven(bareEnvironment(t, { MVNW_REPOURL: url })), {
    code: 'DOWNLOAD_FAILED',
    message: /could not be fetched from http:\/\/127\.0\.0\.1:.*: status 404\. Check the network/
  })
  await assert.rejects(readyMaven(bareEnvironment(t, { MVNW_REPOURL: 'http://127.0.0.1:1' })), {
    code: 'DOWNLOAD_FAILED',
    message: /: (.*ECONNREFUSED.*|bad port)\. Check the network/
  })
})

test('where the wrapper can fetch by itself it does', onWindows, async t => {
  const { url, asked } = await mirror(t, 404, '')
  const env = bareEnvironment(t, { MVNW_REPOURL: url })
  for (const name of ['curl', 'unzip'])
    writeFileSync(join(env['PATH']!, name), '#!/bin/sh\n', { mode: 0o755 })
  const [command] = await readyMaven(env)
  assert.equal(command, 'sh')
  assert.deepEqual(asked, [])
  assert.ok(!existsSync(wrapperMaven(env).home))
})
