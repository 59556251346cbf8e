import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { javaEnvironment, javaRelease, locateJava } from '../../../infra/embedded/java.ts'
import { mavenCommand } from '../../../infra/embedded/maven.ts'

// As `java -version` of these builds prints it.
const printed: readonly (readonly [number, string])[] = [
  [17, 'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6-Debian-1deb12u1)'],
  [8, 'java version "1.8.0_392"\nJava(TM) SE Runtime Environment (build 1.8.0_392-b08)'],
  [21, 'openjdk version "21" 2023-09-19\nOpenJDK Runtime Environment Temurin-21+35 (build 21+35)'],
  [25, 'openjdk version "25-ea" 2025-09-16'],
  [11, 'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "11.0.2" 2019-01-15']
]

test('the release is read from what java -version prints', () => {
  for (const [release, text] of printed) assert.equal(javaRelease(text), release, text)
  assert.equal(
    javaRelease('The operation couldn’t be completed. Unable to locate a Java Runtime.'),
    undefined
  )
})

/** A folder with a program that prints a version as Java does, to stderr. */
function fakeJava(t: { after(done: () => void): void }, text: string): string {
  const home = mkdtempSync(join(tmpdir(), 'everseed-java-'))
  t.after(() => rmSync(home, { recursive: true }))
  mkdirSync(join(home, 'bin'))
  const file = join(home, 'bin', 'java')
  writeFileSync(file, `#!/bin/sh\necho '${text}' >&2\n`)
  chmodSync(file, 0o755)
  return home
}

test('JAVA_HOME goes before the PATH', t => {
  const home = fakeJava(t, 'openjdk version "21.0.2"')
  const path = fakeJava(t, 'openjdk version "17.0.2"')
  const java = locateJava({ JAVA_HOME: home, PATH: join(path, 'bin') })
  assert.equal(java.path, join(home, 'bin', 'java'))
  assert.equal(java.release, 21)
})

test('a JAVA_HOME that is too old is passed over for the PATH', t => {
  const home = fakeJava(t, 'java version "1.8.0_392"')
  const path = fakeJava(t, 'openjdk version "17.0.2"')
  assert.equal(locateJava({ JAVA_HOME: home, PATH: join(path, 'bin') }).release, 17)
})

test('Maven gets the JAVA_HOME that is used, and none that was passed over', t => {
  const good = fakeJava(t, 'openjdk version "17.0.2"')
  const bin = join(fakeJava(t, 'openjdk version "21.0.2"'), 'bin')
  // As Maven's own script does, which reads no further than the folder's name.
  writeFileSync(join(bin, 'mvn'), '#!/bin/sh\n[ -z "$JAVA_HOME" ] || [ -x "$JAVA_HOME/bin/java" ]\n')
  chmodSync(join(bin, 'mvn'), 0o755)
  const forMaven = (home: string | undefined): NodeJS.ProcessEnv => {
    const env = { PATH: bin, ...(home !== undefined && { JAVA_HOME: home }) }
    const given = javaEnvironment(env, locateJava(env))
    assert.deepEqual(mavenCommand(given), ['mvn', []], `JAVA_HOME ${home}`)
    return given
  }
  for (const home of ['/nowhere', '', undefined]) assert.equal(forMaven(home)['JAVA_HOME'], undefined)
  assert.equal(forMaven(good)['JAVA_HOME'], good)
  assert.equal(forMaven(`${good}/`)['JAVA_HOME'], `${good}/`)
})

test('two builds of one release are told apart', t => {
  const builds = ['17.0.2', '17.0.3'].map(version => {
    const home = fakeJava(t, `openjdk version "${version}"`)
    return locateJava({ JAVA_HOME: home, PATH: '' }).build
  })
  assert.notEqual(builds[0], builds[1])
})

test('no Java, or one too old, is an error that says what was found and how to install one', t => {
  const old = fakeJava(t, 'openjdk version "11.0.2"')
  const missing = {
    code: 'JAVA_MISSING',
    message: /needs Java 17 or newer and none was found\. Install it: /
  }
  assert.throws(() => locateJava({ PATH: '/nowhere' }), missing)
  assert.throws(() => locateJava({ PATH: join(old, 'bin') }), {
    code: 'JAVA_MISSING',
    message: /none was found; java is Java 11\. Install it: .*JAVA_HOME.*EVERSEED_KAFKA_BROKERS/
  })
})
