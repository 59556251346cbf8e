/** Diversity against human text, for the card: the newest windows measured before a version was closed. */
import { diversityStats } from '../../schemas/topics.ts'
import type { DiversityStat, Version } from '../../schemas/types.ts'
import { ifReadable } from '../codec.ts'
import type { Deployment } from '../deployment.ts'
import { readRanges } from '../kafka/reader.ts'

/** Metrics worth a line in a card, in their order. */
export const shownMetrics = [
  'types',
  'missing_mass',
  'distinct_1_inter',
  'distinct_2_inter',
  'distinct_3_inter',
  'entropy_1',
  'self_repetition_4',
  'length_mean'
] as const

/** Whether a window says something about the rows of a version: whole, measured in time, of one of its runs. */
export function isShown(stat: DiversityStat, version: Version, runs: ReadonlySet<string>): boolean {
  return (
    stat.dataset === version.dataset &&
    stat.stage === 'accepted' &&
    stat.cell_group === '*' &&
    !stat.partial &&
    stat.created_at <= version.created_at &&
    runs.has(stat.run) &&
    stat.metrics.some(({ z }) => z !== null)
  )
}

/**
 * The newest window of every run and source. It comes from the topic, not from ClickHouse: what a version's card says must
 * not depend on what runs beside it, nor on what was measured later.
 */
export async function readWindows(
  { kafka, config, admin, codec }: Deployment,
  version: Version,
  runs: ReadonlySet<string>
): Promise<DiversityStat[]> {
  const newest = new Map<string, DiversityStat>()
  for (const range of await admin.ranges(diversityStats.name)) {
    await readRanges(kafka, config, [range], async records => {
      for (const { value } of records) {
        const stat = await ifReadable(() => codec.decode(diversityStats, value))
        if (!stat || !isShown(stat, version, runs)) continue
        const key = JSON.stringify([stat.run, stat.source, stat.generation, stat.slot, stat.cell_group])
        if (stat.window >= (newest.get(key)?.window ?? 0)) newest.set(key, stat)
      }
    })
  }
  return [...newest].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, stat]) => stat)
}
