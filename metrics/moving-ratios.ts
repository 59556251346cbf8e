/** The metrics of runs of neighbouring words, of one document after the other and of all of them in a row. */
import { mattr } from './mattr.ts'
import { mean } from './moments.ts'
import { mtld } from './mtld.ts'
import type { Occurrences } from './occurrences.ts'
import { type Measured, undefinedBecause, valueOf } from './result.ts'

/** Shorter documents have no MTLD worth the name. */
const shortestMtld = 100

/**
 * MATTR and MTLD: `_pooled` of the documents in a row, else the mean over the documents that are long enough. Complexity:
 * linear in the tokens.
 * @param occurrences of the tokens of all documents
 * @param ends where each document's tokens end
 */
export function movingRatios(occurrences: Occurrences, ends: readonly number[]) {
  const perDocument = (least: number, metric: (from: number, to: number) => Measured): Measured => {
    const values: number[] = []
    let from = 0
    for (const to of ends) {
      const value = to - from < least ? undefined : valueOf(metric(from, to))
      if (value !== undefined) values.push(value)
      from = to
    }
    return values.length === 0 ? undefinedBecause(`no document of at least ${least} tokens`) : mean(values)
  }
  return {
    mattr_50: perDocument(50, (from, to) => mattr(occurrences, 50, from, to)),
    mattr_100: perDocument(100, (from, to) => mattr(occurrences, 100, from, to)),
    mattr_50_pooled: mattr(occurrences, 50),
    mattr_100_pooled: mattr(occurrences, 100),
    mtld: perDocument(shortestMtld, (from, to) => mtld(occurrences, undefined, from, to)),
    mtld_pooled: mtld(occurrences)
  }
}
