/** What follows a text out of a dataset: a retraction that takes descendants along takes those that come later as well. */
import type { Retraction, Sample } from '../schemas/types.ts'

/**
 * Retraction of a row for what it was made of; undefined: nothing of that left with its descendants.
 * @param retraction of a text of the row's dataset
 * @param author who found it
 * @param now Unix time in microseconds
 */
export function heirOf(
  { id, dataset, provenance: { parent_ids, quoted_ids } }: Pick<Sample, 'id' | 'dataset' | 'provenance'>,
  retraction: (id: string) => Retraction | undefined,
  author: string,
  now: number
): Retraction | undefined {
  for (const list of [parent_ids, quoted_ids]) {
    for (const made of list) {
      const found = retraction(made)
      if (!found?.descendants) continue
      return {
        id,
        dataset,
        kind: 'RETRACTED',
        reason: found.reason,
        ancestor: found.ancestor ?? found.id,
        content_hash: '',
        author,
        created_at: now,
        rows: [],
        erased_at: null,
        descendants: true
      }
    }
  }
  return undefined
}
