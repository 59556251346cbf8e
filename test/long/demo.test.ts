/** `npm start`: the demo to its end, as a person runs it, and what the README shows of it. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { identify, type Identity, isAlive } from '../../infra/embedded/identity.ts'
import { partNames } from '../../infra/embedded/stack.ts'
import { processorNames } from '../../infra/processors.ts'
import { bareEnvironment, runShell, start } from '../helpers/cli.ts'
import { startFakeAnthropic } from '../helpers/fake-anthropic.ts'
import { startFakeOpenAI } from '../helpers/fake-openai.ts'
import { type Ending, run, type TestProcess } from '../helpers/process.ts'

const root = join(import.meta.dirname, '../..')
const main = ['--disable-warning=ExperimentalWarning', join(root, 'infra/main.ts')]

/** One deployment for all of them, as a person has: the corpus is published once. */
const folder = mkdtempSync(join(tmpdir(), 'everseed-demo-'))
const dataDir = join(folder, 'data')
after(() => rmSync(folder, { recursive: true, force: true }))

/** Runs what `npm start` runs once everything is installed, to its end. */
const demo = (...args: string[]): ReturnType<typeof start>['ended'] =>
  start(process.execPath, [...main, ...args]).ended

/** The same, to be listened to while it runs. */
const startDemo = (t: Ending, args: readonly string[], env: Record<string, string> = {}): TestProcess =>
  run(t, process.execPath, [...main, ...args], { ...bareEnvironment(), ...env })

