import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { costMicros, promptBound, worstCase } from '../../../infra/llm/cost.ts'
import { messageOf } from '../../helpers/model-calls.ts'

test('a cost is in millionths of a dollar, rounded up and never by a rounding error', () => {
  assert.equal(costMicros({ input: 0, output: 0 }, 1000, 1000), 0)
  assert.equal(costMicros({ input: 3, output: 15 }, 1000, 200), 6000)
  assert.equal(costMicros({ input: 0.15, output: 0.6 }, 1, 0), 1)
  assert.equal(costMicros({ input: 0.15, output: 0.6 }, 100, 50), 45)
  // In floating point 30 * 0.1 is 3.0000000000000004.
  assert.equal(costMicros({ input: 0.1, output: 0 }, 30, 0), 3)
  // Prices have at most six decimals; every cost then is an exact quotient of integers.
  const price = fc.integer({ min: 0, max: 200_000_000 })
  fc.assert(
    fc.property(price, price, fc.nat(200_000), fc.nat(200_000), (input, output, read, written) => {
      const exact = BigInt(input) * BigInt(read) + BigInt(output) * BigInt(written)
      const up = (exact + 999_999n) / 1_000_000n
      assert.equal(costMicros({ input: input / 1e6, output: output / 1e6 }, read, written), Number(up))
    })
  )
})

test('the bound of a prompt is at least its bytes, whatever the script', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 })
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), texts => {
      const bound = promptBound(texts.map(one => messageOf('user', one)))
      const bytes = texts.reduce((sum, one) => sum + Buffer.byteLength(one), 0)
      assert.ok(bound >= bytes + texts.length)
    })
  )
  const plain = promptBound([messageOf('assistant', 'x')])
  assert.ok(promptBound([messageOf('assistant', 'x', { tool_calls: '[{"id":"1"}]' })]) >= plain + 12)
})

test('the worst case is the whole prompt and every token of the answer', () => {
  const messages = [messageOf('user', 'a'.repeat(100))]
  const { micros, tokens } = worstCase({ price: { input: 1, output: 10 }, max_tokens: 500 }, messages)
  assert.equal(tokens, promptBound(messages) + 500)
  assert.equal(micros, promptBound(messages) + 5000)
})
