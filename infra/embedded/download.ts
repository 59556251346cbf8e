/** Fetches the broker and the registry once, through Maven, into a cache under the user's home. */
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../../schemas/errors.ts'
import { isTaken, type Lock, takeLock } from './lock.ts'
import { readyMaven, runProgram } from './maven.ts'

const pomFile = join(import.meta.dirname, 'pom.xml')

/** Where the jars lie. */
export type Jars = { readonly kafka: string; readonly registry: string; readonly root: string }

/**
 * The folder of everything that is kept for the user and not for one data folder.
 * @param env EVERSEED_CACHE or XDG_CACHE_HOME move it
 */
export function cacheBase(env: Readonly<Record<string, string | undefined>>): string {
  return env['EVERSEED_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'everseed')
}

/**
 * The folder of the cache for exactly the versions of the pom.
 * @param env EVERSEED_CACHE or XDG_CACHE_HOME move it
 */
export function cacheDir(env: Readonly<Record<string, string | undefined>>): string {
  const base = cacheBase(env)
  const pom = readFileSync(pomFile, 'utf8')
  const version = (name: string): string => new RegExp(`<${name}>(.+)</${name}>`).exec(pom)?.[1] ?? ''
  const hash = createHash('sha256').update(pom).digest('hex').slice(0, 8)
  return join(base, `kafka-${version('kafka.version')}-apicurio-${version('apicurio.version')}-${hash}`)
}

function jarsIn(root: string): Jars {
  return { root, kafka: join(root, 'kafka'), registry: join(root, 'registry') }
}

/** Size in bytes by path of every file under a folder. */
function sizesUnder(folder: string): Record<string, number> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Object.fromEntries(
    entries
      .filter(entry => entry.isFile())
      .map(entry => {
        const path = join(entry.parentPath, entry.name)
        return [path.slice(folder.length + 1), statSync(path).size]
      })
  )
}

/** Lists what a fetch left, written last: without it, or with a file gone or cut, the folder is fetched again. */
const listName = 'files.json'

/** Whether everything a fetch left is still there in full. */
export function isComplete(root: string): boolean {
  try {
    const files = JSON.parse(readFileSync(join(root, listName), 'utf8')) as Record<string, number>
    return Object.entries(files).every(([path, size]) => statSync(join(root, path)).size === size)
  } catch {
    return false
  }
}

/** Bytes in Maven's `Downloaded from central: https://… (1.2 MB at 3 MB/s)`. */
export function downloadedBytes(line: string): number {
  const match = /^(?:\[INFO\] )?Downloaded from \S+: \S+ \(([\d.]+) ([kMG]?)B/.exec(line)
  if (!match) return 0
  return Number(match[1]) * { '': 1, k: 1e3, M: 1e6, G: 1e9 }[match[2] as '' | 'k' | 'M' | 'G']
}

/** What a fetch needs besides a folder. */
type Fetching = {
  readonly env: NodeJS.ProcessEnv
  readonly progress: (line: string) => void
  readonly signal: AbortSignal
}

/** Runs Maven; resolves with what it complained about, or with an empty string. */
async function runMaven(
  [command, args]: readonly [string, readonly string[]],
  output: string,
  extra: readonly string[],
  { env, signal }: Fetching,
  downloaded: (bytes: number) => void
): Promise<string> {
  let problems = ''
  let last = ''
  const read = (line: string): void => {
    last = line
    downloaded(downloadedBytes(line))
    if (/^\[ERROR\]|^Error|cannot|failed/i.test(line)) problems += `${line}\n`
  }
  const all = [...args, '-B', ...extra, '-f', pomFile, `-Doutput=${output}`, 'package']
  const code = await runProgram(command, all, env, read, signal)
  return code === 0 ? '' : (problems || last).trim() || `Maven ended with ${code}`
}

/** Maven remembers that something was not there, and does not ask again for a day unless it is told to. */
const remembered = /in a previous attempt|during a previous attempt|cached in the local repository/

/** Megabytes a first fetch moves, for the progress line. */
const expectedMB = 210

function has(folder: string, pattern: RegExp): boolean {
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false
  return isFolder && readdirSync(folder).some(file => pattern.test(file))
}

async function fetchInto(temporary: string, fetching: Fetching): Promise<void> {
  const { env, progress, signal } = fetching
  let bytes = 0
  let shown = 0
  const downloaded = (more: number): void => {
    bytes += more
    if (bytes - shown < 10e6) return
    shown = bytes
    progress(
      `fetching Kafka and the schema registry through Maven: ${Math.round(bytes / 1e6)} of about ${expectedMB} MB`
    )
  }
  const maven = await readyMaven(env, progress, signal)
  progress(`fetching Kafka and the schema registry through Maven (once; about ${expectedMB} MB) …`)
  let problem = await runMaven(maven, temporary, [], fetching, downloaded)
  if (remembered.test(problem)) problem = await runMaven(maven, temporary, ['-U'], fetching, downloaded)
  if (signal.aborted)
    throw new EverseedError('DOWNLOAD_FAILED', 'the fetch was stopped; the next start begins it again')
  if (problem !== '') {
    throw new EverseedError(
      'DOWNLOAD_FAILED',
      `Maven could not fetch the embedded Kafka and registry; check the network and Maven's settings, then start again. Maven says: ${problem.slice(0, 2000)}`
    )
  }
  const { kafka, registry } = jarsIn(temporary)
  if (!has(kafka, /^kafka_2\.13-.*\.jar$/) || !has(registry, /runner\.jar$/)) {
    throw new EverseedError(
      'DOWNLOAD_FAILED',
      `Maven reported success but ${temporary} lacks the broker's or the registry's jar; run it by hand to see why: mvn -f ${pomFile} package`
    )
  }
  rmSync(join(temporary, 'markers'), { recursive: true, force: true })
  writeFileSync(join(temporary, listName), JSON.stringify(sizesUnder(temporary)))
}

/**
 * The jars, fetched if they are not there in full. Two starts at once fetch once.
 * @param env EVERSEED_CACHE and XDG_CACHE_HOME move the cache
 * @param progress gets one line at a time
 * @param signal ends the fetch, and Maven with it
 * @throws EverseedError DOWNLOAD_FAILED with Maven's words
 */
export async function fetchJars(
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
  signal: AbortSignal = new AbortController().signal
): Promise<Jars> {
  const root = cacheDir(env)
  if (isComplete(root)) return jarsIn(root)
  mkdirSync(dirname(root), { recursive: true })
  let lock: Lock | undefined
  for (let waited = false; lock === undefined; waited = true) {
    const outcome = await takeLock(`${root}.lock`)
    if (isTaken(outcome)) {
      lock = outcome
    } else {
      if (!waited) progress(`process ${outcome.pid} is fetching Kafka and the registry; waiting for it`)
      await sleep(300, undefined, { signal })
    }
  }
  try {
    if (isComplete(root)) return jarsIn(root)
    // What a killed fetch left.
    const parts = readdirSync(dirname(root)).filter(name =>
      join(dirname(root), name).startsWith(`${root}.part-`)
    )
    for (const name of parts) rmSync(join(dirname(root), name), { recursive: true, force: true })
    // Maven's unpack does nothing where its markers lie, so it always gets an empty folder.
    const temporary = mkdtempSync(`${root}.part-`)
    try {
      await fetchInto(temporary, { env, progress, signal })
      rmSync(root, { recursive: true, force: true })
      renameSync(temporary, root)
    } finally {
      rmSync(temporary, { recursive: true, force: true })
    }
    return jarsIn(root)
  } finally {
    lock.release()
  }
}
