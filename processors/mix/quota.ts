/** Quotas in rows: a group takes so many, in the order they come, and what comes later is dropped. */

/** Of the inputs. */
export type Offsets = { readonly human: number; readonly verified: number }

/** What a quota has taken; `full`: offset per input from which on it takes nothing, null: it still does. */
export type Quota = {
  readonly taken: number
  readonly full: Offsets | null
}

const empty: Quota = { taken: 0, full: null }

/** Whether one of some quotas took nothing more when a record came, or takes nothing now. */
export function isOver(
  quotas: readonly Quota[],
  numbers: readonly number[],
  input: 'human' | 'verified',
  offset: number
): boolean {
  return numbers.some(number => {
    const full = quotas[number]?.full
    return full !== null && full !== undefined && offset >= full[input]
  })
}

/**
 * Quotas that took one more row.
 * @param most rows of each quota
 * @param next offset per input of what comes next
 */
export function taking(
  quotas: readonly Quota[],
  numbers: readonly number[],
  most: readonly number[],
  next: Offsets
): readonly Quota[] {
  if (numbers.length === 0) return quotas
  return most.map((rows, number) => {
    const { taken, full } = quotas[number] ?? empty
    if (!numbers.includes(number)) return { taken, full }
    return { taken: taken + 1, full: taken + 1 >= rows ? (full ?? next) : full }
  })
}
