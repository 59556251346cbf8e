/** Questions about lineage: what a text was made of, what was made of it, where it lies. */
import type { OfflineModel } from '../../schemas/types.ts'
import { quoted } from './client.ts'

/** Asks ClickHouse; what the reader of a deployment and the store's own connection have in common. */
export type Ask = <Row extends object>(
  sql: string,
  params?: Readonly<Record<string, unknown>>
) => Promise<Row[]>

/** What one text has to do with another, or with a prompt or a model. */
export type Relation = 'derives_from' | 'quotes' | 'repairs' | 'answers' | 'made_by'

/** Relations between texts. Answers to a prompt and texts of a model are found by {@link madeBy}. */
export const textRelations = ['derives_from', 'quotes', 'repairs'] as const satisfies readonly Relation[]

/** Where a record of a text lies. */
export type Place = { readonly topic: string; readonly slot: number; readonly offset: number }

/** A text as its records tell it. */
export type Text = {
  readonly id: string
  readonly dataset: string
  readonly run: string
  readonly origin: string
  readonly generation: number | null
  readonly model: string
  readonly family: string
  readonly prompt: string
  readonly derives_from: readonly string[]
  readonly quotes: readonly string[]
  readonly repairs: readonly string[]
  readonly places: readonly Place[]
}

/** Bytes of ids in one statement: below what a server takes of a statement unless told otherwise. */
const mostIds = 200_000
/** Bytes of an id: a longer one is a forged parent, and of no text. */
const longestId = 1000

/** Lists of ids that fit into a statement each, in ClickHouse's notation. */
function* lists(ids: Iterable<string>): Generator<string> {
  let list = ''
  let bytes = 0
  for (const id of ids) {
    const size = Buffer.byteLength(id)
    if (size > longestId) continue
    list += `${list === '' ? '' : ', '}${quoted(id)}`
    bytes += size + 4
    if (bytes < mostIds) continue
    yield list
    list = ''
    bytes = 0
  }
  if (list !== '') yield list
}

/** Topics in which texts are made, as a list: what they say of a text counts before what later records do. */
const born = "'generations', 'samples.human'"

/**
 * The texts of some ids. An id may name a text in several datasets.
 * @param dataset only of this one; empty: of all
 */
export async function textsOf(ask: Ask, ids: Iterable<string>, dataset = ''): Promise<Text[]> {
  const found: Text[] = []
  for (const list of lists(ids)) {
    found.push(
      ...(await ask<Text>(
        `SELECT
          id, dataset, told.1 AS run, told.2 AS origin, told.3 AS generation, told.4 AS model, told.5 AS family, told.6 AS prompt,
          derives_from, quotes, repairs, places
        FROM (
          SELECT
            id, toString(dataset) AS dataset,
            argMax((toString(run), toString(origin), generation, toString(model), toString(family), prompt), _topic IN (${born})) AS told,
            arraySort(groupUniqArrayArray(parent_ids)) AS derives_from, arraySort(groupUniqArrayArray(quoted_ids)) AS quotes,
            arraySort(groupUniqArrayArray(threads.repairs)) AS repairs,
            arraySort(groupUniqArray(CAST((toString(_topic), slot, _offset), 'Tuple(topic String, slot UInt16, offset UInt64)'))) AS places
          FROM threads
          WHERE relation = 'is' AND node IN (${list}) AND ({dataset:String} = '' OR dataset = {dataset:String})
          GROUP BY id, dataset
        )
        ORDER BY id, dataset`,
        { dataset }
      ))
    )
  }
  return found
}

/** What was made of a text in one way: how many, and the first of them. */
export type Made = {
  readonly node: string
  readonly relation: Relation
  readonly count: number
  readonly ids: readonly string[]
}

/**
 * What was made of texts at first hand.
 * @param limit ids per text and relation at most
 */
export async function madeOf(
  ask: Ask,
  dataset: string,
  ids: Iterable<string>,
  limit: number
): Promise<Made[]> {
  const found: Made[] = []
  for (const list of lists(ids)) {
    found.push(
      ...(await ask<Made>(
        `SELECT node, toString(relation) AS relation, uniqExact(id) AS count,
          arraySlice(arraySort(groupUniqArray(id)), 1, {limit:UInt32}) AS ids
        FROM threads
        WHERE relation IN (${textRelations.map(quoted).join(', ')}) AND node IN (${list}) AND dataset = {dataset:String}
        GROUP BY node, relation
        ORDER BY node, relation`,
        { dataset, limit }
      ))
    )
  }
  return found
}

/** Generations one statement goes down; those below are asked for again, so that a circle ends. */
const mostSteps = 50

/** A text that descends from another. */
export type Descendant = {
  readonly id: string
  /** The named text it was found by, one of them. */
  readonly ancestor: string
}

/**
 * All texts that descend from others, however far, themselves not among them. Circles of forged records end.
 * @param ids of texts of the dataset
 * @param steps one statement's; for tests
 */
export async function descendantsOf(
  ask: Ask,
  dataset: string,
  ids: readonly string[],
  steps = mostSteps
): Promise<Descendant[]> {
  /** Every text met, and the named text it was first found by. */
  const ancestors = new Map(ids.map(id => [id, id]))
  let from: readonly string[] = ids
  while (from.length > 0) {
    const deepest: string[] = []
    for (const list of lists(from)) {
      const rows = await ask<{ id: string; by: string; farthest: number }>(
        `WITH RECURSIVE down AS (
           SELECT arrayJoin([${list}]) AS id, id AS start, 0 AS step
           UNION ALL
           SELECT DISTINCT made.id AS id, down.start AS start, down.step + 1 AS step
           FROM down
           INNER JOIN (
             SELECT id, node FROM threads
             WHERE relation IN ('derives_from', 'quotes') AND dataset = {dataset:String} AND node IN (SELECT id FROM down)
           ) AS made ON made.node = down.id
           WHERE down.step < {steps:UInt32}
         )
         SELECT id, min(start) AS by, max(step) AS farthest FROM down WHERE step > 0 GROUP BY id ORDER BY id`,
        { dataset, steps }
      )
      for (const { id, by, farthest } of rows) {
        if (ancestors.has(id)) continue
        ancestors.set(id, ancestors.get(by)!)
        if (farthest === steps) deepest.push(id)
      }
    }
    from = deepest
  }
  for (const id of ids) ancestors.delete(id)
  return [...ancestors].map(([id, ancestor]) => ({ id, ancestor }))
}

