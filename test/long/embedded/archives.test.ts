/** Class archives: made from a real run, whole or not at all, and taken by the next start. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../../../infra/config.ts'
import { archiveFile, archiveOptions } from '../../../infra/embedded/appcds.ts'
import { fetchJars, type Jars } from '../../../infra/embedded/download.ts'
import { locateJava } from '../../../infra/embedded/java.ts'
import { makeArchives } from '../../../infra/embedded/rehearsal.ts'
import { silentLog } from '../../../infra/log.ts'
import { until } from '../../helpers/until.ts'
import { brokerAnswers } from '../../../infra/kafka/client.ts'

const java = locateJava(process.env)
const fetched = await fetchJars(process.env, () => {})
const ready = (brokers: readonly string[]): Promise<void> => brokerAnswers(readConfig({}).kafka, brokers)

/** The fetched jars with a folder of their own for archives. */
function jarsOf(t: { after(done: () => void): void }): Jars {
  const root = mkdtempSync(join(tmpdir(), 'everseed-archives-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  return { ...fetched, root }
}

test('both archives are made once, and the JVM takes them', async t => {
  const jars = jarsOf(t)
  const make = (): Promise<void> =>
    makeArchives({ java, jars, ready, signal: new AbortController().signal, log: silentLog, priority: 0 })
  assert.deepEqual(archiveOptions(java, jars, 'kafka'), [])
  await make()
  const files = (['kafka', 'registry'] as const).map(part => archiveFile(java, jars, part))
  assert.deepEqual(
    readdirSync(jars.root)
      .toSorted()
      .map(name => join(jars.root, name)),
    files.toSorted(),
    'nothing but the archives'
  )
  for (const file of files) assert.ok(statSync(file).size > 10e6)
  // With sharing demanded a JVM ends at once when the archive does not fit; the log says where a class came from.
  const [archive] = archiveOptions(java, jars, 'kafka')
  const log = execFileSync(
    java.path,
    [archive!, '-Xshare:on', '-Xlog:class+load', '-cp', join(jars.kafka, '*'), 'kafka.Kafka', '--version'],
    { encoding: 'utf8', maxBuffer: 1e8 }
  )
  assert.match(log, /kafka\.Kafka\$? source: shared objects file \(top\)/)
  const made = files.map(file => statSync(file).mtimeMs)
  await make()
  assert.deepEqual(
    files.map(file => statSync(file).mtimeMs),
    made
  )
})

test('a run that is stopped in between leaves nothing', async t => {
  const jars = jarsOf(t)
  const stop = new AbortController()
  const making = makeArchives({ java, jars, ready, signal: stop.signal, log: silentLog, priority: 0 })
  await until('it is at work', () => readdirSync(jars.root).some(name => name.startsWith('rehearsal-kafka-')))
  stop.abort()
  await making
  assert.deepEqual(readdirSync(jars.root), [])
})
