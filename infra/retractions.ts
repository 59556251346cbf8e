/** Texts that leave a dataset: the table of retractions. */
import { retractions } from '../schemas/topics.ts'
import type { ErasedRow, Retraction } from '../schemas/types.ts'
import type { Deployment } from './deployment.ts'
import { readTable, writeTable } from './tables.ts'

/** What left a dataset, by id. */
export async function retractionsOf(
  deployment: Deployment,
  dataset: string
): Promise<Map<string, Retraction>> {
  const all = await readTable(deployment, retractions)
  return new Map([...all.values()].filter(one => one.dataset === dataset).map(one => [one.id, one]))
}

/** Rows of training of a dataset that were taken out of the log, by slot, in the order they lay in. */
export async function erasedRowsOf(
  deployment: Deployment,
  dataset: string
): Promise<Map<number, readonly ErasedRow[]>> {
  const rows = [...(await retractionsOf(deployment, dataset)).values()].flatMap(one => one.rows)
  return Map.groupBy(
    rows.toSorted((a, b) => a.offset - b.offset),
    ({ slot }) => slot
  )
}

/**
 * Ids of what had left a dataset before a time. Nothing is ever taken back, so this says the same at any later time.
 * @param at Unix time in microseconds
 */
export async function retractedBefore(
  deployment: Deployment,
  dataset: string,
  at: number
): Promise<Set<string>> {
  const all = await retractionsOf(deployment, dataset)
  return new Set([...all.values()].filter(one => one.created_at < at).map(({ id }) => id))
}

/**
 * Says reasons and authors anew that hold words which are to be erased.
 * @param needles forms the words are found in
 * @param reason without the words
 * @param by who says so
 */
export async function reword(
  deployment: Deployment,
  needles: readonly string[],
  reason: string,
  by: string
): Promise<void> {
  const says = (words: string): boolean => needles.some(needle => words.includes(needle))
  const entries = [...(await readTable(deployment, retractions))]
    .filter(([, one]) => says(one.reason) || says(one.author))
    .map(([key, one]): [string, Retraction] => [
      key,
      { ...one, reason: says(one.reason) ? reason : one.reason, author: says(one.author) ? by : one.author }
    ])
  if (entries.length === 0) return
  await writeTable(deployment, retractions, entries)
  await deployment.admin.settled([retractions.name])
}
