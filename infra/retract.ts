/** Takes texts out of the versions that are closed from now on, after saying what that does. */
import { EverseedError } from '../schemas/errors.ts'
import { control, generations, retractions, samplesHuman, training } from '../schemas/topics.ts'
import type { Control, Dataset, Retraction } from '../schemas/types.ts'
import {
  type Ask,
  descendantsOf,
  offlineModelsOf,
  promptsWith,
  type Text,
  textsOf
} from './clickhouse/lineage.ts'
import { type Deployment, microseconds } from './deployment.ts'
import { eraseGroup } from './kafka/settings.ts'
import { inTurn } from './kafka/turn.ts'
import { sees } from './llm/offline.ts'
import { silentLog } from './log.ts'
import { storeName } from './processors.ts'
import { retractionsOf } from './retractions.ts'
import { untilNone } from './patience.ts'
import { readTable, writeTable } from './tables.ts'
import { createCut, type Cut, type Share } from './versions/cut.ts'
import { countsAsReal, enforcedFloor } from './versions/manifest.ts'
import { extentOf, readCounted } from './versions/rows.ts'
import { listVersions, nameOf } from './versions/versions.ts'

/** What the next version of a dataset would be: its rows, and the human ones among them. */
export type Standing = Share & {
  /** Rows it leaves out besides what was retracted, because the human rows they had their places by are gone. */
  readonly displaced: number
}

/** What a retraction would do. */
export type Plan = {
  readonly dataset: string
  /** Whether what is made of the texts leaves too, also what comes later. */
  readonly descendants: boolean
  /** What would be written: ids, and for descendants the named text they leave for. */
  readonly entries: readonly { readonly id: string; readonly ancestor: string | null }[]
  /** Of these, texts that were named. */
  readonly named: number
  /** Texts that were named or descend from one, and were retracted before. */
  readonly already: number
  /** Named texts nobody has seen; null: there was no ClickHouse to look them up in. */
  readonly unseen: readonly string[] | null
  /** Rows of training that leave. */
  readonly rows: number
  readonly floor: number
  readonly before: Standing
  readonly after: Standing
  /** Closed versions that hold any of them; they stay as they are. */
  readonly versions: readonly string[]
  /** Prompts that quote them or derive from them; null: not looked for. */
  readonly prompts: readonly string[] | null
  /** Offline models that were fitted on any of them; null: not looked for. */
  readonly models: readonly string[] | null
}

/** How long the store may stand still while descendants are waited for that it has not written yet, milliseconds. */
const patienceMs = 60_000

/** Descendants are found in ClickHouse: only once everything that was made by now is there is none of them missing. */
async function storeCaughtUp({ admin }: Deployment): Promise<void> {
  const ranges = (await Promise.all([samplesHuman.name, generations.name].map(admin.ranges))).flat()
  await untilNone(() => admin.lagIn(storeName, ranges), {
    patienceMs,
    stalled: lag =>
      new EverseedError(
        'TIMEOUT',
        `the store is ${lag} records behind, and what it has not written could descend from these texts: let it catch up (everseed status) and retract again`
      )
  })
}

const standing = (cut: Cut): Standing => ({
  ...cut.taken(),
  displaced: cut.excluded().displaced.length
})

/** Offline models whose range of human texts holds one of these. */
async function fittedOn(ask: Ask, dataset: string, texts: readonly Text[]): Promise<string[]> {
  const models = await offlineModelsOf(ask, dataset)
  const human = texts.flatMap(({ id, places }) =>
    places.filter(({ topic }) => topic === samplesHuman.name).map(place => ({ ...place, id }))
  )
  return [...models]
    .filter(([model, { slot, to, share }]) =>
      human.some(one => one.slot === slot && one.offset < to && sees(model, one.id, share))
    )
    .map(([model]) => model)
    .toSorted()
}

/**
 * Says what a retraction would do. Nothing is written.
 * @param ask ClickHouse, where there is one
 * @param ids of texts of the dataset
 * @param descendants whether what was made of them leaves too
 * @param progress told the rows of training read
 * @throws EverseedError NOT_RUNNING when descendants are asked for and there is no ClickHouse; TIMEOUT
 */
