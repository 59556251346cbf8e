/** Finds a Java that runs the broker and the registry. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'

/** Oldest Java release Kafka 4 runs on. */
const oldestJava = 17

/** A Java. */
export type Java = {
  /** Path or name of the executable. */
  readonly path: string
  readonly release: number
  /** Tells builds apart: archives of loaded classes fit exactly one. */
  readonly build: string
}

/**
 * The release in what `java -version` prints.
 * @returns for example 17 for 17.0.15 and 8 for 1.8.0_392; undefined when the text holds none
 */
export function javaRelease(text: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(text)
  return match ? Number(match[1]) : undefined
}

const howTo: Partial<Record<NodeJS.Platform, string>> = {
  linux:
    'apt-get install openjdk-17-jre-headless (Debian, Ubuntu), dnf install java-17-openjdk-headless (Fedora), apk add openjdk17-jre-headless (Alpine)',
  darwin: 'brew install openjdk@17, then export JAVA_HOME="$(brew --prefix openjdk@17)"',
  win32: 'winget install EclipseAdoptium.Temurin.17.JRE'
}

/**
 * A Java of release 17 or newer: JAVA_HOME's, else the one on the PATH.
 * @param env JAVA_HOME and PATH
 * @throws EverseedError JAVA_MISSING that says how to install one
 */
export function locateJava(env: Readonly<Record<string, string | undefined>>): Java {
  const executable = process.platform === 'win32' ? 'java.exe' : 'java'
  const home = env['JAVA_HOME']
  const candidates = [...(home ? [join(home, 'bin', executable)] : []), executable]
  let found = ''
  for (const path of candidates) {
    const { stdout, stderr } = spawnSync(path, ['-version'], { encoding: 'utf8', env: { ...env } })
    const text = `${stdout ?? ''}${stderr ?? ''}`
    const release = javaRelease(text)
    if (release === undefined) continue
    if (release >= oldestJava) {
      const build = createHash('sha256').update(text).digest('hex').slice(0, 8)
      return { path, release, build: `${release}-${build}` }
    }
    found += `; ${path} is Java ${release}`
  }
  throw new EverseedError(
    'JAVA_MISSING',
    `the embedded Kafka needs Java ${oldestJava} or newer and none was found${found}. Install it: ${howTo[process.platform] ?? 'see https://adoptium.net'}; or set JAVA_HOME; or use services of yours by EVERSEED_KAFKA_BROKERS and EVERSEED_REGISTRY_URL`
  )
}

/**
 * The environment for other programs that look for a Java, Maven above all: they take a JAVA_HOME at its word, and one that
 * was passed over here would end them.
 * @param java what {@link locateJava} found in it
 */
export function javaEnvironment(env: NodeJS.ProcessEnv, java: Java): NodeJS.ProcessEnv {
  const { JAVA_HOME: home, ...rest } = env
  return home && dirname(java.path) === join(home, 'bin') ? env : rest
}
