/** Generation numbers of the texts prompts are made from, read from the topics when somebody asks. */
import type { Texts } from '../../processors/ports.ts'
import { samplesHuman, samplesVerified, type Topic } from '../../schemas/topics.ts'
import type { Sample } from '../../schemas/types.ts'
import { DecodeError } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import { readRanges } from '../kafka/reader.ts'

/** Where accepted texts lie. */
const topics: readonly Topic<Sample>[] = [samplesHuman, samplesVerified]

/**
 * Reads nothing before the first question, and then only what came since the last one. Memory: an id and a number for each
 * accepted text.
 */
export function createTexts(deployment: Deployment): Texts {
  const { kafka, config, codec, admin, registry } = deployment
  const known = new Map<string, number | null>()
  /** By the ids publishers gave: what they call a text must not pass for another one. */
  const named = new Map<string, number | null>()
  const has = (key: string): boolean => known.has(key) || named.has(key)
  /** Offset after what was read, by topic and partition. */
  const read = new Map<string, number>()
  let registered: Promise<unknown> | undefined
  let reading = Promise.resolve()

  const more = async (): Promise<void> => {
    await (registered ??= registry.register(topics, config.prefix))
    for (const topic of topics) {
      const ranges = (await admin.ranges(topic.name)).map(range => ({
        ...range,
        from: Math.max(range.from, read.get(`${range.topic}/${range.partition}`) ?? 0)
      }))
      await readRanges(kafka, config, ranges, async records => {
        for (const { value } of records) {
          try {
            const { id, dataset, provenance, metadata } = await codec.decodeFields(
              topic,
              ['id', 'dataset', 'provenance', 'metadata'],
              value
            )
            known.set(`${dataset}/${id}`, provenance.generation)
            const name = metadata['document_id']
            if (name !== undefined) named.set(`${dataset}/${name}`, provenance.generation)
          } catch (error) {
            if (!(error instanceof DecodeError)) throw error
          }
        }
      })
      for (const { partition, to } of ranges) read.set(`${topic.name}/${partition}`, to)
    }
  }

  return {
    async generation(dataset, ids) {
      const keys = ids.map(id => `${dataset}/${id}`)
      if (!keys.every(has)) {
        // One after the other; who failed to read does not fail who asks next.
        const turn = reading.then(async () => {
          if (!keys.every(has)) await more()
        })
        reading = turn.catch(() => {})
        await turn
      }
      let newest = 0
      for (const key of keys) {
        const generation = (known.has(key) ? known : named).get(key) ?? null
        if (generation === null) return null
        newest = Math.max(newest, generation)
      }
      return newest
    }
  }
}
