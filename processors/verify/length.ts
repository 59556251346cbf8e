import type { Check } from './check.ts'

const passed = { score: null, reasoning: '' }

/** Turns down what has no text at all. */
export const empty: Check = {
  name: 'empty',
  version: '1',
  find: ({ text }) =>
    /\S/.test(text)
      ? passed
      : { score: null, reasoning: 'no text', failure: { reason: 'empty', feedback: null } }
}

/** Holds the recipe's shortest and longest answer, in UTF-16 units, white space at the ends not counted. */
export const length: Check = {
  name: 'length',
  version: '1',
  find({ text, checks: { min_chars, max_chars } }) {
    if (text.length > max_chars) {
      const reasoning = `${text.length} characters; at most ${max_chars} are allowed`
      return { score: text.length, reasoning, failure: { reason: 'too_long', feedback: null } }
    }
    const characters = text.trim().length
    if (characters >= min_chars) return { score: characters, reasoning: '' }
    const reasoning = `${characters} characters; at least ${min_chars} are needed`
    const feedback = `The answer was too short: ${reasoning}. Answer in full.`
    return { score: characters, reasoning, failure: { reason: 'too_short', feedback } }
  }
}
