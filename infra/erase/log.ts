/** Looks through every topic for erased texts. */
import { NumberTable } from '../../metrics/number-table.ts'
import { contentHash, sha128, textKey } from '../../schemas/identity.ts'
import { human, samplesHuman, samplesVerified, type Topic, training } from '../../schemas/topics.ts'
import type { Document, ErasedRow, Provenance, Sample } from '../../schemas/types.ts'
import { ifReadable } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import type { Doomed } from '../kafka/compaction.ts'
import { readRanges } from '../kafka/reader.ts'
import { isErasure, type RawRecord } from '../kafka/record.ts'
import { allTopics } from '../processors.ts'
import type { Wanted } from './wanted.ts'

/** A record that holds an erased text, or words of it. */
export type Hit = Doomed & {
  /** Id of the text. */
  readonly of: string
}

/** What was looked through. */
export type Looked = { readonly hits: Hit[]; readonly records: number; readonly bytes: number }

/** Says of which text a record holds words; undefined: of none. */
type Judge = (record: RawRecord) => Promise<string | undefined>

type Named = { readonly dataset?: string; readonly provenance?: Pick<Provenance, 'quoted_ids'> }

/** Topics whose records name the texts whose words stand in them. */
const naming: ReadonlySet<Topic['record']> = new Set<Topic['record']>([
  'Prompt',
  'ParkedPrompt',
  'Generation',
  'Sample',
  'Rejection'
])

function judgeOf(deployment: Deployment, topic: Topic, wanted: readonly Wanted[]): Judge {
  const { codec } = deployment
  const keys = new Map(wanted.map(({ dataset, id }) => [textKey(dataset, id), id]))
  const needles = wanted.flatMap(({ id, needles: forms }) =>
    forms.map(form => ({ id, bytes: Buffer.from(form) }))
  )
  const ids = wanted.map(({ dataset, id }) => ({ dataset, id, bytes: Buffer.from(id) }))
  const byKey = topic.name === samplesHuman.name || topic.name === training.name
  // What cannot be read is recognised by its bytes alone.
  const decoded = (value: Buffer): unknown => ifReadable<unknown>(() => codec.decode(topic, value))
  /** The record itself names it: the text it is, or one that is quoted in it. */
  const named = async (value: Buffer): Promise<string | undefined> => {
    if (topic === human) {
      const document = (await decoded(value)) as Document | undefined
      const content = document && contentHash(document.messages)
      return ids.find(({ dataset, id }) => id === content && dataset === document!.dataset)?.id
    }
    if (!naming.has(topic.record)) return undefined
    const near = ids.filter(({ bytes }) => value.includes(bytes))
    if (near.length === 0) return undefined
    const record = (await decoded(value)) as
      (Named & { prompt?: Named; sample?: Named; id?: string }) | undefined
    for (const { dataset, id } of near)
      for (const one of [record, record?.prompt, record?.sample])
        if (
          one?.dataset === dataset &&
          (record?.id === id || one.provenance?.quoted_ids.includes(id) === true)
        )
          return id
    return undefined
  }
  return async ({ key, value, headers }) => {
    if (value === null) {
      const parts = [key, ...Object.values(headers)].filter(part => part !== null)
      return needles.find(({ bytes }) => parts.some(part => part.includes(bytes)))?.id
    }
    const called = byKey ? (key?.toString() ?? '') : ''
    const owner = keys.get(called) ?? keys.get(called.replace(/\/\d+$/, ''))
    if (owner !== undefined) return owner
    const own = needles.find(({ bytes }) => value.includes(bytes))
    return own?.id ?? (await named(value))
  }
}

/**
 * Everything in the logs that holds a text: records that are its own, that quote it by their word, or that its words stand in;
 * also what was never committed, or has been replaced and is not compacted yet.
 * @param progress told the records looked at
 */
export async function lookThrough(
  deployment: Deployment,
  wanted: readonly Wanted[],
  progress: (records: number) => void = () => {}
): Promise<Looked> {
  const { kafka, config, admin } = deployment
  const hits: Hit[] = []
  let count = 0
  let bytes = 0
  for (const topic of allTopics) {
    const judge = judgeOf(deployment, topic, wanted)
    await readRanges(
      kafka,
      config,
      await admin.ranges(topic.name),
      async records => {
        for (const record of records) {
          bytes += record.value?.length ?? 0
          if (++count % 10_000 === 0) progress(count)
          const of = await judge(record)
          const { partition, offset, key } = record
          if (of !== undefined) hits.push({ topic: topic.name, partition, offset, key, of })
        }
      },
      { everything: true }
    )
  }
  return { hits, records: count, bytes }
}

/** A row as its versions remember it: what they were counted by, and none of its words. */
function rowOf(slot: number, offset: number, sample: Sample): ErasedRow {
  const { provenance } = sample
  return {
    slot,
    offset,
    sample: {
      ...sample,
      messages: [],
      verdicts: [],
      metadata: {},
      provenance: { ...provenance, author: null, source_uri: null, created_by: '' }
    }
  }
}

