/** Tokens that can be put together again: case, punctuation and paragraphs are kept, so that output reads like text. */

/**
 * A token is a blank line, or a word or a single sign with the white space before it as one space. Words hold inner
 * apostrophes and hyphens; scripts written without spaces are cut into characters.
 */
const token =
  /(\s*\n\s*\n\s*)|(\s+)?((?:[[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]]+(?:['’\-](?=[\p{L}\p{N}]))?)+|\S\p{M}*)/gv

/** What a blank line becomes. */
export const paragraph = '\n\n'

/**
 * The surface tokens of a text. What starts the text or a paragraph carries its space too, so that a word is the same
 * token there as elsewhere.
 * Complexity: linear in the text.
 */
export function surfaceTokens(text: string): string[] {
  const tokens: string[] = []
  let start = true
  for (const [, blank, space, core] of text.trim().matchAll(token)) {
    if (blank !== undefined) tokens.push(paragraph)
    else if (core !== undefined) tokens.push(space === undefined && !start ? core : ` ${core}`)
    start = blank !== undefined
  }
  return tokens
}

/** The text of tokens: what they were cut from, but for white space: trimmed, runs as one space, blank lines as one. */
export function surfaceText(tokens: readonly string[]): string {
  return tokens.join('').replaceAll(`${paragraph} `, paragraph).trim()
}
