/** Plays a script of records against a processor on the in-memory log, cleanly or under faults, and gives what it wrote. */
import assert from 'node:assert/strict'
import { createTester, type Tester } from '../../infra/runner/memory.ts'
import type { Processor } from '../../processors/contract.ts'
import { deadLetters, type Topic } from '../../schemas/topics.ts'
import type { Document, Run } from '../../schemas/types.ts'
import * as make from './records.ts'

/** A test's clock: it stands still, Unix time in microseconds. */
export const standing = (): number => 1_700_000_000_000_000

/** One thing that happens to a processor. */
export type Step = (tester: Tester) => void | Promise<void>

/** A record arrives. */
export const feed =
  <Value extends object>(
    topic: Topic<Value>,
    key: string,
    value: Value,
    headers?: Record<string, string>
  ): Step =>
  tester =>
    tester.feed(topic, key, value, headers)

/** What can go wrong, and what happens around each step for it. */
export const faults = {
  'every transaction aborted once': (tester: Tester) => tester.failEveryCommit('before'),
  'every commit unanswered once': (tester: Tester) => tester.failEveryCommit('after'),
  'a restart after every step': () => {},
  'a kill in the middle of every step': () => {}
} as const

/** A tester with dataset d and run r in its tables. */
export async function opened(
  processor: Processor,
  options: Parameters<typeof createTester>[1] & { readonly run?: Run } = {}
): Promise<Tester> {
  const tester = await createTester(processor, { now: standing, ...options })
  tester.table('datasets', 'd', make.dataset('d'))
  tester.table('runs', 'r', options.run ?? make.run('r'))
  return tester
}

/** Everything written to some topics. */
export function written(tester: Tester, topics: readonly Topic[]): unknown[] {
  return topics.flatMap(topic =>
    tester.read(topic).map(({ key, value, headers }) => ({ topic: topic.name, key, value, headers }))
  )
}

/**
 * Plays a script cleanly and under every fault and compares what was written, record by record.
 * @param open a new tester, tables filled
 * @param steps what happens, one step settled before the next
 * @param outputs topics that are compared; dead letters always are
 * @returns what was written
 */
export async function sameUnderFaults(
  open: () => Promise<Tester>,
  steps: readonly Step[],
  outputs: readonly Topic[]
): Promise<unknown[]> {
  const topics = [...new Set([...outputs, deadLetters])]
  const play = async (fault?: keyof typeof faults): Promise<unknown[]> => {
    const tester = await open()
    if (fault) faults[fault](tester)
    for (const step of steps) {
      await step(tester)
      if (fault === 'a kill in the middle of every step') await tester.restart()
      await tester.settle()
      if (fault === 'a restart after every step') await tester.restart()
    }
    await tester.settle()
    return written(tester, topics)
  }
  const clean = await play()
  assert.ok(clean.length > 0, 'the script makes the processor write something')
  for (const fault of Object.keys(faults) as (keyof typeof faults)[])
    assert.deepEqual(await play(fault), clean, fault)
  return clean
}

/** A published document. */
export const document = (text: string, fields: Partial<Document> = {}): Document => ({
  id: '',
  dataset: 'd',
  cell: make.cell(),
  messages: [make.message('document', text)],
  provenance: make.humanProvenance({ split: null, generation: 0 }),
  signature: null,
  metadata: {},
  ...fields
})

/** Frames around one body: bytes that cannot be read, and why. */
export function unreadable(tester: Tester, topic: Topic, value: object): [string, Buffer | null][] {
  const good = tester.codec.encode(topic, value)
  const foreign = Buffer.from(good)
  foreign.writeInt32BE(4711, 1)
  return [
    ['malformed_frame', Buffer.from('{"json": true}')],
    ['malformed_frame', Buffer.from([0, 0, 1])],
    ['malformed_frame', Buffer.alloc(0)],
    ['unknown_schema', foreign],
    ['malformed_record', good.subarray(0, good.length - 3)],
    ['no_value', null]
  ]
}

/**
 * Feeds poison among good records; every piece of it must end in the dead letters with its bytes and its story, and
 * everything else go through.
 * @param good legal records
 * @param refused values that decode and are refused, with the reason
 * @param went how many of the good records show in what was written; by default: all of them, each once in that topic
 */
export async function assertPoisonIsBuried(
  tester: Tester,
  processor: Processor,
  input: Topic,
  good: readonly { readonly id: string }[],
  refused: readonly (readonly [reason: string, value: object])[],
  went: Topic | ((tester: Tester) => number)
): Promise<void> {
  const poison: (readonly [string, Buffer | null])[] = [
    ...unreadable(tester, input, good[0]!),
    ...refused.map(([reason, value]) => [reason, tester.codec.encode(input, value)] as const)
  ]
  const expected: { offset: number; reason: string; bytes: Buffer | null; key: string }[] = []
  let offset = 0
  for (const [index, [reason, bytes]] of poison.entries()) {
    const one = good[index % good.length]!
    if (index < good.length) {
      tester.feed(input, one.id, one)
      offset++
    }
    tester.feedRaw(input, `poison-${index}`, bytes, { 'x-stale': 'from elsewhere', trace: 'kept' })
    expected.push({ offset: offset++, reason, bytes, key: `poison-${index}` })
  }
  // Where a record was erased there is nothing to read, and nothing to bury.
  tester.feedRaw(input, 'erased', null, { 'x-erased': 'asked for' })
  for (const one of good.slice(poison.length)) tester.feed(input, one.id, one)
  await tester.settle()

  const dead = tester.read(deadLetters)
  assert.deepEqual(
    dead.map(({ value, headers }) => ({
      offset: Number(headers['x-offset']),
      reason: headers['x-reason'],
      bytes: value as unknown,
      key: headers['x-key']
    })),
    expected
  )
  for (const { key, headers, value } of dead) {
    assert.equal(key, `${processor.name}/${input.name}/0/${headers['x-offset']}`)
    assert.equal(headers['x-processor'], processor.name)
    assert.equal(headers['x-topic'], input.name)
    assert.equal(headers['x-partition'], '0')
    assert.equal(headers['x-attempt'], '1')
    assert.equal(headers['trace'], 'kept', 'headers of others survive')
    assert.equal(headers['x-stale'], undefined, 'an earlier death is forgotten')
    assert.match(headers['x-message'] ?? '', /\w+ \w+/)
    assert.ok(headers['x-error-class'])
    const bytes = value as unknown as Buffer | null
    const framed = bytes !== null && bytes.length >= 5 && bytes[0] === 0
    assert.equal(headers['x-schema-id'], framed ? String(bytes.readInt32BE(1)) : '')
  }
  const through = typeof went === 'function' ? went(tester) : tester.read(went).length
  assert.equal(through, good.length, 'everything else went through')
}
