import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { surfaceText, surfaceTokens } from '../../../metrics/surface.ts'

test('words keep case, inner apostrophes and hyphens; signs stand alone; white space belongs to what follows', () => {
  assert.deepEqual(surfaceTokens("Don’t stop, well-known  friend - or don't! (3.5%)"), [
    ' Don’t',
    ' stop',
    ',',
    ' well-known',
    ' friend',
    ' -',
    ' or',
    " don't",
    '!',
    ' (',
    '3',
    '.',
    '5',
    '%',
    ')'
  ])
})

test('a line break is a space, a blank line a token', () => {
  assert.deepEqual(surfaceTokens('One line\nof two.\n \n\nNext one.'), [
    ' One',
    ' line',
    ' of',
    ' two',
    '.',
    '\n\n',
    ' Next',
    ' one',
    '.'
  ])
})

test('scripts without spaces are cut into characters', () => {
  assert.deepEqual(surfaceTokens('我爱GPT模型。'), [' 我', '爱', 'GPT', '模', '型', '。'])
})

test('joined, the tokens are the text but for white space', () => {
  const letters = fc.string({
    unit: fc.constantFrom('a', 'B', 'é', "'", '’', '-', '.', ' ', '\n', '5', '我', '😀', '\u0301'),
    maxLength: 60
  })
  fc.assert(
    fc.property(fc.oneof(letters, fc.string({ unit: 'grapheme', maxLength: 60 })), text => {
      const joined = surfaceText(surfaceTokens(text))
      assert.equal(joined.replaceAll(/\s+/g, ''), text.replaceAll(/\s+/g, ''))
      assert.deepEqual(surfaceTokens(joined), surfaceTokens(text))
    }),
    { numRuns: 500 }
  )
  assert.equal(surfaceText(surfaceTokens(' a  b,\tc\n \n\nd\ne ')), 'a b, c\n\nd e')
})
