/** Signed publishing on the real broker: keys by command, and what admit makes of signed, unsigned and forged text. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { admit } from '../../../processors/admit.ts'
import { contentHash, slotOf } from '../../../schemas/identity.ts'
import { deadLetters, human, samplesHuman } from '../../../schemas/topics.ts'
import type { Document, PublisherKey } from '../../../schemas/types.ts'
import { readAll, readRaw, runHost, write } from '../../helpers/deployment.ts'
import { document } from '../../helpers/play.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'
import { until } from '../../helpers/until.ts'

const { deployment, everseed, file, folder } = await startWorkplace({ after })
const key = (id: string): string => join(folder, `${id}.pem`)
const publics = new Map<string, string>()

const recipe = (dataset: string, more: string): string =>
  file(
    `${dataset}.yaml`,
    `dataset: ${dataset}\nrun: ${dataset}\nhuman: { ${more} }\nsources: [{ name: s, provider: openai, model: m, family: f }]\n`
  )
const texts = (...words: string[]): string =>
  file('texts.jsonl', words.map(text => JSON.stringify({ text, origin: 'HUMAN_AUTHORED' })).join('\n'))
const signing = (id: string): string[] => ['--sign-with', id, '--key', key(id)]

async function refused(args: readonly string[], words: RegExp): Promise<void> {
  const { code, stderr } = await everseed(args)
  assert.equal(code, 2, stderr)
  assert.match(stderr, words)
}

before(async () => {
  for (const id of ['archive', 'thief']) {
    const { code, stdout } = await everseed(['keys', 'generate', key(id)])
    assert.equal(code, 0)
    publics.set(id, stdout.trim())
  }
})

test('a key is listed once, may vouch for more later, is revoked for good, and stays the key it is', async () => {
  const add = (origins: string, id = 'old', by = 'archive'): string[] => [
    'keys',
    'add',
    id,
    '--public',
    publics.get(by)!,
    '--origins',
    origins
  ]
  const first = await everseed(add('HUMAN_AUTHORED'))
  assert.deepEqual([first.code, first.stdout], [0, 'old is listed: it may vouch for HUMAN_AUTHORED\n'])
  assert.match((await everseed(add('HUMAN_AUTHORED'))).stdout, /^old is listed like this already/)
  const more = await everseed([...add('HUMAN_EDITED, HUMAN_AUTHORED'), '--json'])
  assert.deepEqual(
    (({ changed, origins }) => [changed, origins])(
      JSON.parse(more.stdout) as PublisherKey & { changed: boolean }
    ),
    [true, ['HUMAN_AUTHORED', 'HUMAN_EDITED']]
  )
  await refused(add('HUMAN_AUTHORED', 'old', 'thief'), /key old is another one already.*\[KEY_CONFLICT\]/)
  assert.match((await everseed(['keys', 'revoke', 'old'])).stdout, /^old is revoked/)
  assert.equal((await everseed(['keys', 'revoke', 'old'])).code, 0)
  await refused(add('HUMAN_AUTHORED'), /key old is revoked for good.*\[KEY_CONFLICT\]/)
  await refused(['keys', 'revoke', 'nobody'], /no key nobody.*keys list.*\[UNKNOWN_NAME\]/)
  const [listed] = JSON.parse((await everseed(['keys', 'list', '--json'])).stdout) as PublisherKey[]
  assert.deepEqual([listed!.id, listed!.revoked, listed!.public_key], ['old', true, publics.get('archive')])
  assert.match(
    (await everseed(['keys', 'list'])).stdout,
    /^key\torigins\trevoked.*\nold\tHUMAN_AUTHORED,HUMAN_EDITED\ttrue\t/
  )
})

test('signed text is human, unsigned text is unknown, forged text is refused', async t => {
  const path = texts('signed by the archive')
  const dataset = recipe('proven', 'signing: true')
  await refused(
    ['publish', 'human', path, '--recipe', dataset, ...signing('archive')],
    /no key archive.*UNKNOWN_NAME/
  )
  const host = await runHost(t, deployment, admit)
  // Listed while admit runs, and used at once.
  const add = ['keys', 'add', 'archive', '--public', publics.get('archive')!, '--origins', 'HUMAN_AUTHORED']
  assert.equal((await everseed(add)).code, 0)
  const publish = (words: string, ...args: string[]) =>
    everseed(['publish', 'human', texts(words), '--recipe', dataset, ...args])
  const signed = await publish('signed by the archive', ...signing('archive'))
  assert.deepEqual([signed.code, signed.stderr], [0, ''])
  assert.equal(
    (await publish('signed by the archive', ...signing('archive'))).stdout,
    '0 published, 1 were there already, 0 rejected\n'
  )
  const unsigned = await publish('unsigned')
  assert.equal(unsigned.code, 0)
  assert.match(
    unsigned.stderr,
    /^dataset proven takes only signed text for human.*--sign-with stays of unknown origin\n$/
  )
  const another = ['--sign-with', 'archive', '--key', key('thief')]
  await refused(
    ['publish', 'human', path, '--dataset', 'proven', ...another],
    /not the private half of key archive.*KEY_CONFLICT/
  )

  // Somebody with a client of his own: another text under the archive's signature, and a name nobody listed.
  const [{ decoded } = assert.fail()] = await readAll(deployment, human)
  const send = async (value: Document): Promise<void> => {
    const id = contentHash(value.messages)
    const partition = slotOf('proven', id, 1, deployment.config.partitions)
    await write(deployment, human, [{ key: id, value: { ...value, id }, partition }])
  }
  await send({ ...decoded, messages: document('forged').messages })
  await send({
    ...decoded,
    messages: document('by a stranger').messages,
    provenance: { ...decoded.provenance, signed_by: 'stranger' }
  })
  assert.equal((await everseed(['keys', 'revoke', 'archive'])).code, 0)
  await refused(
    ['publish', 'human', path, '--dataset', 'proven', ...signing('archive')],
    /key archive is revoked.*KEY_CONFLICT/
  )

  await until('what admit makes of them', async () => {
    const taken = await readAll(deployment, samplesHuman)
    return taken.length === 3 && (await readRaw(deployment, deadLetters.name)).length === 1
  })
  assert.deepEqual(
    (await readAll(deployment, samplesHuman)).map(({ decoded: { messages, provenance, metadata } }) => [
      messages[0]!.content,
      provenance.origin,
      provenance.generation,
      provenance.signed_by,
      metadata['unknown_because']
    ]),
    [
      ['signed by the archive', 'HUMAN_AUTHORED', 0, 'archive', undefined],
      ['unsigned', 'UNKNOWN', null, null, 'unsigned'],
      ['by a stranger', 'UNKNOWN', null, null, 'key_unknown']
    ]
  )
  const [dead] = await readRaw(deployment, deadLetters.name)
  assert.equal(dead!.headers['x-reason']?.toString(), 'signature_invalid')
  await host.drain()
})

test('signing is of the dataset for good', async () => {
  const path = texts('x')
  assert.equal((await everseed(['publish', 'human', path, '--recipe', recipe('open', 'floor: 0.5')])).code, 0)
  await refused(
    ['publish', 'human', path, '--recipe', recipe('open', 'signing: true')],
    /dataset open exists.*signing is false, the recipe says true.*RUN_CONFLICT/
  )
  assert.match(readFileSync(key('archive'), 'utf8'), /^-----BEGIN PRIVATE KEY-----/)
})
