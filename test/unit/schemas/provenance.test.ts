import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { isClaimed, type ProvenanceOf, provenanceViolations } from '../../../schemas/provenance.ts'
import type { Origin, Provenance } from '../../../schemas/types.ts'
import { humanProvenance, provenance } from '../../helpers/records.ts'

const kinds: readonly ProvenanceOf[] = ['prompt', 'document', 'synthetic', 'sample']
const origins: readonly Origin[] = ['UNKNOWN', 'HUMAN_AUTHORED', 'HUMAN_EDITED', 'SYNTHETIC']
/** What is wrong, in the words a publisher reads. */
const wrong = (one: Provenance, of: ProvenanceOf = 'sample'): string =>
  provenanceViolations(one, of).join('; ')

describe('legal', () => {
  test('is what people wrote, where people write', () => {
    for (const kind of ['prompt', 'document', 'sample'] as const) {
      assert.equal(wrong(humanProvenance(), kind), '')
      assert.equal(
        wrong(humanProvenance({ origin: 'UNKNOWN', generation: null }), kind),
        '',
        'unknown is legal'
      )
      assert.equal(
        wrong(humanProvenance({ origin: 'HUMAN_EDITED', parent_ids: ['p'], generation: 3 }), kind),
        ''
      )
    }
  })

  test('is a prompt with a number, whoever wrote it', () => {
    for (const origin of ['UNKNOWN', 'HUMAN_EDITED'] as const)
      assert.equal(wrong(humanProvenance({ origin, parent_ids: ['p'], generation: 3 }), 'prompt'), '')
  })
})

test('the number of a first prompt is a claim where nobody can have computed it, and of one asked again it is not', () => {
  const claims = (fields: Partial<Provenance>): boolean =>
    isClaimed(humanProvenance({ generation: 0, ...fields }))
  for (const origin of ['UNKNOWN', 'HUMAN_EDITED'] as const) {
    assert.ok(claims({ origin }))
    assert.ok(!claims({ origin, generation: null }))
    assert.ok(!claims({ origin, attempt: 2 }))
  }
  assert.ok(!claims({ origin: 'HUMAN_AUTHORED' }))
  assert.ok(!claims({ origin: 'SYNTHETIC', generation: 4 }))
})

