/** Files only one living process can hold, and the data folder that is guarded by one. */
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../../schemas/errors.ts'
import { makeFolder } from '../folders.ts'
import { identify, type Identity, isAlive, signalTo } from './identity.ts'

/** What a lock file says. */
type Held = { readonly holder: Identity; readonly children: readonly Identity[] }

/** A lock that was taken. */
export type Lock = {
  /** Children the last holder recorded; it may have been killed and they may still live. */
  readonly leftovers: readonly Identity[]
  /** Records the children of the holder. */
  children(pids: readonly number[]): void
  release(): void
}

function readHeld(file: string): Held | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Held
  } catch {
    return undefined
  }
}

/**
 * Replaces a file of the data folder in one step, for the owner's eyes only.
 * @param file path; its folder must exist
 */
export function replaceFile(file: string, text: string): void {
  const part = `${file}.${process.pid}.part`
  // A new file always: one that lies there may be of a killed process, or somebody else's.
  rmSync(part, { force: true })
  writeFileSync(part, text, { mode: 0o600, flag: 'wx' })
  renameSync(part, file)
}

const writeHeld = (file: string, held: Held): void => replaceFile(file, JSON.stringify(held))

/** Claims of other living processes on a file; those of ended ones are removed. */
function rivals(file: string, own: string): Identity[] {
  const prefix = `${basename(file)}.claim.`
  return readdirSync(dirname(file)).flatMap(name => {
    if (!name.startsWith(prefix) || name === basename(own)) return []
    const [pid = '', started = ''] = name.slice(prefix.length).split('.')
    const claim = { pid: Number(pid), started }
    if (isAlive(claim)) return [claim]
    rmSync(join(dirname(file), name), { force: true })
    return []
  })
}

/**
 * Takes a lock unless a living process has it. What a killed holder left is taken over.
 *
 * Every comer first writes a claim of its own name, then looks at the others' claims and only then at the lock; a holder
 * removes its claim only after the lock stands. So of two comers at least one sees the other; the one with the higher pid
 * steps back and the other waits until it has. Nothing here can be left behind by a kill: a claim of an ended process
 * is no claim.
 * @param file the lock; its folder must exist
 * @returns the lock, or the process that holds it
 */
export async function takeLock(file: string): Promise<Lock | Identity> {
  const holder = identify(process.pid)!
  const claim = `${file}.claim.${holder.pid}.${holder.started}`
  writeFileSync(claim, '')
  try {
    for (;;) {
      const others = rivals(file, claim)
      const held = readHeld(file)
      if (held && isAlive(held.holder)) return held.holder
      const stronger = others.find(({ pid }) => pid < holder.pid)
      if (stronger) return stronger
      if (others.length === 0) {
        writeHeld(file, { holder, children: held?.children ?? [] })
        let released = false
        return {
          leftovers: held?.children ?? [],
          children(pids) {
            if (!released) writeHeld(file, { holder, children: pids.flatMap(pid => identify(pid) ?? []) })
          },
          release() {
            if (!released) rmSync(file, { force: true })
            released = true
          }
        }
      }
      await sleep(5)
    }
  } finally {
    rmSync(claim, { force: true })
  }
}

/** Whether {@link takeLock} took it. */
export function isTaken(outcome: Lock | Identity): outcome is Lock {
  return 'release' in outcome
}

/** A data folder that is held. */
export type DataLock = Pick<Lock, 'children' | 'release'>

const lockName = 'lock.json'

/** Who holds a data folder now. */
export function holderOf(dir: string): Identity | undefined {
  const held = readHeld(join(dir, lockName))
  return held && isAlive(held.holder) ? held.holder : undefined
}

/**
 * Makes a folder that is ours alone. One that others may write to is refused, not repaired: they may have put into it what
 * would be followed with our rights.
 * @throws EverseedError CONFIG_INVALID with the command that helps
 */
function makePrivate(dir: string): void {
  try {
    makeFolder(dir, 0o700)
  } catch (cause) {
    throw new EverseedError(
      'CONFIG_INVALID',
      `the data folder ${dir} cannot be made: ${(cause as Error).message}; name another one, EVERSEED_DATA_DIR`,
      { cause }
    )
  }
  // Windows keeps rights in another way; folders of a user's profile are the user's.
  const own = process.getuid?.()
  if (own === undefined) return
  const { uid, mode } = statSync(dir)
  const holds = 'the passwords of the embedded ClickHouse lie there'
  if (uid !== own)
    throw new EverseedError(
      'CONFIG_INVALID',
      `the data folder ${dir} belongs to user ${uid}, not to ${own}, and ${holds}: choose another with --data-dir, or make it yours: chown -R ${own} ${dir}`
    )
  if ((mode & 0o022) !== 0)
    throw new EverseedError(
      'CONFIG_INVALID',
      `others may write to the data folder ${dir}, and ${holds}: look what is in it, then chmod 700 ${dir}`
    )
  if ((mode & 0o777) !== 0o700) chmodSync(dir, 0o700)
}

/**
 * Takes a data folder, and ends what a killed holder left running on it.
 * @throws EverseedError DATA_DIR_HELD naming the process that holds it; CONFIG_INVALID when others may write to it
 */
export async function lockDataDir(dir: string): Promise<DataLock> {
  makePrivate(dir)
  const outcome = await takeLock(join(dir, lockName))
  if (!isTaken(outcome)) {
    throw new EverseedError(
      'DATA_DIR_HELD',
      `process ${outcome.pid} runs everseed on ${dir}: stop it with everseed down, or choose another folder with --data-dir`
    )
  }
  await endAll(outcome.leftovers)
  outcome.children([])
  return outcome
}

/** Milliseconds a leftover gets to end by itself, and then to be gone after SIGKILL. */
const leftoverGraceMs = 3000

/** Ends processes: first asked, then made. */
async function endAll(processes: readonly Identity[]): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const alive = processes.filter(isAlive)
    if (alive.length === 0) return
    for (const one of alive) signalTo(one, signal)
    const deadline = Date.now() + leftoverGraceMs
    while (alive.some(isAlive) && Date.now() < deadline) await sleep(25)
  }
}
