/** Fills the rollups again from the raw rows, and says where they had been wrong. */
import type { Warehouse } from './client.ts'
import { type Checksum, endOfTopic, refill, rollups } from './rollups.ts'

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

type Content = Checksum & { readonly topic: string; readonly slot: number; readonly digest: string }

/** Everything a rollup says, per topic and slot, as a checksum and one number; how chunks cut it up says nothing. */
const contents: Readonly<Record<string, string>> = {
  counts: `
    SELECT _topic AS topic, slot, sum(length(list)) AS rows, toString(sum(arraySum(list))) AS offsetSum,
      toString(sum(cityHash64(dataset, run, source, family, origin, check, reason, refused, list))) AS digest
    FROM (
      SELECT dataset, run, _topic, slot, source, family, origin, check, reason, refused,
        arraySort(bitmapToArray(groupBitmapMergeState(offsets))) AS list
      FROM counts GROUP BY dataset, run, _topic, slot, source, family, origin, check, reason, refused
    ) GROUP BY topic, slot`,
  threads: `
    SELECT _topic AS topic, slot, countIf(relation = 'is') AS rows, toString(sumIf(_offset, relation = 'is')) AS offsetSum,
      toString(sum(cityHash64(
        relation, node, dataset, id, _offset, run, origin, ifNull(generation, -1), model, family, prompt, parent_ids, quoted_ids, repairs
      ))) AS digest
    FROM threads FINAL GROUP BY topic, slot`,
  usage: `
    SELECT _topic AS topic, slot, sum(sums.1) AS rows, toString(sum(sums.2)) AS offsetSum,
      toString(sum(cityHash64(dataset, run, source, family, day, sums))) AS digest
    FROM (
      SELECT _topic, slot, dataset, run, source, family, day,
        (sum(calls), sum(offset_sum), sum(input_tokens), sum(output_tokens), sum(reasoning_tokens), sum(cost_micros), sum(latency_ms)) AS sums
      FROM usage FINAL GROUP BY _topic, slot, dataset, run, source, family, day
    ) GROUP BY topic, slot`
}

const nothing: Checksum = { rows: 0, offsetSum: '0' }

async function contentOf(warehouse: Warehouse, target: string): Promise<Map<string, Content>> {
  const found = await warehouse.rows<Content>(contents[target]!)
  return new Map(found.map(content => [`${content.topic}/${content.slot}`, content]))
}

/**
 * Empties every rollup and fills it from the raw rows. Run it while no store runs: a chunk whose rows appear in a view
 * before it is emptied, and in the raw table after that was read, would be missing for good.
 * @returns one entry per table that views fill
 */
export async function rebuild(warehouse: Warehouse): Promise<Rebuilt[]> {
  const done: Rebuilt[] = []
  for (const [target, views] of Map.groupBy(rollups, rollup => rollup.target)) {
    const before = await contentOf(warehouse, target)
    await warehouse.command(`TRUNCATE TABLE ${target}`)
    let counted = 0
    for (const view of views) {
      const lanes = await warehouse.rows<{ topic: string; slot: number; rows: number }>(
        `SELECT _topic AS topic, slot, count() AS rows FROM ${view.source} FINAL GROUP BY topic, slot`
      )
      for (const { topic, slot, rows } of lanes) {
        await refill(warehouse, view, { topic, partition: slot, from: 0, to: endOfTopic })
        counted += rows
      }
    }
    const after = await contentOf(warehouse, target)
    const differences = [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap(lane => {
      const [was, is] = [before.get(lane), after.get(lane)]
      if (was?.digest === is?.digest) return []
      const { topic, slot } = (is ?? was)!
      const sums = ({ rows, offsetSum }: Checksum): Checksum => ({ rows, offsetSum })
      return [{ topic, slot, before: sums(was ?? nothing), after: sums(is ?? nothing) }]
    })
    done.push({ rollup: target, rows: counted, differences })
  }
  return done
}
