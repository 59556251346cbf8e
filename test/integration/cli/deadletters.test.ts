/** Dead letters by command, against the parts alone: each goes back once, with the word that takes its settlement back. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { deadLetters, prompts } from '../../../schemas/topics.ts'
import { readRaw, write } from '../../helpers/deployment.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'

const { deployment, everseed } = await startWorkplace({ after })
const { partitions } = deployment.config

const letter = (index: number, partition: number, settles: number) => ({
  key: `generate/prompts/${partition}/${index}`,
  value: Buffer.alloc(20_000, `body of ${index} `),
  partition,
  headers: {
    'x-key': `p${index}`,
    'x-reason': index % 2 === 0 ? 'even' : 'odd',
    'x-processor': 'generate',
    'x-topic': 'prompts',
    'x-partition': String(partition),
    'x-offset': String(index),
    'x-run': 'r',
    'x-settles': String(settles),
    'x-sample-attempt': '1',
    trace: `t${index}`
  }
})
const count = 200

test('each goes back once, even when two give back at once', async () => {
  await write(
    deployment,
    deadLetters,
    Array.from({ length: count }, (_, index) => letter(index, index % partitions, 2))
  )
  const replay = (...more: string[]) => everseed(['deadletters', 'replay', '--json', ...more])
  const some = await replay('--reason', 'even')
  assert.deepEqual(JSON.parse(some.stdout), { replayed: count / 2, already: 0 })
  // The second one waits, and finds nothing left to give back.
  const both = await Promise.all([replay(), replay()])
  for (const { code, stderr } of both) assert.equal(code, 0, stderr)
  assert.deepEqual(
    both
      .map(({ stdout }) => JSON.parse(stdout) as { replayed: number })
      .toSorted((a, b) => b.replayed - a.replayed),
    [
      { replayed: count / 2, already: count / 2 },
      { replayed: 0, already: count }
    ]
  )

  const back = await readRaw(deployment, prompts.name)
  assert.equal(back.length, count)
  assert.equal(new Set(back.map(({ headers }) => headers['x-replay-of']?.toString())).size, count)
  for (const { key, value, headers, partition } of back) {
    const index = Number(key!.toString().slice(1))
    assert.ok(value!.equals(Buffer.alloc(20_000, `body of ${index} `)))
    assert.equal(partition, index % partitions)
    assert.deepEqual(Object.keys(headers).toSorted(), ['trace', 'x-for-group', 'x-replay-of'])
    assert.equal(headers['x-for-group']!.toString(), 'generate')
  }
  const notices = (await readRaw(deployment, deadLetters.name)).filter(({ value }) => value === null)
  assert.equal(notices.length, count)
  for (const { headers } of notices) assert.equal(headers['x-settles']?.toString(), '-2')
})

test('the list shows dead letters, not what became of them', async () => {
  const { stdout } = await everseed(['deadletters', 'list', '--json', '--limit', '1000'])
  const listed = JSON.parse(stdout) as { reason: string; bytes: number }[]
  assert.equal(listed.length, count)
  assert.ok(listed.every(({ reason, bytes }) => ['even', 'odd'].includes(reason) && bytes === 20_000))
})
