/** The only place that knows the language detector: pure tables and counting, loaded when a recipe first asks. */
import type * as Detector from 'tinyld'
import type { Check } from './check.ts'

/** Characters the language is told from: more costs more and hardly errs less. */
const looked = 400

let detector: typeof Detector | undefined

/** Whether {@link language} can be asked. */
export function languageReady(): boolean {
  return detector !== undefined
}

/** Loads the detector, about 0.1 s and once. */
export async function loadLanguage(): Promise<void> {
  detector ??= await import('tinyld')
}

/** Characters the words are taken from: enough to leave no doubt in nearly every text without one. */
const glanced = 200
/** Fewer words than this are left to the detector as a whole. */
const fewestWords = 8
/** Most words that are remembered; then the memory begins anew. */
const remembered = 20_000

/** What one word says: index of a language, likelihood against the likeliest, and so on. Languages are numbered as they come. */
const votes = new Map<string, readonly number[]>()
const numbers = new Map<string, number>()
/** Room for twice the languages the detector knows. */
const sums = new Float64Array(128)

function numberOf(lang: string): number {
  let number = numbers.get(lang)
  if (number === undefined) numbers.set(lang, (number = numbers.size))
  return number
}

function votesOf(word: string): readonly number[] {
  let vote = votes.get(word)
  if (vote === undefined) {
    const likely = detector!.detectAll(word)
    const top = likely[0]?.accuracy ?? 1
    vote = likely.flatMap(({ lang, accuracy }) => [numberOf(lang), accuracy / top])
    if (votes.size >= remembered) votes.clear()
    votes.set(word, vote)
  }
  return vote
}

/**
 * How a text's words vote, one by one: the share of a language against the next likeliest, 0 to 1. Words repeat, so a
 * text costs a few look-ups where the detector needs some hundred times as long.
 * @returns undefined for too few words
 */
export function wordShare(text: string, code: string): number | undefined {
  const words = text.toLowerCase().match(/[\p{L}\p{M}']+/gu) ?? []
  if (words.length < fewestWords) return undefined
  const own = numberOf(code)
  sums.fill(0)
  for (const word of words) {
    const vote = votesOf(word)
    for (let at = 0; at < vote.length; at += 2) sums[vote[at]!] = sums[vote[at]!]! + vote[at + 1]!
  }
  let next = 0
  for (let number = 0; number < numbers.size; number++) {
    if (number !== own && sums[number]! > next) next = sums[number]!
  }
  const all = sums[own]! + next
  return all === 0 ? undefined : sums[own]! / all
}

/** From this share on the words leave no doubt: of twelve other languages none came above a half. */
const clear = 2 / 3

/**
 * Turns down answers in another language than the recipe's. Where the words alone leave no doubt that it is the right
 * one, nothing else is asked. Short and mixed texts are often ambiguous: an answer passes when the asked-for language is
 * at least half as likely as the likeliest, and when none can be told. Score: its likelihood, or its words' share.
 */
export const language: Check = {
  name: 'language',
  version: '2',
  find({ text, checks }) {
    if (checks.language === undefined || detector === undefined) return undefined
    const share = wordShare(text.slice(0, glanced), checks.language)
    if (share !== undefined && share >= clear) return { score: share, reasoning: '' }
    const likely = detector.detectAll(text.slice(0, looked))
    const [first] = likely
    if (first === undefined) return { score: null, reasoning: 'no language can be told' }
    const score = likely.find(({ lang }) => lang === checks.language)?.accuracy ?? 0
    if (score >= first.accuracy / 2) return { score, reasoning: '' }
    const reasoning = `reads as ${first.lang}, not ${checks.language}`
    const feedback = `The answer was in the wrong language: it ${reasoning}. Answer in the language with the code ${checks.language}.`
    return { score, reasoning, failure: { reason: 'wrong_language', feedback } }
  }
}
