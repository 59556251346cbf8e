import type { Check } from './check.ts'

const letter = /\p{L}/u

/** Counts letters of one Unicode script among all letters. */
type Counter = (text: string) => number | undefined

const counters = new Map<string, Counter | null>()

/**
 * Counter for a script, or null when Unicode knows none of this name.
 * @param script a value of the Script property, for example Latin, Cyrillic, Han
 */
export function scriptCounter(script: string): Counter | null {
  const known = counters.get(script)
  if (known !== undefined) return known
  const made = makeCounter(script)
  counters.set(script, made)
  return made
}

function makeCounter(script: string): Counter | null {
  let inScript: RegExp
  try {
    inScript = new RegExp(`\\p{Script_Extensions=${script}}`, 'u')
  } catch {
    return null
  }
  /** By code point: 0 no letter, 1 a letter of another script, 2 of this one. */
  const kinds = new Map<number, number>()
  const kindOf = (code: number): number => {
    const char = String.fromCodePoint(code)
    const kind = letter.test(char) ? (inScript.test(char) ? 2 : 1) : 0
    kinds.set(code, kind)
    return kind
  }
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => kindOf(code))
  return text => {
    let letters = 0
    let own = 0
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      let kind: number
      if (unit < 128) kind = ascii[unit]!
      else {
        const code = text.codePointAt(at)!
        if (code > 0xffff) at += 1
        kind = kinds.get(code) ?? kindOf(code)
      }
      if (kind > 0) letters += 1
      if (kind > 1) own += 1
    }
    return letters === 0 ? undefined : own / letters
  }
}

/** Turns down answers of which not most letters are of the recipe's script. Score: their share. */
export const script: Check = {
  name: 'script',
  version: '1',
  find({ text, checks }) {
    if (checks.script === undefined) return undefined
    const share = scriptCounter(checks.script)?.(text)
    if (share === undefined) return { score: null, reasoning: 'no letters' }
    if (share > 0.5) return { score: share, reasoning: '' }
    const reasoning = `${Math.round(share * 100)} % of the letters are ${checks.script}`
    const feedback = `The answer was in the wrong script: ${reasoning}. Write it in ${checks.script} letters.`
    return { score: share, reasoning, failure: { reason: 'wrong_script', feedback } }
  }
}
