/** Runs test files, and says what did not run: a file that ends early and a test that is skipped look like success. */
import { relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

/** Files that take as long as this, seconds, are listed at the end: where a suite grows slow is seen before it is too slow. */
const slowSeconds = 15

/** What became of a phase. */
export type Outcome = { passed: number; failed: number; skipped: number }

/** What is expected of the files of a phase. */
export type Suite = {
  /** Tests that pass at least. */
  readonly atLeast: number
  readonly concurrency: number
  readonly timeoutMs: number
  /** Tests that may be skipped, by name, and why; absent: all of them. */
  readonly maySkip?: Readonly<Record<string, string>> | undefined
}

/**
 * Runs files; what did not run counts as failed.
 * @param write takes what is printed
 */
export async function runFiles(
  files: readonly string[],
  { atLeast, concurrency, timeoutMs, maySkip }: Suite,
  write: (text: string) => void
): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0 }
  const unfinished = new Set(files)
  const problems: string[] = []
  const took: { readonly file: string; readonly seconds: number }[] = []
  const stream = run({ files: [...files], concurrency, timeout: timeoutMs })
  stream.on('test:pass', ({ name, skip }) => {
    if (skip === undefined || skip === false) return
    if (maySkip && !(name in maySkip)) problems.push(`skipped: ${name} (${String(skip)})`)
  })
  stream.on('test:summary', ({ file, counts, duration_ms: ms }) => {
    // A file sums up when its last test is done; without, its end counts as a test that passed.
    if (file !== undefined) {
      unfinished.delete(file)
      took.push({ file: relative(process.cwd(), file), seconds: Math.round(ms / 1000) })
      return
    }
    outcome.passed = counts.passed
    outcome.failed = counts.tests - counts.passed - counts.skipped - counts.todo
    outcome.skipped = counts.skipped + counts.todo
  })
  const report = stream.compose(spec)
  report.on('data', chunk => write(String(chunk)))
  await new Promise<void>((resolve, reject) => {
    report.once('end', resolve)
    report.once('error', reject)
  })
  const slow = took.filter(({ seconds }) => seconds >= slowSeconds).toSorted((a, b) => b.seconds - a.seconds)
  if (slow.length > 0)
    write(`\nslowest:\n${slow.map(({ file, seconds }) => `  ${seconds} s  ${file}\n`).join('')}`)
  for (const file of unfinished)
    problems.push(`${relative(process.cwd(), file)} ended before its tests did, or has none`)
  if (outcome.passed < atLeast)
    problems.push(`${outcome.passed} tests passed; there should be ${atLeast} or more`)
  for (const problem of problems) write(`✖ ${problem}\n`)
  outcome.failed += problems.length
  return outcome
}
