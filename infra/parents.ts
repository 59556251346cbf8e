/** Whether the parents a line names are there: what publishing looks up before it takes a text that derives from others. */
import { EverseedError } from '../schemas/errors.ts'
import { contentHash } from '../schemas/identity.ts'
import { human, samplesHuman, samplesVerified, type Topic } from '../schemas/topics.ts'
import type { Document, Provenance, Split } from '../schemas/types.ts'
import { ifReadable } from './codec.ts'
import type { Deployment } from './deployment.ts'
import { readRanges } from './kafka/reader.ts'

/** What a record is known by. */
type Named = {
  readonly id: string
  readonly dataset: string
  readonly messages: Document['messages']
  readonly provenance: Pick<Provenance, 'split'>
}

/** Texts of a dataset. */
export type Texts = {
  /** As they were published, by their content, and of verified answers. */
  readonly ids: ReadonlySet<string>
  /** Human texts that are set aside from generators, by the same ids, and the split they are in; null: not taken in yet. */
  readonly aside: ReadonlyMap<string, Split | null>
}

/** The texts of a dataset others may derive from. */
export type Parents = {
  /**
   * @param ofSeed whether no parent may be a text that is set aside
   * @throws EverseedError PROVENANCE_INVALID for a parent that is neither published nor verified, or is set aside
   */
  check(provenance: Pick<Provenance, 'parent_ids'>, ofSeed?: boolean): Promise<void>
  /** A text that is being published: what follows may derive from it. */
  add(value: Pick<Named, 'id' | 'messages'>): void
}

/** All texts of a dataset. */
async function textsOf(deployment: Deployment, dataset: string): Promise<Texts> {
  const { kafka, config, admin, codec } = deployment
  const ids = new Set<string>()
  const aside = new Map<string, Split | null>()
  const taken = new Set<string>()
  const named: [name: string, content: string][] = []
  const topics: readonly Topic[] = [human, samplesHuman, samplesVerified]
  // What was committed a moment ago is seen.
  await admin.settled(topics.map(({ name }) => name))
  for (const topic of topics) {
    await readRanges(kafka, config, await admin.ranges(topic.name), async records => {
      for (const { value } of records) {
        const one = (await ifReadable(() => codec.decode(topic, value))) as Named | undefined
        if (one?.dataset !== dataset) continue
        ids.add(one.id)
        if (topic === human) {
          const content = contentHash(one.messages)
          ids.add(content)
          named.push([one.id, content], [content, content])
        }
        const { split } = one.provenance
        if (topic === samplesHuman) taken.add(one.id)
        if (topic === samplesHuman && split !== null && split !== 'SEED') aside.set(one.id, split)
      }
    })
  }
  for (const [name, content] of named) {
    const split = taken.has(content) ? aside.get(content) : null
    if (split !== undefined) aside.set(name, split)
  }
  return { ids, aside }
}

/**
 * Nothing is read before the first line that names a parent.
 * @param dataset the parents must belong to
 */
export function createParents(
  deployment: Deployment,
  dataset: string,
  read: (deployment: Deployment, dataset: string) => Promise<Texts> = textsOf
): Parents {
  let known: Promise<Texts> | undefined
  const added = new Set<string>()
  return {
    async check({ parent_ids }, ofSeed = false) {
      const unseen = parent_ids.filter(parent => !added.has(parent))
      if (unseen.length === 0) return
      const { ids, aside } = await (known ??= read(deployment, dataset))
      const missing = unseen.find(parent => !ids.has(parent))
      const held = ofSeed ? unseen.find(parent => aside.has(parent)) : undefined
      if (held !== undefined)
        throw new EverseedError(
          'PROVENANCE_INVALID',
          aside.get(held) === null
            ? `parent ${held} is not taken in yet, and may be set aside: publish this line again in a moment (everseed deadletters list says whether it was refused)`
            : `parent ${held} is set aside (split ${aside.get(held)}): what models are asked is made of seed text alone`
        )
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
