/** Whether the parents a line names are there: what publishing looks up before it takes a text that derives from others. */
import { EverseedError } from '../schemas/errors.ts'
import { contentHash } from '../schemas/identity.ts'
import { human, samplesHuman, samplesVerified, type Topic } from '../schemas/topics.ts'
import type { Document, Provenance } from '../schemas/types.ts'
import { ifReadable } from './codec.ts'
import type { Deployment } from './deployment.ts'
import { readRanges } from './kafka/reader.ts'

/** What a record is known by. */
type Named = { readonly id: string; readonly dataset: string; readonly messages: Document['messages'] }

/** The texts of a dataset others may derive from. */
export type Parents = {
  /** @throws EverseedError PROVENANCE_INVALID for a parent that is neither published nor verified */
  check(provenance: Pick<Provenance, 'parent_ids'>): Promise<void>
  /** A text that is being published: what follows may derive from it. */
  add(value: Pick<Named, 'id' | 'messages'>): void
}

/** Ids of all texts of a dataset: as they were published, by their content, and of verified answers. */
async function textsOf(deployment: Deployment, dataset: string): Promise<Set<string>> {
  const { kafka, config, admin, codec } = deployment
  const ids = new Set<string>()
  const topics: readonly Topic[] = [human, samplesHuman, samplesVerified]
  // What was committed a moment ago is seen.
  await admin.settled(topics.map(({ name }) => name))
  for (const topic of topics) {
    await readRanges(kafka, config, await admin.ranges(topic.name), async records => {
      for (const { value } of records) {
        const one = (await ifReadable(() => codec.decode(topic, value))) as Named | undefined
        if (one?.dataset !== dataset) continue
        ids.add(one.id)
        if (topic === human) ids.add(contentHash(one.messages))
      }
    })
  }
  return ids
}

/**
 * Nothing is read before the first line that names a parent.
 * @param dataset the parents must belong to
 */
export function createParents(
  deployment: Deployment,
  dataset: string,
  read: (deployment: Deployment, dataset: string) => Promise<Set<string>> = textsOf
): Parents {
  let known: Promise<Set<string>> | undefined
  const added = new Set<string>()
  return {
    async check({ parent_ids }) {
      const unseen = parent_ids.filter(parent => !added.has(parent))
      if (unseen.length === 0) return
      const ids = await (known ??= read(deployment, dataset))
      const missing = unseen.find(parent => !ids.has(parent))
      if (missing === undefined) return
      throw new EverseedError(
        'PROVENANCE_INVALID',
        `parent ${missing} is neither a human text nor a verified sample of dataset ${dataset}: publish it first, or wait until it is verified, then publish this line again`
      )
    },
    add({ id, messages }) {
      added.add(id)
      added.add(contentHash(messages))
    }
  }
}
