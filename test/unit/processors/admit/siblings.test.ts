/** Near-duplicates: who is found, and that no split ever holds a text whose sibling is in another. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { shingleWords } from '../../../../metrics/minhash-index.ts'
import { random } from '../../../../metrics/random.ts'
import { admit } from '../../../../processors/admit.ts'
import { splitOf } from '../../../../processors/admit/place.ts'
import {
  createSiblings,
  createSketcher,
  sketchFrom,
  sketchText
} from '../../../../processors/admit/siblings.ts'
import { contentHash } from '../../../../schemas/identity.ts'
import { human, samplesHuman } from '../../../../schemas/topics.ts'
import type { Sample } from '../../../../schemas/types.ts'
import { document, feed, opened, sameUnderFaults, type Step } from '../../../helpers/play.ts'
import * as make from '../../../helpers/records.ts'

const sketcher = createSketcher()

/** Jaccard similarity of the shingles, by the definition. */
function jaccard(one: readonly string[], other: readonly string[]): number {
  const shingles = (text: readonly string[]): Set<string> =>
    new Set(text.slice(shingleWords - 1).map((_, at) => text.slice(at, at + shingleWords).join(' ')))
  const [a, b] = [shingles(one), shingles(other)]
  const both = [...a].filter(shingle => b.has(shingle)).length
  return both / (a.size + b.size - both)
}

/** A text of words that occur nowhere else, and the same with some of them written anew. */
function family(
  seed: number,
  length: number
): { text: string[]; edited(edits: number, of?: string[]): string[] } {
  const draw = random(seed)
  const word = (): string => `w${seed}x${draw.below(1_000_000)}`
  const text = Array.from({ length }, word)
  return {
    text,
    edited(edits, of = text) {
      const other = [...of]
      for (let edit = 0; edit < edits; edit++) other[draw.below(other.length)] = word()
      return other
    }
  }
}

const publish = (text: string): Step => feed(human, contentHash(document(text).messages), document(text))

async function admitted(texts: readonly string[]): Promise<Map<string, Sample>> {
  const tester = await opened(admit)
  for (const text of texts) await publish(text)(tester)
  await tester.settle()
  return new Map(tester.read(samplesHuman).map(({ value }) => [value.messages[0]!.content, value]))
}

describe('siblings', () => {
  test('pairs from 0.7 on are found, unlike ones are not', () => {
    const draw = random(3)
    const found = new Map<string, { all: number; hits: number }>()
    for (let round = 0; round < 4000; round++) {
      const { text, edited } = family(round, 60 + draw.below(200))
      const other = edited(1 + draw.below(Math.ceil(text.length / 8)))
      const index = createSiblings(() => true)
      index.add('first', sketcher(text.join(' '))!)
      const similarity = jaccard(text, other)
      const range =
        similarity >= 0.8 ? '0.8' : similarity >= 0.7 ? '0.7' : similarity < 0.4 ? 'unlike' : 'between'
      const counts = found.get(range) ?? { all: 0, hits: 0 }
      counts.all++
      if (index.find(sketcher(other.join(' '))!).length > 0) counts.hits++
      found.set(range, counts)
    }
    const rate = (range: string): number => {
      const { all, hits } = found.get(range) ?? { all: 0, hits: 0 }
      assert.ok(all > 200, `${range}: ${all} pairs`)
      return hits / all
    }
    assert.ok(rate('0.8') >= 0.999, `${rate('0.8')}`)
    assert.ok(rate('0.7') >= 0.97, `${rate('0.7')}`)
    assert.ok(rate('unlike') <= 0.01, `${rate('unlike')}`)
  })

  test('among many texts each finds its own, and nothing else', () => {
    const index = createSiblings(() => true)
    const families = Array.from({ length: 3000 }, (_, seed) => family(seed, 80))
    for (const [seed, { text }] of families.entries()) index.add(`t${seed}`, sketcher(text.join(' '))!)
    for (const [seed, { edited }] of families.entries())
      assert.deepEqual(index.find(sketcher(edited(1).join(' '))!), [`t${seed}`])
    assert.deepEqual(index.find(sketcher(family(9999, 80).text.join(' '))!), [])
  })

  test('they come in the order they were added; what is no longer held is passed over, and its place taken', () => {
    const gone = new Set<string>()
    const index = createSiblings(id => !gone.has(id))
    const { text, edited } = family(1, 200)
    const [a, b] = [sketcher(text.join(' '))!, sketcher(edited(1).join(' '))!]
    index.add('a', a)
    index.add('b', b)
    assert.equal(index.find(a)[0], 'a')
    gone.add('a')
    index.add('c', a)
    assert.ok(index.find(a).includes('c') && !index.find(a).includes('a'))
  })

  test('a sketch survives being text', () => {
    const sketch = sketcher(family(2, 30).text.join(' '))!
    assert.deepEqual(sketchFrom(sketchText(sketch)), sketch)
    assert.equal(sketchText(sketch).length, 88)
    assert.equal(sketcher('only four words here'), undefined)
  })
})

