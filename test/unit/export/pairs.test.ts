import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createPairs, isWorse, questionOf } from '../../../infra/export/pairs.ts'
import type { Rejection, Sample } from '../../../schemas/types.ts'
import { humanSample, message, provenance, sample } from '../../helpers/records.ts'

const base = mkdtempSync(join(tmpdir(), 'everseed-pairs-'))
after(() => rmSync(base, { recursive: true, force: true }))

const answer = (id: string, question: string, text: string): Sample =>
  sample(id, text, { messages: [message('user', question), message('assistant', text)] })
const rejection = (of: Sample, fields: Partial<Rejection> = {}): Rejection => ({
  id: of.id,
  sample: of,
  processor: 'verify',
  check: 'length',
  version: '1',
  reason: 'too_short',
  detail: '',
  hit: null,
  retried: false,
  rejected_at: 1,
  ...fields
})

test('every rejected answer is given once, to the same question, in order; its text waits in a file', () => {
  const path = join(base, 'rejected')
  const pairs = createPairs(path)
  pairs.add(rejection(answer('r1', 'One?', 'schlecht, naïve 貓')))
  pairs.add(rejection(answer('r2', 'Two?', 'bad')))
  pairs.add(rejection(answer('r3', 'One?', 'worse')))
  const one = answer('a', 'One?', 'good')
  const first = pairs.take(one)!
  assert.deepEqual(
    [first.id, first.message.content, first.check, first.reason, first.model_id],
    ['r1', 'schlecht, naïve 貓', 'length', 'too_short', 'alpha']
  )
  assert.equal(pairs.take(one)!.id, 'r3')
  assert.equal(pairs.take(one), undefined)
  assert.equal(pairs.take(answer('b', 'Three?', 'good')), undefined)
  assert.equal(pairs.take(answer('c', 'Two?', 'good'))!.id, 'r2')
  pairs.close()
  assert.ok(!existsSync(path))
})

test('a question is what stands before the answer, whoever answers', () => {
  assert.equal(questionOf(answer('a', 'One?', 'x')), questionOf(answer('b', 'One?', 'y')))
  assert.notEqual(questionOf(answer('a', 'One?', 'x')), questionOf(answer('a', 'Two?', 'x')))
})

test('no duplicate, no empty answer, no document and nothing that may not be trained on is a worse answer', () => {
  const good = answer('r', 'One?', 'bad')
  assert.ok(isWorse(rejection(good)))
  const wrong: Rejection[] = [
    rejection(good, { processor: 'deduplicate' }),
    rejection(answer('r', 'One?', ' ')),
    rejection(humanSample('r', 'text')),
    rejection({ ...good, provenance: provenance({ output_terms: 'forbidden' }) }),
    rejection({
      ...good,
      messages: [message('user', 'One?'), { ...message('assistant', 'x'), tool_calls: 'no JSON' }]
    })
  ]
  for (const [index, one] of wrong.entries()) assert.ok(!isWorse(one), String(index))
})
