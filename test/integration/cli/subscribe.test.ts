/** Reading by command, against the parts alone: what a reader sees, what an interrupt says, and that reading changes nothing. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { prompts } from '../../../schemas/topics.ts'
import { everseed as program, bareEnvironment } from '../../helpers/cli.ts'
import { write } from '../../helpers/deployment.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'
import { prompt, message } from '../../helpers/records.ts'

const { deployment, everseed, env } = await startWorkplace({ after })

/** Subjects of the registry under a prefix. */
async function subjects(prefix: string): Promise<string[]> {
  const response = await fetch(`${env['EVERSEED_REGISTRY_URL']}/subjects`, {
    headers: { connection: 'close' }
  })
  return ((await response.json()) as string[]).filter(name => name.startsWith(prefix))
}

test('who reads with a mistyped prefix is told so soon, and leaves nothing in the registry', async () => {
  const own = { env: { EVERSEED_PREFIX: 'mistyped.' } }
  for (const args of [
    ['subscribe', 'training'],
    ['deadletters', 'list']
  ]) {
    const started = performance.now()
    const { code, stdout, stderr } = await everseed(args, own)
    assert.match(
      stderr,
      /^everseed: the cluster has no topic mistyped\.[a-z-]+: check EVERSEED_PREFIX.* \[TOPIC_MISSING\]\n$/
    )
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
    assert.ok(performance.now() - started < 10_000)
  }
  const { code, stdout } = await everseed(['doctor'], own)
  assert.equal(code, 1)
  assert.match(stdout, /^FAIL {2}registry +\S+ does not hold the schemas of this version under mistyped\./m)
  assert.deepEqual(await subjects('mistyped.'), [])
})

test('doctor finds the schemas that are there', async () => {
  const { stdout } = await everseed(['doctor'])
  assert.match(stdout, /^ok {4}registry +schemas are registered at /m)
})

test('a dump that was interrupted ends with 130, one that was not with 0', async () => {
  const count = 3000
  const long = 'word '.repeat(200)
  await write(
    deployment,
    prompts,
    Array.from({ length: count }, (_, index) => ({
      key: `p${index}`,
      value: prompt(`p${index}`, { messages: [message('user', long)] })
    }))
  )
  const [command, ...first] = program
  const child = spawn(command, [...first, 'subscribe', 'prompts'], {
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const closed = once(child, 'close')
  // A reader that takes its time: the rest waits in the command.
  await once(child.stdout, 'readable')
  child.kill('SIGINT')
  let text = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) text += String(chunk)
  assert.deepEqual(await closed, [130, null])
  assert.ok(text.split('\n').length - 1 < count)
  const whole = await everseed(['subscribe', 'prompts', '--format', 'keys'])
  assert.equal(whole.code, 0, whole.stderr)
  assert.equal(whole.stdout.trimEnd().split('\n').length, count)
})
