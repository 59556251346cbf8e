/**
 * Erases texts: their words leave the logs of every topic, the rows of ClickHouse and the data folder, and that is proved by
 * looking for them. What stays is that they were there: ids, hashes, and what versions that held them were counted by.
 */
import { sep } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { textKey } from '../../schemas/identity.ts'
import { retractions, training } from '../../schemas/topics.ts'
import type { Dataset, ErasedRow, Message, Retraction, Version } from '../../schemas/types.ts'
import { eraseRows, searchRows, type Searched } from '../clickhouse/erase.ts'
import type { Warehouse } from '../clickhouse/client.ts'
import { rememberPlaces } from '../clickhouse/wordless.ts'
import { ifReadable } from '../codec.ts'
import { type Deployment, microseconds } from '../deployment.ts'
import { restoreTopics, takeOut } from '../kafka/compaction.ts'
import { readRanges } from '../kafka/reader.ts'
import { untilNone } from '../patience.ts'
import { allTopics, inputsOf, processorNames } from '../processors.ts'
import { retractionsOf, reword } from '../retractions.ts'
import { readTable, writeTable } from '../tables.ts'
import { extentOf } from '../versions/rows.ts'
import { listVersions, nameOf } from '../versions/versions.ts'
import { searchFiles, type LookedAt } from './files.ts'
import { type Hit, keysOf, lookThrough, newestAmong, samplesAmong, textTopics } from './log.ts'
import { type Wanted, wantedOf } from './wanted.ts'

/** Texts erased at once: each record is compared with the words of all of them. */
export const mostTexts = 100

/** What an erasure would do. */
export type Erasure = {
  readonly dataset: string
  readonly wanted: readonly Wanted[]
  /** Texts whose words are too few to be looked for: their records are those that name them. */
  readonly short: readonly string[]
  /** Texts whose words are nowhere in the logs any more. */
  readonly gone: readonly string[]
  /** Records that hold their words, by topic. */
  readonly records: Readonly<Record<string, number>>
  /** Rows of training among them. */
  readonly rows: number
  /** Other texts that hold their words, and go with them; the same words may stand in other datasets too. */
  readonly others: readonly { readonly dataset: string; readonly id: string }[]
  /** Closed versions that hold rows of them: exports of these hold the words, wherever they are. */
  readonly versions: readonly string[]
}

const isUnproved = ({ kind, erased_at }: Retraction): boolean => kind === 'ERASED' && erased_at === null

/** Texts named for an erasure that was never proved, as `dataset/id`: it is under way, or was interrupted. */
export async function unproved(deployment: Deployment): Promise<string[]> {
  const all = await readTable(deployment, retractions)
  const named = [...all.values()].filter(one => isUnproved(one) && one.ancestor === null)
  return named.map(({ dataset, id }) => textKey(dataset, id))
}

/** What an erasure came to. */
export type Proof = {
  readonly records: number
  readonly bytes: number
  /** Null: there is no ClickHouse. */
  readonly clickhouse: Searched | null
  /** Null: the deployment's parts are elsewhere. */
  readonly files: LookedAt | null
}

/** Words of texts by id: from where they were taken in or accepted. */
async function wordsOf(
  { kafka, config, admin, codec }: Deployment,
  dataset: string,
  ids: ReadonlySet<string>
): Promise<Map<string, readonly Message[]>> {
  const words = new Map<string, readonly Message[]>()
  const keys = new Map([...ids].flatMap(id => [[textKey(dataset, id), id] as const, [id, id] as const]))
  for (const topic of textTopics) {
    await readRanges(kafka, config, await admin.ranges(topic.name), async records => {
      for (const { key, value } of records) {
        const id = keys.get(key?.toString() ?? '')
        if (id === undefined) continue
        const sample = await ifReadable(() => codec.decode(topic, value))
        if (sample?.id === id && sample.dataset === dataset) words.set(id, sample.messages)
      }
    })
  }
  return words
}

/** How long a processor may stand still while it is waited for, milliseconds. */
const patienceMs = 60_000

/**
 * Waits until everything that was written by now is processed: a prompt that nobody had read would be missing in its run, and a
 * row that is not stored yet would be stored afterwards. Who never ran is not waited for.
 */
