import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formsOf, shortest, wantedOf } from '../../../infra/erase/wanted.ts'
import * as make from '../../helpers/records.ts'

const text = 'She said "no" — twice.\nThen\tsilence, 沈黙 \\ end'
const of = (content: string) => wantedOf('d', 'x', [make.message('document', content)])

test('a text is found as it is, in JSON, in JSON within JSON, and in the JSON of who writes ASCII', () => {
  const places = [
    text,
    JSON.stringify({ text }),
    JSON.stringify({ body: JSON.stringify({ text }) }),
    // Python's json.dumps({"text": text}).
    '{"text": "She said \\"no\\" \\u2014 twice.\\nThen\\tsilence, \\u6c88\\u9ed9 \\\\ end"}'
  ]
  const forms = formsOf(text)
  for (const place of places)
    assert.ok(
      forms.some(form => place.includes(form)),
      place
    )
  assert.deepEqual(formsOf('plain'), ['plain'], 'what needs no escape has one form')
})

test('a text is looked for by its last message, without the space around it; a short one not at all', () => {
  const long = 'a'.repeat(shortest)
  assert.deepEqual(
    wantedOf('d', 'x', [
      make.message('user', 'a question everybody asks'),
      make.message('assistant', ` ${long}\n`)
    ]).needles,
    [long]
  )
  assert.deepEqual(of('a'.repeat(shortest - 1)).needles, [])
  assert.deepEqual(of('').needles, [])
  assert.deepEqual(wantedOf('d', 'x', []).needles, [])
})

test('an answer that only calls tools is looked for by its calls', () => {
  const calls = JSON.stringify([{ name: 'find', arguments: { words: 'a passage of a letter' } }])
  const answer = { ...make.message('assistant', ''), tool_calls: calls }
  const { needles } = wantedOf('d', 'x', [make.message('user', 'a question'), answer])
  assert.equal(needles[0], calls)
  assert.ok(needles.includes(JSON.stringify(calls).slice(1, -1)), 'as JSON holds it')
})

test('of a very long text its beginning is looked for', () => {
  const [needle] = of('word '.repeat(10_000)).needles
  assert.equal(needle!.length, 4000)
})

test('a long text that is cut within a character is found all the same', () => {
  const long = `${'x'.repeat(3999)}🚢 and on`
  for (const needle of of(long).needles) assert.ok(long.includes(needle) && needle.isWellFormed())
})
