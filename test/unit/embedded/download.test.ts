import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cacheDir, downloadedBytes, fetchJars, isComplete } from '../../../infra/embedded/download.ts'
import { startOf } from '../../../infra/embedded/identity.ts'
import { until } from '../../helpers/until.ts'

/**
 * An environment whose `mvn` is a script. It counts its calls in a file and does what `body` says with the folder it was
 * given as $out.
 */
function fakeMaven(t: TestContext, body: string): { env: NodeJS.ProcessEnv; calls: () => string[] } {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-maven-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const calls = join(dir, 'calls')
  mkdirSync(join(dir, 'bin'))
  writeFileSync(
    join(dir, 'bin', 'mvn'),
    `#!/bin/sh
[ "$1" = -v ] && exit 0
echo "$@" >> ${calls}
for argument in "$@"; do case "$argument" in -Doutput=*) out="\${argument#-Doutput=}";; esac; done
${body}
`
  )
  chmodSync(join(dir, 'bin', 'mvn'), 0o755)
  const env = {
    PATH: `${join(dir, 'bin')}${delimiter}${process.env['PATH']}`,
    EVERSEED_CACHE: join(dir, 'cache')
  }
  return {
    env,
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [])
  }
}

const leaves = `mkdir -p $out/kafka $out/registry $out/markers
echo broker > $out/kafka/kafka_2.13-4.4.0.jar
echo registry > $out/registry/app-runner.jar
echo 'Downloaded from central: https://repo.maven.apache.org/maven2/a/a.jar (45 MB at 3.1 MB/s)'`

test('the jars are fetched once; a second start asks nobody', async t => {
  const { env, calls } = fakeMaven(t, leaves)
  const lines: string[] = []
  const jars = await fetchJars(env, line => lines.push(line))
  assert.equal(readFileSync(join(jars.kafka, 'kafka_2.13-4.4.0.jar'), 'utf8'), 'broker\n')
  assert.deepEqual(await fetchJars(env, line => lines.push(line)), jars)
  assert.equal(calls().length, 1)
  assert.match(calls()[0]!, /-f \S*pom\.xml .*package$/)
  assert.match(lines[0]!, /fetching Kafka and the schema registry through Maven \(once/)
  assert.match(lines[1]!, /45 of about \d+ MB/)
  assert.deepEqual(readdirSync(dirname(jars.root)), [jars.root.slice(dirname(jars.root).length + 1)])
})

test('starts at the same time fetch once', async t => {
  const { env, calls } = fakeMaven(t, leaves)
  await Promise.all([fetchJars(env, () => {}), fetchJars(env, () => {})])
  assert.equal(calls().length, 1)
})

test('a jar that was cut or lost is noticed and fetched again', async t => {
  const { env, calls } = fakeMaven(t, leaves)
  const jars = await fetchJars(env, () => {})
  truncateSync(join(jars.kafka, 'kafka_2.13-4.4.0.jar'), 3)
  assert.equal(isComplete(jars.root), false)
  await fetchJars(env, () => {})
  rmSync(join(jars.registry, 'app-runner.jar'))
  await fetchJars(env, () => {})
  assert.equal(calls().length, 3)
  assert.ok(isComplete(jars.root))
})

test('a failure is told in Maven’s words and leaves nothing behind', async t => {
  const { env, calls } = fakeMaven(
    t,
    `${leaves}\necho '[ERROR] Could not transfer artifact: Network is unreachable'\nexit 1`
  )
  await assert.rejects(
    fetchJars(env, () => {}),
    {
      code: 'DOWNLOAD_FAILED',
      message: /check the network.*Network is unreachable/
    }
  )
  assert.equal(calls().length, 1)
  assert.deepEqual(readdirSync(env['EVERSEED_CACHE']!), [])
})

test('a “not found” Maven remembers is asked again', async t => {
  const { env, calls } = fakeMaven(
    t,
    `case "$*" in *" -U "*) ${leaves.replaceAll('\n', '; ')};; *) echo '[ERROR] x was not found in central during a previous attempt. This failure was cached in the local repository'; exit 1;; esac`
  )
  await fetchJars(env, () => {})
  assert.equal(calls().length, 2)
  assert.match(calls()[1]!, / -U /)
})

test('a start that is stopped ends Maven and what it started, and leaves nothing behind', async t => {
  const { env, calls } = fakeMaven(
    t,
    `mkdir -p $out; sleep 600 & echo $$ $! > "$out/../pids.part"; mv "$out/../pids.part" "$out/../pids"; wait`
  )
  const pids = join(env['EVERSEED_CACHE']!, 'pids')
  const stop = new AbortController()
  const fetching = fetchJars(env, () => {}, stop.signal)
  await until('Maven runs', () => existsSync(pids))
  const both = readFileSync(pids, 'utf8').trim().split(' ').map(Number)
  assert.equal(both.length, 2)
  for (const pid of both) assert.ok(startOf(pid))
  stop.abort()
  await assert.rejects(fetching, { code: 'DOWNLOAD_FAILED', message: /was stopped/ })
  await until('both have ended', () => both.every(pid => startOf(pid) === undefined))
  assert.equal(calls().length, 1)
  assert.deepEqual(readdirSync(env['EVERSEED_CACHE']!), ['pids'])
})

test('success without the jars is a failure', async t => {
  const { env } = fakeMaven(t, 'mkdir -p $out/kafka')
  await assert.rejects(
    fetchJars(env, () => {}),
    { code: 'DOWNLOAD_FAILED', message: /lacks the broker's or the registry's jar/ }
  )
})

test('the cache is under the user’s, EVERSEED_CACHE moves it', () => {
  assert.match(
    cacheDir({ XDG_CACHE_HOME: '/x' }),
    /^\/x\/everseed\/kafka-[\d.]+-apicurio-[\w.]+-[0-9a-f]{8}$/
  )
  assert.match(cacheDir({ XDG_CACHE_HOME: '/x', EVERSEED_CACHE: '/y' }), /^\/y\/kafka-/)
})

test('bytes are read from Maven’s lines', () => {
  assert.equal(downloadedBytes('Downloaded from central: https://h/x.jar (1.5 MB at 3 MB/s)'), 1.5e6)
  assert.equal(downloadedBytes('[INFO] Downloaded from central: https://h/x.pom (812 B at 1.2 kB/s)'), 812)
  assert.equal(downloadedBytes('Downloading from central: https://h/x.jar'), 0)
})
