/** Fills the rollups again from the raw rows, and says where they had been wrong. */
import type { Warehouse } from './client.ts'
import {
  type Checksum,
  keysOf,
  type Range,
  refill,
  type Rollup,
  rollups,
  rollupsOf,
  type Target
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

/** A view's raw rows in ranges that start and end with a chunk: half a chunk's sums would replace the other half's. */
async function pieces(warehouse: Warehouse, view: Rollup): Promise<(Range & { readonly rows: number })[]> {
  const chunks = await warehouse.rows<{
    topic: string
    slot: number
    from: number
    to: number
    rows: number
  }>(
    `SELECT _topic AS topic, slot, min(_offset) AS from, max(_offset) + 1 AS to, count() AS rows
     FROM ${view.source} FINAL GROUP BY topic, slot, chunk_id ORDER BY topic, slot, from`
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

/**
 * Empties every rollup and fills it from the raw rows. Run it while no store runs: a chunk whose rows appear in a view
 * before it is emptied, and in the raw table after that was read, would be missing for good.
 * @returns one entry per table that views fill
 */
export async function rebuild(warehouse: Warehouse): Promise<Rebuilt[]> {
  const done: Rebuilt[] = []
  for (const [target, views] of Map.groupBy(rollups, rollup => rollup.target)) {
    const before = await contentOf(warehouse, views[0]!)
    await warehouse.command(`TRUNCATE TABLE ${target}`)
    let counted = 0
    for (const view of views) {
      for (const { rows, ...range } of await pieces(warehouse, view)) {
        await refill(warehouse, view, range)
        counted += rows
      }
    }
    const after = await contentOf(warehouse, views[0]!)
    const differences = [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap(lane => {
      const [was, is] = [before.get(lane), after.get(lane)]
      if (was && is && isSame(was, is)) return []
      const { topic, slot } = (is ?? was)!
      const sums = ({ rows, offsetSum }: Checksum): Checksum => ({ rows, offsetSum })
      return [{ topic, slot, before: sums(was ?? nothing), after: sums(is ?? nothing) }]
    })
    done.push({ rollup: target, rows: counted, differences })
  }
  return done
}
