/** How the mix of each dataset stands: what the mixer remembers of it, and what it waits for. */
import { floorOf, parseMix, warningsOf } from '../processors/mixing.ts'
import { EverseedError } from '../schemas/errors.ts'
import { control, datasets, stateTopic, type Topic } from '../schemas/topics.ts'
import type { Dataset } from '../schemas/types.ts'
import { createCodec } from './codec.ts'
import type { Deployment } from './deployment.ts'
import { readOnly } from './registry.ts'
import { readTable } from './tables.ts'

/** A dataset's mix, achieved. */
export type MixStatus = {
  readonly dataset: string
  readonly strategy: string
  /** The floor that is enforced. */
  readonly floor: number
  /** Rows of training. */
  readonly rows: number
  /** What the floor counts among them. */
  readonly real: number
  readonly real_share: number | null
  /** Samples that wait for their places. */
  readonly waiting: { readonly verified: number; readonly human: number }
  /** What is missing for them, in words; null: nothing that is known. */
  readonly missing: string | null
  /** What whoever trains on it must know. */
  readonly warnings: readonly string[]
}

/** What the mixer remembers of a dataset in a slot, as far as it is shown. */
type Remembered = {
  readonly rows: number
  readonly real: number
  readonly waiting: Readonly<Record<string, { readonly count: number }>>
}

/** What whoever trains on a dataset must know of its mix. */
export function mixWarnings({ mix }: Pick<Dataset, 'mix'>): string[] {
  const settings = parseMix(mix)
  return settings ? warningsOf(settings) : ['its mix settings do not fit their schema: nothing is laid down']
}

/** Puts together what is known of the mix of a dataset. */
export function mixStatusOf(
  dataset: Dataset,
  slots: readonly Remembered[],
  missing: string | null
): MixStatus {
  const settings = parseMix(dataset.mix)
  const sum = (of: (slot: Remembered) => number): number => slots.reduce((all, slot) => all + of(slot), 0)
  const waitingOf = (kind: string): number =>
    sum(({ waiting }) =>
      Object.entries(waiting).reduce(
        (all, [key, { count }]) => all + (key.split('|')[0] === kind ? count : 0),
        0
      )
    )
  const [rows, real] = [sum(slot => slot.rows), sum(slot => slot.real)]
  return {
    dataset: dataset.name,
    strategy: settings?.strategy ?? 'unknown',
    floor: settings ? floorOf(dataset, settings) : dataset.floor,
    rows,
    real,
    real_share: rows === 0 ? null : real / rows,
    waiting: { verified: waitingOf('verified'), human: waitingOf('real') },
    missing,
    warnings: mixWarnings(dataset)
  }
}

/** The same deployment for who only reads: nothing is registered. */
const reading = (deployment: Deployment): Deployment => ({
  ...deployment,
  codec: createCodec(readOnly(deployment.registry))
})

/** A table, or nothing where it was never made. */
async function tableIfThere<Value>(
  deployment: Deployment,
  topic: Topic<Value>,
  name?: (key: string, partition: number) => string
): Promise<Map<string, Value>> {
  try {
    await deployment.admin.requireTopics([topic])
  } catch (error) {
    if (error instanceof EverseedError && error.code === 'TOPIC_MISSING') return new Map()
    throw error
  }
  return await readTable(deployment, topic, name)
}

/** What whoever trains on the datasets there are must know, a line each. */
export async function readMixWarnings(deployment: Deployment): Promise<string[]> {
  const all = await tableIfThere(reading(deployment), datasets)
  return [...all.values()].flatMap(one => mixWarnings(one).map(warning => `dataset ${one.name}: ${warning}`))
}

/** How the mix of every dataset stands, by name. */
export async function readMixes(deployment: Deployment): Promise<MixStatus[]> {
  const reader = reading(deployment)
  const [known, words, state] = await Promise.all([
    tableIfThere(reader, datasets),
    tableIfThere(reader, control),
    // A memory has a partition a slot, each with the keys of its own.
    tableIfThere(reader, stateTopic('mix'), (key, partition) => `${partition}|${key}`)
  ])
  return [...known.values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(dataset => {
      const slots = [...state].flatMap(([key, { value }]) => {
        const found = key.replace(/^\d+\|/, '') === `datasets|${dataset.name}`
        return found ? [JSON.parse(value) as Remembered] : []
      })
      const word = words.get(`dataset:${dataset.name}|mix`)
      return mixStatusOf(dataset, slots, word?.action === 'warn' ? word.reason : null)
    })
}
