import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Outcome, Suite } from '../helpers/suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-suite-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Runs files of these texts in a process of their own: a run within a test does nothing. */
function ran(texts: readonly string[], suite: Partial<Suite> = {}): { outcome: Outcome; printed: string } {
  const files = texts.map((text, index) => {
    const file = join(folder, `${index}.test.mjs`)
    writeFileSync(file, `import { test } from 'node:test'\n${text}`)
    return file
  })
  const given = JSON.stringify({ atLeast: 1, concurrency: 2, timeoutMs: 20_000, ...suite })
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const script = join(folder, 'run.mjs')
  writeFileSync(
    script,
    `import { runFiles } from ${JSON.stringify(join(import.meta.dirname, '../helpers/suite.ts'))}
    let printed = ''
    const outcome = await runFiles(${JSON.stringify(files)}, ${given}, text => (printed += text))
    console.log(JSON.stringify({ outcome, printed }))`
  )
  const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', env })
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) as ReturnType<typeof ran>
}

const passes = "test('passes', () => {})\n"

test('what passes, fails and is skipped is counted', () => {
  const { outcome } = ran([
    `${passes}test('fails', () => { throw new Error() })`,
    `${passes}test('left out', { skip: true }, () => {})`
  ])
  assert.deepEqual(outcome, { passed: 2, failed: 1, skipped: 1 })
})

test('a file that ends before its tests do has failed, and so has one without tests', () => {
  const { outcome, printed } = ran([passes, `${passes}test('leaves', () => process.exit(0))`, ''])
  assert.equal(outcome.failed, 2)
  assert.match(printed, /✖ .*1\.test\.mjs ended before its tests did/)
  assert.match(printed, /✖ .*2\.test\.mjs ended before its tests did, or has none/)
  assert.doesNotMatch(printed, /0\.test\.mjs ended/)
})

test('too few tests have failed', () => {
  const { outcome, printed } = ran([passes], { atLeast: 2 })
  assert.equal(outcome.failed, 1)
  assert.match(printed, /1 tests passed; there should be 2 or more/)
})

test('where a list says what may be skipped, nothing else may', () => {
  const skips = "test('listed', t => t.skip('no network'))\ntest('not listed', t => t.skip('tired'))\n"
  assert.equal(ran([passes + skips]).outcome.failed, 0)
  const { outcome, printed } = ran([passes + skips], { maySkip: { listed: 'a reason' } })
  assert.deepEqual(outcome, { passed: 1, failed: 1, skipped: 2 })
  assert.match(printed, /✖ skipped: not listed \(tired\)/)
})
