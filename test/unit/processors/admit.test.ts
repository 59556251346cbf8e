import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { documentOf } from '../../../infra/publish.ts'
import type { Tester } from '../../../infra/runner/memory.ts'
import { admit } from '../../../processors/admit.ts'
import { splitOf } from '../../../processors/admit/place.ts'
import { contentHash } from '../../../schemas/identity.ts'
import { deadLetters, human, samplesHuman, samplesVerified } from '../../../schemas/topics.ts'
import type { Document, Split } from '../../../schemas/types.ts'
import {
  assertPoisonIsBuried,
  document,
  feed,
  opened,
  sameUnderFaults,
  type Step
} from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'

const shares = make.dataset('d')
const idOf = ({ messages }: Document): string => contentHash(messages)
const publish = (one: Document): Step => feed(human, one.id || idOf(one), one)

async function admitted(documents: readonly Document[]) {
  const tester = await opened(admit)
  for (const one of documents) await publish(one)(tester)
  await tester.settle()
  return tester.read(samplesHuman)
}

/** An edit, as a person publishes it. */
const edit = (
  text: string,
  parent_ids: string[],
  { id = '', claims = null }: { id?: string; claims?: number | null } = {}
): Document =>
  document(text, {
    id,
    provenance: make.humanProvenance({ origin: 'HUMAN_EDITED', parent_ids, generation: claims, split: null })
  })

const reasons = (tester: Tester): (string | undefined)[] =>
  tester.read(deadLetters).map(({ headers }) => headers['x-reason'])

