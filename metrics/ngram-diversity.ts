import { GramTable } from './gram-table.ts'
import { hashWhitespace } from './hash-text.ts'
import { appendHashes, createHashes, lengthenGrams } from './hashes.ts'
import { type Measured, measured, undefinedBecause } from './result.ts'

/**
 * N-gram diversity score of all texts joined by one space, cut at white space, case kept. N-grams do cross documents.
 *
 * Keys: ngram_diversity_4.
 * Formula: sum over n = 1 to 4 of unique n-grams / n-grams.
 * Reference: Padmakumar & He, "Does writing with language models reduce content diversity?", ICLR 2024; equal to
 * `ngram_diversity_score` of PyPI `diversity` 0.3.1 before it rounds to three digits, where words are parted by single spaces
 * (it makes an empty word of a second one).
 * Complexity: linear in the tokens.
 * Range: (0, most], most = 4.
 * Sees: phrases that come back anywhere.
 * Does not see: which length it is that moved, as the four are added up; the longer ones hardly do. It falls with the length
 * of the whole.
 * @param texts in their order
 * @param most longest n-gram
 * @returns undefined when there are fewer tokens than `most`
 */
export function ngramDiversity(texts: readonly string[], most = 4): Measured {
  const tokens = createHashes()
  const document = createHashes()
  for (const text of texts) {
    hashWhitespace(text, document)
    appendHashes(tokens, document)
  }
  if (tokens.length < most) return undefinedBecause(`fewer than ${most} tokens`)
  const grams = createHashes(tokens.length)
  appendHashes(grams, tokens)
  const table = new GramTable()
  let sum = 0
  for (let n = 1; n <= most; n++) {
    if (n > 1) lengthenGrams(grams, tokens, [tokens.length], n)
    const total = tokens.length - n + 1
    table.clear()
    table.add(grams, 1, undefined, 0, total)
    sum += table.size / total
  }
  return measured(sum)
}
