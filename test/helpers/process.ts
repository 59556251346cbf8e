/** Processes of tests: started, listened to, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { bareEnvironment } from './cli.ts'

/** What a test ends with. */
export type Ending = { after(done: () => void | Promise<void>): void }

/** A process of a test. */
export type TestProcess = {
  readonly process: ChildProcess
  readonly pid: number
  /** Everything it printed so far, stdout and stderr. */
  readonly output: () => string
  /** Resolves when its output matches; rejects when it ends without. */
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Starts a program, by default without settings of whoever runs the tests, and ends it with the test. */
export function run(
  t: Ending,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = bareEnvironment(),
  cwd?: string
): TestProcess {
  const child = spawn(command, args, { stdio: 'pipe', env, ...(cwd !== undefined && { cwd }) })
  let text = ''
  const watchers = new Set<() => void>()
  const add = (chunk: string): void => {
    text += chunk
    for (const watch of watchers) watch()
  }
  child.stdout.setEncoding('utf8').on('data', add)
  child.stderr.setEncoding('utf8').on('data', add)
  child.stdin.on('error', () => {})
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return {
    process: child,
    pid: child.pid ?? 0,
    output: () => text,
    exited,
    async says(pattern) {
      return await new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text)
          if (!match) return
          watchers.delete(look)
          resolve(match)
        }
        watchers.add(look)
        look()
        void exited.then(({ code, signal }) =>
          reject(new Error(`it ended with ${signal ?? code} and never said ${pattern}:\n${text}`))
        )
      })
    }
  }
}
