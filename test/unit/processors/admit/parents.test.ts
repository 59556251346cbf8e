/** Edits: whose children they are, how far they went, and what happens to one that comes before its parent. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Tester } from '../../../../infra/runner/memory.ts'
import { editDistance } from '../../../../metrics/edit-distance.ts'
import { admit } from '../../../../processors/admit.ts'
import { contentHash } from '../../../../schemas/identity.ts'
import { deadLetters, human, samplesHuman, samplesVerified } from '../../../../schemas/topics.ts'
import type { Document, Provenance, Sample } from '../../../../schemas/types.ts'
import { createHarness, fakeTables } from '../../../helpers/context.ts'
import { document, feed, opened, sameUnderFaults, type Step } from '../../../helpers/play.ts'
import * as make from '../../../helpers/records.ts'

const idOf = ({ messages }: Document): string => contentHash(messages)
const publish = (one: Document): Step => feed(human, one.id || idOf(one), one)
const verified = (one: Sample): Step => feed(samplesVerified, one.id, one)

const edit = (text: string, parent_ids: string[], fields: Partial<Document> = {}): Document =>
  document(text, {
    provenance: make.humanProvenance({ origin: 'HUMAN_EDITED', parent_ids, generation: null, split: null }),
    ...fields
  })

async function play(...steps: readonly Step[]): Promise<Tester> {
  const tester = await opened(admit)
  for (const step of steps) await step(tester)
  await tester.settle()
  return tester
}

const provenances = (tester: Tester): Map<string, Provenance> =>
  new Map(tester.read(samplesHuman).map(({ value }) => [value.messages.at(-1)!.content, value.provenance]))

const original = document('The canal opened in spring, and the town was glad of it.', { id: 'canal' })
const far = document('Quite another text about something else.')

describe('edits', () => {
  test('carry their distance to the nearest parent', async () => {
    const [small, large] = [
      'The canal opened in spring, and the town was proud of it.',
      'The canal opened late.'
    ]
    const found = provenances(
      await play(
        publish(original),
        publish(far),
        publish(edit(small, ['canal'])),
        publish(edit(large, [idOf(far), 'canal']))
      )
    )
    const text = original.messages[0]!.content
    assert.equal(found.get(small)!.edit_distance, editDistance(small, text))
    assert.ok(found.get(small)!.edit_distance! < 0.1)
    assert.equal(
      found.get(large)!.edit_distance,
      Math.min(editDistance(large, text), editDistance(large, far.messages[0]!.content))
    )
    assert.equal(found.get(text)!.edit_distance, null)
  })

  test('what a publisher says of the distance is not believed', async () => {
    const lying = (origin: Provenance['origin'], parent_ids: string[]): Document =>
      document(`by ${origin}`, {
        provenance: make.humanProvenance({
          origin,
          parent_ids,
          edit_distance: 0.9,
          generation: null,
          split: null
        })
      })
    const found = provenances(
      await play(publish(original), publish(lying('HUMAN_EDITED', ['canal'])), publish(lying('UNKNOWN', [])))
    )
    assert.equal(
      found.get('by HUMAN_EDITED')!.edit_distance,
      editDistance('by HUMAN_EDITED', original.messages[0]!.content)
    )
    assert.equal(found.get('by UNKNOWN')!.edit_distance, null)
  })

  test('of answers are of their generation', async () => {
    const answer = make.sample('s1', 'The canal was opened in the spring of the year.')
    const deep = make.sample('s2', 'Of a tuned model.', { provenance: make.provenance({ generation: 2 }) })
    const lost = make.sample('s3', 'Of nobody knows what.', {
      provenance: make.provenance({ generation: null })
    })
    const found = provenances(
      await play(
        ...[answer, deep, lost].map(verified),
        publish(original),
        publish(edit('The canal opened in the spring of the year.', ['s1'])),
        publish(edit('of both', ['s1', 's2', 'canal'])),
        publish(edit('of nobody knows', ['s2', 's3']))
      )
    )
    const one = found.get('The canal opened in the spring of the year.')!
    assert.deepEqual([one.generation, one.parent_ids], [1, ['s1']])
    assert.equal(
      one.edit_distance,
      editDistance('The canal opened in the spring of the year.', answer.messages.at(-1)!.content)
    )
    assert.equal(found.get('of both')!.generation, 2)
    assert.equal(found.get('of nobody knows')!.generation, null)
  })

  test('of other datasets are edits of nothing', async () => {
    const tester = await opened(admit)
    tester.table('datasets', 'e', make.dataset('e'))
    await verified(make.sample('s1', 'An answer.'))(tester)
    await publish(original)(tester)
    for (const parent of ['s1', 'canal', idOf(original)])
      await publish(edit('edited', [parent], { dataset: 'e' }))(tester)
    await tester.settle()
    assert.equal(tester.read(samplesHuman).length, 1)
    assert.equal(tester.read(deadLetters).length, 3)
  })

  test('before their parent are dead letters, and go through when they are given back after it', async () => {
    const early = edit('The canal opened in May.', ['canal'], { id: 'e' })
    const answered = edit('An answer, edited.', ['s1'], { id: 'a' })
    const tester = await play(publish(early), publish(answered))
    const dead = tester.read(deadLetters)
    assert.deepEqual(
      dead.map(({ headers }) => headers['x-reason']),
      ['parent_unknown', 'parent_unknown']
    )
    const message = dead[0]!.headers['x-message']!
    for (const said of [
      'document e of dataset d',
      'parent canal',
      'deadletters replay',
      'publish it',
      'verified'
    ])
      assert.ok(message.includes(said), message)
    assert.equal(tester.read(samplesHuman).length, 0)

    await publish(original)(tester)
    await verified(make.sample('s1', 'An answer.'))(tester)
    await tester.settle()
    // As `deadletters replay` gives it back.
    for (const one of [early, answered])
      tester.feed(human, one.id, one, { 'x-for-group': 'admit', 'x-replay-of': '0@0' })
    await tester.settle()
    const found = provenances(tester)
    assert.deepEqual(
      [...found.values()].map(({ generation, edit_distance }) => [generation, edit_distance !== null]),
      [
        [0, false],
        [0, true],
        [1, true]
      ]
    )
    // The name of what was refused is not taken: it names the edit only now.
    await publish(edit('The canal opened in June.', ['e']))(tester)
    await tester.settle()
    assert.deepEqual(provenances(tester).get('The canal opened in June.')!.parent_ids, [idOf(early)])
  })

  test('that were refused leave no name behind', async () => {
    const tester = await play(
      publish(edit('too early', ['nobody'], { id: 'e' })),
      publish(edit('of what was refused', ['e']))
    )
    assert.equal(tester.read(samplesHuman).length, 0)
    assert.equal(tester.read(deadLetters).length, 2)
  })

  test('of a text that is gone have no distance', async () => {
    const tables = fakeTables()
    tables.datasets.set('d', make.dataset('d'))
    const harness = createHarness(admit, { tables })
    await harness.process('human', original, 0)
    // Whoever erased it left another record in its place.
    await harness.process('human', document('something else'), 1)
    const erased = { ...original, messages: [] }
    await harness.process('human', erased, 0)
    await harness.process('human', edit('The canal opened.', ['canal']), 2)
    const [, , found] = harness.values<Sample>('admitted')
    assert.deepEqual(
      [found!.provenance.generation, found!.provenance.edit_distance, found!.provenance.parent_ids],
      [0, null, [idOf(original)]]
    )
  })

  test('in the order of their parents read these again in stretches', async () => {
    const tables = fakeTables()
    tables.datasets.set('d', make.dataset('d'))
    const harness = createHarness(admit, { tables })
    const count = 300
    for (let index = 0; index < count; index++)
      await harness.process('human', document(`original number ${index}`, { id: `o${index}` }))
    for (let index = 0; index < count; index++)
      await harness.process('human', edit(`original number ${index}!`, [`o${index}`]))
    const samples = harness.values<Sample>('admitted').slice(count)
    assert.equal(samples.length, count)
    for (const { messages, provenance } of samples)
      assert.equal(provenance.edit_distance, 1 / messages[0]!.content.length)
  })

  test('faults change nothing', async () => {
    const steps = [
      publish(original),
      verified(make.sample('s1', 'The canal was opened in the spring.')),
      publish(edit('The canal was opened in May.', ['s1', 'canal'], { id: 'e1' })),
      publish(edit('The canal was opened in June.', ['e1'])),
      publish(edit('early', ['s2'])),
      verified(make.sample('s2', 'Another answer.')),
      publish(edit('early', ['s2'])),
      publish(edit('The canal was opened in May.', ['s1']))
    ]
    const outputs = await sameUnderFaults(() => opened(admit), steps, [samplesHuman])
    assert.equal(outputs.length, 5)
  })
})

test('what derives from itself is refused, under its hash and under its name', async () => {
  const own = document('of itself')
  const tester = await play(
    publish(edit('of itself', [idOf(own)])),
    publish(edit('of its name', ['me'], { id: 'me' })),
    publish(own),
    publish(edit('of itself', [idOf(own)])),
    // The same edit once more, which keeps the name of its parent: known already, not its own child.
    publish(document('before', { id: 'name' })),
    publish(edit('after', ['name'], { id: 'name' })),
    publish(edit('after', ['name'], { id: 'name' }))
  )
  assert.deepEqual(
    tester.read(deadLetters).map(({ headers }) => headers['x-reason']),
    ['own_parent', 'own_parent', 'own_parent']
  )
  assert.equal(tester.read(samplesHuman).length, 3)
})
