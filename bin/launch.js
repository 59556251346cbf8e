// Plain JavaScript that Node 20 runs: installs what the lock file asks for, finds Node >= 24, and runs a script on it.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { constants, homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
/** Two lines: hash of the lock file that was installed, and `all` or `omit` for the optional parts. */
const mark = join(modules, '.everseed-installed')
const neededNode = 24
/** Compiled, what looks at nothing but files and at its help runs on this one. */
const modestNode = [20, 12]
const modest = new Set([undefined, 'measure', 'help', '--help', '-h', '--version', '-V'])

function fail(message) {
  process.stderr.write(`everseed: ${message}\n`)
  process.exit(1)
}

/** What the mark says; undefined when nothing was installed by this launcher. */
function readMark() {
  try {
    const [hash, optional] = readFileSync(mark, 'utf8').split('\n')
    return { hash, omit: optional === 'omit' }
  } catch {
    return undefined
  }
}

/** Notes what is installed. Where nothing can be written it is looked at again with every start. */
function writeMark(hash, optional) {
  try {
    writeFileSync(mark, `${hash}\n${optional}\n`)
  } catch {
    // What is installed is there all the same.
  }
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

/**
 * What an npm ci by hand left: `all`, `omit` (no optional package at all), or undefined when it is not what the lock file
 * names. What only the tests need may be missing.
 */
function installedByHand() {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const have = readPackages(join(modules, '.package-lock.json'))
  if (!wanted || !have) return undefined
  const asWanted = Object.entries(have).every(([name, { version }]) => wanted[name]?.version === version)
  const rest = Object.entries(wanted).filter(([name]) => name !== '' && !have[name])
  const spared = ({ optional, peer, dev, devOptional }) => optional || peer || dev || devOptional
  if (!asWanted || !rest.every(([, entry]) => spared(entry))) return undefined
  return Object.values(have).some(entry => entry.optional) ? 'all' : 'omit'
}

/** Who installs into this folder; it lies in the folder, where nobody can put it who may not change the project anyway. */
const turn = join(root, '.everseed-install')
/** Milliseconds between the signs of life of an installation. */
const beatMs = 1000
/** Milliseconds without one after which the installation of a process that is not seen, here at least, has ended. */
const silentMs = 10_000
/** The same where a process cannot be told from a later one of the same id. */
const longSilentMs = 15 * 60 * 1000

/** When a process started, where the system says: a later one of the same id is another. */
function startOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** What the lock says and whether its holder is gone; undefined when there is none. */
function readTurn() {
  const stat = lstatSync(turn, { throwIfNoEntry: false })
  if (!stat) return undefined
  // Reading a pipe would wait for a writer.
  if (!stat.isFile()) fail(`${turn} is in the way of the installation: remove it`)
  let text = ''
  try {
    text = readFileSync(turn, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
  const [pid = '', started = ''] = text.split(' ')
  const silent = Date.now() - stat.mtimeMs
  const alive = started ? startOf(pid) === started : Number(pid) > 0 && isRunning(Number(pid))
  const gone = alive ? !started && silent > longSilentMs : silent > silentMs
  return { text, pid, gone }
}

/** Removes the lock of a process that is gone. One start at a time does, and looks again before: another may hold it by now. */
function clearTurn(stale) {
  const guard = `${turn}.clearing`
  try {
    writeFileSync(guard, '', { flag: 'wx' })
  } catch {
    // Who clears needs a millisecond, unless it was killed in it.
    const since = lstatSync(guard, { throwIfNoEntry: false })?.mtimeMs
    if (since !== undefined && Date.now() - since > silentMs) rmSync(guard, { force: true })
    return
  }
  try {
    const now = readTurn()
    if (now?.gone && now.text === stale) rmSync(turn, { force: true })
  } finally {
    rmSync(guard, { force: true })
  }
}

/** Waits until no other start installs into this folder, then takes its place; returns what gives the place back. */
async function takeTurn() {
  let told = false
  for (;;) {
    try {
      writeFileSync(turn, `${process.pid} ${startOf(process.pid) ?? ''}`, { flag: 'wx' })
    } catch (error) {
      // Where nothing can be written npm says so better.
      if (error.code !== 'EEXIST') return () => {}
      const held = readTurn()
      if (held?.gone) clearTurn(held.text)
      else if (held?.pid && !told) {
        told = true
        process.stderr.write(
          `everseed: process ${held.pid} is installing the npm packages of this folder (${turn}); waiting for it …\n`
        )
      }
      await sleep(held?.gone ? 20 : 300)
      continue
    }
    const beat = setInterval(() => {
      const now = new Date()
      try {
        utimesSync(turn, now, now)
      } catch {
        // Somebody removed it by hand.
      }
    }, beatMs)
    return () => {
      clearInterval(beat)
      rmSync(turn, { force: true })
    }
  }
}

/** Installs the exact versions of the lock file, unless they are there. */
async function install() {
  const lockFile = join(root, 'package-lock.json')
  // Without a lock file this is an installed package: npm has done its work already.
  if (!existsSync(lockFile)) return
  const hash = createHash('sha256').update(readFileSync(lockFile)).digest('hex')
  if (readMark()?.hash === hash) return
  const done = await takeTurn()
  let end
  try {
    const marked = readMark()
    if (marked?.hash === hash) return
    const byHand = installedByHand()
    if (byHand) {
      writeMark(hash, byHand)
      return
    }
    // Who left out the optional parts once does not get them behind his back.
    const asked = (process.env.npm_config_omit ?? '').split(/[\s,]+/).includes('optional')
    end = await runNpm(marked?.omit || asked)
    if (end.ok) writeMark(hash, marked?.omit || asked ? 'omit' : 'all')
  } finally {
    done()
  }
  if (end.ok) return
  if (end.signal) process.exit(128 + (constants.signals[end.signal] ?? 1))
  fail(`npm ci failed${end.error ? `: ${end.error.message}` : ''}; run it by hand in ${root} to see why`)
}

/** Runs npm ci; how it ended. A signal to this process ends npm too, so that no installation goes on without its lock. */
async function runNpm(omit) {
  const size = omit ? '' : '; about 900 MB, most of it the embedded ClickHouse'
  process.stderr.write(`everseed: installing npm packages (once${size}) …\n`)
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...(omit ? ['--omit=optional'] : [])]
  const windows = process.platform === 'win32'
  const started = Date.now()
  let told
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map(signal => [
    signal,
    () => {
      told = signal
      // A terminal sends its interrupts to npm as well.
      if (signal !== 'SIGINT') npm.kill(signal)
    }
  ])
  // Before npm starts: a signal that comes while it does must not end this process alone.
  for (const [signal, handler] of handlers) process.on(signal, handler)
  const npm = spawn(windows ? 'npm.cmd' : 'npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: windows })
  const end = await new Promise(resolve => {
    npm.once('error', error => resolve({ ok: false, error }))
    npm.once('close', (status, signal) => resolve({ ok: status === 0 && !told, signal: told ?? signal }))
  })
  for (const [signal, handler] of handlers) process.off(signal, handler)
  if (end.ok) {
    const seconds = Math.round((Date.now() - started) / 1000)
    process.stderr.write(`everseed: npm packages installed in ${seconds} s\n`)
  }
  return end
}

function isNode(major, minor) {
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

/** The script, and whether it is compiled: a package from the registry holds no TypeScript. */
function findScript(script) {
  const path = join(root, script)
  const compiled = join(root, 'dist', script.replace(/\.ts$/, '.js'))
  return existsSync(path) || !existsSync(compiled) ? { path } : { path: compiled, compiled: true }
}

/** Path of a Node that runs everything: this one, or the one among the packages. */
function findNode() {
  if (isNode(neededNode, 0)) return process.execPath
  const os = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${os}-${process.arch}`
  // As a package of another project, its own packages lie beside it.
  for (const folder of [modules, dirname(root)]) {
    const path = join(folder, name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    if (existsSync(path)) return path
  }
  const again = existsSync(join(root, 'package-lock.json')) ? 'run npm ci' : 'install everseed'
  return fail(
    `needs Node ${neededNode} or newer and runs on ${process.version}; the npm package ${name}, an optional dependency that brings ` +
      `it on Linux and Windows, is not there. Install Node ${neededNode} from https://nodejs.org, or ${again} without --omit=optional`
  )
}

/** Where compiled code is kept, so that a start need not compile; undefined when there is no such place. */
function compileCache() {
  const { EVERSEED_CACHE, XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env
  if (NODE_COMPILE_CACHE !== undefined) return NODE_COMPILE_CACHE
  const folder = join(
    EVERSEED_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'everseed'),
    'compile'
  )
  try {
    mkdirSync(folder, { recursive: true })
    return folder
  } catch {
    return undefined
  }
}

/**
 * Runs a script of the project on Node >= 24 and ends as it ends.
 * @param {string} script path from the project's root
 * @param {string[]} args
 */
export async function launch(script, args) {
  await install()
  const { path, compiled } = findScript(script)
  const node = compiled && modest.has(args[0]) && isNode(...modestNode) ? process.execPath : findNode()
  const cache = compileCache()
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', path, ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(cache && { NODE_COMPILE_CACHE: cache }),
      PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`
    }
  })
  // A terminal sends its interrupts to the whole group, so the child has got it already. Passed on it would come twice, and the
  // second time may meet a child that has ended its work and listens no more: it would die of it, and not end with its own code.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  child.on('error', error => fail(error.message))
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
