import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { note, shown, table } from '../../../infra/cli/output.ts'

/** What is written to stderr while something runs. */
function written(t: TestContext, work: () => void): string {
  const spy = t.mock.method(process.stderr, 'write', () => true)
  work()
  spy.mock.restore()
  return spy.mock.calls.map(({ arguments: [text] }) => String(text)).join('')
}

test('what came from outside steers no terminal: not in a cell, not in a head, not in a note', t => {
  const hostile = 'a\u001b[2Jb\u0007\u007f\u009bc'
  const shownAs = 'a␛[2Jb␇␡␡c'
  assert.equal(shown(hostile), shownAs)
  const drawn = table([hostile], [[hostile]], true)
  for (const steering of ['\u0007', '\u007f', '\u009b', '\u001b[2J'])
    assert.ok(!drawn.includes(steering), JSON.stringify(drawn))
  assert.equal(drawn.split(shownAs).length, 3)
  assert.equal(
    written(t, () => note(`one ${hostile}\n\ttwo`)),
    `one ${shownAs}\n\ttwo\n`
  )
})

test('in a pipe a value stays on its line and in its column', () => {
  const lines = table(['a\tb', 'c'], [['one\ntwo', 'back\\slash\r']], false).split('\n')
  assert.deepEqual(lines, ['a\\tb\tc', 'one\\ntwo\tback\\\\slash\\r'])
})
