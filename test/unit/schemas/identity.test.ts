import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import {
  canonicalContent,
  contentHash,
  hash32,
  requestId,
  sha128,
  slotOf,
  syntheticId
} from '../../../schemas/identity.ts'
import { message } from '../../helpers/records.ts'

// The vectors below were computed with Python 3's hashlib and json (ensure_ascii=False, separators=(',', ':')):
// changing one of them orphans every id that was ever written.
describe('test vectors', () => {
  test('sha128 is the first half of SHA-256', () => {
    // NIST: SHA-256 of "abc" begins so.
    assert.equal(sha128('abc'), 'ba7816bf8f01cfea414140de5dae2223')
    assert.equal(sha128('ü'), createHash('sha256').update('ü', 'utf8').digest('hex').slice(0, 32))
    assert.equal(hash32('abc'), 0xba7816bf)
  })

  test('canonical content', () => {
    assert.equal(
      canonicalContent([message('document', 'cafe\u0301 "x"\n')]),
      '[["document","café \\"x\\"\\n",null,null,null]]'
    )
    assert.equal(
      canonicalContent([
        message('user', 'Two and two?'),
        { ...message('assistant', ''), tool_calls: '[{"id":"c"}]', reasoning_content: 'hm' },
        { ...message('tool', '4'), tool_call_id: 'c' }
      ]),
      '[["user","Two and two?",null,null,null],["assistant","","[{\\"id\\":\\"c\\"}]",null,"hm"],["tool","4",null,"c",null]]'
    )
  })

  test('ids', () => {
    assert.equal(contentHash([message('document', 'Call me Ishmael.')]), '123af184bb099c1f28261251a15c0714')
    assert.equal(contentHash([message('document', 'caf\u00e9')]), 'f0dff4eb0ffd8e2e28a733d201687b33')
    assert.equal(requestId('run-1', 'prompt-1', 1, 0), 'd4354fa0f36a07676e4a5df250f13b58')
    assert.equal(
      syntheticId('d4354fa0f36a07676e4a5df250f13b58', '123af184bb099c1f28261251a15c0714'),
      '1ea3279b20c6b9a917515312b293c64e'
    )
    assert.equal(hash32('dataset'), 0xb277fd62)
  })
})

describe('content', () => {
  test('is the same in every normal form, and differs in everything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (one, other) => {
        assert.equal(
          contentHash([message('user', one.normalize('NFD'))]),
          contentHash([message('user', one)])
        )
        const same = one.normalize('NFC') === other.normalize('NFC')
        assert.equal(contentHash([message('user', one)]) === contentHash([message('user', other)]), same)
      })
    )
  })

  test('does not run together across messages, roles and fields', () => {
    const variants = [
      [message('user', 'ab')],
      [message('user', 'a'), message('user', 'b')],
      [message('usera', 'b')],
      [{ ...message('user', 'ab'), reasoning_content: '' }],
      [{ ...message('user', ''), reasoning_content: 'ab' }],
      [{ ...message('user', ''), tool_calls: 'ab' }],
      [{ ...message('user', ''), tool_call_id: 'ab' }],
      []
    ]
    assert.equal(new Set(variants.map(contentHash)).size, variants.length)
  })
})

describe('requests', () => {
  test('differ by run, prompt, attempt and sample, however these are spelt', () => {
    const part = fc.oneof(fc.string(), fc.constantFrom('a', 'a,1', 'a"', '1'))
    const request = fc.tuple(part, part, fc.nat(3), fc.nat(3))
    fc.assert(
      fc.property(request, request, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        assert.equal(requestId(...one) === requestId(...other), same)
      })
    )
  })
})

describe('slots', () => {
  test('are within the partitions; one shard is one slot', () => {
    const shape = fc.record({
      dataset: fc.string(),
      id: fc.string(),
      shards: fc.integer({ min: 1, max: 9 }),
      partitions: fc.integer({ min: 1, max: 64 })
    })
    fc.assert(
      fc.property(shape, ({ dataset, id, shards, partitions }) => {
        const slot = slotOf(dataset, id, shards, partitions)
        assert.ok(Number.isInteger(slot) && slot >= 0 && slot < partitions)
        assert.equal(slotOf(dataset, id, 1, partitions), slotOf(dataset, '', 1, partitions))
        const first = slotOf(dataset, '', 1, partitions)
        assert.ok((slot - first + partitions) % partitions < Math.min(shards, partitions))
      })
    )
  })

  test('spread datasets evenly', () => {
    const counts = [0, 0, 0, 0]
    for (let index = 0; index < 4000; index++) counts[slotOf(`dataset-${index}`, '', 1, 4)]!++
    // Four standard deviations of a binomial of 4,000 and a quarter.
    for (const count of counts) assert.ok(Math.abs(count - 1000) < 4 * Math.sqrt(750), counts.join(' '))
  })
})
