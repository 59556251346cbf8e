/** Registering schemas against the real registry: by several at once, and after one who was killed in the middle. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { registeredSchema } from '../../infra/codec.ts'
import { createRegistry } from '../../infra/registry.ts'
import { prompts, runs } from '../../schemas/topics.ts'
import { sharedStack } from '../helpers/stack.ts'

const { url } = (await sharedStack()).registry
const registry = (): ReturnType<typeof createRegistry> =>
  createRegistry({ url, user: undefined, password: undefined })
const prefix = (): string => `t${randomBytes(5).toString('hex')}.`

async function call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json', connection: 'close' },
    ...(body && { body: JSON.stringify(body) })
  })
  return (await response.json()) as Record<string, unknown>
}
const levelOf = async (subject: string): Promise<unknown> =>
  (await call('GET', `/config/${subject}`))['compatibilityLevel']

test('several who register at once get the same ids, and the level is set', async () => {
  const own = prefix()
  const all = Array.from({ length: 6 }, registry)
  await Promise.all(all.map(one => one.register([prompts, runs], own)))
  for (const topic of [prompts, runs]) {
    assert.equal(new Set(all.map(one => one.idOf(topic))).size, 1)
    assert.equal(await levelOf(`${own}${topic.name}-value`), 'FULL_TRANSITIVE')
    // Two first writers can leave two versions in this registry; what counts is that both are the one schema.
    const path = `/subjects/${own}${topic.name}-value/versions`
    for (const version of (await call('GET', path)) as unknown as number[]) {
      assert.equal((await call('GET', `${path}/${version}`))['id'], all[0]!.idOf(topic))
    }
  }
})

test('a subject whose maker was killed before it set the level gets it from the next', async () => {
  const own = prefix()
  const subject = `${own}prompts-value`
  await call('POST', `/subjects/${subject}/versions`, { schema: JSON.stringify(registeredSchema('Prompt')) })
  assert.notEqual(await levelOf(subject), 'FULL_TRANSITIVE')
  await registry().register([prompts], own)
  assert.equal(await levelOf(subject), 'FULL_TRANSITIVE')
})

test('a level that somebody chose is not changed, and a schema that does not fit is refused', async () => {
  const own = prefix()
  const subject = `${own}prompts-value`
  await registry().register([prompts], own)
  await call('PUT', `/config/${subject}`, { compatibility: 'BACKWARD' })
  await assert.rejects(registry().register([prompts], own), {
    code: 'SCHEMA_INCOMPATIBLE',
    message: new RegExp(`^${subject} is kept under another level.*BACKWARD.*FULL_TRANSITIVE`)
  })
  assert.equal(await levelOf(subject), 'BACKWARD')

  const other = `${own}runs-value`
  await call('POST', `/subjects/${other}/versions`, {
    schema: JSON.stringify({ type: 'record', name: 'Run', fields: [{ name: 'id', type: 'int' }] })
  })
  await call('PUT', `/config/${other}`, { compatibility: 'FULL_TRANSITIVE' })
  await assert.rejects(registry().register([runs], own), { code: 'SCHEMA_INCOMPATIBLE' })
  await assert.rejects(
    createRegistry({ url: 'http://127.0.0.1:1', user: undefined, password: undefined }).register([runs], own),
    {
      code: 'REGISTRY_UNREACHABLE',
      message: /EVERSEED_REGISTRY_URL/
    }
  )
})