/** A text or a row of training that goes, and where it lies. */
export type Going = {
  /** Id of the text that was named. */
  readonly of: string
  readonly sample: Sample
  /** Null: it is a text, and no row of training. */
  readonly row: ErasedRow | null
}

/** Topics whose records are texts of a dataset. */
export const textTopics = [samplesHuman, samplesVerified] as const

/** The texts and rows of training among hits. What was never committed is none, nor what cannot be read. */
export async function samplesAmong(
  { kafka, config, codec }: Deployment,
  hits: readonly Hit[]
): Promise<Going[]> {
  const found: Going[] = []
  for (const topic of [...textTopics, training]) {
    const own = hits.filter(hit => hit.topic === topic.name)
    for (const [partition, list] of Map.groupBy(own, hit => hit.partition)) {
      const places = new Map(list.map(({ offset, of }) => [offset, of]))
      const offsets = [...places.keys()]
      const [from, to] = [
        offsets.reduce((a, b) => Math.min(a, b)),
        offsets.reduce((a, b) => Math.max(a, b)) + 1
      ]
      await readRanges(kafka, config, [{ topic: topic.name, partition, from, to }], async records => {
        for (const { offset, value } of records) {
          const of = places.get(offset)
          if (of === undefined) continue
          const sample = await ifReadable(() => codec.decode(topic, value))
          if (sample)
            found.push({ of, sample, row: topic === training ? rowOf(partition, offset, sample) : null })
        }
      })
    }
  }
  return found
}

/** Hits that are the newest entries of tables: nothing takes their place, so that compaction leaves them. */
export async function newestAmong(
  { kafka, config, admin }: Deployment,
  hits: readonly Hit[]
): Promise<Hit[]> {
  const found: Hit[] = []
  for (const topic of allTopics) {
    const own = hits.filter(one => one.topic === topic.name)
    if (topic.kind !== 'table' || own.length === 0) continue
    const newest = new Map<string, number>()
    await readRanges(kafka, config, await admin.ranges(topic.name), records => {
      for (const { key, offset } of records) if (key) newest.set(key.toString('hex'), offset)
    })
    found.push(...own.filter(({ key, offset }) => key && newest.get(key.toString('hex')) === offset))
  }
  return found
}

/** A number for a key: of a hundred million different ones two have the same with a chance of one in a few. */
const numberOf = (key: Buffer): number => Number.parseInt(sha128(key.toString('latin1')).slice(0, 13), 16)

/** In the place of a number. */
const noKey = -1

/** What compaction would take out of a topic besides, and how many records it would leave. */
export type Keys = {
  /** Records without a key, or with one that comes again. */
  readonly lost: number
  /** Where one of them lies; absent: there is none. */
  readonly first?: string
  /** Records that stay. */
  readonly kept: number
}

/**
 * Looks at the keys of a topic before or after it is compacted. A record of `training` that cannot be read is a row of no
 * version: nothing is lost with it.
 * @param hits records that go
 * @param ends offsets up to which is looked, one per partition
 */
export async function keysOf(
  { kafka, config, codec }: Deployment,
  topic: string,
  hits: readonly Hit[],
  ends: readonly number[]
): Promise<Keys> {
  let lost = 0
  let kept = 0
  let first: string | undefined
  for (const [partition, to] of ends.entries()) {
    const going = new Set(
      hits.flatMap(one =>
        one.topic === topic && one.partition === partition && one.key ? [numberOf(one.key)] : []
      )
    )
    const seen = new NumberTable()
    /** Keys whose newest record so far is what an interrupted erasure left: what it wanted out of the log goes as well. */
    const stones = new Set<number>()
    /** Of keys that come again, and of no key, how many records go besides, and the first of them. */
    const repeated = new Map<number, { records: number; readonly first: string }>()
    const count = async (record: RawRecord): Promise<void> => {
      const { key, value, offset } = record
      const number = key === null ? undefined : numberOf(key)
      if (number !== undefined && going.has(number)) return
      if (number !== undefined && isErasure(record)) {
        if (seen.find(number) >= 0 && !stones.has(number)) kept--
        stones.add(number)
        repeated.delete(number)
      } else if (number !== undefined && (seen.find(number) < 0 || stones.has(number))) {
        seen.add(number)
        stones.delete(number)
        kept++
      } else if (
        topic !== training.name ||
        value === null ||
        (await ifReadable(() => codec.decode(training, value)))
      ) {
        const before = repeated.get(number ?? noKey)
        if (before) before.records++
        else {
          const named = key === null ? 'without a key' : `key ${key.toString()}`
          repeated.set(number ?? noKey, { records: 1, first: `${topic}/${partition}@${offset}, ${named}` })
        }
      }
    }
    await readRanges(
      kafka,
      config,
      [{ topic, partition, from: 0, to }],
      async records => {
        for (const record of records) await count(record)
      },
      { erasures: true }
    )
    for (const one of repeated.values()) {
      lost += one.records
      first ??= one.first
    }
  }
  return { lost, kept, ...(first !== undefined && { first }) }
}
