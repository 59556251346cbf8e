/** An embedded Apicurio registry, which speaks the Confluent API: a JVM child process with its data in a file. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { archiveOptions } from './appcds.ts'
import { spawnChild, waitReady } from './child.ts'
import type { Jars } from './download.ts'
import type { Java } from './java.ts'
import type { Child } from './supervisor.ts'

/** Path of the Confluent-compatible API. */
export const registryPath = '/apis/ccompat/v7'

/**
 * Arguments of the JVM that runs the registry.
 * @param dir absolute folder of its database
 */
export function registryArguments(java: Java, jars: Jars, dir: string, port: number): string[] {
  const runner = readdirSync(jars.registry).find(file => file.endsWith('runner.jar'))!
  return [
    '-Xms32m',
    '-Xmx192m',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    ...archiveOptions(java, jars, 'registry'),
    '-Dquarkus.http.host=127.0.0.1',
    `-Dquarkus.http.port=${port}`,
    // Not registry.datasource.url, which is ignored: the registry would stay in memory and lose its ids.
    `-Dquarkus.datasource.jdbc.url=jdbc:h2:file:${join(dir, 'registry')}`,
    // Else a folder under /tmp that belongs to whoever was first.
    `-Dvertx.cacheDirBase=${join(dir, 'cache')}`,
    '-Dquarkus.log.level=WARN',
    '-jar',
    join(jars.registry, runner)
  ]
}

/** Asks the registry for its subjects. */
export async function registryAnswers(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${registryPath}/subjects`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(5000)
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`status ${response.status}: ${text.slice(0, 200)}`)
}

/**
 * The registry as a child to supervise.
 * @param dir absolute folder of its data
 * @param port on loopback
 */
export function registryChild(java: Java, jars: Jars, dir: string, port: number): Child {
  return {
    name: 'registry',
    async start(signal, spawned) {
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      // Each start makes itself a new cache folder, which a kill leaves behind.
      for (const name of readdirSync(dir)) {
        if (name.startsWith('cache-')) rmSync(join(dir, name), { recursive: true, force: true })
      }
      // Killed while it makes its tables it leaves some of them, and never starts on those. Nobody wrote into it by then.
      const unfinished = join(dir, 'unfinished')
      const database = join(dir, 'registry.mv.db')
      if (existsSync(unfinished)) rmSync(database, { force: true })
      else if (!existsSync(database)) writeFileSync(unfinished, 'the registry has not made its tables yet\n')
      const logFile = join(dir, 'registry.log')
      const child = spawnChild(java.path, registryArguments(java, jars, dir, port), logFile, { follow: true })
      spawned?.(child)
      await waitReady('the schema registry', child, logFile, () => registryAnswers(port), signal)
      rmSync(unfinished, { force: true })
      return child
    }
  }
}