async function caughtUp({ admin }: Deployment): Promise<void> {
  // What is committed is not all to be seen at once, and what is not seen has no lag.
  await admin.settled(allTopics.map(({ name }) => name))
  for (const name of processorNames) {
    const topics = inputsOf(name)
    const ranges = (await Promise.all(topics.map(admin.ranges))).flat()
    const committed = await admin.committed(name, topics)
    if ([...committed.values()].every(slots => slots.size === 0)) continue
    await untilNone(() => admin.lagIn(name, ranges), {
      patienceMs,
      stalled: lag =>
        new EverseedError(
          'TIMEOUT',
          `${name} is ${lag} records behind, and what it has not read could hold these texts: let it catch up (everseed status) and erase again`
        )
    })
  }
}

const compacted = new Set(allTopics.flatMap(({ name, cleanup }) => (cleanup === 'compact' ? [name] : [])))

/** Whether a topic holds the newest record of a key alone. There an old one goes by itself, and the newest says no words. */
const isCompacted = (topic: string): boolean => compacted.has(topic)

const countedBy = (hits: readonly Hit[]): Record<string, number> =>
  Object.fromEntries(
    [...Map.groupBy(hits, ({ topic }) => topic)].map(([topic, list]) => [topic, list.length])
  )

const unique = <Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] => [
  ...new Map(items.map(item => [keyOf(item), item])).values()
]
const placeOf = ({ slot, offset }: ErasedRow): string => `${slot}@${offset}`

/** Versions that hold some of these rows. */
async function versionsWith(
  deployment: Deployment,
  dataset: string,
  rows: readonly ErasedRow[]
): Promise<string[]> {
  const versions = await listVersions(deployment, dataset)
  const holds = (version: Version): boolean => {
    const { offsets, without } = extentOf(version)
    return rows.some(({ slot, offset, sample }) => offset < (offsets[slot] ?? 0) && !without.has(sample.id))
  }
  return versions.filter(holds).map(nameOf)
}

/**
 * Says what an erasure would do. Nothing is written.
 * @param ids of texts of the dataset
 * @param lose whether records of the same topics may be lost whose keys come again, or who have none
 * @throws EverseedError UNKNOWN_NAME, KEYS_REPEATED, WORDS_KEPT, TIMEOUT
 */
export async function planErasure(
  deployment: Deployment,
  dataset: Dataset,
  ids: readonly string[],
  lose: boolean,
  progress: (records: number) => void = () => {}
): Promise<Erasure & { readonly hits: readonly Hit[] }> {
  const { admin } = deployment
  const named = new Set(ids)
  if (named.size > mostTexts)
    throw new EverseedError(
      'CONFIG_INVALID',
      `${named.size} texts are named, and ${mostTexts} are erased at once: erase them in several commands`
    )
  const known = await retractionsOf(deployment, dataset.name)
  const words = await wordsOf(deployment, dataset.name, named)
  const unknown = [...named].filter(id => !words.has(id) && known.get(id)?.kind !== 'ERASED')
  if (unknown.length > 0)
    throw new EverseedError(
      'UNKNOWN_NAME',
      `dataset ${dataset.name} has no human or verified text ${unknown.slice(0, 3).join(', ')}: nothing was written. Check the ids (everseed lineage ID)`
    )
  const wanted = [...named].map(id => wantedOf(dataset.name, id, words.get(id) ?? []))
  await caughtUp(deployment)
  const { hits } = await lookThrough(deployment, wanted, progress)
  // Reasons of retractions are said anew, without the words.
  const kept = (await newestAmong(deployment, hits)).find(({ topic }) => topic !== retractions.name)
  if (kept) {
    const { topic, key, of } = kept
    throw new EverseedError(
      'WORDS_KEPT',
      `words of ${of} stand in ${deployment.config.prefix}${topic}, in the entry ${String(key)}: a table keeps the newest entry of each key, so that nothing takes these out. Nothing was written. Write that entry anew without them, and erase again`
    )
  }
  for (const topic of new Set(hits.map(one => one.topic))) {
    // Rows of training that go with others would break every version that holds them.
    if (isCompacted(topic) || (lose && topic !== training.name)) continue
    const ends = (await admin.offsets(topic)).map(({ high }) => high)
    const { lost, first } = await keysOf(deployment, topic, hits, ends)
    if (lost > 0)
      throw new EverseedError(
        'KEYS_REPEATED',
        `${lost} records of ${deployment.config.prefix}${topic} have no key or one that comes again (${first}): compacting the topic, by which a record is taken out of it, would take them too. Nothing was written. ${topic === training.name ? 'Rows that versions hold are not given up for it' : '--lose-repeated erases all the same'}`
      )
  }
  const found = await samplesAmong(deployment, hits)
  const past = [...named].flatMap(id => known.get(id)?.rows ?? [])
  const rows = unique([...past, ...found.flatMap(({ row }) => row ?? [])], placeOf)
  const versions = new Set<string>()
  for (const [name, own] of Map.groupBy(rows, ({ sample }) => sample.dataset))
    for (const version of await versionsWith(deployment, name, own)) versions.add(version)
  const others = found.flatMap(({ sample: { dataset: own, id } }) =>
    own === dataset.name && named.has(id) ? [] : [{ dataset: own, id }]
  )
  return {
    dataset: dataset.name,
    wanted,
    short: wanted.filter(({ id, needles }) => needles.length === 0 && words.has(id)).map(({ id }) => id),
    gone: [...named].filter(id => !words.has(id)),
    records: countedBy(hits),
    rows: rows.length,
    others: unique(others, one => textKey(one.dataset, one.id)),
    versions: [...versions].toSorted(),
    hits
  }
}