describe('admit', () => {
  test('a document becomes a sample with its split', async () => {
    const one = document('Call me Ishmael.', { id: 'moby-1', metadata: { chapter: '1' } })
    const [record] = await admitted([one])
    const { id, content_hash, run, messages, provenance, metadata } = record!.value
    assert.equal(id, idOf(one))
    assert.equal(record!.key, `d/${id}`)
    assert.equal(content_hash, id)
    assert.equal(run, '')
    assert.deepEqual(messages, one.messages)
    assert.equal(provenance.split, splitOf('Call me Ishmael.', shares))
    assert.equal(provenance.generation, 0)
    assert.deepEqual(metadata, { chapter: '1', document_id: 'moby-1' })
  })

  test('what admit says of a document nobody can say before it', async () => {
    const claims = { document_id: 'of-another', sibling_of: 'of-another', chapter: '1' }
    const records = await admitted([
      document('Call me Ishmael.', { id: 'moby-1', metadata: claims }),
      document('It was the best of times.', { id: '', metadata: claims })
    ])
    assert.deepEqual(
      records.map(({ value }) => value.metadata),
      [{ chapter: '1', document_id: 'moby-1' }, { chapter: '1' }]
    )
  })

  test('the same text is taken in once, under whatever id it comes', async () => {
    const texts = ['one text', 'one text', 'another', 'one text']
    const records = await admitted(texts.map((text, index) => document(text, { id: `d${index}` })))
    assert.deepEqual(
      records.map(({ value }) => value.messages[0]!.content),
      ['one text', 'another']
    )
  })

  test('siblings share a split', () => {
    const variants = fc.string().map(text => [text, ` ${text.toUpperCase()}\n`, text.replaceAll(' ', '  ')])
    fc.assert(
      fc.property(variants, ([text, loud, wide]) => {
        // Upper case is not undone by lower case everywhere (ß): only where it is, it is the same text.
        fc.pre(text!.toUpperCase().toLowerCase() === text!.toLowerCase())
        fc.pre(text!.normalize('NFKC') === text)
        assert.equal(splitOf(loud!, shares), splitOf(text, shares))
        assert.equal(splitOf(wide!, shares), splitOf(text, shares))
      })
    )
  })

  test('splits have the sizes the dataset says', () => {
    const counts: Record<Split, number> = { NONE: 0, SEED: 0, REFERENCE: 0, AUDIT: 0 }
    for (let index = 0; index < 10_000; index++) counts[splitOf(`text number ${index}`, shares)]++
    assert.equal(counts.NONE, 0)
    // Four standard deviations of a binomial of 10,000.
    for (const [split, share] of [
      ['SEED', 0.6],
      ['REFERENCE', 0.3],
      ['AUDIT', 0.1]
    ] as const)
      assert.ok(Math.abs(counts[split] - 10_000 * share) < 4 * Math.sqrt(10_000 * share * (1 - share)), split)
    const all = { split_seed: 0, split_reference: 100, split_audit: 0 }
    assert.equal(splitOf('anything', all), 'REFERENCE')
  })

  test('what is taken in, and where it falls, does not depend on the order of arrival', async () => {
    const texts = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'B', ' c '), { maxLength: 12 })
    const shuffled = texts.chain(list =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))
    )
    await fc.assert(
      fc.asyncProperty(shuffled, async ([one, other]) => {
        const taken = async (list: readonly string[]) =>
          (await admitted(list.map(text => document(text))))
            .map(({ value }) => `${value.id} ${value.provenance.split}`)
            .toSorted()
        assert.deepEqual(await taken(other), await taken(one))
      }),
      { numRuns: 40 }
    )
  })

  test('edits inherit the generation of known parents; unknown stays unknown', async () => {
    const parent = document('the original')
    const by = (origin: 'HUMAN_EDITED' | 'UNKNOWN', parent_ids: string[]) => ({
      provenance: make.humanProvenance({ origin, parent_ids, generation: null, split: null })
    })
    const child = document('the original, edited', by('HUMAN_EDITED', [idOf(parent)]))
    const records = await admitted([
      parent,
      child,
      document('edited twice', by('HUMAN_EDITED', [idOf(parent), idOf(child)])),
      document('found on the way', by('UNKNOWN', [])),
      document(
        'found on the way, edited',
        by('HUMAN_EDITED', [contentHash(document('found on the way').messages)])
      )
    ])
    assert.deepEqual(
      records.map(({ value }) => value.provenance.generation),
      [0, 0, 0, null, null]
    )
  })

  test('an edit names its parents by their ids or by those of their documents; the sample names samples', async () => {
    const edits = (id: string, text: string, parent_ids: string[]) =>
      document(text, {
        id,
        provenance: make.humanProvenance({
          origin: 'HUMAN_EDITED',
          parent_ids,
          generation: null,
          split: null
        })
      })
    const [one, two] = [document('the original', { id: 'doc-1' }), document('another', { id: 'doc-2' })]
    const records = await admitted([
      one,
      two,
      // The same text under another name: it is taken in once, and known by both.
      document('the original', { id: 'doc-1-copy' }),
      edits('e1', 'by the name', ['doc-1', idOf(two)]),
      edits('e2', 'by its other name', ['doc-1-copy']),
      // An edit that keeps the name of what it edits; from here on the name is its own.
      edits('doc-2', 'another, edited', ['doc-2']),
      edits('e3', 'of the edit', ['doc-2'])
    ])
    const edited = records.slice(2).map(({ value }) => value)
    assert.deepEqual(
      edited.map(({ provenance }) => [provenance.parent_ids, provenance.generation]),
      [
        [[idOf(one), idOf(two)], 0],
        [[idOf(one)], 0],
        [[idOf(two)], 0],
        [[edited[2]!.id], 0]
      ]
    )
  })

  test('names are of a dataset, and outlive a restart', async () => {
    const tester = await opened(admit)
    tester.table('datasets', 'e', make.dataset('e'))
    await publish(document('the original', { id: 'doc-1' }))(tester)
    await tester.settle()
    await tester.restart()
    for (const dataset of ['d', 'e']) {
      const provenance = make.humanProvenance({
        origin: 'HUMAN_EDITED',
        parent_ids: ['doc-1'],
        generation: null,
        split: null
      })
      await publish(document('edited', { id: 'e', dataset, provenance }))(tester)
    }
    await tester.settle()
    const [, ...edits] = tester
      .read(samplesHuman)
      .map(({ value }) => [value.dataset, value.provenance.generation])
    assert.deepEqual(edits, [['d', 0]])
    assert.deepEqual(reasons(tester), ['parent_unknown'])
  })

  test('what is refused as empty is what a publisher is told of at once: a last message that says nothing', async () => {
    const turns = fc.record({
      role: fc.constantFrom('user' as const, 'assistant' as const, 'tool' as const),
      content: fc.constantFrom('', ' \n\u00a0', 'text'),
      tool_calls: fc.constantFrom(undefined, null, [], [{ id: 'c', function: { name: 'add' } }])
    })
    await fc.assert(
      fc.asyncProperty(fc.array(turns, { minLength: 1, maxLength: 3 }), async messages => {
        const told = (): unknown =>
          documentOf(JSON.stringify({ messages, origin: 'HUMAN_AUTHORED' }), 'd', 'tester')
        const last = messages.at(-1)!
        const says = last.content === 'text' || (last.tool_calls?.length ?? 0) > 0
        if (says) assert.ok(told())
        else assert.throws(told, { code: 'RECORD_INVALID', message: /no text/ })
        // As a client of another kind publishes it.
        const sent = messages.map(({ tool_calls, ...rest }) => ({
          ...make.message(rest.role, rest.content),
          tool_calls: tool_calls === undefined ? null : JSON.stringify(tool_calls)
        }))
        assert.equal((await admitted([document('', { messages: sent })])).length, says ? 1 : 0)
      }),
      { numRuns: 60 }
    )
  })

  test('an edit falls where what it was made from fell, however far it is from it; between two splits it is of no use', async () => {
    const originals = Array.from({ length: 40 }, (_, index) => document(`original number ${index}`))
    const tester = await opened(admit)
    for (const one of originals) await publish(one)(tester)
    const answer = make.sample('a1', 'what a model wrote')
    tester.feed(samplesVerified, answer.id, answer)
    await tester.settle()
    const splits = (): Map<string, Split | null> =>
      new Map(tester.read(samplesHuman).map(({ value }) => [value.id, value.provenance.split]))
    const first = splits()
    const edits = originals.map((one, index) =>
      edit(`nothing like it any more: ${index * 7919}`, [idOf(one)])
    )
    const again = edits.map((one, index) => edit(`and once more, ${index * 104_729}`, [idOf(one)]))
    const ofAnswers = Array.from({ length: 20 }, (_, index) => edit(`of an answer, ${index}`, ['a1']))
    const [seed, held] = (['SEED', 'REFERENCE'] as const).map(wanted =>
      originals.find(one => first.get(idOf(one)) === wanted)!
    )
    const between = edit('between the two', [idOf(seed!), idOf(held!)])
    const ofNone = edit('of what is of no use', [idOf(between)])
    const ofBoth = edit('of that and of seed text', [idOf(seed!), idOf(between)])
    for (const one of [...edits, ...again, ...ofAnswers, between, ofNone, ofBoth]) await publish(one)(tester)
    await tester.settle()
    const last = splits()
    assert.deepEqual(new Set(first.values()), new Set(['SEED', 'REFERENCE', 'AUDIT']))
    for (const [index, one] of originals.entries())
      for (const made of [edits[index]!, again[index]!])
        assert.equal(last.get(idOf(made)), first.get(idOf(one)), made.messages[0]!.content)
    for (const one of ofAnswers) assert.equal(last.get(idOf(one)), 'SEED', 'answers are made of seed text')
    for (const one of [between, ofNone, ofBoth]) assert.equal(last.get(idOf(one)), 'NONE')

    const long = (of: number): string =>
      Array.from({ length: 60 }, (_, word) => `word${of}x${word}`).join(' ')
    const number = [...Array(50).keys()].find(of => splitOf(long(of), make.dataset('d')) === 'SEED')!
    const [text, like, alike] = ['', ' and more', ' and more of it'].map(more => `${long(number)}${more}`)
    // Words of held-out text are in it, whatever else it is like; what is only like it may be like seed text.
    const useless = edit(long(51), [idOf(between)])
    const likeIt = document(`${long(51)} and more`)
    const steps = [document(text!), edit(like!, [idOf(held!)]), document(alike!), useless, likeIt]
    for (const one of steps) await publish(one)(tester)
    await tester.settle()
    const after = splits()
    assert.deepEqual(
      steps.map(one => after.get(idOf(one))),
      ['SEED', 'NONE', 'SEED', 'NONE', 'NONE']
    )
  })

  test('what no document may say is refused where it comes in', async () => {
    const tester = await opened(admit)
    await publish(document('x', { messages: [make.message('wizard', 'y')] }))(tester)
    await publish(document('an answer', { provenance: make.humanProvenance({ prompt_id: 'p' }) }))(tester)
    await publish(document('labelled', { cell: make.cell({ topic: 't'.repeat(201) }) }))(tester)
    await tester.settle()
    assert.deepEqual(reasons(tester), ['role_unknown', 'provenance', 'label_too_long'])
  })

  test('a text whose metadata say that a model wrote it is not taken in as a person’s', async () => {
    const tester = await opened(admit)
    await publish(document('from an export', { metadata: { origin: 'SYNTHETIC', model_id: 'm' } }))(tester)
    await publish(document('from an export too', { metadata: { origin: 'HUMAN_AUTHORED' } }))(tester)
    await tester.settle()
    assert.deepEqual(reasons(tester), ['synthetic_as_human'])
    assert.equal(tester.read(samplesHuman).length, 1)
  })

  test('answers that are calls of tools are no siblings for their lack of text', async () => {
    const splits = new Set<string | null>()
    const calls = Array.from({ length: 40 }, (_, index) =>
      document('', { messages: [{ ...make.message('assistant', ''), tool_calls: `[{"id":"${index}"}]` }] })
    )
    for (const { value } of await admitted(calls)) splits.add(value.provenance.split)
    assert.ok(splits.size > 1, [...splits].join())
  })

  test('datasets do not see each other', async () => {
    const tester = await opened(admit)
    tester.table('datasets', 'e', make.dataset('e', { split_seed: 0, split_reference: 0, split_audit: 100 }))
    for (const dataset of ['d', 'e']) tester.feed(human, 'x', document('the same text', { dataset }))
    await tester.settle()
    assert.deepEqual(
      tester.read(samplesHuman).map(({ value }) => value.dataset),
      ['d', 'e']
    )
    assert.equal(tester.read(samplesHuman)[1]!.value.provenance.split, 'AUDIT')
  })

  test('poison is buried, everything else goes through', async () => {
    const good = ['one', 'two', 'three', 'four', 'five'].map(text => document(text, { id: text }))
    const tester = await opened(admit)
    // Legal as a document, and with what a sample says besides too large to be one.
    const bare = tester.codec.encode(human, document('', { id: 'full' })).length
    const full = 'x '.repeat(human.maxBytes / 2).slice(0, human.maxBytes - bare - 180)
    await assertPoisonIsBuried(
      tester,
      admit,
      human,
      good,
      [
        ['provenance', document('a model wrote this', { provenance: make.provenance() })],
        [
          'provenance',
          document('edited', { provenance: make.humanProvenance({ origin: 'HUMAN_EDITED', split: null }) })
        ],
        ['unknown_dataset', document('where to?', { dataset: 'nowhere' })],
        ['empty_document', document(' \n ', { id: 'blank' })],
        ['empty_document', document('', { id: 'none', messages: [] })],
        ['unencodable', document(full, { id: 'full' })],
        ['too_large', document('x '.repeat(human.maxBytes / 2), { id: 'huge' })],
        ['parent_unknown', edit('of a stranger', ['nobody'])],
        ['own_parent', edit('of itself', ['me'], { id: 'me' })],
        ['generation_claimed', edit('of the first, it says', ['one'], { claims: 3 })]
      ],
      samplesHuman
    )
  })

  test('a dead document settles nothing: it belongs to no run', async () => {
    const tester = await opened(admit)
    tester.feed(human, 'x', document(''))
    await tester.settle()
    const [{ headers } = assert.fail('nothing died')] = tester.read(deadLetters)
    assert.deepEqual([headers['x-settles'], headers['x-run']], ['0', ''])
  })

  test('faults change nothing', async () => {
    const steps = ['a', 'b', 'a', 'c', 'B', '', 'd', 'c'].map(text =>
      publish(document(text, { id: `id ${text}` }))
    )
    await sameUnderFaults(() => opened(admit), steps, [samplesHuman])
  })
})
