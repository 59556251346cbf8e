import { GramTable } from '../../metrics/gram-table.ts'
import { hashWords } from '../../metrics/hash-text.ts'
import { createHashes, hashGrams } from '../../metrics/hashes.ts'
import type { Check, Finding } from './check.ts'

/** A stretch of this many characters that only repeats one or two of them is a stuck model, however long the rest. */
const stuckCharacters = 256
/** So are this many equal lines in a row. */
const stuckLines = 16

// Reused from answer to answer: checks run one at a time.
const [tokens, pairs, triples, quads] = [createHashes(), createHashes(), createHashes(), createHashes()]
const table = new GramTable()

/** Share of the 4-grams of words that stood before in the same text; undefined below four words. */
export function repeatedGrams(text: string): number | undefined {
  hashWords(text, tokens)
  if (tokens.length < 4) return undefined
  hashGrams(tokens, tokens, 2, pairs)
  hashGrams(pairs, tokens, 3, triples)
  hashGrams(triples, tokens, 4, quads)
  const distinct = table.add(quads, 1)
  table.clear()
  return 1 - distinct / quads.length
}

/** Length of the longest stretch that repeats one or two UTF-16 units, white space alone not counted. */
export function longestStutter(text: string): number {
  let longest = 0
  let start = 0
  for (let at = 2; at <= text.length; at++) {
    if (at < text.length && text.charCodeAt(at) === text.charCodeAt(at - 2)) continue
    const length = at - start
    if (length > longest && length > 2 && /\S/.test(text.slice(start, start + 2))) longest = length
    start = at - 1
  }
  return longest
}

/** Lines, and the most of them in a row that are equal and not blank. */
export function equalLines(text: string): { lines: number; inARow: number } {
  if (!text.includes('\n')) return { lines: 1, inARow: 1 }
  const lines = text.split('\n').filter(line => /\S/.test(line))
  let most = 0
  let run = 0
  let before: string | undefined
  for (const line of lines) {
    run = line === before ? run + 1 : 1
    before = line
    if (run > most) most = run
  }
  return { lines: lines.length, inARow: most }
}

const feedback = 'The answer repeated itself. Write it again and say each thing once.'

/** Turns down answers that go round in circles: repeated phrases, lines or characters. Score: the repeated share. */
export const repetition: Check = {
  name: 'repetition',
  version: '1',
  find({ text, checks: { max_repetition } }) {
    const share = repeatedGrams(text)
    if (share !== undefined && share > max_repetition) {
      return fail(
        share,
        `${percent(share)} of the 4-grams stood before; ${percent(max_repetition)} are allowed`
      )
    }
    if (max_repetition < 1) {
      const stutter = longestStutter(text)
      if (stutter >= stuckCharacters || stutter > Math.max(max_repetition * text.length, 8)) {
        return fail(stutter / text.length, `${stutter} characters that repeat one or two`)
      }
      const { lines, inARow } = equalLines(text)
      if (inARow >= stuckLines || (inARow > 2 && inARow > max_repetition * lines)) {
        return fail(inARow / lines, `one line ${inARow} times in a row`)
      }
    }
    return { score: share ?? null, reasoning: '' }
  }
}

function fail(score: number, reasoning: string): Finding {
  return { score, reasoning, failure: { reason: 'repetition', feedback } }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
