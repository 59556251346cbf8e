/**
 * A window beside a frozen human reference: what `expectationAdjustedDistinct`, `klDivergence`, `jsDivergence`, `tailTypesKept`,
 * `tailMass`, `logPerplexity` and `clusterSpread` say of it, in one pass over its types by their hashes.
 */
import { clusterSpread } from './cluster-hits.ts'
import { expectationAdjustedDistinct } from './expectation-adjusted.ts'
import type { TypeCounts } from './gram-table.ts'
import { type HashedReference, addedCount, mostOfTail } from './hashed-reference.ts'
import type { Hashes } from './hashes.ts'
import { interquartileRange } from './interquartile-range.ts'
import type { ReferenceKey, glanceReferenceKeys } from './keys.ts'
import { firstWord, unknown } from './kneser-ney.ts'
import { mean, standardDeviation } from './moments.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'
import { trimmed } from './trimmed.ts'

/** Hashes of a window's words, one document after the other. */
type Words = { readonly tokens: Hashes; readonly ends: readonly number[] }

/** What a document is beside a reference, whatever windows it is in. */
export type DocumentBeside = {
  /** NaN for one without words. */
  readonly logPerplexity: number
  /** The human cluster it is nearest to; -1: none. */
  readonly cluster: number
}

/** Tokens there is kept room for between windows. */
const largestKept = 2 ** 17

// For all windows, used while values are taken.
let ids = new Int32Array(0)

/**
 * Log-perplexity of one document, as `log-perplexity.ts` has it; NaN without words. About 0.1 microseconds a word.
 * @param from where its words begin
 * @param to where they end
 */
export function logPerplexityOf(
  { lo, hi, length: all }: Hashes,
  { find, model }: HashedReference,
  from = 0,
  to = all
): number {
  const length = to - from
  if (length === 0) return Number.NaN
  if (ids.length < length) ids = new Int32Array(length * 2)
  for (let at = 0; at < length; at++) {
    const id = find(lo[from + at]!, hi[from + at]!)
    ids[at] = id < 0 ? unknown : id + firstWord
  }
  return -model.logProbability(ids, length) / (length + 1)
}

/** What a document is beside a reference: its words by their hashes, from where to where. */
export function documentBeside(
  words: Hashes,
  reference: HashedReference,
  from = 0,
  to = words.length
): DocumentBeside {
  return {
    logPerplexity: logPerplexityOf(words, reference, from, to),
    cluster: reference.clusters?.nearest(words, from, to) ?? -1
  }
}

/**
 * The same of documents of a window.
 * @param looked their places in it; absent: all of them
 */
export function documentsBeside(
  { tokens, ends }: Words,
  reference: HashedReference,
  looked: Iterable<number> = ends.keys()
): DocumentBeside[] {
  return Array.from(looked, index => documentBeside(tokens, reference, ends[index - 1] ?? 0, ends[index]))
}

/**
 * Compares a window. Complexity: linear in its types, whatever the size of the reference.
 * @param types of the window, with their counts
 * @param documents of the window
 * @returns all undefined where a window has no tokens
 */
export function besideReference(
  types: TypeCounts,
  reference: HashedReference,
  documents: readonly DocumentBeside[]
): Record<Exclude<ReferenceKey, 'embedding_frechet'>, Measured> {
  return { ...divergence(types, reference), ...byModels(documents, reference) }
}

/**
 * The same at a glance: what is rare of it, and what models say of the documents.
 * @param documents that models looked at
 */
export function glanceBesideReference(
  types: TypeCounts,
  reference: HashedReference,
  documents: readonly DocumentBeside[]
): Record<(typeof glanceReferenceKeys)[number], Measured> {
  let [kept, mass] = [0, 0]
  for (let at = 0; at < types.length; at++) {
    const id = reference.find(types.lo[at]!, types.hi[at]!)
    if (id < 0 || reference.counts[id]! > mostOfTail) continue
    kept += 1
    mass += types.counts[at]!
  }
  return { ...tailOf(kept, mass, types.total, reference), ...byModels(documents, reference) }
}

/** Rare types of the reference that occur, and their occurrences. */
function tailOf(kept: number, mass: number, tokens: number, { tail }: HashedReference) {
  const of = (value: number): Measured =>
    tokens === 0
      ? undefinedBecause('no tokens')
      : tail === 0
        ? undefinedBecause('the reference has no tail')
        : measured(value)
  return { tail_types_kept: of(kept / tail), tail_mass: of(mass / tokens) }
}

/** What the language model and the clusters say of documents. */
function byModels(documents: readonly DocumentBeside[], { clusters }: HashedReference) {
  return {
    ...perplexity(documents.flatMap(({ logPerplexity: value }) => (Number.isNaN(value) ? [] : [value]))),
    ...clusterSpread(
      documents.map(({ cluster }) => cluster),
      clusters
    )
  }
}

function divergence(types: TypeCounts, reference: HashedReference) {
  const { length, total } = types
  const { logs, tokens } = reference
  const vocabulary = reference.counts.length
  if (ids.length < length) ids = new Int32Array(length * 2)
  let strangers = 0
  for (let at = 0; at < length; at++) {
    ids[at] = reference.find(types.lo[at]!, types.hi[at]!)
    if (ids[at]! < 0) strangers += 1
  }
  // Over the union of the types, with something added to every count, what each side sums up to.
  const union = vocabulary + strangers
  const [ofWindow, ofHuman] = [total + addedCount * union, tokens + addedCount * union]
  const term = (inWindow: number, inHuman: number): number => {
    const p = (inWindow + addedCount) / ofWindow
    return p * Math.log2((p * ofHuman) / (inHuman + addedCount))
  }
  let [kl, js, kept, mass, present, absentLogs, strange] = [0, 0, 0, 0, 0, logs, 0]
  for (let at = 0; at < length; at++) {
    const count = types.counts[at]!
    const id = ids[at]!
    if (id < 0) {
      strange += count
      kl += term(count, 0)
      continue
    }
    const inHuman = reference.counts[id]!
    const [p, q] = [count / total, inHuman / tokens]
    js += p * Math.log2((2 * p) / (p + q)) + q * Math.log2((2 * q) / (p + q))
    kl += term(count, inHuman)
    present += inHuman
    absentLogs -= Math.log2(inHuman + addedCount)
    if (inHuman > mostOfTail) continue
    kept += 1
    mass += count
  }
  const absent = vocabulary - (length - strangers)
  const least = addedCount / ofWindow
  kl += least * (absent * Math.log2(least * ofHuman) - absentLogs)
  js += strange / total + (tokens - present) / tokens
  if (ids.length > largestKept) ids = new Int32Array(0)
  const some = (value: number): Measured =>
    total === 0 ? undefinedBecause('no tokens on one side') : measured(value)
  return {
    ead_1: expectationAdjustedDistinct(length, total, vocabulary),
    kl_to_human: some(Math.max(0, kl)),
    js_to_human: some(Math.min(1, Math.max(0, js / 2))),
    ...tailOf(kept, mass, total, reference)
  }
}

/** Statistics of the documents' log-perplexities. */
function perplexity(values: readonly number[]) {
  const kept = trimmed(values)
  return {
    log_ppl_mean: mean(values),
    log_ppl_sd: standardDeviation(values),
    log_ppl_iqr: interquartileRange(values),
    log_ppl_mean_trimmed: mean(kept),
    log_ppl_sd_trimmed: standardDeviation(kept)
  }
}
