import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFingerprinter } from '../../../../metrics/fingerprint.ts'
import { type Room, createOpenWindows } from '../../../../processors/measure/windows.ts'

const fingerprint = createFingerprinter()
/** Ten words and as many tokens at white space. */
const document = () => fingerprint('one two three four five six seven eight nine ten')

/** The scopes of which windows are left, of those that got a document each, in order. */
function left(most: Room, scopes: readonly string[]): string[] {
  const open = createOpenWindows(most)
  for (const [offset, scope] of scopes.entries()) {
    open.add(scope, document(), offset)
    open.shrink()
  }
  return [...new Set(scopes)].filter(scope => open.get(scope) !== undefined)
}

test('those go that nothing was added to for longest, by their number and by their tokens of either kind', () => {
  const roomy = { windows: 100, tokens: 10_000 }
  assert.deepEqual(left(roomy, ['a', 'b', 'c', 'd']), ['a', 'b', 'c', 'd'])
  assert.deepEqual(left({ ...roomy, windows: 2 }, ['a', 'b', 'c', 'd']), ['c', 'd'])
  assert.deepEqual(left({ ...roomy, windows: 2 }, ['a', 'b', 'a', 'c']), ['a', 'c'])
  assert.deepEqual(left({ ...roomy, tokens: 40 }, ['a', 'b', 'c', 'd']), ['c', 'd'])
  assert.deepEqual(left({ ...roomy, tokens: 59 }, ['a', 'b', 'c', 'd']), ['c', 'd'])
})

test('the one that is being added to stays, whatever its size; what is closed leaves room', () => {
  assert.deepEqual(left({ windows: 1, tokens: 5 }, ['a', 'b', 'b', 'b']), ['b'])
  const open = createOpenWindows({ windows: 10, tokens: 40 })
  open.add('a', document(), 0)
  open.add('b', document(), 1)
  open.close('a')
  open.close('a')
  open.add('c', document(), 2)
  open.shrink()
  assert.ok(open.get('b') && open.get('c'))
})
