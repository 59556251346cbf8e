import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Recipe } from '../../../processors/recipe.ts'
import { verify } from '../../../processors/verify.ts'
import { type Reason, reasons } from '../../../processors/verify/check.ts'
import { isRefusal } from '../../../processors/verify/refusal.ts'
import { equalLines, longestStutter, repeatedGrams } from '../../../processors/verify/repetition.ts'
import { scriptCounter } from '../../../processors/verify/script.ts'
import { words } from '../../../metrics/tokenize.ts'
import { slotOf } from '../../../schemas/identity.ts'
import { provenanceViolations } from '../../../schemas/provenance.ts'
import type { Prompt, Provenance, RefusalPolicy, Rejection, Sample } from '../../../schemas/types.ts'
import { createHarness, fakeTables } from '../../helpers/context.ts'
import * as make from '../../helpers/records.ts'

const good =
  'Steam engines turned heat into motion. Coal boiled the water, pressure drove a piston, and a wheel made the stroke ' +
  'into a turn that mills and railways could use.'

type Options = { checks?: object; attempts?: number; shards?: number }

/** What becomes of one candidate under a recipe. */
async function look(candidate: Sample, { checks = {}, attempts = 1, shards = 1 }: Options = {}) {
  const tables = fakeTables()
  tables.datasets.set('d', make.dataset('d', { shards }))
  tables.runs.set('r', make.run('r', { checks, attempts }))
  const harness = createHarness(verify, { tables })
  const verdict = await harness.process('candidates', candidate)
  return {
    verdict,
    verified: harness.values<Sample>('verified')[0],
    rejected: harness.values<Rejection>('rejected')[0],
    retry: harness.values<Prompt>('retry')[0],
    outputs: harness.outputs
  }
}

async function reasonFor(answer: string, options: Options & { fields?: Partial<Sample> } = {}) {
  const { rejected, verified } = await look(make.sample('s', answer, options.fields), options)
  assert.notEqual(rejected === undefined, verified === undefined, 'one of the two')
  return rejected?.reason
}

/** The first characters of thirty-six different ones. */
function characters(count: number): string {
  return 'abcdefghijklmnopqrstuvwxyz0123456789'.slice(0, count)
}

function finish(finish_reason: string): Partial<Sample> {
  return { metadata: { finish_reason } }
}

function under(refusal: RefusalPolicy) {
  return { fields: { cell: make.cell({ refusal }) } }
}

/** The provenance of the prompt that a failed answer of this provenance becomes. */
async function retried(fields: Partial<Provenance>): Promise<Provenance | undefined> {
  const failed = make.sample('s', 'Short.', { provenance: make.provenance(fields) })
  return (await look(failed, { attempts: 2 })).retry?.provenance
}

describe('an answer that passes', () => {
  test('is verified unchanged, with what each check said', async () => {
    const candidate = make.sample('s1', good, {
      verdicts: [{ check: 'duplicate', version: '1', is_valid: true, score: null, reasoning: '' }]
    })
    const { verdict, verified, outputs } = await look(candidate, {
      checks: { script: 'Latin', language: 'en' }
    })
    assert.equal(verdict.kind, 'emit')
    assert.deepEqual(
      outputs.map(({ to, key }) => [to, key]),
      [['verified', 's1']]
    )
    const { verdicts, ...rest } = verified!
    const { verdicts: _before, ...expected } = candidate
    assert.deepEqual(rest, expected)
    assert.deepEqual(
      verdicts.map(({ check, is_valid }) => [check, is_valid]),
      ['duplicate', 'empty', 'length', 'truncation', 'refusal', 'repetition', 'script', 'language'].map(
        check => [check, true]
      )
    )
    assert.equal(verdicts.find(({ check }) => check === 'length')?.score, good.length)
    assert.equal(verdicts.find(({ check }) => check === 'repetition')?.score, 0)
    assert.equal(verdicts.find(({ check }) => check === 'script')?.score, 1)
  })

  test('is not asked for a language or script the recipe does not name', async () => {
    const { verified } = await look(make.sample('s', 'Паровая машина превращает тепло в движение.'))
    assert.ok(verified)
    assert.ok(!verified.verdicts.some(({ check }) => check === 'script' || check === 'language'))
  })
})

