import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Tester } from '../../../infra/runner/memory.ts'
import { deduplicate } from '../../../processors/deduplicate.ts'
import { answerOf, folded } from '../../../processors/text.ts'
import {
  candidates,
  deadLetters,
  generations,
  samplesHuman,
  samplesRejected
} from '../../../schemas/topics.ts'
import type { Generation, Provenance, Rejection, Sample } from '../../../schemas/types.ts'
import { assertPoisonIsBuried, feed, opened, sameUnderFaults } from '../../helpers/play.ts'
import * as make from '../../helpers/records.ts'

/** A reply to sample `index` of a prompt's attempt. */
const reply = (id: string, text: string, prompt_id = id, attempt = 1, sample_index = 0): Generation =>
  make.generation(id, text, { provenance: make.provenance({ prompt_id, attempt, sample_index }) })

const rejection = (sample: Sample, processor = 'verify'): Rejection => ({
  id: sample.id,
  sample,
  processor,
  check: 'length',
  version: '1',
  reason: 'too_short',
  detail: '',
  hit: null,
  retried: true,
  rejected_at: 0
})

const novel = (tester: Tester): Sample[] => tester.read(candidates).map(({ value }) => value)
const refused = (tester: Tester): Rejection[] => tester.read(samplesRejected).map(({ value }) => value)
const textOf = (sample: Sample): string => folded(answerOf(sample.messages))

async function judged(...replies: readonly Generation[]): Promise<Tester> {
  const tester = await opened(deduplicate)
  for (const one of replies) tester.feed(generations, one.id, one)
  await tester.settle()
  return tester
}

