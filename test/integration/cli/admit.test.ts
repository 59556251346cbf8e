/** Human text from the command to its samples on a real broker, by an admit in this process: siblings, edits, retention. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { editDistance } from '../../../metrics/edit-distance.ts'
import { admit } from '../../../processors/admit.ts'
import { slotOf } from '../../../schemas/identity.ts'
import { deadLetters, human, runs, samplesHuman, samplesVerified } from '../../../schemas/topics.ts'
import type { Sample } from '../../../schemas/types.ts'
import { deleteRecords, readAll, readRaw, runHost, write } from '../../helpers/deployment.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'
import * as make from '../../helpers/records.ts'
import { until } from '../../helpers/until.ts'

const { deployment, everseed, file, folder } = await startWorkplace({ after })
const recipe = file(
  'recipe.yaml',
  'dataset: d\nrun: r\nsources: [{ name: s, provider: openai, model: alpha, family: f }]\n'
)
const partition = slotOf('d', '', 1, deployment.config.partitions)

const words = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name}${index}`)
const lines = (...rows: object[]): string => rows.map(row => `${JSON.stringify(row)}\n`).join('')
const publish = (name: string, ...rows: object[]) =>
  everseed(['publish', 'human', file(name, lines(...rows)), '--recipe', recipe])

const admitted = async (count: number): Promise<Map<string, Sample>> => {
  await until(`${count} samples`, async () => (await readRaw(deployment, samplesHuman.name)).length >= count)
  const samples = (await readAll(deployment, samplesHuman)).map(({ decoded }) => decoded)
  assert.equal(samples.length, count)
  return new Map(samples.map(sample => [sample.messages[0]!.content, sample]))
}

const original = words('original', 60).join(' ')
const answer = words('answer', 60).join(' ')
const editOfAnswer = `${answer} and more`
const near = `${original} once more`

test('siblings, edits and text of models, from the command to the sample, and over a restart', async t => {
  const first = await runHost(t, deployment, admit)
  const published = await publish(
    'first.jsonl',
    { id: 'o', text: original, origin: 'HUMAN_AUTHORED' },
    { text: near, origin: 'HUMAN_EDITED', parent_ids: ['o'] },
    { text: 'of nobody', origin: 'HUMAN_EDITED', parent_ids: ['nobody'] },
    { text: editOfAnswer, origin: 'HUMAN_EDITED', parent_ids: ['s1'] }
  )
  assert.equal(published.code, 2, published.stderr)
  const rejects = readFileSync(join(folder, 'first.jsonl.rejects.jsonl'), 'utf8')
  for (const parent of ['nobody', 's1'])
    assert.match(
      rejects,
      new RegExp(`parent ${parent} is neither a human text nor a verified sample of dataset d`)
    )
  const samples = await admitted(2)
  const parent = samples.get(original)!
  const child = samples.get(near)!
  assert.deepEqual(child.provenance.parent_ids, [parent.id])
  assert.equal(child.provenance.edit_distance, editDistance(original, near))
  assert.equal(child.metadata['sibling_of'], parent.id)
  assert.equal(child.provenance.split, parent.provenance.split)
  await first.drain()

  // Somebody writes the edit to the topic itself, before its parent is verified.
  const provenance = make.humanProvenance({
    origin: 'HUMAN_EDITED',
    parent_ids: ['s1'],
    generation: null,
    split: null
  })
  const early = { id: 'e', dataset: 'd', messages: [make.message('document', editOfAnswer)], provenance }
  await write(deployment, human, [{ key: 'e', value: early, partition }])
  await runHost(t, deployment, admit)
  await until('the dead letter', async () => (await readRaw(deployment, deadLetters.name)).length === 1)
  const [letter] = await readRaw(deployment, deadLetters.name)
  assert.equal(letter!.headers['x-reason']!.toString(), 'parent_unknown')
  assert.match(
    letter!.headers['x-message']!.toString(),
    /everseed deadletters replay --reason parent_unknown/
  )

  await write(deployment, runs, [{ key: 'r', value: make.run('r') }])
  await write(deployment, samplesVerified, [{ key: 's1', value: make.sample('s1', answer), partition }])
  await until(
    'admit to see the answer',
    async () => (await deployment.admin.lag('admit', ['samples.verified'])) === 0
  )
  const replayed = await everseed(['deadletters', 'replay', '--reason', 'parent_unknown', '--json'])
  assert.deepEqual(JSON.parse(replayed.stdout), { replayed: 1, already: 0 })
  const edited = (await admitted(3)).get(editOfAnswer)!
  assert.deepEqual(
    [edited.provenance.generation, edited.provenance.edit_distance, edited.provenance.parent_ids],
    [1, editDistance(editOfAnswer, answer), ['s1']]
  )
  assert.ok(edited.verdicts[0]!.score! > 0.9, JSON.stringify(edited.verdicts))

  // A sibling of what was taken in before the restart.
  const late = await publish('late.jsonl', { text: `${original} again and again`, origin: 'HUMAN_AUTHORED' })
  assert.equal(late.code, 0, late.stderr)
  const last = (await admitted(4)).get(`${original} again and again`)!
  assert.equal(last.metadata['sibling_of'], parent.id)
  assert.equal(last.provenance.split, parent.provenance.split)
  assert.equal(last.verdicts[0]!.score, 0)
})

describe('human text is kept for good', () => {
  const topic = `${deployment.config.prefix}samples.human`
  const kept = {
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'cleanup.policy': 'delete',
    'max.message.bytes': '8454144'
  }
  for (const [name, value] of [
    ['retention.ms', '3600000000'],
    ['cleanup.policy', 'compact'],
    ['cleanup.policy', 'compact,delete'],
    ['retention.bytes', '1000000000']
  ] as const)
    test(`${name}=${value} is noticed by doctor and at the start, and refused`, async () => {
      await deployment.admin.setSettings('samples.human', new Map(Object.entries({ ...kept, [name]: value })))
      const said = new RegExp(
        `topic ${topic.replaceAll('.', '\\.')}: ${name.replace('.', '\\.')} is ${value}, must be`
      )
      const [doctor, run, published] = await Promise.all([
        everseed(['doctor']),
        everseed(['run', 'admit']),
        publish('refused.jsonl', { text: 'one more', origin: 'HUMAN_AUTHORED' })
      ])
      assert.equal(doctor.code, 1)
      assert.match(doctor.stdout, /^FAIL {2}topics /m)
      assert.match(doctor.stdout, said)
      for (const { code, stderr } of [run, published]) {
        assert.equal(code, 1)
        assert.match(stderr, said)
        assert.match(stderr, /Nothing was changed.*\[TOPIC_MISMATCH\]/)
      }
    })

  test('put right again all is well, and what was deleted meanwhile is still told', async () => {
    await deployment.admin.setSettings('samples.human', new Map(Object.entries(kept)))
    const well = await everseed(['doctor'])
    assert.match(well.stdout, /^ok {4}topics /m)
    await deleteRecords(deployment, 'samples.human', partition, 1)
    const { stdout, code } = await everseed(['doctor'])
    assert.equal(code, 1)
    assert.match(
      stdout,
      new RegExp(`^FAIL {2}topics +topic samples\\.human/${partition}: its first 1 records were deleted`, 'm')
    )
  })
})
