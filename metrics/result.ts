/** What a metric answers: a number, or why there is none. Never NaN, never a 0 that stands for "unknown". */
export type Measured = { readonly value: number } | { readonly undefined: string }

/**
 * A defined answer.
 * @param value a finite number; anything else becomes undefined with that as its reason
 */
export function measured(value: number): Measured {
  return Number.isFinite(value) ? { value } : { undefined: `not a finite number: ${value}` }
}

/**
 * An undefined answer.
 * @param reason what is missing, in a few words
 */
export function undefinedBecause(reason: string): Measured {
  return { undefined: reason }
}

/** The number, or undefined. */
export function valueOf(result: Measured): number | undefined {
  return 'value' in result ? result.value : undefined
}
