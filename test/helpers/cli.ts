/** The command line as a person calls it: a process of its own, with what it printed and how it ended. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { cacheBase } from '../../infra/embedded/download.ts'

/** How a command ended. */
export type Answer = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A command at work. */
export type Command = {
  readonly pid: number
  readonly ended: Promise<Answer>
  /** What it printed so far. */
  stdout(): string
  stderr(): string
  kill(signal: NodeJS.Signals): void
}

/** What a command is started with. */
export type CommandOptions = {
  /** Standard input; none by default. */
  readonly input?: string | Buffer
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** By these an environment says whether it wants colours. */
const colourful = new Set(['CI', 'NO_COLOR', 'FORCE_COLOR', 'COLORTERM'])

/**
 * The environment without settings of whoever runs the tests: a command sees those of its test alone. As with the launcher,
 * compiled code is kept, which halves what a short command costs.
 */
export function bareEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => (!name.startsWith('EVERSEED_') || name === 'EVERSEED_CACHE') && !colourful.has(name)
  )
  return { NODE_COMPILE_CACHE: join(cacheBase(process.env), 'compile'), ...Object.fromEntries(kept) }
}

/** The program and its first arguments: `everseed` without the installing launcher. */
export const everseed: readonly [string, ...string[]] = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, '../../infra/cli/main.ts')
]

/** Starts a program. */
export function start(
  command: string,
  args: readonly string[],
  options: CommandOptions & { readonly detached?: boolean } = {}
): Command {
  const { input, cwd, env = {}, detached = false } = options
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...bareEnvironment(), ...env },
    detached,
    ...(cwd !== undefined && { cwd })
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  // A command that needs no input may end before it was written.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<Answer>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return {
    pid: child.pid ?? 0,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    kill: signal => void child.kill(signal)
  }
}

/** Starts `everseed` with arguments. */
export function startEverseed(args: readonly string[], options?: CommandOptions): Command {
  const [program, ...first] = everseed
  return start(program, [...first, ...args], options)
}

/** Runs `everseed` to its end. */
export function runEverseed(args: readonly string[], options?: CommandOptions): Promise<Answer> {
  return startEverseed(args, options).ended
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** Runs a shell command to its end, for pipes; `$everseed` in it is the program. */
export function runShell(script: string, options?: CommandOptions): Promise<Answer> {
  const program = everseed.map(quoted).join(' ')
  return start('bash', ['-c', script.replaceAll('$everseed', program)], options).ended
}

/** Runs `everseed` on a terminal, by `script` of util-linux; its stdout and stderr arrive together. */
export function runOnTerminal(args: readonly string[], options: CommandOptions = {}): Promise<Answer> {
  const line = [...everseed, ...args].map(quoted).join(' ')
  return start('script', ['-qec', line, '/dev/null'], {
    ...options,
    env: { ...options.env, TERM: 'xterm', COLUMNS: '200' }
  }).ended
}
