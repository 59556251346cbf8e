import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { whitespace, words } from '../../../metrics/tokenize.ts'

test('words are runs of letters, marks and digits of the lower-cased text', () => {
  assert.deepEqual(words("Don't PANIC: 42 towels, naïve café_au-lait!"), [
    'don',
    't',
    'panic',
    '42',
    'towels',
    'naïve',
    'café',
    'au',
    'lait'
  ])
  assert.deepEqual(words('Ünïcödé ΟΔΟΣ Ёлка ½ x²'), ['ünïcödé', 'οδος', 'ёлка', '½', 'x²'])
  assert.deepEqual(words('…!? —'), [])
  assert.deepEqual(words(''), [])
})

test('words do not depend on how accents are encoded', () => {
  assert.deepEqual(words('cafe\u0301 NAI\u0308VE'), words('café naïve'))
})

test('marks stay in their word', () => {
  assert.deepEqual(words('हिन्दी भाषा'), ['हिन्दी', 'भाषा'])
})

test('scripts without spaces are cut into words', () => {
  assert.deepEqual(words('我喜欢喝茶。'), ['我', '喜欢', '喝茶'])
  assert.deepEqual(words('สวัสดีครับ'), ['สวัสดี', 'ครับ'])
  assert.deepEqual(words('コーヒーを'), ['コーヒー', 'を'])
})

test('what stands beside such a script is cut as always', () => {
  assert.deepEqual(words("it's 北京 A-1").toSorted(), ['1', 'a', 'it', 's', '北京'].toSorted())
})

test('whitespace keeps case and punctuation', () => {
  assert.deepEqual(whitespace('  The fox,\n the\tFOX.\u00a0 end '), ['The', 'fox,', 'the', 'FOX.', 'end'])
  assert.deepEqual(whitespace(' \n '), [])
})

test('no token is empty, and joining words loses none of them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      assert.ok([...words(a), ...whitespace(a)].every(token => token.length > 0))
      assert.deepEqual(whitespace(`${a} ${b}`), [...whitespace(a), ...whitespace(b)])
    })
  )
})