/** Texts of a model or a run, by what they are counted by. */
export type MadeCount = {
  readonly dataset: string
  readonly run: string
  readonly model: string
  readonly generation: number | null
  readonly texts: number
}

/** What is asked about: everything a model made, or everything a run did. */
export type Maker = { readonly model: string } | { readonly run: string }

const makerCondition = (maker: Maker): string =>
  'model' in maker
    ? `relation = 'made_by' AND node = ${quoted(maker.model)}`
    : `relation = 'made_by' AND run = ${quoted(maker.run)}`

/**
 * Everything a model or a run made, accepted or not.
 * @param limit ids at most
 */
export async function madeBy(
  ask: Ask,
  maker: Maker,
  limit: number
): Promise<{ counts: MadeCount[]; ids: string[] }> {
  const where = makerCondition(maker)
  const counts = await ask<MadeCount>(
    `SELECT toString(dataset) AS dataset, toString(run) AS run, toString(model) AS model, generation, uniqExact(id) AS texts
     FROM threads WHERE ${where} GROUP BY dataset, run, model, generation ORDER BY dataset, run, model, generation`
  )
  const ids = await ask<{ id: string }>(
    `SELECT DISTINCT id FROM threads WHERE ${where} ORDER BY id LIMIT {limit:UInt32}`,
    { limit }
  )
  return { counts, ids: ids.map(({ id }) => id) }
}

/** A model as the registry tells it. */
export type ModelEntry = {
  readonly id: string
  readonly provider: string
  readonly family: string
  readonly base: string
  readonly trained_on: readonly string[]
  readonly generation: number | null
  readonly registered: boolean
}

/** Entries of models, by id: what somebody registered before what a recipe assumed, the newest of it. */
export async function modelsOf(ask: Ask, ids: readonly string[]): Promise<Map<string, ModelEntry>> {
  const found = await ask<ModelEntry>(
    `SELECT id, toString(provider) AS provider, toString(family) AS family, base, trained_on, generation, registered
     FROM models FINAL WHERE id IN {ids:Array(String)}
     ORDER BY id, registered DESC, created_at DESC, _offset DESC LIMIT 1 BY id`,
    { ids }
  )
  return new Map(found.map(model => [model.id, model]))
}

/** The versions of its dataset that hold a text. The first record of a version counts. */
export async function versionsWith(ask: Ask, { id, dataset, places }: Text): Promise<string[]> {
  const laid = places.filter(({ topic }) => topic === 'training')
  if (laid.length === 0) return []
  const found = await ask<{ version: string }>(
    `SELECT version
     FROM (
       SELECT version, argMin(offsets, _offset) AS ends, argMin(manifest, _offset) AS held
       FROM versions WHERE dataset = {dataset:String} GROUP BY version
     )
     WHERE arrayExists((slot, at) -> at < ends[slot + 1], {slots:Array(UInt16)}, {offsets:Array(UInt64)})
       AND NOT has(JSONExtract(held, 'excluded', 'retracted', 'Array(String)'), {id:String})
       AND NOT has(JSONExtract(held, 'excluded', 'displaced', 'Array(String)'), {id:String})
     ORDER BY toUInt64OrZero(version)`,
    { dataset, id, slots: laid.map(({ slot }) => slot), offsets: laid.map(({ offset }) => offset) }
  )
  return found.map(({ version }) => `${dataset}@${version}`)
}

/** Why a text was retracted; undefined when it was not. */
export async function retractionOf(
  ask: Ask,
  { id, dataset }: Pick<Text, 'id' | 'dataset'>
): Promise<{ kind: string; reason: string; ancestor: string } | undefined> {
  const [found] = await ask<{ kind: string; reason: string; ancestor: string }>(
    `SELECT toString(kind) AS kind, reason, ancestor FROM retractions
     WHERE dataset = {dataset:String} AND id = {id:String} ORDER BY _offset DESC LIMIT 1`,
    { dataset, id }
  )
  return found
}

/** Prompts in which texts stand or from which they derive; what is asked with them says their words again. */
export async function promptsWith(ask: Ask, dataset: string, ids: Iterable<string>): Promise<string[]> {
  const found = new Set<string>()
  for (const list of lists(ids)) {
    const rows = await ask<{ id: string }>(
      `SELECT DISTINCT id FROM prompts
       WHERE dataset = {dataset:String} AND (hasAny(quoted_ids, [${list}]) OR hasAny(parent_ids, [${list}]))`,
      { dataset }
    )
    for (const { id } of rows) found.add(id)
  }
  return [...found].toSorted()
}

/** Offline models of a dataset, and the range of human texts each is fitted on. */
export async function offlineModelsOf(ask: Ask, dataset: string): Promise<Map<string, OfflineModel>> {
  const rows = await ask<{ id: string; offline: string }>(
    `SELECT DISTINCT id, offline FROM models WHERE offline != '' AND JSONExtractString(offline, 'dataset') = {dataset:String}`,
    { dataset }
  )
  return new Map(rows.map(({ id, offline }) => [id, JSON.parse(offline) as OfflineModel]))
}