describe('splits', () => {
  test('a near-duplicate follows its first sibling, and names it', async () => {
    const { text, edited } = family(4, 100)
    const second = edited(1)
    const third = edited(1, second)
    const records = await admitted([text, second, third].map(words => words.join(' ')))
    const [first, ...rest] = [...records.values()]
    assert.equal(first!.metadata['sibling_of'], undefined)
    assert.equal(first!.provenance.split, splitOf(text.join(' '), make.dataset('d')))
    for (const { metadata, provenance } of rest) {
      assert.equal(metadata['sibling_of'], first!.id)
      assert.equal(provenance.split, first!.provenance.split)
    }
  })

  test('a chain of siblings names the first of them, and so does the same text in another width', async () => {
    const windows = (seed: number): string[] => {
      const { text } = family(seed, 480)
      return [0, 45, 90, 135].map(start => text.slice(start, start + 300).join(' '))
    }
    // The end is not like the beginning, and by itself would have lain elsewhere.
    const fits = (texts: readonly string[]): boolean => {
      const index = createSiblings(() => true)
      index.add('first', sketcher(texts[0]!)!)
      const apart = splitOf(texts[3]!, make.dataset('d')) !== splitOf(texts[0]!, make.dataset('d'))
      return apart && index.find(sketcher(texts[3]!)!).length === 0
    }
    const chain = Array.from({ length: 100 }, (_, seed) => windows(seed)).find(fits)!
    const wide = chain[3]!.replaceAll(/[!-~]/g, char => String.fromCharCode(char.charCodeAt(0) + 0xfee0))
    const [first, ...rest] = [...(await admitted([...chain, wide])).values()]
    assert.equal(rest.length, 4)
    for (const { metadata, provenance } of rest)
      assert.deepEqual([metadata['sibling_of'], provenance.split], [first!.id, first!.provenance.split])
  })

  test('what a publisher says of siblings is not believed', async () => {
    const tester = await opened(admit)
    const one = document('alone in the world of texts', { metadata: { sibling_of: 'x', chapter: '1' } })
    tester.feed(human, 'x', one)
    await tester.settle()
    assert.deepEqual(tester.read(samplesHuman)[0]!.value.metadata, { chapter: '1' })
  })

  test('a text between two splits goes to neither, and who is like it and one of them to that one', async () => {
    const shares = make.dataset('d')
    // A window that slides over a long text: its ends are not alike, its middle is like both.
    const windows = (seed: number): [string, string, string] => {
      const { text } = family(seed, 500)
      const from = (start: number): string => text.slice(start, start + 300).join(' ')
      return [from(0), from(110), from(55)]
    }
    const alike = (one: string, other: string): boolean => {
      const index = createSiblings(() => true)
      index.add('one', sketcher(one)!)
      return index.find(sketcher(other)!).length > 0
    }
    const fits = (seed: number): boolean => {
      const [a, b, middle] = windows(seed)
      const apart = splitOf(a, shares) === 'SEED' && splitOf(b, shares) === 'AUDIT' && !alike(a, b)
      return apart && alike(a, middle) && alike(b, middle)
    }
    const [a, b, middle] = windows(Array.from({ length: 500 }, (_, seed) => seed).find(fits)!)
    const near = `${middle} and more`
    const samples = await admitted([a, b, middle, near, `${a} and more`])
    assert.deepEqual(
      [a, b, middle, near, `${a} and more`].map(text => samples.get(text)!.provenance.split),
      ['SEED', 'AUDIT', 'NONE', 'NONE', 'SEED']
    )
    assert.equal(samples.get(middle)!.metadata['sibling_of'], samples.get(a)!.id)
  })

  test('in whatever order texts arrive, no two alike lie in different splits, restarts or not', async () => {
    const families = [11, 12, 13].map(seed => family(seed, 60))
    const texts = families.flatMap(({ text, edited }) => {
      const once = edited(1)
      return [text, once, edited(1), edited(1, once)].map(words => words.join(' '))
    })
    const variants = [...texts, ...texts.map(text => ` ${text.toUpperCase().replaceAll(' ', '\n ')} `)]
    const order = fc.shuffledSubarray([...variants, 'a b', 'A  B', 'a c'], { minLength: 4 })
    await fc.assert(
      fc.asyncProperty(order, fc.nat({ max: 5 }), async (list, every) => {
        const tester = await opened(admit)
        for (const [index, text] of list.entries()) {
          await publish(text)(tester)
          if (every > 0 && index % every === 0) {
            await tester.settle()
            await tester.restart()
          }
        }
        await tester.settle()
        const samples = tester.read(samplesHuman).map(({ value }) => value)
        assert.deepEqual(await admitted(list), new Map(samples.map(one => [one.messages[0]!.content, one])))
        const byId = new Map(samples.map(one => [one.id, one]))
        for (const one of samples) {
          const first = byId.get(one.metadata['sibling_of'] ?? one.id)!
          assert.equal(one.provenance.split, first.provenance.split)
          assert.equal(first.metadata['sibling_of'], undefined, 'the first sibling has none before it')
        }
        const wordsOf = ({ messages }: Sample): string[] =>
          messages[0]!.content.toLowerCase().trim().split(/\s+/)
        for (const [index, one] of samples.entries())
          for (const other of samples.slice(0, index)) {
            const [a, b] = [wordsOf(one), wordsOf(other)]
            const alike = a.join(' ') === b.join(' ') || (a.length >= shingleWords && jaccard(a, b) >= 0.8)
            if (alike) assert.equal(one.provenance.split, other.provenance.split)
          }
      }),
      { numRuns: 40 }
    )
  })

  test('faults change nothing; a text that cannot be written has no siblings', async () => {
    const { text, edited } = family(21, 80)
    const once = `${text.join(' ')} `
    const steps = [
      publish(once.repeat(Math.ceil((8.5 * 1024 * 1024) / once.length))),
      publish(text.join(' ')),
      publish(edited(1).join(' ')),
      publish('short'),
      publish(edited(2).join(' '))
    ]
    const outputs = await sameUnderFaults(() => opened(admit), steps, [samplesHuman])
    const samples = outputs.map(output => (output as { value: Sample }).value)
    const [first, second, , fourth] = samples
    assert.equal(samples.length, 5, 'and the dead letter')
    assert.deepEqual(
      [first, second, fourth].map(sample => sample!.metadata['sibling_of']),
      [undefined, first!.id, first!.id]
    )
  })
})
