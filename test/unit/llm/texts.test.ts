/** Where a prompt's parents are looked up, and how long they are waited for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTexts, type TextReader } from '../../../infra/llm/texts.ts'

type Accepted = Parameters<Parameters<TextReader['accepted']>[0]>[0]
type Published = Parameters<Parameters<TextReader['published']>[0]>[0]

const text = (id: string, generation: number | null, name?: string): Accepted => ({
  dataset: 'd',
  id,
  name,
  generation
})

/** Topics in memory: what is put in is read once; `pauses` is what is waited. */
function bench() {
  const accepted: Accepted[] = []
  const published: Published[] = []
  const calls = { accepted: 0, published: 0, pauses: 0 }
  let whilePausing: (() => void) | undefined
  const reader: TextReader = {
    async accepted(take) {
      calls.accepted++
      for (const one of accepted.splice(0)) take(one)
    },
    async published(take) {
      calls.published++
      for (const one of published.splice(0)) take(one)
    }
  }
  const texts = createTexts(reader, async () => {
    calls.pauses++
    whilePausing?.()
  })
  return {
    accepted,
    published,
    calls,
    texts,
    pausing: (act: () => void) => {
      whilePausing = act
    }
  }
}

test('the newest of several, unknown where one is; nothing is read again for what is known', async () => {
  const { accepted, calls, texts } = bench()
  accepted.push(text('a', 0), text('b', 3), text('x', null))
  assert.deepEqual(await texts.generation('d', ['a', 'b']), { generation: 3 })
  assert.deepEqual(await texts.generation('d', ['a', 'x']), { generation: null })
  assert.deepEqual(calls, { accepted: 1, published: 0, pauses: 0 })
  accepted.push(text('c', 1))
  assert.deepEqual(await texts.generation('d', ['c']), { generation: 1 })
})

test('a text is found by its name, which does not pass for the id of another', async () => {
  const { accepted, texts } = bench()
  accepted.push(text('a', 0, 'letter'), text('b', 2, 'a'))
  assert.deepEqual(await texts.generation('d', ['letter']), { generation: 0 })
  assert.deepEqual(await texts.generation('d', ['a']), { generation: 0 }, 'b calls itself a')
})

test('the second name of a text, which no accepted record carries, is found among what was published', async () => {
  const { accepted, published, texts } = bench()
  accepted.push(text('a', 0, 'letter'))
  published.push({ dataset: 'd', id: 'a', name: 'letter' }, { dataset: 'd', id: 'a', name: 'copy' })
  assert.deepEqual(await texts.generation('d', ['copy']), { generation: 0 })
})

test('what is nowhere is told at once, in its own dataset', async () => {
  const { accepted, calls, texts } = bench()
  accepted.push(text('a', 0))
  assert.deepEqual(await texts.generation('d', ['a', 'gone']), { missing: 'gone' })
  assert.deepEqual(await texts.generation('e', ['a']), { missing: 'a' })
  assert.equal(calls.pauses, 0)
})

test('what was published and not taken in yet is waited for', async () => {
  const { accepted, published, calls, texts, pausing } = bench()
  published.push({ dataset: 'd', id: 'a', name: 'letter' })
  pausing(() => {
    if (calls.pauses === 3) accepted.push(text('a', 0, 'letter'))
  })
  assert.deepEqual(await texts.generation('d', ['letter']), { generation: 0 })
  assert.equal(calls.pauses, 3)
})

test('what never is taken in is waited for once, and not again by the next prompt', async () => {
  const { accepted, published, calls, texts } = bench()
  published.push({ dataset: 'd', id: 'refused', name: 'letter' })
  assert.deepEqual(await texts.generation('d', ['letter']), { missing: 'letter' })
  const waited = calls.pauses
  assert.ok(waited > 10)
  assert.deepEqual(await texts.generation('d', ['letter']), { missing: 'letter' })
  assert.equal(calls.pauses, waited)
  accepted.push(text('refused', 0))
  assert.deepEqual(await texts.generation('d', ['letter']), { generation: 0 }, 'unless it came after all')
})

test('a failed reading is told to who asked, and does not stand in the way of the next one', async () => {
  let fails = true
  const texts = createTexts({
    async accepted(take) {
      if (fails) throw new Error('the cluster is away')
      take(text('a', 1))
    },
    async published() {}
  })
  await assert.rejects(texts.generation('d', ['a']), /the cluster is away/)
  fails = false
  assert.deepEqual(await texts.generation('d', ['a']), { generation: 1 })
})
