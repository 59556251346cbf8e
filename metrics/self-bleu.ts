import { type Encoded, type Grams, encode, lengthen } from './grams.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

const longest = 4
/** What counts for a match where there is none (smoothing method 1). */
const epsilon = 0.1

/**
 * Self-BLEU-4: the mean BLEU of each document against all others as references: weights 1/4, smoothing method 1 (Chen & Cherry
 * 2014), closest reference length. High when documents say the same.
 *
 * Keys: self_bleu_4.
 * Formula: mean over documents of b exp(sum over n = 1 to 4 of ln(p_n) / 4), p_n the share of its n-grams that others hold,
 * each at most as often; b = min(1, exp(1 - closest length / own length)).
 * Reference: Zhu et al., "Texygen", SIGIR 2018; Papineni et al., ACL 2002; equal to the mean of nltk 3.10
 * `sentence_bleu(others, one, smoothing_function=SmoothingFunction().method1)`. An n-gram's largest count among the other
 * documents is its largest or, where that is the document's own, its second largest: one pass instead of all pairs.
 * Complexity: linear in the tokens.
 * Range: [0, 1].
 * Sees: documents that are put together from the phrases of others.
 * Does not see: words that are missing, and the same said in other words. It grows with the number of documents and with their
 * length.
 * @param documents tokens of each; one without tokens scores 0
 * @returns undefined below two documents, and when no document has tokens
 */
export function selfBleu(documents: readonly (readonly string[])[]): Measured {
  if (documents.length < 2) return undefinedBecause('fewer than two documents')
  const tokens = encode(documents)
  if (tokens.pooled.length === 0) return undefinedBecause('no tokens')
  const logs = new Float64Array(documents.length)
  const matched = new Float64Array(documents.length)
  let grams: Grams = tokens
  for (let n = 1; n <= longest; n++) {
    if (n > 1) grams = lengthen(grams, tokens, n)
    const clipped = clip(grams)
    for (const [index, ids] of grams.documents.entries()) {
      const matches = clipped[index]!
      if (n === 1) matched[index] = matches
      logs[index] =
        logs[index]! + Math.log((matches === 0 ? epsilon : matches) / Math.max(1, ids.length)) / longest
    }
  }
  const closest = closestLengths(tokens)
  let sum = 0
  for (const [index, { length }] of tokens.documents.entries()) {
    if (matched[index] === 0) continue
    const reference = closest[index]!
    const brevity = length > reference ? 1 : Math.exp(1 - reference / length)
    sum += brevity * Math.exp(logs[index]!)
  }
  return measured(sum / documents.length)
}

/** For each document its n-grams found in others, each at most as often as in the one other that has it most often. */
function clip({ documents, types }: Grams): number[] {
  const own = new Int32Array(types)
  const most = new Int32Array(types)
  const holder = new Int32Array(types).fill(-1)
  const second = new Int32Array(types)
  /** Calls back with each n-gram of a document once, `own` being its count there. */
  const each = (ids: Int32Array, seen: (id: number, count: number) => void): void => {
    for (const id of ids) own[id] = own[id]! + 1
    for (const id of ids) {
      const count = own[id]!
      if (count > 0) seen(id, count)
      own[id] = 0
    }
  }
  for (const [index, ids] of documents.entries()) {
    each(ids, (id, count) => {
      if (count > most[id]!) {
        second[id] = most[id]!
        most[id] = count
        holder[id] = index
      } else if (count > second[id]!) second[id] = count
    })
  }
  return documents.map((ids, index) => {
    let matches = 0
    each(ids, (id, count) => {
      matches += Math.min(count, holder[id] === index ? second[id]! : most[id]!)
    })
    return matches
  })
}

/** For each document the length nearest to its own among the others', of two equally near the smaller. */
function closestLengths({ documents }: Encoded): number[] {
  const sorted = documents
    .map((_, index) => index)
    .toSorted((a, b) => documents[a]!.length - documents[b]!.length)
  const closest: number[] = Array.from({ length: documents.length })
  for (const [place, index] of sorted.entries()) {
    const { length } = documents[index]!
    const [below, above] = [sorted[place - 1], sorted[place + 1]]
    const shorter = below === undefined ? undefined : documents[below]!.length
    const longer = above === undefined ? undefined : documents[above]!.length
    closest[index] =
      longer === undefined || (shorter !== undefined && length - shorter <= longer - length)
        ? shorter!
        : longer
  }
  return closest
}