describe('deduplicate', () => {
  test('an answer that is made of held-out text is turned down, of seed text it is not', async () => {
    const tester = await opened(deduplicate)
    for (const split of ['SEED', 'REFERENCE', 'AUDIT', 'NONE'] as const) {
      const value = make.humanSample(split, `text of ${split}`, {
        provenance: make.humanProvenance({ split }),
        metadata: { document_id: `name of ${split}` }
      })
      tester.feed(samplesHuman, split, value)
    }
    await tester.settle()
    const of = (id: string, fields: Partial<Provenance>): Generation =>
      make.generation(id, `answer ${id}`, { provenance: make.provenance({ prompt_id: id, ...fields }) })
    const replies = [
      of('a', { parent_ids: ['SEED'] }),
      of('b', { parent_ids: ['SEED', 'REFERENCE'] }),
      of('c', { quoted_ids: ['AUDIT'] }),
      of('d', { parent_ids: ['NONE'] }),
      of('e', { parent_ids: ['elsewhere'] }),
      of('f', { parent_ids: ['name of AUDIT'] })
    ]
    for (const one of replies) tester.feed(generations, one.id, one)
    await tester.settle()
    assert.deepEqual(
      novel(tester).map(({ id }) => id),
      ['a', 'e']
    )
    assert.deepEqual(
      refused(tester).map(({ id, reason, hit }) => [id, reason, hit]),
      [
        ['b', 'held_out', 'REFERENCE'],
        ['c', 'held_out', 'AUDIT'],
        ['d', 'held_out', 'NONE'],
        ['f', 'held_out', 'name of AUDIT']
      ]
    )
  })

  test('the same text is turned down, case, width and white space folded', async () => {
    const tester = await judged(
      reply('a', 'It rained.'),
      reply('b', '  IT\n rained. '),
      reply('c', 'Ｉｔ rained.'),
      reply('d', 'It rained!')
    )
    assert.deepEqual(
      novel(tester).map(({ id }) => id),
      ['a', 'd']
    )
    assert.deepEqual(
      refused(tester).map(({ id, hit, reason, check, processor, retried }) => ({
        id,
        hit,
        reason,
        check,
        processor,
        retried
      })),
      ['b', 'c'].map(id => ({
        id,
        hit: 'a',
        reason: 'exact_duplicate',
        check: 'exact_duplicate',
        processor: 'deduplicate',
        retried: false
      }))
    )
  })

  test('a reply becomes a sample: the prompt, then the answer', async () => {
    const one = make.generation('g', 'Yes.', {
      prompt: [make.message('system', 'Be brief.'), make.message('user', 'Is it?')],
      reasoning_content: 'hm',
      finish_reason: 'length',
      samples: 3,
      metadata: { source: 'alpha' }
    })
    const [sample] = novel(await judged(one))
    assert.deepEqual(sample?.messages, [
      ...one.prompt,
      { ...make.message('assistant', 'Yes.'), reasoning_content: 'hm' }
    ])
    assert.deepEqual(sample?.metadata, { source: 'alpha', finish_reason: 'length', samples: '3' })
    assert.deepEqual(sample?.provenance, one.provenance)
  })

  test('a failed call is a rejection, and its empty reply no text', async () => {
    const failed = { ...reply('a', ''), error: 'unavailable: the server is away' }
    const tester = await judged(failed, { ...failed, id: 'b' }, reply('c', ''), reply('d', ' '))
    assert.deepEqual(
      refused(tester).map(({ id, reason, check, detail }) => ({ id, reason, check, detail })),
      ['a', 'b'].map(id => ({
        id,
        reason: 'provider_error',
        check: 'generate',
        detail: 'unavailable: the server is away'
      }))
    )
    assert.equal(novel(tester).length, 2, 'an empty answer is for verify to name')
  })

  test('what people wrote counts, whatever its split, and outlives rejections', async () => {
    const tester = await opened(deduplicate)
    for (const split of ['SEED', 'REFERENCE', 'AUDIT'] as const) {
      const provenance = make.humanProvenance({ split })
      tester.feed(samplesHuman, split, make.humanSample(split, `said by ${split}`, { provenance }))
    }
    for (const split of ['SEED', 'REFERENCE', 'AUDIT'])
      tester.feed(generations, split, reply(`g${split}`, `Said  by ${split}`))
    await tester.settle()
    assert.deepEqual(novel(tester), [])
    assert.deepEqual(
      refused(tester).map(({ hit }) => hit),
      ['SEED', 'REFERENCE', 'AUDIT']
    )
  })

  test('a text that verify turned down may come again; one deduplicate turned down may not', async () => {
    const tester = await judged(reply('a', 'short'))
    tester.feed(samplesRejected, 'a', rejection(novel(tester)[0]!))
    await tester.settle()
    tester.feed(generations, 'b', reply('b', 'Short'))
    tester.feed(generations, 'c', reply('c', 'SHORT'))
    await tester.settle()
    assert.deepEqual(
      novel(tester).map(({ id }) => id),
      ['a', 'b']
    )
    assert.equal(refused(tester).at(-1)?.hit, 'b')
  })

  test('a repair may repeat the attempt it repairs, not its siblings', async () => {
    const tester = await judged(
      reply('a', 'same', 'p', 1, 0),
      reply('b', 'same', 'p', 2, 0),
      reply('c', 'same', 'p', 2, 1),
      reply('d', 'same', 'p', 1, 0)
    )
    assert.deepEqual(
      novel(tester).map(({ id }) => id),
      ['a', 'b']
    )
  })

  test('a run may ask for a memory of its own; human text counts all the same', async () => {
    const tester = await opened(deduplicate)
    tester.table('runs', 'own', make.run('own', { dedup: 'run' }))
    tester.feed(samplesHuman, 'h', make.humanSample('h', 'human words'))
    await tester.settle()
    const say = (id: string, run: string, text: string): void =>
      tester.feed(
        generations,
        id,
        make.generation(id, text, { run, provenance: make.provenance({ prompt_id: id }) })
      )
    say('a', 'r', 'model words')
    say('b', 'own', 'model words')
    say('c', 'own', 'Model words')
    say('d', 'own', 'human words')
    say('e', 'r', 'model words')
    await tester.settle()
    assert.deepEqual(
      novel(tester).map(({ id }) => id),
      ['a', 'b']
    )
    assert.deepEqual(
      refused(tester).map(({ id, hit }) => `${id} ${hit}`),
      ['c b', 'd h', 'e a']
    )
  })

  test('a lookup never matches the record itself', async () => {
    const tester = await judged(reply('a', 'once'), reply('a', 'once'))
    assert.equal(refused(tester).length, 0)
  })

  test('of what is accepted in the end no two have the same folded text', async () => {
    const texts = fc.constantFrom('x', 'X', ' x ', 'y', 'Y', 'z z', 'z  Z', '')
    const event = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constant('reply' as const),
          text: texts,
          prompt: fc.nat(3),
          index: fc.nat(1)
        })
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('human' as const), text: texts }) },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('turn down' as const), pick: fc.nat(), repair: texts })
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constantFrom(
            'restart' as const,
            'abort' as const,
            'unanswered' as const,
            'settle' as const
          )
        })
      }
    )
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async events => {
        const tester = await opened(deduplicate, {
          limits: { records: 4, bytes: 1e6, delayMs: 500, retries: 0, retryMs: 1 }
        })
        const rejected = new Set<string>()
        const asked = new Set<string>()
        let count = 0
        for (const one of events) {
          if (one.kind === 'reply') {
            const place = `${one.prompt}/${one.index}`
            if (asked.has(place)) continue
            asked.add(place)
            const id = `g${count++}`
            tester.feed(generations, id, reply(id, one.text, `p${one.prompt}`, 1, one.index))
          } else if (one.kind === 'human') {
            const id = `h${count++}`
            tester.feed(samplesHuman, id, make.humanSample(id, one.text))
          } else if (one.kind === 'turn down') {
            await tester.settle()
            const live = novel(tester).filter(({ id }) => !rejected.has(id))
            if (live.length === 0) continue
            const sample = live[one.pick % live.length]!
            rejected.add(sample.id)
            const { prompt_id, attempt, sample_index } = sample.provenance
            const id = `g${count++}`
            const repair = reply(id, one.repair, prompt_id!, attempt + 1, sample_index!)
            // The repair may overtake the word that asked for it.
            const both = [
              () => tester.feed(samplesRejected, sample.id, rejection(sample)),
              () => tester.feed(generations, id, repair)
            ]
            for (const send of one.pick % 2 === 0 ? both : both.toReversed()) send()
          } else if (one.kind === 'restart') await tester.restart()
          else if (one.kind === 'settle') await tester.settle()
          else tester.failCommits(1, one.kind === 'abort' ? 'before' : 'after')
        }
        await tester.settle()
        const live = novel(tester).filter(sample => !rejected.has(sample.id) && textOf(sample) !== '')
        const found = live.map(textOf)
        assert.equal(new Set(found).size, found.length, `accepted twice: ${found.join(', ')}`)
        const ids = novel(tester).map(({ id }) => id)
        assert.equal(new Set(ids).size, ids.length, 'nothing is written twice')
        const judgedHere = refused(tester).filter(({ processor }) => processor === 'deduplicate')
        assert.equal(
          ids.length + judgedHere.length,
          tester.read(generations).length,
          'each reply is judged once'
        )
      }),
      { numRuns: 200 }
    )
  })

  test('poison is buried, everything else goes through', async () => {
    const good = Array.from({ length: 5 }, (_, index) => reply(`g${index}`, `answer ${index}`))
    await assertPoisonIsBuried(
      await opened(deduplicate),
      deduplicate,
      generations,
      good,
      [
        ['provenance', make.generation('a', 'x', { provenance: make.humanProvenance() })],
        ['provenance', make.generation('b', 'y', { provenance: make.provenance({ model_id: '' }) })],
        ['unknown_dataset', make.generation('c', 'z', { dataset: 'nowhere' })],
        ['unknown_run', make.generation('d', 'w', { run: 'never' })],
        ['unencodable', reply('e', 'x'.repeat(8 * 1024 * 1024))]
      ],
      candidates
    )
  })

  test('a reply that does not fit as a sample settles one sample of its run', async () => {
    const tester = await judged(reply('e', 'x'.repeat(8 * 1024 * 1024)))
    const [{ headers } = assert.fail('nothing died')] = tester.read(deadLetters)
    assert.deepEqual([headers['x-settles'], headers['x-run']], ['1', 'r'])
  })

  test('faults change nothing', async () => {
    const words = ['one', 'two', 'One', 'three', 'two ', 'four']
    const steps = words.map((text, index) => feed(generations, `g${index}`, reply(`g${index}`, text)))
    steps.splice(2, 0, feed(samplesHuman, 'h', make.humanSample('h', 'three')))
    steps.push(
      feed(samplesRejected, 'g0', rejection(make.sample('g0', 'one'))),
      feed(generations, 'late', reply('late', 'ONE')),
      feed(generations, 'later', reply('later', 'one'))
    )
    await sameUnderFaults(() => opened(deduplicate), steps, [candidates, samplesRejected])
  })
})
