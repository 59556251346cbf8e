/** Fills the rollups again from the raw rows, and says where they had been wrong. */
import type { Warehouse } from './client.ts'
import {
  anewOf,
  type Checksum,
  endOfLane,
  inLane,
  inRange,
  keysOf,
  lanesEnds,
  type Range,
  rangeParams,
  refill,
  type Rollup,
  rollupChecksum,
  rollups,
  rollupsOf,
  type Target,
  unrepeated
} from './rollups.ts'

/** A partition of a topic in which a rollup said something else than the raw rows. */
export type Difference = {
  readonly topic: string
  readonly slot: number
  /** What it held; zeros for nothing. Equal to `after` where only sums other than the checksum were wrong. */
  readonly before: Checksum
  readonly after: Checksum
}

/** A table that views fill. */
export type Rebuilt = {
  readonly rollup: string
  /** Raw rows counted into it. */
  readonly rows: number
  readonly differences: readonly Difference[]
  /** Partitions of which raw rows were dropped: what it says of them is kept as it was. */
  readonly kept: readonly Kept[]
}

/** Records below an offset that are in a rollup and in no raw row. */
export type Kept = {
  readonly topic: string
  readonly slot: number
  readonly to: number
  readonly rows: number
}

type Content = Checksum & {
  readonly topic: string
  readonly slot: number
  readonly digest: string
  /** Sums of what is only estimated. */
  readonly estimates: readonly number[]
}

/** What the records of a target are compared by: the offsets of a set, or sums. */
const offsets = 'arraySort(bitmapToArray(groupBitmapMergeState(offsets)))'
const facts: Readonly<Record<Exclude<Target, 'threads'>, string>> = {
  counts: offsets,
  usage:
    'sum(calls), sum(offset_sum), sum(input_tokens), sum(output_tokens), sum(reasoning_tokens), sum(cost_micros), sum(latency_ms)',
  diversity_states: offsets,
  // Lists are put in order: in which one a chunk was summed says nothing.
  diversity_sums: `sum(records), sum(offset_sum), sum(texts), sum(tokens), sum(token_squares), sum(vectors), sumForEach(vector_sum), ${[1, 2, 3, 4].map(n => `arraySort(groupArrayArray(sampled_${n}))`).join(', ')}`
}

/** What is estimated; the order in which states were merged shows in the last digit. */
const estimated: Partial<Record<Target, string>> = {
  diversity_states: [1, 2, 3, 4].map(n => `uniqCombined64Merge(12)(grams_${n})`).join(', ')
}
/** By how much estimates of the same may differ. */
const sameEstimate = 0.001

const threads = `
  SELECT _topic AS topic, slot, countIf(relation = 'is') AS rows, toString(sumIf(_offset, relation = 'is')) AS offsetSum,
    toString(sum(cityHash64(
      relation, node, dataset, id, _offset, run, origin, ifNull(generation, -1), model, family, prompt, parent_ids, quoted_ids, repairs
    ))) AS digest, [0] AS estimates
  FROM threads FINAL GROUP BY topic, slot`

/** Everything a rollup says, per topic and slot, as a checksum and one number; how chunks cut it up says nothing. */
function contents({ target, kind }: Pick<Rollup, 'target' | 'kind'>): string {
  if (target === 'threads') return threads
  const keys = keysOf(target)
  const [rows, offsetSum] = kind === 'set' ? ['length(facts.1)', 'arraySum(facts.1)'] : ['facts.1', 'facts.2']
  return `
    SELECT _topic AS topic, slot, sum(${rows}) AS rows, toString(sum(${offsetSum})) AS offsetSum,
      toString(sum(cityHash64(${keys}, toString(facts)))) AS digest, sumForEach(estimates) AS estimates
    FROM (
      SELECT _topic, slot, ${keys}, tuple(${facts[target]}) AS facts, [${estimated[target] ?? '0'}] AS estimates
      FROM ${target} FINAL GROUP BY _topic, slot, ${keys}
    ) GROUP BY topic, slot`
}

function isSame(one: Content, other: Content): boolean {
  return (
    one.digest === other.digest &&
    one.estimates.every((value, at) => Math.abs(value - other.estimates[at]!) <= sameEstimate * value + 1)
  )
}

const nothing: Checksum = { rows: 0, offsetSum: '0' }

async function contentOf(warehouse: Warehouse, rollup: Rollup): Promise<Map<string, Content>> {
  const found = await warehouse.rows<Content>(contents(rollup))
  return new Map(found.map(content => [`${content.topic}/${content.slot}`, content]))
}

/** Rows that are summed by one statement, about: it has to end within a minute, in the memory of a small server. */
const pieceRows = 100_000

/** Raw rows in a range that starts and ends with a chunk. */
type Piece = Range & { readonly rows: number }

/**
 * A view's raw rows in ranges that start and end with a chunk: half a chunk's sums would replace the other half's.
 * @param within a range that does so too; every row that was not dropped by default
 */
