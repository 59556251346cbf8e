/** Answers that were turned down, by the prompt they answer. Their texts wait in a file; in memory is where each lies. */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { seedHi, seedLo, stepHi, stepLo } from '../../metrics/hashes.ts'
import { NumberTable } from '../../metrics/number-table.ts'
import { answerOf } from '../../processors/text.ts'
import { canonicalContent } from '../../schemas/identity.ts'
import { samplesRejected } from '../../schemas/topics.ts'
import type { Dataset, Rejection, Sample } from '../../schemas/types.ts'
import { ifReadable } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import { readRanges } from '../kafka/reader.ts'
import { slotsOf } from '../versions/rows.ts'
import { plainMessage } from './conversation.ts'
import type { Rejected } from './formats.ts'

/** What a sample answers, as a number: 53 bits of a hash of its messages but the last. */
export function questionOf({ messages }: Sample): number {
  let lo = seedLo
  let hi = seedHi
  const text = canonicalContent(messages.slice(0, -1))
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    lo = stepLo(lo, unit)
    hi = stepHi(hi, unit)
  }
  return (hi & 0x1fffff) * 2 ** 32 + (lo >>> 0)
}

/** Whether a rejection is a worse answer: not the same one again, not a call that failed, nothing that may not be trained on. */
export function isWorse({ sample, processor }: Rejection): boolean {
  const last = sample.messages.at(-1)
  return (
    processor === 'verify' &&
    last?.role === 'assistant' &&
    sample.messages.length > 1 &&
    /\S/.test(answerOf(sample.messages)) &&
    plainMessage(last) !== undefined &&
    sample.provenance.output_terms !== 'forbidden'
  )
}

/** Rejected answers, each to be taken once. */
export type Pairs = {
  /** The next one to the same prompt, in the order they were turned down in; undefined when none is left. */
  take(sample: Sample): Rejected | undefined
  close(): void
}

/** An empty store. */
export function createPairs(path: string): Pairs & { add(rejection: Rejection): void } {
  const file = openSync(path, 'w+')
  const questions = new NumberTable()
  const waiting: { at: number; length: number }[][] = []
  let end = 0
  return {
    add({ sample, check, reason }) {
      const { id, provenance, messages } = sample
      const rejected: Rejected = {
        id,
        message: messages.at(-1)!,
        check,
        reason,
        model_id: provenance.model_id
      }
      const bytes = Buffer.from(JSON.stringify(rejected))
      writeSync(file, bytes, 0, bytes.length, end)
      const list = (waiting[questions.add(questionOf(sample))] ??= [])
      list.push({ at: end, length: bytes.length })
      end += bytes.length
    },
    take(sample) {
      const question = questions.find(questionOf(sample))
      const next = question < 0 ? undefined : waiting[question]!.shift()
      if (!next) return undefined
      const bytes = Buffer.alloc(next.length)
      readSync(file, bytes, 0, next.length, next.at)
      return JSON.parse(bytes.toString()) as Rejected
    },
    close() {
      closeSync(file)
      rmSync(path, { force: true })
    }
  }
}

/**
 * Reads the answers of a dataset that were turned down before a moment.
 * @param before Unix time in microseconds: later ones are no part of a version
 * @param left ids that are not to be used any more
 * @param path of the file their texts wait in; removed by `close`
 */
export async function readRejected(
  { kafka, config, admin, codec }: Deployment,
  dataset: Dataset,
  before: number,
  left: { has(id: string): boolean },
  path: string
): Promise<Pairs> {
  const pairs = createPairs(path)
  const own = new Set(slotsOf(dataset, config.partitions))
  const ranges = (await admin.ranges(samplesRejected.name)).filter(({ partition }) => own.has(partition))
  // One after the other: the order must be the same every time.
  for (const range of ranges) {
    await readRanges(kafka, config, [range], async records => {
      for (const { value } of records) {
        const rejection = await ifReadable(() => codec.decode(samplesRejected, value))
        if (!rejection) continue
        if (rejection.sample.dataset !== dataset.name || rejection.rejected_at > before) continue
        if (isWorse(rejection) && !left.has(rejection.id)) pairs.add(rejection)
      }
    })
  }
  return pairs
}