describe('an answer that fails', () => {
  test('is rejected with the sample, the check and what was seen; checking ends there', async () => {
    const candidate = make.sample('s1', 'Too short.')
    const { verdict, rejected, outputs } = await look(candidate)
    assert.deepEqual([verdict.kind, 'reason' in verdict && verdict.reason], ['drop', 'too_short'])
    assert.deepEqual(
      outputs.map(({ to, key }) => [to, key]),
      [['rejected', 's1']]
    )
    const { sample, ...rest } = rejected!
    assert.deepEqual(rest, {
      id: 's1',
      processor: 'verify',
      check: 'length',
      version: '1',
      reason: 'too_short',
      detail: '10 characters; at least 20 are needed',
      hit: null,
      retried: false,
      rejected_at: 1_700_000_000_000_000
    })
    assert.deepEqual(sample.messages, candidate.messages)
    assert.deepEqual(
      sample.verdicts.map(({ check, is_valid }) => [check, is_valid]),
      [
        ['empty', true],
        ['length', false]
      ]
    )
  })

  test('empty', async () => {
    for (const answer of ['', '  \n\t ']) assert.equal(await reasonFor(answer), 'empty')
    const none = { messages: [make.message('user', good)] }
    assert.equal(await reasonFor('', { fields: none }), 'empty', 'no assistant message at all')
  })

  test('length, to the character', async () => {
    const checks = { min_chars: 25, max_chars: 30 }
    assert.equal(await reasonFor(characters(24), { checks }), 'too_short')
    assert.equal(await reasonFor(`   ${characters(24)}\n`, { checks }), 'too_short')
    assert.equal(await reasonFor(characters(25), { checks }), undefined)
    assert.equal(await reasonFor(characters(30), { checks }), undefined)
    assert.equal(await reasonFor(characters(31), { checks }), 'too_long')
  })

  test('a text of 5 MB, legal by size: no check but the cheapest looks at it', async () => {
    const text = `${good} `.repeat(Math.ceil((5 * 2 ** 20) / good.length))
    const { rejected } = await look(make.sample('s', text), { checks: { script: 'Latin', language: 'en' } })
    assert.equal(rejected?.reason, 'too_long')
    assert.deepEqual(
      rejected.sample.verdicts.map(({ check }) => check),
      ['empty', 'length']
    )
  })

  test('truncation and content filter, as the provider says', async () => {
    assert.equal(await reasonFor(good, { fields: finish('length') }), 'truncated')
    assert.equal(await reasonFor(good, { fields: finish('content_filter') }), 'content_filter')
    assert.equal(await reasonFor(good, { fields: finish('stop') }), undefined)
    assert.equal(await reasonFor(good, { fields: { metadata: {} } }), undefined)
  })

  test('a refusal, as the cell has it', async () => {
    const refusal = "I'm sorry, but I can't help with that request."
    assert.equal(await reasonFor(refusal, under('reject')), 'refusal')
    assert.equal(await reasonFor(refusal, under('allow')), undefined)
    assert.equal(await reasonFor(refusal, under('require')), undefined)
    assert.equal(await reasonFor(good, under('allow')), undefined)
    assert.equal(await reasonFor(good, under('require')), 'not_refused')
  })

  test('repetition of phrases, lines and characters', async () => {
    assert.equal(await reasonFor('the cat sat on the mat and '.repeat(20)), 'repetition')
    assert.equal(await reasonFor(`${good}\n${'- yes\n'.repeat(16)}`), 'repetition')
    assert.equal(await reasonFor(`${good}${'!'.repeat(256)}`), 'repetition')
    assert.equal(await reasonFor(`ha${'ha'.repeat(20)}`), 'repetition')
    assert.equal(await reasonFor('🙂'.repeat(40)), 'repetition')
    assert.equal(await reasonFor('好'.repeat(40)), 'repetition')
    assert.equal(
      await reasonFor(`${good}\n${'-'.repeat(40)}\n${good.toUpperCase().split(' ').toReversed().join(' ')}`),
      undefined
    )
    assert.equal(
      await reasonFor('the cat sat on the mat and '.repeat(20), { checks: { max_repetition: 1 } }),
      undefined
    )
  })

  test('another script or language', async () => {
    const russian = 'Паровая машина превращает тепло в движение, и это изменило мир.'
    const german = 'Die Dampfmaschine verwandelt Wärme in Bewegung, und das hat die Welt verändert.'
    assert.equal(await reasonFor(russian, { checks: { script: 'Latin' } }), 'wrong_script')
    assert.equal(await reasonFor(russian, { checks: { script: 'Cyrillic' } }), undefined)
    assert.equal(await reasonFor(german, { checks: { language: 'en' } }), 'wrong_language')
    assert.equal(await reasonFor(german, { checks: { language: 'de' } }), undefined)
    assert.equal(await reasonFor(good, { checks: { language: 'en', script: 'Latin' } }), undefined)
    const numbers = '1815, 1848, 1871, 1914, 1945, 1989.'
    assert.equal(await reasonFor(numbers, { checks: { language: 'en', script: 'Latin' } }), undefined)
  })

  test("a recipe that is not there is not the answer's fault", async () => {
    const { verdict } = await look(make.sample('s', good, { run: 'other' }))
    assert.equal('reason' in verdict && verdict.reason, 'unknown_run')
  })
})

