/** Clients that nobody here wrote, installed once into the user's cache: a Python environment, Kafka's own tools. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheBase } from '../../infra/embedded/download.ts'
import { mavenCommand } from '../../infra/embedded/maven.ts'
import { locateJava } from '../../infra/embedded/java.ts'

const cache = cacheBase(process.env)

/** Makes a folder of the cache, whole or not at all; its name follows from what it is made of. */
function cached(name: string, recipe: string, make: (dir: string) => void): string {
  const folder = join(
    cache,
    `${name}-${createHash('sha256').update(readFileSync(recipe)).digest('hex').slice(0, 8)}`
  )
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  const part = mkdtempSync(`${folder}.part-`)
  try {
    make(part)
    try {
      renameSync(part, folder)
    } catch (error) {
      // Another run has made it meanwhile.
      if (!existsSync(folder)) throw error
    }
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
  return folder
}

function runOrThrow(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} failed: ${error?.message ?? ''}${stderr}${stdout}`.slice(0, 4000)
    )
}

const clients = join(import.meta.dirname, '../long/clients')

/** Whether this machine has a Python that can make itself an environment; without it there is nothing to test with. */
export const hasPython = spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0

/**
 * A Python with packages, installed at the first call.
 * @param kind clients: confluent-kafka and clickhouse-connect; loaders: Hugging Face datasets and mlcroissant
 */
export function python(kind: 'clients' | 'loaders' = 'clients'): string {
  const requirements = join(clients, kind === 'clients' ? 'requirements.txt' : 'loaders.txt')
  const folder = cached(kind, requirements, dir => {
    runOrThrow('python3', ['-m', 'venv', dir])
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]
    runOrThrow(join(dir, 'bin/python'), pip)
  })
  return join(folder, 'bin/python')
}

/** Path of a program of docs/examples. */
export function example(name: string): string {
  return join(import.meta.dirname, '../../docs/examples', name)
}

/** Path of a script beside the tests. */
export function script(name: string): string {
  return join(clients, name)
}

/**
 * Kafka's own command-line tools, fetched at the first call.
 * @returns the command of one of its classes
 */
export function kafkaTool(main: string): [string, string[]] {
  const pom = join(import.meta.dirname, 'kafka-tools.pom.xml')
  const jars = cached('kafka-tools', pom, dir => {
    const [command, args] = mavenCommand(process.env)
    runOrThrow(command, [...args, '-q', '-B', '-f', pom, `-Doutput=${dir}`, 'package'])
    if (!readdirSync(dir).some(name => name.startsWith('kafka-tools-')))
      throw new Error('Maven copied no kafka-tools')
  })
  return [locateJava(process.env).path, ['-XX:TieredStopAtLevel=1', '-cp', join(jars, '*'), main]]
}
