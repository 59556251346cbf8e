/** The tables everybody reads whole: one reader per process, kept up to date, read before any work starts. */
import type { Kafka } from '../kafka/client.ts'
import type { Log, Tables } from '../../processors/contract.ts'
import { type MixSettings, parseMix } from '../../processors/mixing.ts'
import { type Recipe, storedRecipe } from '../../processors/recipe.ts'
import { tables as tableTopics, type Topic } from '../../schemas/topics.ts'
import type { Control, Dataset, Model, PublisherKey, Retraction, Run } from '../../schemas/types.ts'
import { type Codec, DecodeError } from '../codec.ts'
import type { KafkaConfig } from '../config.ts'
import type { ClusterAdmin } from '../kafka/admin.ts'
import { follow, type Follower } from '../kafka/reader.ts'
import type { RawRecord } from '../kafka/record.ts'

/** Tables as maps, filled from records; what the Kafka reader and the in-memory tester share. */
export type TableStore = Tables & {
  /** Takes one entry in; an undefined value deletes it. */
  set(table: keyof typeof tableTopics, key: string, value: object | undefined): void
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whose words are heard, the first of them first; `retract` only ever warns. */
const heard = ['operator', 'guard', 'retract'] as const

/**
 * @param now Unix time in microseconds, for words that expire
 */
export function createTableStore(now: () => number): TableStore {
  const controls = new Map<string, Control>()
  const newest = new Map<string, Model>()
  const revisions = new Map<string, Model>()
  const datasets = new Map<string, Dataset>()
  const runs = new Map<string, Run>()
  const retractions = new Map<string, Retraction>()
  const keys = new Map<string, PublisherKey>()
  const recipes = new Map<string, { body: string; recipe: Recipe | undefined }>()
  const mixes = new Map<string, { body: string; settings: MixSettings | undefined }>()

  let changes = 0

  /** As long as it has not expired and was not taken back. */
  const word = (scope: string): Control | undefined => {
    for (const author of heard) {
      const one = controls.get(`${scope}|${author}`)
      if (one && one.action !== 'none' && (one.expires_at === null || one.expires_at > now())) return one
    }
    return undefined
  }

  return {
    set(table, key, value) {
      changes++
      switch (table) {
        case 'control':
          if (value) controls.set(key, value as Control)
          else controls.delete(key)
          return
        case 'models': {
          const model = value as Model | undefined
          if (!model) return
          newest.set(model.id, model)
          revisions.set(`${model.id}@${model.revision}`, model)
          return
        }
        case 'datasets':
          if (value) datasets.set(key, value as Dataset)
          else datasets.delete(key)
          return
        case 'retractions':
          if (value) retractions.set(key, value as Retraction)
          else retractions.delete(key)
          return
        case 'keys':
          if (value) keys.set(key, value as PublisherKey)
          else keys.delete(key)
          return
        case 'runs': {
          const run = value as Run | undefined
          // Of two who raised the same revision the first was right, and a state that is behind is behind for good.
          if (!run) runs.delete(key)
          else if (run.revision > (runs.get(key)?.revision ?? Number.NEGATIVE_INFINITY)) runs.set(key, run)
          return
        }
      }
    },
    run: id => runs.get(id),
    recipe(id) {
      const run = runs.get(id)
      if (!run) return undefined
      const known = recipes.get(id)
      if (known?.body === run.recipe) return known.recipe
      // A recipe was checked when it was published; one that does not fit was written by something else.
      const recipe = storedRecipe.safeParse(jsonOf(run.recipe)).data
      recipes.set(id, { body: run.recipe, recipe })
      return recipe
    },
    dataset: name => datasets.get(name),
    mix(name) {
      const body = datasets.get(name)?.mix
      if (body === undefined) return undefined
      let known = mixes.get(name)
      if (known?.body !== body) mixes.set(name, (known = { body, settings: parseMix(body) }))
      return known.settings
    },
    model: (id, revision) => (revision === undefined ? newest.get(id) : revisions.get(`${id}@${revision}`)),
    control(run) {
      const dataset = runs.get(run)?.dataset
      let warning: Control | undefined
      for (const scope of [`run:${run}`, ...(dataset === undefined ? [] : [`dataset:${dataset}`]), '*']) {
        const one = word(scope)
        // A warning about a narrow scope takes nothing back of what a wider one was told.
        if (one && one.action !== 'warn') return one
        warning ??= one
      }
      return warning
    },
    word: (scope, author) => controls.get(`${scope}|${author}`),
    runs: () => runs.values(),
    changes: () => changes,
    retraction: (dataset, id) => retractions.get(`${dataset}/${id}`),
    key: id => keys.get(id)
  }
}

/** Tables that follow their topics. */
export type LiveTables = Tables & {
  /** Resolves once the tables hold what had been written when it was called. */
  refresh(): Promise<void>
  /** Rejects when the reader dies. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

/**
 * Reads the tables whole and follows them.
 * @param changed called after every change
 */
export async function openTables(
  kafka: Kafka,
  config: KafkaConfig,
  deps: { admin: ClusterAdmin; codec: Codec; log: Log; now: () => number },
  changed: () => void
): Promise<LiveTables> {
  const { admin, codec, log, now } = deps
  const store = createTableStore(now)
  const byName = new Map<string, { name: keyof typeof tableTopics; topic: Topic }>(
    Object.entries(tableTopics).map(([name, topic]) => [
      topic.name,
      { name: name as keyof typeof tableTopics, topic }
    ])
  )

  const take = async (record: RawRecord): Promise<void> => {
    const table = byName.get(record.topic)!
    const key = record.key?.toString() ?? ''
    try {
      store.set(
        table.name,
        key,
        record.value === null ? undefined : ((await codec.decode(table.topic, record.value)) as object)
      )
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      log.warn(
        { topic: record.topic, offset: record.offset, reason: error.reason },
        `ignored: ${error.message}`
      )
    }
  }

  const offsets = (): Promise<(readonly [topic: string, offsets: { low: number; high: number }])[]> =>
    Promise.all([...byName.keys()].map(async topic => [topic, (await admin.offsets(topic))[0]!] as const))

  const start = await offsets()
  const follower: Follower = follow(
    kafka,
    config,
    start.map(([topic, { low, high }]) => ({ topic, partition: 0, from: low, to: high })),
    async records => {
      for (const record of records) await take(record)
      changed()
    },
    { again: true, maxWaitMs: 1000 }
  )
  await follower.caughtUp

  return {
    ...store,
    async refresh() {
      const written = await offsets()
      await follower.reached(new Map(written.map(([topic, { high }]) => [`${topic}/0`, high])))
    },
    failed: follower.failed,
    stop: () => follower.stop()
  }
}