export async function planRetraction(
  deployment: Deployment,
  ask: Ask | undefined,
  dataset: Dataset,
  ids: readonly string[],
  descendants: boolean,
  progress: (rows: number) => void = () => {}
): Promise<Plan> {
  const { admin } = deployment
  if (descendants && !ask)
    throw new EverseedError(
      'NOT_RUNNING',
      'descendants are found in ClickHouse, and there is none: start it with everseed up, or set EVERSEED_CLICKHOUSE_URL'
    )
  const { name } = dataset
  const [floor, isReal] = [enforcedFloor(dataset), countsAsReal(dataset)]
  const named = [...new Set(ids)]
  if (descendants) await storeCaughtUp(deployment)
  const found = descendants && ask ? await descendantsOf(ask, name, named) : []
  const leaving = [...named.map(id => ({ id, ancestor: null })), ...found]
  const gone = await retractionsOf(deployment, name)
  const entries = leaving.filter(({ id }) => {
    const before = gone.get(id)
    return !before || (descendants && !before.descendants)
  })
  const leaves = new Set(entries.flatMap(({ id }) => (gone.has(id) ? [] : [id])))
  const texts = ask ? await textsOf(ask, named, name) : []
  const seen = new Set(texts.map(({ id }) => id))

  await admin.settled([training.name])
  const offsets = (await admin.offsets(training.name)).map(({ high }) => high)
  const versions = (await listVersions(deployment, name)).map(one => ({
    name: nameOf(one),
    ...extentOf(one)
  }))
  const holding = new Set<string>()
  const before = createCut(floor, new Set(gone.keys()), isReal)
  const after = createCut(floor, new Set([...gone.keys(), ...leaves]), isReal)
  let all = 0
  let rows = 0
  await readCounted(
    deployment,
    dataset,
    { offsets, without: new Set() },
    ({ slot, offset, sample }) => {
      before.takes(sample)
      after.takes(sample)
      if (++all % 10_000 === 0) progress(all)
      if (!leaves.has(sample.id)) return
      rows++
      for (const one of versions)
        if (offset < (one.offsets[slot] ?? 0) && !one.without.has(sample.id)) holding.add(one.name)
    },
    () => {
      before.nextSlot()
      after.nextSlot()
    }
  )
  return {
    dataset: name,
    descendants,
    entries,
    named: entries.filter(({ ancestor }) => ancestor === null).length,
    already: leaving.length - entries.length,
    unseen: ask ? named.filter(id => !seen.has(id) && !gone.has(id)) : null,
    rows,
    floor,
    before: standing(before),
    after: standing(after),
    versions: versions.map(one => one.name).filter(one => holding.has(one)),
    prompts: ask ? await promptsWith(ask, name, leaves) : null,
    models: ask ? await fittedOn(ask, name, await textsOf(ask, leaves, name)) : null
  }
}

/** Whose word it is: the guard has its own about the same dataset. */
const author = 'retract'
const keyOf = (dataset: string): string => `dataset:${dataset}|${author}`

/** What everybody is told of a dataset whose next version holds the floor only by what it leaves out besides. */
export async function warn(
  deployment: Deployment,
  { dataset, rows, before, after, floor }: Plan
): Promise<void> {
  const displaced = after.displaced - before.displaced
  if (displaced <= 0) return
  const word: Control = {
    scope: `dataset:${dataset}`,
    author,
    action: 'warn',
    state: 'WARNING',
    reason: `a retraction broke the floor of ${floor}: the next version leaves out ${displaced} rows besides, which had their places by human rows that left`,
    evidence: JSON.stringify({ retracted: rows, floor, ...after }),
    temperature_delta: null,
    expires_at: null,
    created_at: microseconds()
  }
  await writeTable(deployment, control, [[keyOf(dataset), word]])
}

/** Takes the word about retractions back: a version was closed that holds the floor. */
export async function calm(deployment: Deployment, dataset: string): Promise<void> {
  const word = (await readTable(deployment, control)).get(keyOf(dataset))
  if (word?.action !== 'warn') return
  const nothing = {
    action: 'none',
    state: 'CONTINUE',
    reason: 'a version was closed',
    evidence: '{}'
  } as const
  await writeTable(deployment, control, [
    [keyOf(dataset), { ...word, ...nothing, created_at: microseconds() }]
  ])
}

/**
 * Does what a plan says. Again, after an interruption: what is retracted stays as it was retracted first.
 * @param by who retracts
 */
export async function retract(deployment: Deployment, plan: Plan, reason: string, by: string): Promise<void> {
  const { dataset, entries, descendants } = plan
  await warn(deployment, plan)
  // An erasure remembers in the same entries what it took out of the log: what it writes meanwhile must stay.
  await inTurn(deployment, silentLog, eraseGroup, async () => {
    const gone = await retractionsOf(deployment, dataset)
    const records = entries.map(({ id, ancestor }): [string, Retraction] => {
      const before = gone.get(id)
      if (before) return [`${dataset}/${id}`, { ...before, descendants: descendants || before.descendants }]
      return [
        `${dataset}/${id}`,
        {
          id,
          dataset,
          kind: 'RETRACTED',
          reason,
          ancestor,
          content_hash: '',
          author: by,
          created_at: microseconds(),
          rows: [],
          erased_at: null,
          descendants
        }
      ]
    })
    await writeTable(deployment, retractions, records)
  })
  await deployment.admin.settled([retractions.name])
}
