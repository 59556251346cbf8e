/**
 * Forged and impossible provenance, at both doors: where a line is published, and where a processor meets a record that
 * somebody wrote to its topic directly.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Deployment } from '../../infra/deployment.ts'
import { documentOf, promptOf } from '../../infra/publish.ts'
import { createParents } from '../../infra/parents.ts'
import type { Tester } from '../../infra/runner/memory.ts'
import { admit } from '../../processors/admit.ts'
import type { Processor } from '../../processors/contract.ts'
import { deduplicate } from '../../processors/deduplicate.ts'
import { generate } from '../../processors/generate.ts'
import { measure } from '../../processors/measure.ts'
import { mix } from '../../processors/mix.ts'
import { verify } from '../../processors/verify.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { contentHash, modelRevision } from '../../schemas/identity.ts'
import {
  candidates,
  deadLetters,
  generations,
  human,
  prompts,
  samplesHuman,
  samplesVerified,
  type Topic
} from '../../schemas/topics.ts'
import type { Model, Provenance, Split } from '../../schemas/types.ts'
import { document, opened } from '../helpers/play.ts'
import * as make from '../helpers/records.ts'

/** What stands in the dataset before anything is forged. */
const original = 'The canal opened in spring.'
const known = {
  ids: new Set(['canal', contentHash(document(original).messages), 's1']),
  aside: new Map<string, Split | null>()
}
const nobody = {} as Deployment

/** What the publisher of a line is told; undefined: it is published. */
async function told(
  line: object,
  of: 'document' | 'prompt'
): Promise<{ code: string; message: string } | undefined> {
  try {
    const text = JSON.stringify(line)
    const { value } = of === 'document' ? documentOf(text, 'd', 'x') : promptOf(text, make.run('r'), 1, 'x')
    await createParents(nobody, 'd', async () => known).check(value.provenance, of === 'prompt')
    return undefined
  } catch (error) {
    assert.ok(error instanceof EverseedError)
    return { code: error.code, message: error.message }
  }
}

const tuned: Model = {
  id: 'tuned',
  revision: '',
  provider: 'openai',
  family: 'a',
  base: null,
  trained_on: [],
  generation: 1,
  output_terms: 'allowed',
  offline: null,
  registered: false,
  created_at: 0
}
const source = {
  name: 'tuned',
  provider: 'openai',
  model: 'tuned',
  family: 'a',
  price: { input: 0, output: 0 }
}

/** A processor with the dataset's tables filled: run r writes into d, run f into another dataset; tuned has seen answers. */
async function at(processor: Processor): Promise<Tester> {
  const silent = { find: () => undefined, reserve() {}, intent: async () => {}, result: async () => {} }
  const ports = { providers: {}, offline: {}, journal: silent } as never
  const run = make.run('r', {
    sources: [{ name: 'alpha', provider: 'offline', model: 'alpha', family: 'a' }, source]
  })
  const tester = await opened(processor, { ports, run })
  tester.table('datasets', 'other', make.dataset('other'))
  tester.table('runs', 'f', make.run('f', { dataset: 'other' }))
  const recipe = JSON.parse(run.recipe) as { sources: (typeof source & { output_terms: string })[] }
  const revision = modelRevision(recipe.sources[1]!)
  tester.table('models', `tuned@${revision}`, { ...tuned, revision })
  return tester
}

/** The reason a record that was written directly dies of, and the words; undefined: it goes through. */
async function death(
  processor: Processor,
  topic: Topic,
  value: object
): Promise<[string, string] | undefined> {
  const tester = await at(processor)
  if (topic.name === human.name) {
    tester.feed(human, 'canal', document(original, { id: 'canal' }))
    tester.feed(samplesVerified, 's1', make.sample('s1', 'An answer.'))
  }
  tester.feed(topic, 'forged', value)
  await tester.settle()
  const letters = tester.read(deadLetters)
  assert.ok(letters.length < 2)
  const [letter] = letters
  return letter && [letter.headers['x-reason']!, letter.headers['x-message']!]
}

const by = (fields: Partial<Provenance>): Provenance =>
  make.humanProvenance({ split: null, generation: null, ...fields })
