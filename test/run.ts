/**
 * `npm test`: type check, lint, format check, unit and integration tests; `npm test -- unit long` runs some, and the long
 * ones only when they are named. Tests on the real stack share one, started here; those about its parts start their own.
 */
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { locateJava } from '../infra/embedded/java.ts'
import { openStack } from './helpers/stack.ts'
import { type Outcome, runFiles, type Suite } from './helpers/suite.ts'

const root = join(import.meta.dirname, '..')

/** Files that take longer than the others, the longest first. */
const longest = [
  'cli/pipeline',
  'faults.test',
  'cli/publish',
  'demo.test',
  'integration/runs.test',
  'cli/alone',
  'external.test',
  'clients/training',
  'clickhouse/chunks'
]

/** What may be skipped where CI is set, and why; elsewhere it is up to the machine. */
const maySkip = {
  'docker compose accepts the file, with and without the processors': 'a runner need not have Docker',
  'the wrapper fetches Maven with curl and unzip': 'a runner may reach Maven Central through a mirror only',
  'the wrapper gets its Maven where there is neither curl, wget, unzip nor a compiler': 'the same'
}

const binary = (name: string): string => join(root, 'node_modules', '.bin', name)

/** Runs a program; it counts as one test. */
function program(command: string, args: readonly string[]): Outcome {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 }
}

/**
 * Runs test files.
 * @param atLeast files there must be: a pattern that matches nothing must not pass
 */
async function files(pattern: string, atLeast: number, suite: Suite): Promise<Outcome> {
  const list = globSync(pattern, { cwd: root }).map(file => join(root, file))
  if (list.length < atLeast) {
    process.stderr.write(`${pattern} matches ${list.length} files; there should be ${atLeast} or more\n`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  // The longest first: they must not be what everything else waits for at the end.
  const rank = (file: string): number => longest.findIndex(name => file.includes(name)) + 1 || 99
  const sorted = list.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  const strict = process.env['CI'] === 'true'
  return await runFiles(
    sorted,
    { ...suite, maySkip: strict ? maySkip : undefined },
    text => void process.stdout.write(text)
  )
}

/** Tests on the real stack: one in a temporary folder for all of them. */
async function onStack(pattern: string, atLeast: number, tests: number): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), 'everseed-test-'))
  const stack = await openStack(join(dir, 'stack'), { progress: line => process.stdout.write(`${line}\n`) })
  try {
    const file = join(dir, 'endpoints.json')
    const { kafka, registry, clickhouse } = stack
    writeFileSync(file, JSON.stringify({ kafka, registry, clickhouse }), { mode: 0o600 })
    process.env['TEST_STACK'] = file
    return await files(pattern, atLeast, { atLeast: tests, concurrency: 3, timeoutMs: 10 * 60_000 })
  } finally {
    await stack.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

const phases: Record<string, () => Outcome | Promise<Outcome>> = {
  types: () => program(binary('tsc'), ['-p', '.']),
  lint: () => program(binary('oxlint'), ['--type-aware', '--deny-warnings', '.']),
  format: () => program(binary('prettier'), ['--check', '--log-level', 'warn', '.']),
  unit: () =>
    files('test/unit/**/*.test.ts', 120, {
      atLeast: 1150,
      concurrency: Math.max(2, availableParallelism()),
      timeoutMs: 120_000
    }),
  integration: () => onStack('test/integration/**/*.test.ts', 35, 200),
  long: () => onStack('test/long/**/*.test.ts', 13, 50)
}

const given = process.argv.slice(2)
const wanted = given.length > 0 ? given : Object.keys(phases).filter(name => name !== 'long')
const unknown = wanted.filter(name => !(name in phases))
if (unknown.length > 0) {
  process.stderr.write(
    `there is no phase ${unknown.join(', ')}; there are ${Object.keys(phases).join(', ')}\n`
  )
  process.exit(2)
}
if (wanted.includes('integration') || wanted.includes('long')) {
  // Said at once, not after the minutes that everything before takes.
  try {
    locateJava(process.env)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}
const total: Outcome = { passed: 0, failed: 0, skipped: 0 }
for (const [name, phase] of Object.entries(phases)) {
  if (!wanted.includes(name)) continue
  process.stdout.write(`\n== ${name}\n`)
  const started = performance.now()
  const outcome = await phase()
  total.passed += outcome.passed
  total.failed += outcome.failed
  total.skipped += outcome.skipped
  process.stdout.write(
    `== ${name}: ${outcome.failed === 0 ? 'ok' : 'FAILED'} after ${((performance.now() - started) / 1000).toFixed(0)} s\n`
  )
  if (outcome.failed > 0) break
}
if (total.skipped > 0) process.stdout.write(`\n${total.skipped} skipped\n`)
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`)
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)
