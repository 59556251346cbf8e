/** Whether anything is still on its way, and how seldom all runs are looked at for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRest } from '../../../../processors/mix/rest.ts'
import type { Tables } from '../../../../processors/contract.ts'
import type { Run } from '../../../../schemas/types.ts'
import * as make from '../../../helpers/records.ts'

function bench() {
  const runs = new Map<string, Run>()
  const seen = { changes: 0, looks: 0, position: 0 }
  const tables = {
    runs: () => {
      seen.looks++
      return runs.values()
    },
    changes: () => seen.changes
  } as unknown as Tables
  const put = (id: string, fields: object): void => {
    runs.set(id, make.run(id, {}, { dataset: 'd', ...fields }))
    seen.changes++
  }
  return { put, seen, rest: createRest(tables, () => seen.position) }
}

test('nothing rests before there is a run, nor while one is open or its samples are on their way', () => {
  const { put, seen, rest } = bench()
  assert.equal(rest('d'), false)
  put('other', { dataset: 'e', state: 'ended' })
  assert.equal(rest('d'), false)
  put('r', { state: 'open' })
  assert.equal(rest('d'), false)
  put('r', { state: 'ended', until: { 'samples.verified': 7 } })
  assert.equal(rest('d'), false)
  seen.position = 7
  assert.equal(rest('d'), true)
  put('s', { state: 'open' })
  assert.equal(rest('d'), false)
  assert.equal(rest('e'), true)
})

test('all runs are looked at once per change, however many records come', () => {
  const { put, seen, rest } = bench()
  for (let run = 0; run < 50; run++) put(`r${run}`, { state: 'ended', until: { 'samples.verified': 100 } })
  for (seen.position = 0; seen.position < 100; seen.position++) assert.equal(rest('d'), false)
  assert.equal(seen.looks, 1)
  for (let record = 0; record < 100; record++) assert.equal(rest('d'), true)
  assert.equal(seen.looks, 2)
  put('r', { state: 'open' })
  for (let record = 0; record < 100; record++) assert.equal(rest('d'), false)
  assert.equal(seen.looks, 3)
})
