import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untilNone } from '../../infra/patience.ts'

/** Waits for a row of answers on a clock that goes on by what is slept. */
async function waited(
  answers: readonly number[],
  options: { patienceMs?: number; everyMs?: number } = {}
): Promise<{ said: number[]; ms: number }> {
  let ms = 0
  let next = 0
  const said: number[] = []
  await untilNone(async () => answers[Math.min(next++, answers.length - 1)]!, {
    patienceMs: 250,
    ...options,
    stalled: left => new Error(`${left} left`),
    waiting: left => void said.push(left),
    clock: {
      now: () => ms,
      async sleep(more) {
        ms += more
      }
    }
  })
  return { said, ms }
}

test('nothing missing is nothing to wait for', async () => {
  assert.deepEqual(await waited([0]), { said: [], ms: 0 })
})

test('what goes on may take longer than patience lasts', async () => {
  const { said, ms } = await waited([9, 9, 8, 8, 7, 7, 6, 5, 4, 4, 3, 2, 1, 0])
  assert.deepEqual(said, [9], 'it is said once')
  assert.ok(ms > 1000, `${ms} ms`)
})

test('what stands still ends it, with what is left', async () => {
  await assert.rejects(waited([9, 8, 8, 8, 8, 8]), /^Error: 8 left$/)
  // More is no progress.
  await assert.rejects(waited([5, 6, 5, 6, 5, 6, 5]), /left$/)
})

test('it looks as often as it is told', async () => {
  assert.equal((await waited([3, 2, 1, 0], { everyMs: 30 })).ms, 90)
})