/** Writes what is known of erased texts: what was retracted stays as it was retracted first. */
async function remember(
  deployment: Deployment,
  entries: readonly Pick<Retraction, 'id' | 'dataset' | 'ancestor' | 'content_hash' | 'rows'>[],
  reason: string,
  by: string,
  erased_at: number | null
): Promise<void> {
  const known = await readTable(deployment, retractions)
  const records = entries.map(({ rows, ...entry }): [string, Retraction] => {
    const key = textKey(entry.dataset, entry.id)
    const before = known.get(key)
    const first = before ?? { reason, author: by, created_at: microseconds(), descendants: false }
    return [
      key,
      {
        ...entry,
        kind: 'ERASED',
        reason: first.reason,
        author: first.author,
        created_at: first.created_at,
        descendants: first.descendants,
        rows: unique([...(before?.rows ?? []), ...rows], placeOf),
        erased_at
      }
    ]
  })
  await writeTable(deployment, retractions, records)
  await deployment.admin.settled([retractions.name])
}

const texts: ReadonlySet<string> = new Set(textTopics.map(({ name }) => name))

/** Takes records out of their topics, and makes sure that nothing else went with them. */
async function takeOutAll(
  deployment: Deployment,
  hits: readonly Hit[],
  reason: string,
  told: (what: string) => void,
  signal: AbortSignal | undefined
): Promise<void> {
  const { admin } = deployment
  const look = async (ends: ReadonlyMap<string, readonly number[]>): Promise<Map<string, number>> => {
    const kept = new Map<string, number>()
    for (const [topic, to] of ends) kept.set(topic, (await keysOf(deployment, topic, hits, to)).kept)
    return kept
  }
  const ends = new Map<string, readonly number[]>()
  for (const topic of Object.keys(countedBy(hits))) {
    if (!isCompacted(topic))
      ends.set(
        topic,
        (await admin.offsets(topic)).map(({ high }) => high)
      )
  }
  told(
    `taking out of the logs: ${Object.entries(countedBy(hits))
      .map(([topic, count]) => `${count} of ${topic}`)
      .join(', ')}`
  )
  const before = await look(ends)
  await takeOut(
    deployment,
    hits.map(hit => (isCompacted(hit.topic) ? { ...hit, key: null } : hit)),
    reason,
    signal
  )
  for (const [topic, kept] of await look(ends)) {
    const lost = before.get(topic)! - kept
    if (lost > 0)
      throw new EverseedError(
        'NOT_ERASED',
        `${lost} other records of ${topic} are gone: somebody wrote their keys again while it was compacted`
      )
  }
}

/** Records looked for and taken out again until there are none; more times than this they come faster than they go. */
const rounds = 10

/**
 * Does what a plan says, and proves it. Again, after an interruption: what is done is done.
 * @param warehouse ClickHouse as the user who writes, where there is one
 * @param folder of the embedded parts, where they are
 * @param told what is being done
 * @param signal stops it; the same command goes on from there
 * @throws EverseedError CONFIG_INVALID for a reason that says the words; TIMEOUT; NOT_ERASED when words are still found; why it was stopped
 */