describe('a failure that can be mended', () => {
  test('becomes the prompt asked again, with the error as feedback', async () => {
    const asked = [make.message('system', 'Be brief.'), make.message('user', 'What is steam?')]
    const candidate = make.sample('s9', 'Short.', {
      messages: [...asked, make.message('assistant', 'Short.')],
      metadata: { finish_reason: 'stop', samples: '3', author_note: 'kept' },
      provenance: make.provenance({ prompt_id: 'p7', attempt: 2, sample_index: 2, repairs: ['s1'] })
    })
    const { rejected, retry, outputs } = await look(candidate, { attempts: 3, shards: 4 })
    assert.equal(rejected?.retried, true)
    assert.deepEqual(
      outputs.map(({ to, key, slot }) => [to, key, slot]),
      [
        ['rejected', 's9', undefined],
        ['retry', 'r/p7/3/2', slotOf('d', 'p7', 4, 4)]
      ]
    )
    const { provenance, feedback, ...rest } = retry!
    assert.deepEqual(rest, {
      id: 'p7',
      dataset: 'd',
      run: 'r',
      cell: candidate.cell,
      messages: asked,
      samples: 1,
      attempt: 3,
      metadata: { author_note: 'kept' }
    })
    assert.match(feedback ?? '', /too short: 6 characters; at least 20/)
    assert.deepEqual(provenanceViolations(provenance, 'prompt'), [])
    assert.deepEqual(provenance.repairs, ['s1', 's9'])
    assert.equal(provenance.sample_index, 2)
    assert.equal(provenance.model_id, null)
    assert.equal(provenance.created_by, 'verify')
  })

  test('is not tried again when the attempts are used up, or nobody knows the prompt', async () => {
    const last = make.sample('s', 'Short.', { provenance: make.provenance({ attempt: 2 }) })
    const used = await look(last, { attempts: 2 })
    assert.deepEqual([used.retry, used.rejected?.retried], [undefined, false])
    const orphan = make.sample('s', 'Short.', { provenance: make.provenance({ prompt_id: null }) })
    assert.equal((await look(orphan, { attempts: 5 })).retry, undefined)
  })

  test('is one of these, and no other', async () => {
    const cases: [Reason, mended: boolean, answer: string, fields: Partial<Sample>, checks: object][] = [
      ['too_short', true, 'Short.', {}, {}],
      ['truncated', true, good, finish('length'), {}],
      ['refusal', true, 'I cannot help with that request, sorry.', {}, {}],
      ['repetition', true, 'again and again and '.repeat(20), {}, {}],
      ['wrong_script', true, good, {}, { script: 'Cyrillic' }],
      ['wrong_language', true, good, {}, { language: 'fr' }],
      ['empty', false, ' ', {}, {}],
      ['too_long', false, good, {}, { max_chars: 30 }],
      ['content_filter', false, good, finish('content_filter'), {}],
      ['not_refused', false, good, { cell: make.cell({ refusal: 'require' }) }, {}]
    ]
    assert.deepEqual(new Set(cases.map(([reason]) => reason)), new Set(reasons))
    for (const [reason, mended, answer, fields, checks] of cases) {
      const { rejected, retry } = await look(make.sample('s', answer, fields), { attempts: 2, checks })
      assert.deepEqual([rejected?.reason, retry !== undefined], [reason, mended])
      assert.equal(rejected?.retried, mended)
    }
  })

  test('keeps the generation number from sinking', async () => {
    assert.equal((await retried({ generation: 2, parent_ids: ['x'] }))?.generation, 2)
    assert.deepEqual((await retried({ generation: 2, parent_ids: ['x'] }))?.parent_ids, ['x'])
    assert.equal((await retried({ generation: null }))?.generation, null)
    assert.equal((await retried({ generation: 1 }))?.generation, 0)
  })
})

