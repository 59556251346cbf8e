/** Who is believed to speak for people, in datasets that want it proven and in others. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { admit } from '../../../../processors/admit.ts'
import { contentHash } from '../../../../schemas/identity.ts'
import { deadLetters, human, samplesHuman } from '../../../../schemas/topics.ts'
import type { Document, PublisherKey, Sample } from '../../../../schemas/types.ts'
import { listed, signed } from '../../../helpers/keys.ts'
import { document, feed, opened, sameUnderFaults } from '../../../helpers/play.ts'
import * as make from '../../../helpers/records.ts'

const other = 'A'.repeat(86) + '=='
const parent = document('the original')
const edited = (text: string): Document =>
  document(text, {
    provenance: make.humanProvenance({
      origin: 'HUMAN_EDITED',
      parent_ids: [contentHash(parent.messages)],
      generation: null,
      split: null
    })
  })
const unknown = (text: string): Document =>
  document(text, { provenance: make.humanProvenance({ origin: 'UNKNOWN', generation: null, split: null }) })

async function tester(signing: boolean, keys: readonly PublisherKey[] = [listed()]) {
  const made = await opened(admit)
  made.table('datasets', 'd', make.dataset('d', { signing }))
  for (const key of keys) made.table('keys', key.id, key)
  return made
}

/** What becomes of a document: the sample, or the reason it was buried for. */
async function taken(
  signing: boolean,
  value: Document,
  keys?: readonly PublisherKey[]
): Promise<Sample | string> {
  const made = await tester(signing, keys)
  // What an edit names as its parent is there.
  await feed(human, 'p', parent)(made)
  await feed(human, 'x', value)(made)
  await made.settle()
  const [, sample] = made.read(samplesHuman)
  return sample?.value ?? made.read(deadLetters)[0]!.headers['x-reason']!
}

/** Origin, generation, signer and metadata of a sample. */
const kept = (sample: Sample | string): unknown => {
  if (typeof sample === 'string') return sample
  const { provenance, metadata } = sample
  return [provenance.origin, provenance.generation, provenance.signed_by, metadata]
}

describe('where the dataset wants signatures', () => {
  test('signed text is what it says', async () => {
    assert.deepEqual(kept(await taken(true, signed(document('x')))), ['HUMAN_AUTHORED', 0, 'archive', {}])
    const both = [listed({ origins: ['HUMAN_AUTHORED', 'HUMAN_EDITED'] })]
    assert.deepEqual(kept(await taken(true, signed(edited('x')), both)), [
      'HUMAN_EDITED',
      null,
      'archive',
      {}
    ])
  })

  test('what nobody vouches for is of unknown origin, and its metadata say why', async () => {
    const doubted: [string, Document, PublisherKey[]][] = [
      ['unsigned', document('x'), [listed()]],
      ['unsigned', { ...document('x'), signature: '' }, [listed()]],
      // Who calls himself the archive without its signature.
      ['unsigned', { ...signed(document('x')), signature: null }, [listed()]],
      ['key_unknown', signed(document('x')), []],
      ['key_unknown', { ...document('x'), signature: other }, [listed()]],
      ['key_revoked', signed(document('x')), [listed({ revoked: true })]],
      ['origin_not_vouched', signed(document('x')), [listed({ origins: ['HUMAN_EDITED'] })]],
      ['origin_not_vouched', signed(edited('x')), [listed()]]
    ]
    for (const [reason, value, keys] of doubted) {
      const metadata = { unknown_because: reason, claimed_origin: value.provenance.origin }
      const sample = await taken(true, value, keys)
      assert.deepEqual(kept(sample), ['UNKNOWN', null, null, metadata], reason)
      assert.notEqual((sample as Sample).provenance.split, null, 'it has a split as any text')
    }
  })

  test('text of unknown origin needs nobody to vouch for it', async () => {
    assert.deepEqual(kept(await taken(true, unknown('x'))), ['UNKNOWN', null, null, {}])
    assert.deepEqual(kept(await taken(true, signed(unknown('x')))), ['UNKNOWN', null, 'archive', {}])
  })
})

describe('elsewhere', () => {
  test('what admit says nobody says before it', async () => {
    const metadata = { unknown_because: 'unsigned', claimed_origin: 'HUMAN_AUTHORED', page: '3' }
    for (const signing of [true, false])
      assert.deepEqual(((await taken(signing, { ...signed(document('x')), metadata })) as Sample).metadata, {
        page: '3'
      })
  })

  test('text is what it says; a signer is kept where the signature holds', async () => {
    const values: [Document, PublisherKey[], string | null][] = [
      [document('x'), [], null],
      [signed(document('x')), [listed()], 'archive'],
      [signed(document('x')), [], null],
      [signed(document('x')), [listed({ revoked: true })], null],
      [signed(document('x')), [listed({ origins: [] })], null],
      [{ ...signed(document('x')), signature: null }, [listed()], null]
    ]
    for (const [value, keys, by] of values)
      assert.deepEqual(kept(await taken(false, value, keys)), ['HUMAN_AUTHORED', 0, by, {}])
  })
})

test('a forged signature is refused everywhere, of a revoked key too', async () => {
  const forged = [
    { ...signed(document('x')), signature: other },
    { ...signed(document('x')), signature: 'x' },
    { ...signed(document('x')), messages: [make.message('document', 'y')] },
    { ...signed(document('x', { dataset: 'e' })), dataset: 'd' },
    { ...signed(unknown('x')), provenance: { ...document('x').provenance, signed_by: 'archive' } }
  ]
  for (const value of forged)
    for (const signing of [true, false])
      for (const revoked of [true, false])
        assert.equal(await taken(signing, value, [listed({ revoked })]), 'signature_invalid')
})

test('where signatures are wanted nothing is human but what a listed key vouches for', async () => {
  const documents = fc
    .tuple(
      fc.constantFrom(document, edited, unknown),
      fc.constantFrom('archive', 'thief'),
      fc.boolean(),
      fc.boolean()
    )
    .map(([kind, by, sign, change]): Document => {
      const value = sign ? signed(kind('x'), by) : kind('x')
      return change ? { ...value, provenance: { ...value.provenance, author: 'somebody' } } : value
    })
  const keys = fc.record({ revoked: fc.boolean(), origins: fc.subarray(['HUMAN_AUTHORED', 'HUMAN_EDITED']) })
  await fc.assert(
    fc.asyncProperty(documents, keys, async (value, key) => {
      const sample = await taken(true, value, [listed(key)])
      const { origin, author, signed_by } = value.provenance
      const genuine = value.signature !== null && signed_by === 'archive' && author === null
      const vouched = genuine && !key.revoked && key.origins.includes(origin)
      if (typeof sample === 'string')
        assert.ok(!genuine && signed_by === 'archive' && value.signature !== null)
      else assert.equal(sample.provenance.origin !== 'UNKNOWN', origin !== 'UNKNOWN' && vouched)
    }),
    { numRuns: 60 }
  )
})

test('faults change nothing', async () => {
  const steps = [
    feed(human, 'a', signed(document('a'))),
    feed(human, 'b', document('b')),
    feed(human, 'c', { ...signed(document('c')), signature: other }),
    feed(human, 'd', signed(document('d'), 'nobody'))
  ]
  await sameUnderFaults(() => tester(true), steps, [samplesHuman])
})
