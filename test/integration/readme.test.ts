/** The commands of the README, run as they stand there: in a fresh folder, and one in the clone itself. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, test } from 'node:test'
import { corpusLines } from '../../infra/demo/demo.ts'
import { bareEnvironment } from '../helpers/cli.ts'
import { until } from '../helpers/until.ts'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** Commands in the shell blocks under a heading, comments taken off. */
function commandsUnder(heading: string): string[] {
  const section = readme.split(/^## /m).find(part => part.startsWith(heading))
  assert.ok(section, `the README has a section ${heading}`)
  return [...section.matchAll(/```sh\n([^]*?)```/g)].flatMap(([, block]) =>
    block!
      .split('\n')
      .map(line => line.replace(/\s+#.*$/, '').trim())
      .filter(line => line !== '')
  )
}

const folder = mkdtempSync(join(tmpdir(), 'everseed-readme-'))
let up: ChildProcess | undefined
let environment: NodeJS.ProcessEnv

/** Interrupts as a terminal does: everybody who works for a command. */
const interrupt = ({ pid }: ChildProcess): boolean => process.kill(-pid!, 'SIGINT')

/** Runs a command line until it ends, or until it has printed something and was interrupted. */
async function shell(
  command: string,
  options: { interrupted?: boolean; cwd?: string; env?: NodeJS.ProcessEnv } = {}
): Promise<{ code: number | null; output: string }> {
  const { interrupted = false, cwd = folder, env = environment } = options
  const child = spawn('bash', ['-c', `exec ${command}`], { cwd, env, detached: true })
  let output = ''
  child.stdout.on('data', chunk => {
    output += String(chunk)
    if (interrupted) interrupt(child)
  })
  child.stderr.on('data', chunk => void (output += String(chunk)))
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, output }
}

before(async () => {
  // Outside of the clone a stand-in leads to the command that npx finds in it.
  mkdirSync(join(folder, 'bin'))
  const npx = `#!/bin/sh\nshift\nexec node "${join(root, 'bin/everseed.js')}" "$@"\n`
  writeFileSync(join(folder, 'bin/npx'), npx)
  chmodSync(join(folder, 'bin/npx'), 0o755)
  environment = {
    ...bareEnvironment(),
    PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`,
    EVERSEED_LOG_LEVEL: 'warn'
  }
  writeFileSync(join(folder, 'documents.jsonl'), corpusLines().slice(0, 400).join('\n'))
  mkdirSync(join(folder, 'texts'))
  for (const name of ['canal.txt', 'town.md'])
    writeFileSync(join(folder, 'texts', name), `On the matter of ${name}.`)
  const prompts = Array.from({ length: 20 }, (_, index) =>
    JSON.stringify({ prompt: `Write about matter ${index}.`, topic: 'commerce', task: 'write' })
  )
  writeFileSync(join(folder, 'prompts.jsonl'), prompts.join('\n'))
})
after(async () => {
  if (up?.exitCode === null) {
    const ended = once(up, 'exit')
    interrupt(up)
    await ended
  }
  rmSync(folder, { recursive: true, force: true })
})

test('the commands under "Use it" and "Querying metrics" do what they say', { timeout: 240_000 }, async t => {
  const [start, ...commands] = [...commandsUnder('Use it'), ...commandsUnder('Querying metrics')]
  assert.equal(start, 'npx everseed up')
  const started = spawn('bash', ['-c', `exec ${start}`], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true
  })
  up = started
  let words = ''
  await new Promise<void>((resolve, reject) => {
    started.stdout.on('data', chunk => {
      words += String(chunk)
      if (words.includes('Ctrl-C stops everything')) resolve()
    })
    started.once('exit', code => reject(new Error(`up ended with ${code}: ${words}`)))
  })
  assert.ok(commands.length >= 7)
  const expected: [RegExp, RegExp][] = [
    [/ init$/, /wrote recipe\.yaml/],
    [/publish human texts/, /2 published, 0 were there already, 0 rejected/],
    [/publish human/, /400 published, 0 were there already, 0 rejected/],
    [/publish prompts/, /20 published, 0 were there already, 0 rejected/],
    [/ status$/, /deduplicate\s+running/],
    [/subscribe training --follow/, /"messages":\[/],
    [/ metrics$/, /stage/],
    [/ measure /, /400 documents[^]*\nat a glance\t/],
    [/FROM funnel/, /letters-1/],
    [/sql .*FROM collapse/, /source\s+z\n\S/],
    [/curl .*FROM diversity/, /^stage\tsource\ttexts\ttypes\tdistinct_2\n\w+\t/],
    [/versions create/, /letters@1 is closed: \d+ rows/],
    [/sha256sum/, /^[0-9a-f]{64} /],
    [/ export /, /letters@1 is exported to letters-1 as messages: \d+ rows/],
    [/models add/, /tuned-1 is registered/],
    [/lineage --run/, /letters\tletters-1\t/],
    [/retract/, /1 named[^]*nothing was written/]
  ]
  for (const command of commands) {
    if (command.endsWith(' metrics'))
      await until(
        'a window to be closed',
        async () => !(await shell(command)).output.startsWith('no windows')
      )
    const { code, output } = await shell(command, { interrupted: command.includes('--follow') })
    t.diagnostic(`${command} → ${code}`)
    assert.equal(code, 0, `${command}\n${output}`)
    const pattern = expected.find(([of]) => of.test(command))?.[1]
    assert.ok(pattern, `there is an expectation for ${command}`)
    assert.match(output, pattern, command)
  }
  const inClone = await shell('npx everseed status', {
    cwd: root,
    env: { ...bareEnvironment(), EVERSEED_DATA_DIR: join(folder, '.everseed') }
  })
  assert.equal(inClone.code, 0, inClone.output)
  assert.match(inClone.output, /deduplicate\s+running/)
})
