/** The wrapper for real, on machines that have no Maven: with the programs it fetches with, and with nothing but tar. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readyMaven, wrapperMaven } from '../../../infra/embedded/maven.ts'
import { barePath } from '../../helpers/bare-path.ts'

/** Why Maven cannot be fetched here; undefined when it can. */
async function unreachable(): Promise<string | undefined> {
  const { url } = wrapperMaven(process.env)
  try {
    const { status } = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(10_000) })
    return status === 200 ? undefined : `${url} answers ${status}`
  } catch (error) {
    return `${url} cannot be reached: ${(error as Error).message}`
  }
}

async function fetches(t: TestContext, programs: string[]): Promise<void> {
  const why = process.platform === 'win32' ? 'mvnw.cmd brings its own' : await unreachable()
  if (why !== undefined) return t.skip(why)
  const dir = mkdtempSync(join(tmpdir(), 'everseed-maven-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const { JAVA_HOME: _, ...inherited } = process.env
  const env = {
    ...inherited,
    PATH: barePath(join(dir, 'bin'), 'java', ...programs),
    MAVEN_USER_HOME: join(dir, 'm2')
  }
  const [command, args] = await readyMaven(env)
  assert.equal(command, 'sh', 'there is no Maven on this PATH')
  const version = execFileSync(command, [...args, '--version'], { env, encoding: 'utf8', timeout: 120_000 })
  assert.match(version, /Apache Maven 3\.9\./)
  const { home } = wrapperMaven(env)
  assert.ok(existsSync(join(home, 'bin/mvn')))
  assert.equal(readdirSync(dirname(home)).length, 1, 'nothing else is left')
}

test('the wrapper fetches Maven with curl and unzip', t => fetches(t, ['curl', 'unzip', 'javac']))
test('the wrapper gets its Maven where there is neither curl, wget, unzip nor a compiler', t =>
  fetches(t, []))
