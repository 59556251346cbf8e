/**
 * A window beside a frozen human reference: what `expectationAdjustedDistinct`, `klDivergence`, `jsDivergence`, `tailTypesKept`,
 * `tailMass`, `logPerplexity` and `clusterSpread` say of it, in one pass over the hashes of its words. The order of the documents
 * does not matter but for rounding.
 */
import { clusterSpread } from './cluster-hits.ts'
import { expectationAdjustedDistinct } from './expectation-adjusted.ts'
import { GramTable } from './gram-table.ts'
import { type HashedReference, addedCount, mostOfTail } from './hashed-reference.ts'
import { type Hashes, createHashes, reserve } from './hashes.ts'
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
const strangers = createHashes()
const strange = new GramTable()
let ids = new Int32Array(0)
let counts = new Int32Array(0)

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
 * Compares a window. Complexity: linear in its tokens, whatever the size of the reference. Memory: 12 bytes a token and 4 a
 * type of the reference, shared by all windows.
 * @param documents of the window, where they are known; else they are computed
 * @returns all undefined where a window has no tokens
 */
export function besideReference(
  words: Words,
  reference: HashedReference,
  documents: readonly DocumentBeside[] = documentsBeside(words, reference)
): Record<Exclude<ReferenceKey, 'embedding_frechet'>, Measured> {
  const { tokens } = words
  number(tokens, reference)
  const values = { ...divergence(tokens.length, reference), ...byModels(documents, reference) }
  for (let at = 0; at < tokens.length; at++) if (ids[at]! >= 0) counts[ids[at]!] = 0
  strange.clear()
  if (ids.length > largestKept) {
    ids = new Int32Array(0)
    Object.assign(strangers, createHashes())
  }
  return values
}

/**
 * The same at a glance: what is rare of it, and what models say of the documents.
 * @param documents that models looked at
 */
export function glanceBesideReference(
  { tokens: { lo, hi, length } }: Words,
  reference: HashedReference,
  documents: readonly DocumentBeside[]
): Record<(typeof glanceReferenceKeys)[number], Measured> {
  if (counts.length < reference.counts.length) counts = new Int32Array(reference.counts.length)
  let [kept, mass] = [0, 0]
  const seen: number[] = []
  for (let at = 0; at < length; at++) {
    const id = reference.find(lo[at]!, hi[at]!)
    if (id < 0 || reference.counts[id]! > mostOfTail) continue
    mass += 1
    if (counts[id]! > 0) continue
    counts[id] = 1
    seen.push(id)
    kept += 1
  }
  for (const id of seen) counts[id] = 0
  return { ...tailOf(kept, mass, length, reference), ...byModels(documents, reference) }
}

/** Rare types of the reference that occur, and their occurrences. */
function tailOf(kept: number, mass: number, length: number, { tail }: HashedReference) {
  const of = (value: number): Measured =>
    length === 0
      ? undefinedBecause('no tokens')
      : tail === 0
        ? undefinedBecause('the reference has no tail')
        : measured(value)
  return { tail_types_kept: of(kept / tail), tail_mass: of(mass / length) }
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

/** Numbers the window's words and counts those the reference has not. */
function number({ lo, hi, length }: Hashes, reference: HashedReference): void {
  if (ids.length < length) ids = new Int32Array(length * 2)
  if (counts.length < reference.counts.length) counts = new Int32Array(reference.counts.length)
  reserve(strangers, length)
  strangers.length = 0
  for (let at = 0; at < length; at++) {
    const id = reference.find(lo[at]!, hi[at]!)
    ids[at] = id
    if (id >= 0) continue
    strangers.lo[strangers.length] = lo[at]!
    strangers.hi[strangers.length++] = hi[at]!
  }
  strange.add(strangers, 1)
}

function divergence(length: number, reference: HashedReference) {
  const { logs, tokens } = reference
  const spectrum = strange.spectrum()
  // Over the union of the types, with something added to every count, what each side sums up to.
  const union = reference.counts.length + spectrum.types
  const [ofWindow, ofHuman] = [length + addedCount * union, tokens + addedCount * union]
  const term = (inWindow: number, inHuman: number): number => {
    const p = (inWindow + addedCount) / ofWindow
    return p * Math.log2((p * ofHuman) / (inHuman + addedCount))
  }
  let [kl, js, kept, mass, present, absentLogs, absent] = [0, 0, 0, 0, 0, logs, reference.counts.length]
  for (let at = 0; at < length; at++) if (ids[at]! >= 0) counts[ids[at]!]! += 1
  for (let at = 0; at < length; at++) {
    const id = ids[at]!
    const count = id < 0 ? 0 : counts[id]!
    // Counts of what was looked at are below nought until the window is done with.
    if (count <= 0) continue
    counts[id] = -count
    const inHuman = reference.counts[id]!
    const [p, q] = [count / length, inHuman / tokens]
    js += p * Math.log2((2 * p) / (p + q)) + q * Math.log2((2 * q) / (p + q))
    kl += term(count, inHuman)
    present += inHuman
    absent -= 1
    absentLogs -= Math.log2(inHuman + addedCount)
    if (inHuman > mostOfTail) continue
    kept += 1
    mass += count
  }
  for (const [count, types] of spectrum.frequencies) kl += types * term(count, 0)
  const least = addedCount / ofWindow
  kl += least * (absent * Math.log2(least * ofHuman) - absentLogs)
  js += spectrum.tokens / length + (tokens - present) / tokens
  const some = (value: number): Measured =>
    length === 0 ? undefinedBecause('no tokens on one side') : measured(value)
  const vocabulary = reference.counts.length
  return {
    ead_1: expectationAdjustedDistinct(vocabulary - absent + spectrum.types, length, vocabulary),
    kl_to_human: some(Math.max(0, kl)),
    js_to_human: some(Math.min(1, Math.max(0, js / 2))),
    ...tailOf(kept, mass, length, reference)
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