const text = 'The canal opened in May.'
const own = contentHash(document(text).messages)
const edited = (parent_ids: string[], more: Partial<Provenance> = {}): Provenance =>
  by({ origin: 'HUMAN_EDITED', parent_ids, ...more })

/** A case: the line as somebody would publish it, the record as somebody would write it, and what is said of either. */
type Case = {
  readonly what: string
  readonly line?: readonly [of: 'document' | 'prompt', line: object, words: RegExp]
  readonly record: readonly [processor: Processor, topic: Topic, value: object, reason: string, words: RegExp]
}

const documents: readonly Case[] = [
  {
    what: 'a model that calls itself a person',
    line: ['document', { text, origin: 'HUMAN_AUTHORED', model_id: 'gpt' }, /a model's text is SYNTHETIC/],
    record: [
      admit,
      human,
      document(text, { provenance: by({ model_id: 'gpt', generation: 0 }) }),
      'provenance',
      /a model's text is SYNTHETIC/
    ]
  },
  {
    what: 'a person behind a provider',
    record: [
      admit,
      human,
      document(text, { provenance: by({ model_provider: 'openai', generation: 0 }) }),
      'provenance',
      /with model openai/
    ]
  },
  {
    what: 'synthetic text as human data',
    line: ['document', { text, origin: 'SYNTHETIC', model_id: 'gpt' }, /not published as human data/],
    record: [
      admit,
      human,
      document(text, { provenance: make.provenance() }),
      'provenance',
      /not published as human data/
    ]
  },
  {
    what: 'an edit of what is not there',
    line: [
      'document',
      { text, origin: 'HUMAN_EDITED', parent_ids: ['canal', 'nobody'] },
      /parent nobody is neither/
    ],
    record: [
      admit,
      human,
      document(text, { provenance: edited(['canal', 'nobody']) }),
      'parent_unknown',
      /names parent nobody, which is neither/
    ]
  },
  {
    what: 'text of unknown origin that derives from what is not there',
    line: ['document', { text, origin: 'UNKNOWN', parent_ids: ['nobody'] }, /parent nobody is neither/],
    record: [
      admit,
      human,
      document(text, { provenance: by({ origin: 'UNKNOWN', parent_ids: ['nobody'] }) }),
      'parent_unknown',
      /names parent nobody/
    ]
  },
  {
    what: 'an edit of itself, by its content',
    line: ['document', { text, origin: 'HUMAN_EDITED', parent_ids: [own] }, /names itself/],
    record: [admit, human, document(text, { provenance: edited([own]) }), 'own_parent', /names itself/]
  },
  {
    what: 'an edit of itself, by its name',
    line: ['document', { id: 'me', text, origin: 'HUMAN_EDITED', parent_ids: ['me'] }, /names itself/],
    record: [
      admit,
      human,
      document(text, { id: 'me', provenance: edited(['me']) }),
      'own_parent',
      /names itself/
    ]
  },
  {
    what: 'a person of generation 3',
    line: [
      'document',
      { text, origin: 'HUMAN_AUTHORED', generation: 3 },
      /generation: is computed, never declared/
    ],
    record: [
      admit,
      human,
      document(text, { provenance: by({ generation: 3 }) }),
      'provenance',
      /HUMAN_AUTHORED has generation 0, not 3/
    ]
  },
  {
    what: 'an edit of another generation than its parents',
    line: ['document', { text, origin: 'HUMAN_EDITED', parent_ids: ['s1'], generation: 0 }, /never declared/],
    record: [
      admit,
      human,
      document(text, { provenance: edited(['canal', 's1'], { generation: 0 }) }),
      'generation_claimed',
      /says it is of generation 0; by its origin and parents it is 1/
    ]
  },
  {
    what: 'text of unknown origin with a generation',
    line: ['document', { text, origin: 'UNKNOWN', generation: 0 }, /never declared/],
    record: [
      admit,
      human,
      document(text, { provenance: by({ origin: 'UNKNOWN', generation: 0 }) }),
      'provenance',
      /it is unknown, leave it null/
    ]
  }
]

const answer = make.sample('x', 'An answer.', {
  provenance: make.provenance({ model_id: 'tuned', generation: 1 })
})
const cases: readonly Case[] = [
  ...documents,
  {
    what: 'a person who derives a prompt from others',
    line: ['prompt', { prompt: 'Why?', parent_ids: ['canal'] }, /HUMAN_EDITED or UNKNOWN/],
    record: [
      generate,
      prompts,
      make.prompt('p', { provenance: by({ parent_ids: ['canal'], generation: 0 }) }),
      'provenance',
      /HUMAN_EDITED or UNKNOWN/
    ]
  },
  {
    what: 'a prompt of a run of another dataset',
    record: [
      generate,
      prompts,
      make.prompt('p', { run: 'f' }),
      'foreign_run',
      /writes into dataset other, not into d/
    ]
  },
  {
    what: 'a prompt of a model, with a generation before that of the model',
    record: [
      generate,
      prompts,
      make.prompt('p', { provenance: make.provenance({ model_id: 'tuned', generation: 1, split: null }) }),
      'generation_claimed',
      /writes generation 2 or later/
    ]
  },
  {
    what: 'an answer with the request of another run',
    record: [
      deduplicate,
      generations,
      make.generation('g', 'x', { request_id: make.generation('g', 'x', { run: 'f' }).request_id }),
      'foreign_request',
      /belongs to another run or prompt/
    ]
  },
  {
    what: 'an answer to a prompt of another request',
    record: [
      deduplicate,
      generations,
      { ...make.generation('g', 'x'), provenance: make.provenance({ prompt_id: 'of another run' }) },
      'foreign_request',
      /prompt of another run, attempt 1/
    ]
  },
  {
    what: 'an answer of a model its run does not ask',
    record: [
      deduplicate,
      generations,
      make.generation('g', 'x', { provenance: make.provenance({ model_id: 'smuggled' }) }),
      'foreign_model',
      /run r does not ask smuggled: its recipe names alpha, tuned/
    ]
  },
  {
    what: 'a verified answer of a model its run does not ask',
    record: [
      mix,
      samplesVerified,
      make.sample('x', 'y', { provenance: make.provenance({ model_id: 'smuggled' }) }),
      'foreign_model',
      /does not ask smuggled/
    ]
  },
  {
    what: 'an answer of a run of another dataset',
    record: [deduplicate, generations, make.generation('g', 'x', { run: 'f' }), 'foreign_run', /not into d/]
  },
  {
    what: 'an answer of no run',
    record: [deduplicate, generations, make.generation('g', 'x', { run: '' }), 'unknown_run', /names no run/]
  },
  {
    what: 'an answer before the generation of its model',
    record: [
      deduplicate,
      generations,
      make.generation('g', 'x', { provenance: make.provenance({ model_id: 'tuned', generation: 1 }) }),
      'generation_claimed',
      /generation 1 of a text of tuned, which writes generation 2 or later/
    ]
  },
  {
    what: 'a candidate before the generation of its model',
    record: [verify, candidates, answer, 'generation_claimed', /which writes generation 2/]
  },
  {
    what: 'a candidate that no model wrote',
    record: [
      verify,
      candidates,
      make.sample('x', 'y', { provenance: by({ generation: 0 }) }),
      'provenance',
      /SYNTHETIC/
    ]
  },
  ...[mix, measure, admit].map((processor): Case => ({
    what: `human text among the answers, for ${processor.name}`,
    record: [
      processor,
      samplesVerified,
      make.sample('x', 'y', { provenance: by({ generation: 0 }) }),
      'provenance',
      /a generation has origin SYNTHETIC, not HUMAN_AUTHORED/
    ]
  })),
  {
    what: 'an answer of a run of another dataset, verified by nobody',
    record: [mix, samplesVerified, make.sample('x', 'y', { run: 'f' }), 'foreign_run', /not into d/]
  },
  {
    what: 'an answer among the human text',
    record: [mix, samplesHuman, make.sample('x', 'y'), 'provenance', /not published as human data/]
  },
  {
    what: 'human text of a run',
    record: [
      mix,
      samplesHuman,
      make.humanSample('x', 'y', { run: 'r' }),
      'foreign_run',
      /of no run, not of r/
    ]
  }
]

describe('forged provenance', () => {
  for (const { what, line, record } of cases)
    test(`${what} is refused at ${line ? 'both doors' : 'the door of the processor'}`, async () => {
      if (line) {
        const [of, published, words] = line
        const refusal = await told(published, of)
        assert.match(refusal?.message ?? 'it was published', words)
        assert.ok(['PROVENANCE_INVALID', 'RECORD_INVALID'].includes(refusal!.code))
      }
      const [processor, topic, value, reason, words] = record
      const [died, message] = (await death(processor, topic, value)) ?? []
      assert.equal(died, reason)
      assert.match(message!, words)
    })
})

describe('honest provenance goes through both doors', () => {
  test('of edits, by name, by content and of an answer', async () => {
    for (const parent of known.ids) {
      assert.equal(await told({ text, origin: 'HUMAN_EDITED', parent_ids: [parent] }, 'document'), undefined)
      assert.equal(await death(admit, human, document(text, { provenance: edited([parent]) })), undefined)
    }
    const right = edited(['s1'], { generation: 1 })
    assert.equal(await death(admit, human, document(text, { provenance: right })), undefined)
    assert.equal(await told({ prompt: 'Why?', origin: 'UNKNOWN', parent_ids: ['s1'] }, 'prompt'), undefined)
    assert.match(
      (await told({ prompt: 'Why?', origin: 'UNKNOWN', parent_ids: ['nobody'] }, 'prompt'))!.message,
      /parent nobody is neither/
    )
  })

  test('of answers of the generation of their model, or of a later one', async () => {
    for (const generation of [2, 3, null]) {
      const provenance = make.provenance({ model_id: 'tuned', generation })
      assert.equal(
        await death(deduplicate, generations, make.generation('g', 'x', { provenance })),
        undefined
      )
      assert.equal(await death(mix, samplesVerified, make.sample('g', 'x', { provenance })), undefined)
    }
    assert.equal(await death(deduplicate, generations, make.generation('g', 'x')), undefined)
  })

  test('of an edit of what is published in the same file', async () => {
    const parents = createParents(nobody, 'd', async () => ({ ids: new Set(), aside: new Map() }))
    const { value } = documentOf(JSON.stringify({ id: 'doc', text, origin: 'HUMAN_AUTHORED' }), 'd', 'x')
    await assert.rejects(parents.check({ parent_ids: ['doc'] }), { code: 'PROVENANCE_INVALID' })
    parents.add(value)
    await parents.check({ parent_ids: ['doc', own] })
  })
})

test('what models are asked is made of seed text alone', async () => {
  const texts = {
    ids: new Set(['kept', 'seen', 'fresh']),
    aside: new Map<string, Split | null>([
      ['kept', 'REFERENCE'],
      ['fresh', null]
    ])
  }
  const parents = createParents(nobody, 'd', async () => texts)
  await parents.check({ parent_ids: ['seen', 'kept'] })
  await parents.check({ parent_ids: ['seen'] }, true)
  await assert.rejects(parents.check({ parent_ids: ['seen', 'kept'] }, true), {
    code: 'PROVENANCE_INVALID',
    message: /^parent kept is set aside \(split REFERENCE\)/
  })
  await assert.rejects(parents.check({ parent_ids: ['fresh'] }, true), {
    message: /^parent fresh is not taken in yet/
  })
})

test('a model of unknown generation has written nothing of a known one', async () => {
  const tester = await at(deduplicate)
  const recipe = JSON.parse(make.run('r', { sources: [source] }).recipe) as {
    sources: (typeof source & { output_terms: string })[]
  }
  const revision = modelRevision(recipe.sources[0]!)
  tester.table('models', `tuned@${revision}`, { ...tuned, revision, generation: null })
  for (const generation of [2, null])
    tester.feed(
      generations,
      'g',
      make.generation('g', 'x', { provenance: make.provenance({ model_id: 'tuned', generation }) })
    )
  await tester.settle()
  assert.deepEqual(
    tester.read(deadLetters).map(({ headers }) => headers['x-reason']),
    ['generation_claimed']
  )
})
