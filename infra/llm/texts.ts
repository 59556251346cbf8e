/** Generation numbers of the texts prompts are made from, read from the topics when somebody asks. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Texts } from '../../processors/ports.ts'
import { contentHash } from '../../schemas/identity.ts'
import { human, samplesHuman, samplesVerified, type Topic } from '../../schemas/topics.ts'
import type { Document, Sample } from '../../schemas/types.ts'
import { ifReadable } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import { readRanges } from '../kafka/reader.ts'

/** A text as its topic tells of it. */
type Told = { readonly dataset: string; readonly id: string; readonly name: string | undefined }

/** What there is to read; each call shows what came since the last one. */
export type TextReader = {
  /** Texts that were taken in, and answers that were verified. */
  accepted(take: (told: Told & { readonly generation: number | null }) => void): Promise<void>
  /** Texts as they were published, taken in or not. */
  published(take: (told: Told) => void): Promise<void>
}

/** How long a text is waited for that was published and not taken in yet, and how often it is looked for, milliseconds. */
const patienceMs = 30_000
const everyMs = 250

/**
 * Reads nothing before the first question, and then only what came since the last one. Memory: an id and a number for each
 * accepted text; for each published one, its name once somebody asks for a text that is not there.
 */
export function createTexts(reader: TextReader, pause: (ms: number) => Promise<unknown> = sleep): Texts {
  const known = new Map<string, number | null>()
  /** Ids by the names publishers gave, which must not pass for ids. */
  const named = new Map<string, string>()
  /** Published, and perhaps on the way. */
  const published = new Set<string>()
  /** Waited for in vain: who names them again waits no more. */
  const late = new Set<string>()
  let reading = Promise.resolve()

  const idOf = (key: string): string => (known.has(key) ? key : (named.get(key) ?? key))
  const has = (key: string): boolean => known.has(idOf(key))
  const missing = (keys: readonly string[]): string | undefined => keys.find(key => !has(key))

  const take = ({ dataset, id, name }: Told): string => {
    if (name !== undefined && name !== '' && name !== id) named.set(`${dataset}/${name}`, `${dataset}/${id}`)
    return `${dataset}/${id}`
  }
  /** One after the other; who failed to read does not fail who asks next. */
  const turn = (keys: readonly string[], read: () => Promise<void>): Promise<void> => {
    const mine = reading.then(async () => {
      if (missing(keys) !== undefined) await read()
    })
    reading = mine.catch(() => {})
    return mine
  }
  const accepted = (): Promise<void> => reader.accepted(told => void known.set(take(told), told.generation))

  return {
    async generation(dataset, ids) {
      const keys = ids.map(id => `${dataset}/${id}`)
      if (missing(keys) !== undefined) await turn(keys, accepted)
      if (missing(keys) !== undefined)
        await turn(keys, () => reader.published(told => void published.add(take(told))))
      let absent = missing(keys)
      for (let waited = 0; absent !== undefined && waited < patienceMs; waited += everyMs) {
        const id = idOf(absent)
        if (!published.has(id) || late.has(id)) break
        await pause(everyMs)
        await turn(keys, accepted)
        absent = missing(keys)
      }
      if (absent !== undefined) {
        if (published.has(idOf(absent))) late.add(idOf(absent))
        return { missing: ids[keys.indexOf(absent)]! }
      }
      let newest = 0
      for (const key of keys) {
        const generation = known.get(idOf(key)) ?? null
        if (generation === null) return { generation: null }
        newest = Math.max(newest, generation)
      }
      return { generation: newest }
    }
  }
}

/** Reads the topics of a deployment. */
export function readTexts({ kafka, config, codec, admin, registry }: Deployment): TextReader {
  /** Offset after what was read, by topic and partition. */
  const read = new Map<string, number>()
  let registered: Promise<unknown> | undefined

  const more = async <Value, Key extends keyof Value & string>(
    topic: Topic<Value>,
    fields: readonly Key[],
    take: (value: Pick<Value, Key>) => void
  ): Promise<void> => {
    const all = await admin.ranges(topic.name)
    const ranges = all.map(range => ({
      ...range,
      from: Math.max(range.from, read.get(`${range.topic}/${range.partition}`) ?? 0)
    }))
    await readRanges(kafka, config, ranges, async records => {
      for (const { value } of records) {
        const found = await ifReadable(() => codec.decodeFields(topic, fields, value))
        if (found) take(found)
      }
    })
    for (const { partition, to } of ranges) read.set(`${topic.name}/${partition}`, to)
  }
  const register = async (): Promise<void> => {
    await (registered ??= registry.register([human, samplesHuman, samplesVerified], config.prefix))
  }
  const sampleFields = ['id', 'dataset', 'provenance', 'metadata'] as const
  const documentFields = ['id', 'dataset', 'messages'] as const

  return {
    async accepted(take) {
      await register()
      for (const topic of [samplesHuman, samplesVerified]) {
        await more<Sample, (typeof sampleFields)[number]>(
          topic,
          sampleFields,
          ({ id, dataset, provenance, metadata }) =>
            take({ id, dataset, name: metadata['document_id'], generation: provenance.generation })
        )
      }
    },
    async published(take) {
      await register()
      await more<Document, (typeof documentFields)[number]>(
        human,
        documentFields,
        ({ id, dataset, messages }) => take({ id: contentHash(messages), dataset, name: id })
      )
    }
  }
}