describe('refused', () => {
  const cases: [what: string, one: Provenance, of: ProvenanceOf, words: RegExp][] = [
    ['synthetic without a model', provenance({ model_id: null }), 'sample', /needs provenance\.model_id/],
    [
      'synthetic with an empty model',
      provenance({ model_id: '' }),
      'synthetic',
      /needs provenance\.model_id/
    ],
    [
      'a person with a model',
      humanProvenance({ model_id: 'm' }),
      'document',
      /SYNTHETIC; drop the model fields/
    ],
    ['a person with a family', humanProvenance({ model_family: 'f' }), 'sample', /with model f/],
    [
      'an edit with a model',
      humanProvenance({ origin: 'HUMAN_EDITED', parent_ids: ['p'], model_id: 'm' }),
      'sample',
      /SYNTHETIC/
    ],
    [
      'an edit of nothing',
      humanProvenance({ origin: 'HUMAN_EDITED', generation: null }),
      'document',
      /parent_ids/
    ],
    ['a person who derives', humanProvenance({ parent_ids: ['p'] }), 'prompt', /HUMAN_EDITED or UNKNOWN/],
    ['a document that derives', humanProvenance({ parent_ids: ['p'] }), 'document', /drop the parents/],
    ['an index below 0', humanProvenance({ sample_index: -1 }), 'prompt', /sample_index -1/],
    ['synthetic text as human data', provenance(), 'document', /not published as human data/],
    ['a generation a person wrote', humanProvenance(), 'synthetic', /not HUMAN_AUTHORED/],
    [
      'a generation of unknown origin',
      humanProvenance({ origin: 'UNKNOWN', generation: null }),
      'synthetic',
      /not UNKNOWN/
    ],
    ['a negative generation', provenance({ generation: -1 }), 'sample', /-1 is negative/],
    ['a person of generation 1', humanProvenance({ generation: 1 }), 'sample', /generation 0, not 1/],
    ['a model of generation 0', provenance({ generation: 0 }), 'sample', /at least 1/],
    ['a negative temperature', provenance({ temperature: -0.1 }), 'sample', /temperature -0\.1/],
    ['no temperature at all', provenance({ temperature: Number.NaN }), 'sample', /temperature NaN/],
    ['a mass over one', provenance({ top_p: 1.1 }), 'sample', /top_p 1\.1/],
    [
      'synthetic with a blank model',
      provenance({ model_id: ' ' }),
      'synthetic',
      /needs provenance\.model_id/
    ],
    [
      'an edit of a blank text',
      humanProvenance({ origin: 'HUMAN_EDITED', parent_ids: ['p', ''], generation: null }),
      'document',
      /parent_ids holds a blank id/
    ],
    ['a blank parent', provenance({ parent_ids: ['\t'] }), 'synthetic', /parent_ids holds a blank id/],
    ['a blank attempt', provenance({ repairs: [' '] }), 'synthetic', /repairs holds a blank id/],
    [
      'an unknown document that claims a generation',
      humanProvenance({ origin: 'UNKNOWN', generation: 0 }),
      'document',
      /UNKNOWN with generation 0: .* leave it null/
    ],
    [
      'an unknown sample of a known generation',
      humanProvenance({ origin: 'UNKNOWN', generation: 2 }),
      'sample',
      /null/
    ],
    ['fewer than no tokens', provenance({ max_tokens: -5 }), 'synthetic', /max_tokens -5/],
    ['no tokens', provenance({ max_tokens: 0 }), 'synthetic', /max_tokens 0/],
    ['a choice among fewer than one', provenance({ top_k: -1 }), 'sample', /top_k -1/],
    ['an attempt before the first', provenance({ attempt: -3 }), 'synthetic', /attempt -3/],
    ['no attempt', humanProvenance({ attempt: 0 }), 'prompt', /attempt 0/],
    ['no mass', provenance({ top_p: Number.NaN }), 'sample', /top_p NaN/]
  ]
  for (const [what, one, kind, words] of cases) test(what, () => assert.match(wrong(one, kind), words))
})

test('no model’s text passes for human, and no text without an origin story for synthetic', () => {
  const any = fc.record({
    origin: fc.constantFrom(...origins),
    model_id: fc.option(fc.constantFrom('', ' ', 'm')),
    model_family: fc.option(fc.constantFrom('', 'f')),
    parent_ids: fc.array(fc.constantFrom('p', 'q', ' '), { maxLength: 2 }),
    generation: fc.option(fc.integer({ min: -1, max: 3 })),
    of: fc.constantFrom(...kinds)
  })
  fc.assert(
    fc.property(any, ({ of, ...fields }) => {
      if (wrong(provenance(fields), of) !== '') return
      if (fields.origin.startsWith('HUMAN')) assert.ok(!fields.model_id && !fields.model_family)
      if (fields.origin === 'HUMAN_AUTHORED') {
        assert.ok(fields.generation === 0 || fields.generation === null)
        assert.deepEqual(fields.parent_ids, [])
      }
      if (fields.origin === 'HUMAN_EDITED') assert.ok(fields.parent_ids.length > 0)
      assert.ok(fields.parent_ids.every(id => id.trim() !== ''))
      if (fields.origin === 'UNKNOWN' && of !== 'prompt') assert.equal(fields.generation, null)
      if (fields.origin === 'SYNTHETIC') {
        assert.ok(fields.model_id?.trim())
        assert.notEqual(of, 'document')
        assert.notEqual(fields.generation, 0)
      }
    })
  )
})
