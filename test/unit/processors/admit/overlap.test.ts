/** Text of models among human text: what is said of each document, and that it is the same after a restart. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createMemory } from '../../../../infra/runner/state.ts'
import { random } from '../../../../metrics/random.ts'
import { createOverlap, type Seen } from '../../../../processors/admit/overlap.ts'
import { admit } from '../../../../processors/admit.ts'
import type { StateTable } from '../../../../processors/contract.ts'
import { human, samplesHuman, samplesVerified } from '../../../../schemas/topics.ts'
import { document, feed, opened, sameUnderFaults } from '../../../helpers/play.ts'
import * as make from '../../../helpers/records.ts'

/** Words that occur nowhere else. */
function text(seed: number, length: number): string {
  const draw = random(seed)
  return Array.from({ length }, () => `w${seed}x${draw.below(1_000_000)}`).join(' ')
}

const answered = (id: string, content: string, dataset = 'd') =>
  feed(samplesVerified, id, make.sample(id, content, { dataset }))
const published = (content: string, dataset = 'd') =>
  feed(human, content.slice(0, 40), document(content, { dataset }))

/** A memory with what was kept. */
function tableOf(entry?: Seen): StateTable<Seen> {
  const table = createMemory(['seen']).tables['seen'] as StateTable<Seen>
  if (entry) table.stage('', entry)
  return table
}

async function scores(
  ...steps: readonly ReturnType<typeof answered>[]
): Promise<(number | null | undefined)[]> {
  const tester = await opened(admit)
  tester.table('datasets', 'e', make.dataset('e'))
  tester.table('runs', 'r', make.run('r'))
  for (const step of steps) {
    await step(tester)
    await tester.settle()
  }
  return tester.read(samplesHuman).map(({ value }) => value.verdicts[0]?.score)
}

describe('synthetic overlap', () => {
  test('is 1 for the text of a model, 0 for another, and in between for a mixture', async () => {
    const [model, person] = [text(1, 300), text(2, 300)]
    const mixed = `${text(3, 300)} ${model}`
    const [copied, own, half] = await scores(
      answered('s', model),
      published(model),
      published(person),
      published(mixed)
    )
    assert.equal(copied, 1)
    assert.equal(own, 0)
    assert.ok(half! > 0.4 && half! < 0.6, `${half}`)
  })

  test('a run of 15 words is noticed, in whatever case, however it is punctuated', async () => {
    const model = text(4, 200)
    const quoted = model.split(' ').slice(90, 105).join(', ').toUpperCase()
    const [found] = await scores(
      answered('s', model),
      published(`${text(5, 100)}. ${quoted}! ${text(6, 100)}`)
    )
    assert.ok(found! > 0)
  })

  test('is told only of what was seen before, and of the same dataset', async () => {
    const model = text(7, 100)
    const before = text(8, 100)
    assert.deepEqual(
      await scores(
        published(before),
        answered('s', `${model} ${before}`),
        published(`${before} `),
        published(model)
      ),
      [0, 1, 1]
    )
    const other = published(model, 'e')
    assert.deepEqual(await scores(answered('s', model), other), [0])
  })

  test('of a text of fewer than 8 words nothing is said', async () => {
    assert.deepEqual(
      await scores(
        answered('s', 'seven words are all there is here'),
        published('seven words are all there is here')
      ),
      [undefined]
    )
  })

  test('memory is bounded, what it forgets is the oldest, and a restart remembers the same', () => {
    const size = 100
    const samples = Array.from({ length: 60 }, (_, seed) => text(seed, 60))
    const memory = tableOf()
    const first = createOverlap(memory, size)
    const states: (Seen | undefined)[] = []
    for (const [offset, sample] of samples.entries()) {
      first.add(offset, 'd', sample)
      states.push(memory.get(''))
    }
    const seen = memory.get('')!
    assert.ok(seen.older > 30, `${seen.older}`)
    const score = (overlap: ReturnType<typeof createOverlap>) => (sample: string) =>
      overlap.verdict('d', sample)!.score
    assert.deepEqual(
      samples.map(score(first)).map((one, offset) => [one, offset]),
      samples.map((_, offset) => [offset >= seen.older ? 1 : 0, offset])
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: samples.length - 1 }), stop => {
        const kept = tableOf(states[stop - 1])
        const again = createOverlap(kept, size)
        for (let offset = again.from; offset < stop; offset++) again.again(offset, 'd', samples[offset]!)
        for (let offset = stop; offset < samples.length; offset++) again.add(offset, 'd', samples[offset]!)
        assert.deepEqual(kept.get(''), seen)
        assert.deepEqual(samples.map(score(again)), samples.map(score(first)))
      })
    )
  })

  test('faults change nothing', async () => {
    const [model, other] = [text(9, 120), text(10, 120)]
    const outputs = await sameUnderFaults(
      () => opened(admit),
      [
        published(other),
        answered('a', model),
        published(`${model} and more`),
        answered('b', other),
        published(`${other} ${model}`)
      ],
      [samplesHuman]
    )
    const found = outputs.map(
      output => (output as { value: { verdicts: { score: number }[] } }).value.verdicts[0]!.score
    )
    assert.equal(found[0], 0)
    assert.ok(found[1]! > 0.9 && found[2]! > 0.9)
  })
})
