/**
 * The splits as types. What must not compile is marked: the type check, which is part of `npm test`, fails where a line so
 * marked compiles after all.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { createOffline } from '../../../infra/llm/offline.ts'
import type { HumanMemory } from '../../../processors/measure/band.ts'
import { remember } from '../../../processors/measure/band.ts'
import type { HumanDocument } from '../../../processors/reservoir.ts'
import type { Queue, Queues } from '../../../processors/mix/waiting.ts'
import type { SeedDocument } from '../../../processors/ports.ts'
import {
  type AuditText,
  ofSplit,
  type ReferenceText,
  rowOf,
  type SeedText,
  textOf,
  type Use
} from '../../../processors/split.ts'
import type { Origin, Sample, Split } from '../../../schemas/types.ts'
import { silentLog } from '../../../infra/log.ts'
import * as make from '../../helpers/records.ts'

const uses: readonly Use[] = ['SEED', 'REFERENCE', 'AUDIT']
const human = (split: Split | null, origin: Origin = 'HUMAN_AUTHORED'): Sample =>
  make.humanSample('h', 'text', { provenance: make.humanProvenance({ split, origin }) })
const first = ([message]: readonly { content: string }[]): string => message!.content

/** Never called: what stands in it is for the compiler. */
export function wrongUses(
  plain: string,
  sample: Sample,
  reference: ReferenceText,
  audit: AuditText,
  memory: HumanMemory,
  waiting: { queues: Queues<'human'>; queue: Queue<'human'> }
): void {
  const document = { id: 'd', topic: 't' }
  // @ts-expect-error -- a generator is shown nothing that was not looked at
  const unlooked: SeedDocument = { ...document, text: plain }
  // @ts-expect-error -- nor what metrics compare with
  const measured: SeedDocument = { ...document, text: reference }
  // @ts-expect-error -- nor what thresholds are set on
  const kept: SeedDocument = { ...document, text: audit }
  // @ts-expect-error -- an offline model is fitted on seed text
  createOffline({ read: async () => [{ ...document, text: reference }], log: silentLog })
  const place = { id: 'r', offset: 0, topic: 't', tokens: 1, rank: '' }
  // @ts-expect-error -- metrics compare with nothing a generator has seen
  remember(memory, { ...place, text: make.seedText('x') })
  // @ts-expect-error -- nor with what is kept for thresholds
  remember(memory, { ...place, text: audit })
  // @ts-expect-error -- nor with what nobody looked at
  const any: HumanDocument = { ...place, text: plain }
  // @ts-expect-error -- thresholds are set on audit text alone
  const calibrated: AuditText = reference
  // @ts-expect-error -- a text is of the split of its sample
  const taken: SeedText = textOf(ofSplit(sample, 'REFERENCE')!, first)
  // @ts-expect-error -- whether it is of the split has to be asked
  const certain: SeedText = textOf(ofSplit(sample, 'SEED'), first)
  // @ts-expect-error -- and of a sample nobody asked, nothing is known
  const blind: SeedText = textOf(sample, first)
  // @ts-expect-error -- what is laid down is of the seed split
  waiting.queues.add(waiting.queue, 0, ofSplit(sample, 'AUDIT')!)
  // @ts-expect-error -- or a model wrote it; of others it is not known
  waiting.queues.add(waiting.queue, 0, sample)
  // @ts-expect-error -- there are three uses, and none is no use
  ofSplit(sample, 'NONE')
  // What is right compiles.
  const seed: SeedDocument = { ...document, text: textOf(ofSplit(sample, 'SEED')!, first) }
  remember(memory, { ...place, text: textOf(ofSplit(sample, 'REFERENCE')!, first) })
  waiting.queues.add(waiting.queue, 0, rowOf(sample)!)
  waiting.queues.add(waiting.queue, 0, ofSplit(sample, 'SEED')!)
  for (const each of [unlooked, measured, kept, any, calibrated, taken, certain, blind, seed]) assert.ok(each)
}

describe('a sample is of a split', () => {
  test('when its record says so and no model wrote it', () => {
    const splits = fc.constantFrom<Split | null>('NONE', 'SEED', 'REFERENCE', 'AUDIT', null)
    const origins = fc.constantFrom<Origin>('HUMAN_AUTHORED', 'HUMAN_EDITED', 'UNKNOWN', 'SYNTHETIC')
    fc.assert(
      fc.property(splits, origins, fc.constantFrom(...uses), (split, origin, wanted) => {
        const sample = human(split, origin)
        assert.equal(ofSplit(sample, wanted), split === wanted && origin !== 'SYNTHETIC' ? sample : undefined)
      })
    )
  })

  test('and its text with it', () => {
    for (const use of uses) assert.equal(textOf(ofSplit(human(use), use)!, first), 'text')
  })

  test('laid down are the seed split and what models wrote', () => {
    for (const use of uses) assert.equal(rowOf(human(use)) !== undefined, use === 'SEED')
    assert.equal(rowOf(human('NONE')), undefined)
    assert.equal(rowOf(human(null)), undefined)
    const answer = make.sample('s', 'text')
    assert.equal(rowOf(answer), answer)
  })
})
