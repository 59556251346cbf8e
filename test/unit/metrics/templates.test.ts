import assert from 'node:assert/strict'
import { test } from 'node:test'
import { posPatterns } from '../../../metrics/pos-patterns.ts'
import { templateRate } from '../../../metrics/template-rate.ts'
import { close, reason } from '../../helpers/measured.ts'

const tags = ['DT JJ NN VBZ', 'DT JJ NN IN DT NN', 'IN DT NN', 'NN'].map(line => line.split(' '))

test('patterns by frequency, then by the alphabet, never across documents (by hand)', () => {
  assert.deepEqual(posPatterns(tags, 3, 3), ['DT JJ NN', 'IN DT NN', 'JJ NN IN'])
  assert.deepEqual(posPatterns(tags.toReversed(), 3, 3), ['DT JJ NN', 'IN DT NN', 'JJ NN IN'])
  assert.deepEqual(posPatterns([['NN']]), [])
})

test('the share of documents that hold one (by hand)', () => {
  close(templateRate(tags, ['DT JJ NN']), 2 / 4)
  close(templateRate(tags, posPatterns(tags, 3, 2)), 3 / 4)
  close(templateRate(tags, ['VB VB VB']), 0)
})

test('what is undefined says why', () => {
  reason(templateRate([], ['NN']))
  reason(templateRate(tags, []))
})
