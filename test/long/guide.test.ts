/** The guide, run as it stands: every command in one shell, and what the page says it printed. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type TestContext, after, before, test } from 'node:test'
import { corpusLines } from '../../infra/demo/demo.ts'
import { runShell } from '../helpers/cli.ts'
import { startPipeline } from '../helpers/pipeline.ts'

const root = join(import.meta.dirname, '../..')
const guide = readFileSync(join(root, 'docs/guide.md'), 'utf8')

/** A block of commands, and the lines the page shows under it. */
type Step = { readonly commands: string; readonly shown: readonly string[] }

/** The steps of a chapter. */
function stepsOf(chapter: string): Step[] {
  const text = guide.split(/^## /m).find(part => part.startsWith(chapter))
  assert.ok(text, `the guide has a chapter ${chapter}`)
  return [...text.matchAll(/```sh\n([^]*?)```(?:\s*```text\n([^]*?)```)?/g)].map(
    ([, commands, shown = '']) => ({
      commands: commands!,
      shown: shown.split('\n').filter(line => line !== '')
    })
  )
}

/** Whether a printed line is what the page shows, where `…` stands for anything and columns may be wider. */
function isShown(shown: string, printed: string): boolean {
  const words = (line: string): string => line.trim().replaceAll(/\s+/g, ' ')
  const pattern = words(shown)
    .split('…')
    .map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join('.*')
  return new RegExp(`^${pattern}$`).test(words(printed))
}

const { folder, env } = await startPipeline({ after })

before(() => {
  // Outside of the clone a stand-in leads to the command that npx finds in it.
  mkdirSync(join(folder, 'bin'))
  writeFileSync(
    join(folder, 'bin/npx'),
    `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(root, 'infra/cli/main.ts')}" "$@"\n`
  )
  chmodSync(join(folder, 'bin/npx'), 0o755)
})

/** Runs a chapter in one shell; what the page shows must be among what is printed, in its order. */
async function runs(chapter: string, atLeast: number, t: TestContext): Promise<void> {
  const steps = stepsOf(chapter)
  assert.ok(steps.length >= atLeast)
  const script = [
    'exec 2>&1',
    'set -euo pipefail',
    ...steps.map(({ commands }, index) => `echo "@@ ${index}"\n${commands}`)
  ]
  const { code, stdout } = await runShell(script.join('\n'), {
    cwd: folder,
    env: { ...env, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` }
  })
  t.diagnostic(stdout)
  assert.equal(code, 0, stdout)
  const printed = stdout.split(/^@@ \d+\n/m).slice(1)
  assert.equal(printed.length, steps.length)
  for (const [index, { commands, shown }] of steps.entries()) {
    const lines = printed[index]!.split('\n')
    let at = 0
    for (const line of shown) {
      const found = lines.findIndex((one, place) => place >= at && isShown(line, one))
      assert.ok(found >= 0, `“${line}” is not among what this prints:\n${commands}\n${printed[index]!}`)
      at = found + 1
    }
  }
}

const lines = (values: readonly object[]): string =>
  values.map(value => `${JSON.stringify(value)}\n`).join('')

test('from a folder of documents to a versioned mix, and back again', { timeout: 240_000 }, async t => {
  mkdirSync(join(folder, 'archive'))
  for (const [index, line] of corpusLines().slice(0, 400).entries()) {
    const { text } = JSON.parse(line) as { text: string }
    writeFileSync(join(folder, 'archive', `letter-${String(index).padStart(3, '0')}.txt`), text)
  }
  const prompts = Array.from({ length: 20 }, (_, index) => ({
    prompt: `Write about matter ${index}.`,
    task: 'write'
  }))
  writeFileSync(join(folder, 'prompts.jsonl'), lines(prompts))
  await runs('From a folder of documents', 8, t)
})

test('reading a collapse', { timeout: 240_000 }, async t => {
  const topics = ['treasury', 'foreign-affairs', 'lands', 'justice']
  const speeches = corpusLines()
    .map(line => JSON.parse(line) as { topic: string })
    .filter(({ topic }) => topics.includes(topic))
  writeFileSync(join(folder, 'speeches.jsonl'), lines(speeches))
  const prompts = Array.from({ length: 21 }, (_, index) => ({
    prompt: `Speak about matter ${index}.`,
    topic: index === 20 ? 'lands' : topics[index % 2]
  }))
  writeFileSync(join(folder, 'matters.jsonl'), lines(prompts))
  await runs('Reading a collapse', 7, t)
})
