import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mixStatusOf, mixWarnings } from '../../infra/mixes.ts'
import * as make from '../helpers/records.ts'

test('the mix of a dataset is that of its slots together', () => {
  const slots = [
    {
      rows: 10,
      real: 6,
      waiting: { 'verified|0': { count: 3 }, 'verified|': { count: 1 }, 'real|': { count: 0 } }
    },
    { rows: 0, real: 0, waiting: { other: { count: 7 }, real: { count: 2 } } }
  ]
  assert.deepEqual(mixStatusOf(make.dataset('d'), slots, 'rows are missing'), {
    dataset: 'd',
    strategy: 'accumulate',
    floor: 0.5,
    rows: 10,
    real: 6,
    real_share: 0.6,
    waiting: { verified: 4, human: 2 },
    missing: 'rows are missing',
    warnings: []
  })
  assert.equal(mixStatusOf(make.dataset('d'), [], null).real_share, null)
})

test('experiments have no floor and a warning, and so has what cannot be read', () => {
  const replace = make.dataset('d', { mix: '{"strategy":"replace"}' })
  const { floor, strategy, warnings } = mixStatusOf(replace, [], null)
  assert.deepEqual([floor, strategy], [0, 'replace'])
  assert.match(warnings.join(), /no human text: for experiments on model collapse only/)
  assert.match(mixWarnings({ mix: '{"of":1}' }).join(), /do not fit their schema: nothing is laid down/)
})
