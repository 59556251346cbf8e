/** Maven: the one on the PATH, whose settings hold for everything, or the wrapper's, which is fetched once. */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EverseedError } from '../../schemas/errors.ts'
import { followParent } from './child.ts'

const here = import.meta.dirname
const windows = process.platform === 'win32'
const never = new AbortController().signal

/** Milliseconds a program gets to end after it was asked to. */
const graceMs = 3000

/**
 * Runs a program in a process group of its own to its end.
 * @param signal ends the whole group: a build has children
 * @param line gets each line of its output
 * @returns its exit code, 1 after a signal or when it could not be started
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  line: (text: string) => void,
  signal: AbortSignal = never
): Promise<number> {
  if (signal.aborted) return 1
  const [program, all] = windows ? [command, [...args]] : followParent(command, args)
  const child = spawn(program, all, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: windows,
    detached: !windows
  })
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() ?? ''
      for (const one of lines) line(one)
    })
    stream.once('end', () => rest !== '' && line(rest))
  }
  const end = (how: NodeJS.Signals): void => {
    try {
      if (windows) child.kill(how)
      else if (child.pid !== undefined) process.kill(-child.pid, how)
    } catch {
      // It has ended.
    }
  }
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => {
    end('SIGTERM')
    timer = setTimeout(end, graceMs, 'SIGKILL')
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await new Promise<number>(resolve => {
      child.once('error', error => {
        line(error.message)
        resolve(1)
      })
      child.once('close', status => resolve(status ?? 1))
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

const properties = (): Map<string, string> =>
  new Map(
    readFileSync(join(here, '.mvn/wrapper/maven-wrapper.properties'), 'utf8')
      .split('\n')
      .map(line => line.split('=', 2) as [string, string])
  )

/**
 * Where the wrapper looks for its Maven, and what it would fetch: `mvnw` works both out in the same way.
 * @param env MAVEN_USER_HOME moves it, MVNW_REPOURL names a mirror
 */
export function wrapperMaven(env: Readonly<Record<string, string | undefined>>): {
  home: string
  url: string
} {
  const written = properties().get('distributionUrl')!
  const mirror = env['MVNW_REPOURL']
  const url = mirror ? `${mirror}${written.slice(written.indexOf('/org/apache/maven/'))}` : written
  let hash = 0
  for (let index = 0; index < url.length; index++) hash = (Math.imul(hash, 31) + url.charCodeAt(index)) >>> 0
  const base = env['MAVEN_USER_HOME'] || join(env['HOME'] || homedir(), '.m2')
  const name = url.slice(url.lastIndexOf('/') + 1).replace(/-bin\.zip$/, '')
  return { url, home: join(base, 'wrapper/dists', name, hash.toString(16)) }
}

/** Whether a program is on the PATH. */
function has(program: string, env: Readonly<Record<string, string | undefined>>): boolean {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .some(folder => folder !== '' && existsSync(join(folder, program)))
}

/** Whether `mvnw` has what it needs to fetch and unpack its Maven: it says so badly when it has not. */
function wrapperCanFetch(env: Readonly<Record<string, string | undefined>>): boolean {
  const any = (...programs: string[]): boolean => programs.some(program => has(program, env))
  const fetches = env['MVNW_USERNAME'] && env['MVNW_PASSWORD'] ? any('javac') : any('curl', 'wget')
  return fetches && any('unzip') && any('sha256sum', 'shasum')
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** Puts the wrapper's Maven where the wrapper looks for it, with nothing but this Node and tar. */
async function fetchWrapperMaven(
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
  signal: AbortSignal
): Promise<void> {
  const { home, url: zip } = wrapperMaven(env)
  const url = zip.replace(/\.zip$/, '.tar.gz')
  const failed = (why: string): EverseedError =>
    new EverseedError(
      'DOWNLOAD_FAILED',
      `Maven could not be fetched from ${url}: ${why}. Check the network, or set MVNW_REPOURL to a mirror of Maven Central, or install Maven yourself (Debian, Ubuntu: apt-get install maven)`
    )
  if (!has('tar', env) || !has('gzip', env))
    throw failed('tar and gzip are needed to unpack it; install them')
  progress('fetching Maven (once; about 9 MB) …')
  mkdirSync(dirname(home), { recursive: true })
  const temporary = mkdtempSync(join(dirname(home), '.part-'))
  try {
    const file = join(temporary, 'maven.tar.gz')
    let words = ''
    const hear = (line: string): void => void (words += `${line} `)
    // A process of its own: Node reads the environment's proxy only when it starts.
    const fetching = [import.meta.filename, url, file]
    const fetchEnv = { ...env, NODE_USE_ENV_PROXY: '1', NODE_NO_WARNINGS: '1' }
    if ((await runProgram(process.execPath, fetching, fetchEnv, hear, signal)) !== 0)
      throw failed(words.trim())
    const sum = await sha256(file)
    if (sum !== properties().get('distributionTarSha256Sum'))
      throw failed(
        `its SHA-256 is ${sum}, not the one that is known: what answers there is not Maven Central`
      )
    if ((await runProgram('tar', ['-xzf', file, '-C', temporary], env, hear, signal)) !== 0)
      throw failed(words.trim())
    const unpacked = join(temporary, basename(dirname(home)))
    try {
      renameSync(unpacked, home)
    } catch (error) {
      // Another start was faster.
      if (!existsSync(home)) throw failed((error as Error).message)
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/**
 * The command that is Maven, and the arguments that come first: the user's own, or the wrapper.
 * @param env PATH
 */
export function mavenCommand(env: NodeJS.ProcessEnv): [string, string[]] {
  const maven = windows ? 'mvn.cmd' : 'mvn'
  if (spawnSync(maven, ['-v'], { stdio: 'ignore', shell: windows, env }).status === 0) return [maven, []]
  return windows ? [join(here, 'mvnw.cmd'), []] : ['sh', [join(here, 'mvnw')]]
}

/**
 * {@link mavenCommand}, with the wrapper's Maven fetched first where the wrapper itself lacks the programs for it.
 * @param env PATH; MAVEN_USER_HOME, MVNW_REPOURL, MVNW_USERNAME and MVNW_PASSWORD as the wrapper knows them
 * @param progress gets one line at a time
 * @throws EverseedError DOWNLOAD_FAILED when there is none and none can be fetched
 */
export async function readyMaven(
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void = () => {},
  signal: AbortSignal = never
): Promise<[string, string[]]> {
  const command = mavenCommand(env)
  const wrapped = command[0] === 'sh' && !existsSync(wrapperMaven(env).home)
  if (wrapped && !wrapperCanFetch(env)) await fetchWrapperMaven(env, progress, signal)
  return command
}

/** Fetches a file, as a process of its own: `node maven.ts URL FILE`. */
async function fetchFile(url: string, file: string): Promise<void> {
  const { MVNW_USERNAME: user, MVNW_PASSWORD: password } = process.env
  const login = Buffer.from(`${user}:${password}`).toString('base64')
  const response = await fetch(url, {
    headers: user && password ? { authorization: `Basic ${login}` } : {},
    signal: AbortSignal.timeout(300_000)
  })
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
  await pipeline(Readable.fromWeb(response.body), createWriteStream(file))
}

if (import.meta.main) {
  const [url = '', file = ''] = process.argv.slice(2)
  await fetchFile(url, file).catch((error: unknown) => {
    const { message, cause } = error as Error
    console.error(cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message)
    process.exit(1)
  })
}
