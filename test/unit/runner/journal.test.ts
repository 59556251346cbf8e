import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createCodec } from '../../../infra/codec.ts'
import type { OutRecord } from '../../../infra/kafka/record.ts'
import { createJournal, type JournalLog } from '../../../infra/runner/journal.ts'
import { memoryIds } from '../../../infra/runner/memory.ts'
import { journal as journalTopic } from '../../../schemas/topics.ts'
import type { JournalEntry } from '../../../schemas/types.ts'
import { standing } from '../../helpers/play.ts'
import { turns } from '../../helpers/slot.ts'

const codec = createCodec(memoryIds('generate'))

/** A journal on a log that remembers its commits. */
function bench(
  options: { commit?: (records: readonly OutRecord[]) => Promise<void>; old?: JournalEntry[] } = {}
) {
  const commits: JournalEntry[][] = []
  const lost: unknown[] = []
  const partitions = new Set<number>()
  const log: JournalLog = {
    async restore(entry) {
      for (const old of options.old ?? []) await entry(old.request_id, codec.encode(journalTopic, old))
      await entry('deleted', null)
    },
    async commit(records) {
      await options.commit?.(records)
      for (const { partition } of records) partitions.add(partition)
      commits.push(records.map(({ value }) => codec.decode(journalTopic, value) as JournalEntry))
    }
  }
  const journal = createJournal(2, log, codec, standing, error => void lost.push(error))
  return { journal, commits, lost, partitions }
}
const settledEntry = (request_id: string, cost_micros: number, tokens: number): JournalEntry => ({
  request_id,
  run: 'r',
  phase: 'settled',
  draw: '',
  reply: '',
  reserved_micros: 0,
  cost_micros,
  tokens,
  at: 0
})
const intent = (requestId: string, reservedMicros = 10, reservedTokens = 5) => ({
  requestId,
  run: 'r',
  draw: `{"of":"${requestId}"}`,
  reservedMicros,
  reservedTokens
})
const nothing = { costMicros: 0, tokens: 0, reservedMicros: 0, reservedTokens: 0 }

describe('the journal', () => {
  test('resolves an intent when it is committed, several in one batch', async () => {
    const gate = Promise.withResolvers<void>()
    const { journal, commits, partitions } = bench({ commit: () => gate.promise })
    let resolved = 0
    const all = ['a', 'b', 'c'].map(id => journal.intent(intent(id)).then(() => resolved++))
    await turns()
    assert.equal(resolved, 0, 'nothing is committed yet')
    gate.resolve()
    await Promise.all(all)
    assert.deepEqual(
      commits.map(batch => batch.map(({ request_id, phase }) => `${request_id} ${phase}`)),
      [['a intent', 'b intent', 'c intent']]
    )
    assert.deepEqual([...partitions], [2])
  })

  test('counts a reserve from the moment of the intent, not of its commit', async () => {
    const { journal } = bench()
    const one = journal.intent(intent('a'))
    assert.deepEqual(journal.spent('r'), { ...nothing, reservedMicros: 10, reservedTokens: 5 })
    await one
    assert.deepEqual(journal.spent('r'), { ...nothing, reservedMicros: 10, reservedTokens: 5 })
    assert.deepEqual(journal.spent('other'), nothing)
  })

  test('sets aside in memory alone, until the intent says the same', async () => {
    const { journal, commits } = bench()
    const { requestId, run } = intent('a')
    journal.reserve({ requestId, run, reservedMicros: 10, reservedTokens: 5 })
    assert.deepEqual(journal.spent('r'), { ...nothing, reservedMicros: 10, reservedTokens: 5 })
    assert.equal(journal.find('a'), undefined)
    await journal.intent(intent('a'))
    assert.deepEqual(journal.spent('r'), { ...nothing, reservedMicros: 10, reservedTokens: 5 })
    journal.reserve({ requestId, run, reservedMicros: 0, reservedTokens: 0 })
    assert.deepEqual(journal.spent('r'), nothing)
    assert.equal(commits.flat().length, 1)
  })

  test('remembers how far a call has come', async () => {
    const { journal } = bench()
    assert.equal(journal.find('a'), undefined)
    await journal.intent(intent('a'))
    const reserved = { reservedMicros: 10, reservedTokens: 5 }
    assert.deepEqual(journal.find('a'), { phase: 'intent', draw: '{"of":"a"}', ...reserved })
    const result = journal.result({ ...intent('a'), reply: '"yes"' })
    assert.equal(journal.find('a')?.phase, 'intent', 'not before it is committed')
    await result
    assert.deepEqual(journal.find('a'), { phase: 'result', draw: '{"of":"a"}', reply: '"yes"', ...reserved })
    journal.settled(settledEntry('a', 7, 3))
    assert.deepEqual(journal.find('a'), { phase: 'settled' })
    assert.deepEqual(journal.spent('r'), { ...nothing, costMicros: 7, tokens: 3 })
  })

  test('fails whoever waits when a batch cannot be committed, and says that the slot is lost', async () => {
    const { journal, lost } = bench({ commit: () => Promise.reject(new Error('fenced')) })
    await assert.rejects(journal.intent(intent('a')), /fenced/)
    assert.equal(lost.length, 1)
  })

  test('knows after a restart what it knew before', async () => {
    const step = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom('intent' as const, 'result' as const, 'settled' as const),
      micros: fc.nat(50),
      tokens: fc.nat(50)
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async steps => {
        const { journal, commits } = bench()
        const written: JournalEntry[] = []
        for (const { id, what, micros, tokens } of steps) {
          // A settled call is not begun again, nor settled twice.
          if (journal.find(id)?.phase === 'settled') continue
          if (what === 'intent') await journal.intent(intent(id, micros, tokens))
          else if (what === 'result') await journal.result({ ...intent(id, micros, tokens), reply: '1' })
          else {
            const entry = settledEntry(id, micros, tokens)
            journal.settled(entry)
            written.push(...commits.splice(0).flat(), entry)
          }
        }
        written.push(...commits.splice(0).flat())
        const next = bench({ old: written }).journal
        await next.open()
        for (const id of ['a', 'b', 'c']) assert.deepEqual(next.find(id), journal.find(id))
        assert.deepEqual(next.spent('r'), journal.spent('r'))
      }),
      { numRuns: 30 }
    )
  })
})