test('runs to its tables, which look as the README says, and ends', { timeout: 300_000 }, async t => {
  const { code, stdout, stderr } = await demo('--once', '--data-dir', dataDir)
  assert.equal(code, 0, stdout + stderr)
  t.diagnostic(/Done after \d+ s/.exec(stdout)![0])

  const tables = /^Funnel: [^]*?(?=\n```)/m.exec(readFileSync(join(root, 'README.md'), 'utf8'))![0]
  const shown = tables.split('\n').map(line => line.trim().split(/\s{2,}/))
  const printed = stdout.split('\n').map(line => line.trim().split(/\s{2,}/))
  const has = (cells: readonly string[]): boolean =>
    printed.some(line => line.length === cells.length && cells.every((cell, index) => line[index] === cell))
  // Titles and heads are the very same; of a row its first column.
  let heads = 0
  for (const [index, cells] of shown.entries()) {
    const isTitle = (at: number): boolean => shown[at] !== undefined && (shown[at - 1]?.[0] ?? '') === ''
    if (cells[0] === '') continue
    if (isTitle(index - 1)) heads++
    if (isTitle(index) || isTitle(index - 1)) {
      assert.ok(has(cells), `the README shows “${cells.join(' | ')}”:\n${stdout}`)
    } else
      assert.ok(
        printed.some(line => line[0] === cells[0]),
        `a row of ${cells[0]}`
      )
  }
  assert.equal(heads, 3)

  const row = (first: RegExp): string => stdout.split('\n').find(line => first.test(line)) ?? ''
  const [, , prompts, expected, generated] = row(/^demo +addresses/)
    .split(/\s{2,}/)
    .map(cell => Number(cell.replaceAll(',', '')))
  assert.equal(prompts, 120)
  assert.ok(expected! >= 720)
  assert.equal(generated, expected)
  const heading = row(/^dataset +slot/).split(/\s{2,}/)
  const share = row(/^addresses +\d/).split(/\s{2,}/)[heading.indexOf('smallest_prefix_share')]
  assert.ok(Number(share) >= 0.5, `the smallest prefix share: ${share}`)
  for (const next of ['subscribe training', 'sql "SELECT', 'metrics --stage'])
    assert.ok(stdout.includes(`npx everseed --data-dir ${dataDir} ${next}`))
})

test('a wrong option is an error of use; help is none', async () => {
  assert.equal((await demo('--onse')).code, 2)
  const help = await demo('--help')
  assert.equal(help.code, 0)
  assert.match(help.stdout, /--once/)
})

/** Processes of a demo: itself, the parts, the processors. */
const everything = 1 + partNames.length + processorNames.length

/** The processes of a demo, itself among them. */
function processesOf(pid: number): Identity[] {
  const { children } = JSON.parse(readFileSync(join(dataDir, 'lock.json'), 'utf8')) as {
    children: Identity[]
  }
  return [identify(pid)!, ...children]
}

test(
  'interrupted before the tables it stops everything and does not claim success',
  {
    timeout: 120_000
  },
  async t => {
    const command = startDemo(t, ['--once', '--data-dir', dataDir])
    await command.says(/up after/)
    const processes = processesOf(command.pid)
    assert.equal(processes.length, everything)
    // Once: a second signal ends it on the spot.
    command.process.kill('SIGTERM')
    assert.deepEqual(await command.exited, { code: 130, signal: null }, command.output())
    assert.match(command.output(), /^stopping …$/m)
    assert.ok(!command.output().includes('Done after'))
    assert.deepEqual(processes.filter(isAlive), [])
    assert.ok(!existsSync(join(dataDir, 'endpoints.json')))
  }
)

test(
  'with models of a recipe it says what was parked and why, and stays until an interrupt',
  {
    timeout: 300_000
  },
  async t => {
    const openai = await startFakeOpenAI({ key: 'key-of-gpt' })
    t.after(() => openai.close())
    const anthropic = await startFakeAnthropic({ key: 'key-of-claude' })
    t.after(() => anthropic.close())
    const recipe = join(folder, 'models.yaml')
    const price = 'price: { input: 1, output: 2 }, parallel: 16'
    writeFileSync(
      recipe,
      `dataset: addresses
run: models
sources:
  - { name: gpt, provider: openai, model: fake-gpt, family: gpt, base_url: "${openai.url}", ${price} }
  - { name: claude, provider: anthropic, model: fake-claude, family: claude, base_url: "${anthropic.url}", ${price} }
  - { name: keyless, provider: openai, model: other-gpt, family: other, api_key_env: KEY_NOBODY_SET, ${price} }
samples_per_prompt: 2
budget: { usd: 5 }
window: 5000
`
    )
    const keys = { OPENAI_API_KEY: 'key-of-gpt', ANTHROPIC_API_KEY: 'key-of-claude' }
    const command = startDemo(t, ['--recipe', recipe, '--data-dir', dataDir], keys)
    const [seconds] = await command.says(/Done after \d+ s/)
    t.diagnostic(seconds)
    await command.says(/Ctrl-C stops everything/)
    const output = command.output()
    const cells = (first: RegExp): string[] => first.exec(output)?.[0].split(/\s{2,}/) ?? []
    const head = cells(/^run +dataset .*$/m)
    const row = cells(/^models +addresses .*$/m)
    const count = (name: string): number => Number(row[head.indexOf(name)])
    assert.equal(count('expected'), 240)
    assert.equal(count('verified') + count('rejected') + count('parked') + count('dead'), 240)
    assert.ok(count('parked') > 0)
    assert.equal(openai.paid() + anthropic.paid(), count('generated'))
    assert.ok(openai.paid() > 0 && anthropic.paid() > 0)
    const [reason, parked] = cells(/^PROVIDER_UNCONFIGURED.*$/m)
    assert.match(reason!, /KEY_NOBODY_SET/)
    assert.equal(Number(parked), count('parked'))

    const printed = Array.from(output.matchAll(/^ {2}npx everseed (.*)$/gm), ([, rest]) => rest!)
    const expected = [/^(\{"text":".*\}\n){3}$/, /^fake-claude\S*\t\d+\t\d+$/m, /^models\taccepted\t/m]
    assert.equal(printed.length, expected.length)
    const answers = await Promise.all(printed.map(rest => runShell(`$everseed ${rest}`, { cwd: folder })))
    for (const [index, { code, stdout, stderr }] of answers.entries()) {
      assert.equal(code, 0, stderr)
      assert.match(stdout, expected[index]!, printed[index])
    }

    const processes = processesOf(command.pid)
    assert.equal(processes.filter(isAlive).length, everything)
    command.process.kill('SIGINT')
    assert.deepEqual(await command.exited, { code: 0, signal: null }, command.output())
    assert.deepEqual(processes.filter(isAlive), [])
  }
)
