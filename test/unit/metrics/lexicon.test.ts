import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { encode } from '../../../metrics/grams.ts'
import { createLexicon } from '../../../metrics/lexicon.ts'
import { countsOf } from '../../../metrics/spectrum.ts'

test('documents one after the other have the numbers and counts of all at once', () => {
  const token = fc.constantFrom('a', 'b', 'c', '__proto__', 'd')
  fc.assert(
    fc.property(fc.array(fc.array(token, { maxLength: 40 }), { maxLength: 80 }), documents => {
      const lexicon = createLexicon()
      for (const tokens of documents) lexicon.add(tokens)
      assert.deepEqual([...lexicon.pooled()], [...encode(documents).pooled])
      assert.deepEqual([...lexicon.counts()], [...countsOf(documents.flat())])
      assert.deepEqual(
        lexicon.lengths,
        documents.map(({ length }) => length)
      )
    })
  )
})

test('it grows past its first room, and by more than twice where a document is long', () => {
  const lexicon = createLexicon()
  const long = Array.from({ length: 5000 }, (_, index) => `w${index % 700}`)
  lexicon.add(long)
  lexicon.add(['w0'])
  const pooled = lexicon.pooled()
  assert.equal(pooled.length, 5001)
  assert.deepEqual([pooled[699], pooled[700], pooled[5000]], [699, 0, 0])
})