describe('refusals', () => {
  const refusals = [
    "I'm sorry, but I can't assist with that.",
    'I’m sorry, but I can’t help with that.',
    'I am sorry, but I cannot provide instructions for that.',
    'Sorry, I can’t help with that request.',
    'I apologize, but I am not able to discuss this topic.',
    'I cannot fulfill this request. It goes against my guidelines.',
    "I can't help you with that.",
    "I won't write a poem that mocks them.",
    'Unfortunately, I cannot generate such content.',
    'As an AI language model, I do not have personal opinions.',
    "As an AI, I can't do this.",
    'I am just an AI and cannot have feelings about it.',
    'I must respectfully decline.',
    "I'm not comfortable writing this.",
    "I'm unable to provide medical advice.",
    'This request violates our usage policies.',
    "That's not something I can help with.",
    '**I cannot comply with this request.**',
    'Lo siento, pero no puedo ayudarte con eso.',
    'Es tut mir leid, aber ich kann dir dabei nicht helfen.',
    'Je suis désolé, mais je ne peux pas répondre à cette demande.',
    'Desculpe, mas não posso ajudar com isso.',
    'Извините, но я не могу помочь с этим.',
    '抱歉，我无法回答这个问题。',
    '申し訳ありませんが、そのリクエストにはお応えできません。'
  ]
  const answers = [
    good,
    "I can't help but admire the engineers of that age.",
    "I'm sorry to hear about your cat; here is what usually helps.",
    'I cannot believe how quickly the tide came in that morning.',
    "I can't explain how happy I was when the train arrived.",
    '"I can\'t do that," he said, and shut the door.',
    'Sorry for the delay. The parcel left the harbour on Monday.',
    'Unfortunately, the harvest failed twice in three years.',
    'As an airline, the company could not raise its prices.',
    'I must decline in Latin the noun rex: rex, regis, regi.',
    'I won the race, and will not forget it.',
    'No, whales are not fish.',
    'The model answered: I cannot help with that.',
    'I was unable to sleep, so I walked to the harbour.'
  ]
  for (const text of refusals) test(`yes: ${text}`, () => assert.equal(isRefusal(text), true))
  for (const text of answers) test(`no: ${text}`, () => assert.equal(isRefusal(text), false))
})

describe('measures of repetition and script', () => {
  test('repeated 4-grams are those that stood before', () => {
    const token = fc.constantFrom('a', 'b', 'c')
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), tokens => {
        const text = tokens.join(' ')
        const grams = words(text)
          .slice(3)
          .map((_, at) => tokens.slice(at, at + 4).join(' '))
        const share = repeatedGrams(text)
        if (grams.length === 0) assert.equal(share, undefined)
        else assert.ok(Math.abs(share! - (1 - new Set(grams).size / grams.length)) < 1e-12)
      })
    )
  })

  test('a stutter is the longest stretch of one or two characters', () => {
    assert.equal(longestStutter('abcdef'), 0)
    assert.equal(longestStutter('xaaaab'), 4)
    assert.equal(longestStutter('xyhahahahaz'), 8)
    assert.equal(longestStutter('--- - - - - -'), 11)
    assert.equal(longestStutter('a          b'), 0, 'white space is layout')
    assert.equal(longestStutter('🙂🙂🙂🙂'), 8)
    assert.equal(longestStutter('aaa'), 3)
    assert.equal(longestStutter(''), 0)
  })

  test('equal lines in a row, blank ones aside', () => {
    assert.deepEqual(equalLines('one'), { lines: 1, inARow: 1 })
    assert.deepEqual(equalLines('a\nb\n\nb\nb\nc'), { lines: 5, inARow: 3 })
  })

  test('the share of a script counts letters only', () => {
    assert.equal(scriptCounter('Latin')?.('abc, деё 123'), 0.5)
    assert.equal(scriptCounter('Latin')?.('1, 2, 3!'), undefined)
    assert.equal(scriptCounter('Han')?.('你好 abc'), 2 / 5)
    assert.equal(scriptCounter('Deseret')?.('𐐀𐐁ab'), 0.5, 'letters beyond the basic plane')
    assert.equal(scriptCounter('Klingon'), null)
  })
})

test('whatever the text, there is one verdict and it is legal', async () => {
  const checks: Partial<Recipe['checks']> = { min_chars: 0, script: 'Latin', language: 'en' }
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async text => {
      const { verdict, verified, rejected } = await look(make.sample('s', text), { checks, attempts: 2 })
      assert.notEqual(verdict.kind, 'reject')
      assert.equal([verified, rejected].filter(Boolean).length, 1)
    }),
    { numRuns: 200 }
  )
})