export async function chunkPieces(warehouse: Warehouse, view: Rollup, within?: Range): Promise<Piece[]> {
  const chunks = await warehouse.rows<{
    topic: string
    slot: number
    from: number
    to: number
    rows: number
  }>(
    `WITH ${lanesEnds}
     SELECT _topic AS topic, slot, min(_offset) AS from, max(_offset) + 1 AS to, count() AS rows
     FROM ${view.source} FINAL WHERE _offset >= ${endOfLane} ${within ? `AND ${inRange}` : ''}
     GROUP BY topic, slot, chunk_id ORDER BY topic, slot, from`,
    { params: within ? rangeParams(within) : {} }
  )
  const found: { topic: string; partition: number; from: number; to: number; rows: number }[] = []
  for (const { topic, slot, from, to, rows } of chunks) {
    if (!rollupsOf(view.source, topic).includes(view)) continue
    const last = found.at(-1)
    const sameLane = last?.topic === topic && last.partition === slot
    if (sameLane && (from < last.to || last.rows + rows <= pieceRows)) {
      last.to = Math.max(last.to, to)
      last.rows += rows
    } else found.push({ topic, partition: slot, from, to, rows })
  }
  return found
}

/** What a table holds of a partition's records whose raw rows were dropped, to be put into one that is made anew. */
function keptRows({ target, kind }: Rollup): string {
  if (kind === 'sum') return `SELECT * FROM ${target} FINAL WHERE ${inLane} AND last < {to:UInt64}`
  if (kind === 'rows') return `SELECT * FROM ${target} FINAL WHERE ${inLane} AND _offset < {to:UInt64}`
  const keys = keysOf(target)
  const grams = target === 'diversity_states' ? [1, 2, 3, 4] : []
  // A group may have records on both sides: different n-grams of all of them are no more than those of both.
  return `SELECT ${keys}, _topic, slot, bitmapSubsetInRange(groupBitmapMergeState(offsets), 0, {to:UInt64}) AS kept
    ${grams.map(n => `, uniqCombined64MergeState(12)(grams_${n})`).join('')}
    FROM ${target} WHERE ${inLane} GROUP BY ${keys}, _topic, slot HAVING bitmapCardinality(kept) > 0`
}

/** Its columns, in the order of {@link keptRows}. */
function keptColumns({ target, kind }: Rollup): string {
  if (kind !== 'set') return ''
  const grams = target === 'diversity_states' ? ', grams_1, grams_2, grams_3, grams_4' : ''
  return `(${keysOf(target)}, _topic, slot, offsets${grams})`
}

/** Up to where raw rows of partitions were dropped that went into a table, and how many it has of them. */
async function keptOf(warehouse: Warehouse, views: readonly Rollup[]): Promise<Kept[]> {
  const lanes = await warehouse.rows<{ table: string; topic: string; slot: number; to: number }>(
    `SELECT \`table\`, _topic AS topic, slot, max(dropped.to) AS to FROM dropped
     GROUP BY \`table\`, topic, slot ORDER BY topic, slot`
  )
  const kept: Kept[] = []
  for (const { table, topic, slot, to } of lanes) {
    const view = rollupsOf(table, topic).find(one => views.includes(one))
    if (!view) continue
    const { rows } = await rollupChecksum(warehouse, view, { topic, partition: slot, from: 0, to })
    kept.push({ topic, slot, to, rows })
  }
  return kept
}

/**
 * Makes every rollup anew from the raw rows, beside the old one, and puts it in its place: whoever reads meanwhile reads the
 * old one, and whoever is killed has changed nothing or a whole table. Of raw rows that were dropped for their age what the
 * rollup holds is kept. Run it while no store runs: a chunk that appears meanwhile would be missing for good.
 * @returns one entry per table that views fill
 */
export async function rebuild(warehouse: Warehouse): Promise<Rebuilt[]> {
  const done: Rebuilt[] = []
  for (const [target, views] of Map.groupBy(rollups, rollup => rollup.target)) {
    const before = await contentOf(warehouse, views[0]!)
    const into = anewOf(target)
    await warehouse.command(`DROP TABLE IF EXISTS ${into} SYNC`)
    await warehouse.command(`CREATE TABLE ${into} AS ${target}`)
    const kept = await keptOf(warehouse, views)
    for (const { topic, slot, to } of kept)
      await warehouse.command(`INSERT INTO ${into} ${keptColumns(views[0]!)} ${keptRows(views[0]!)}`, {
        params: { topic, slot, to },
        settings: unrepeated()
      })
    let counted = 0
    for (const view of views) {
      for (const { rows, ...range } of await chunkPieces(warehouse, view)) {
        await refill(warehouse, view, range, { into })
        counted += rows
      }
    }
    await warehouse.command(`EXCHANGE TABLES ${target} AND ${into}`)
    await warehouse.command(`DROP TABLE ${into} SYNC`)
    const after = await contentOf(warehouse, views[0]!)
    const differences = [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap(lane => {
      const [was, is] = [before.get(lane), after.get(lane)]
      if (was && is && isSame(was, is)) return []
      const { topic, slot } = (is ?? was)!
      const sums = ({ rows, offsetSum }: Checksum): Checksum => ({ rows, offsetSum })
      return [{ topic, slot, before: sums(was ?? nothing), after: sums(is ?? nothing) }]
    })
    done.push({ rollup: target, rows: counted, differences, kept })
  }
  return done
}