export async function erase(
  deployment: Deployment,
  warehouse: Warehouse | undefined,
  folder: string | undefined,
  plan: Erasure,
  reason: string,
  by: string,
  told: (what: string) => void = () => {},
  signal?: AbortSignal
): Promise<Proof> {
  const { wanted, dataset } = plan
  if (wanted.some(({ needles }) => needles.some(one => reason.includes(one) || by.includes(one))))
    throw new EverseedError(
      'CONFIG_INVALID',
      'the reason is kept with what was erased, and holds its words: give another one'
    )
  const entries = new Map<string, Pick<Retraction, 'id' | 'dataset' | 'ancestor' | 'content_hash' | 'rows'>>(
    wanted.map(({ id }) => [
      textKey(dataset, id),
      { id, dataset, ancestor: null, content_hash: id, rows: [] }
    ])
  )
  // Texts an interrupted erasure found by these, and took out: nothing finds them any more.
  for (const one of (await readTable(deployment, retractions)).values()) {
    const { ancestor, id, dataset: own } = one
    if (isUnproved(one) && ancestor !== null && entries.has(textKey(dataset, ancestor)))
      entries.set(textKey(own, id), one)
  }
  /** Empties the rows there are, and looks for words everywhere but in the logs of the topics. */
  const searched = async (
    isLeft?: (path: string) => boolean
  ): Promise<Pick<Proof, 'clickhouse' | 'files'>> => {
    told('looking through ClickHouse and the data folder')
    signal?.throwIfAborted()
    if (warehouse) await eraseRows(warehouse, wanted, signal)
    const clickhouse = warehouse ? await searchRows(warehouse, wanted) : null
    const files = folder === undefined ? null : await searchFiles(folder, wanted, isLeft)
    const left = [...(clickhouse?.found ?? []), ...(files?.found ?? [])]
    if (left.length === 0) return { clickhouse, files }
    throw new EverseedError(
      'NOT_ERASED',
      `words of these texts still stand in ${left.slice(0, 5).join(', ')}`
    )
  }
  const logs = [...texts].map(topic => `${deployment.config.prefix}${topic}-`)
  const isOfTexts = (path: string): boolean =>
    path.split(sep).some(part => logs.some(log => part.startsWith(log)))
  signal?.throwIfAborted()
  await restoreTopics(deployment)
  await reword(
    deployment,
    wanted.flatMap(({ needles }) => needles),
    reason,
    by
  )
  // First of all nothing more is laid down of them.
  await remember(deployment, [...entries.values()], reason, by, null)
  let looked = await lookThrough(deployment, wanted)
  for (let round = 0; looked.hits.length > 0; round++) {
    signal?.throwIfAborted()
    if (round === rounds)
      throw new EverseedError(
        'NOT_ERASED',
        `words of these texts are written anew as fast as they go, the last into ${looked.hits[0]!.topic}: stop who writes them and erase again`
      )
    for (const { of, sample, row } of await samplesAmong(deployment, looked.hits)) {
      const { id, dataset: own, content_hash } = sample
      const key = textKey(own, id)
      const entry = entries.get(key) ?? { id, dataset: own, ancestor: of, rows: [] }
      entries.set(key, { ...entry, content_hash, rows: [...entry.rows, ...(row ? [row] : [])] })
    }
    // Where rows say no words, the logs alone say where these stood.
    if (warehouse)
      await rememberPlaces(
        warehouse,
        looked.hits.map(({ topic, partition, offset }) => ({ topic, slot: partition, offset }))
      )
    // What versions were counted by is known before it is gone.
    await remember(deployment, [...entries.values()], reason, by, null)
    const last = looked.hits.filter(({ topic }) => texts.has(topic))
    const others = looked.hits.filter(({ topic }) => !texts.has(topic))
    if (others.length > 0) await takeOutAll(deployment, others, reason, told, signal)
    else {
      // The texts themselves go last, once their words are nowhere else: whoever is interrupted knows by them what to look for,
      // and when they are gone that was proved.
      await searched(isOfTexts)
      await takeOutAll(deployment, last, reason, told, signal)
    }
    signal?.throwIfAborted()
    await caughtUp(deployment)
    looked = await lookThrough(deployment, wanted)
  }
  const { clickhouse, files } = await searched()
  await remember(deployment, [...entries.values()], reason, by, microseconds())
  const { records, bytes } = looked
  return { records, bytes, clickhouse, files }
}
