/**
 * The tokenizers every metric names; that of ROUGE is in `rouge-l.ts`. `words`: maximal runs of letters, marks and digits of the lower-cased NFC
 * text; scripts written without spaces are cut by ICU's dictionaries. `whitespace`: split on white space, case kept.
 *
 * Reference: Unicode Standard Annex 29 (word boundaries) for the segmenter. Complexity: linear in the text.
 */

/** Name and version of each tokenizer, stored beside every value it led to. */
export const tokenizers = { words: 'words-1', whitespace: 'whitespace-1', rouge: 'rouge-words-1' } as const

const run = /[\p{L}\p{M}\p{N}]+/gu
/** Scripts without spaces between words that ICU has a dictionary for. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

let segmenter: Intl.Segmenter | undefined

function segments(text: string): string[] {
  // One fixed locale: the same text gives the same tokens whatever the machine's language.
  segmenter ??= new Intl.Segmenter('en', { granularity: 'word' })
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

/**
 * Tokens of the `words` tokenizer.
 * @param text any text; no tokens when it has neither letters nor digits
 */
export function words(text: string): string[] {
  const folded = text.normalize('NFC').toLowerCase()
  const runs = folded.match(run) ?? []
  if (!unspaced.test(folded)) return runs
  return runs.flatMap(one => (unspaced.test(one) ? segments(one) : one))
}

/**
 * Tokens of the `whitespace` tokenizer.
 * @param text any text
 */
export function whitespace(text: string): string[] {
  return text.split(/\s+/).filter(token => token !== '')
}
