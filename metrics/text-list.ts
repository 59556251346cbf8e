/**
 * Refuses what is no list of texts, for callers that no type checker has looked at: a string is not taken for its letters.
 * @param name what the error calls it
 * @throws RangeError that says what is in the place of a text
 */
export function assertTexts(name: string, texts: unknown): void {
  if (!Array.isArray(texts)) throw new RangeError(`${name} are no list of strings but ${kindOf(texts)}`)
  for (const [index, text] of texts.entries())
    if (typeof text !== 'string')
      throw new RangeError(`${name} are no list of strings: the one at ${index} is ${kindOf(text)}`)
}

const kindOf = (value: unknown): string =>
  value === null || value === undefined
    ? String(value)
    : typeof value === 'object'
      ? 'an object'
      : `a ${typeof value}`
