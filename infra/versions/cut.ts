/**
 * Which rows of the training stream a version holds. Retracted ones leave. A human row that leaves takes the others along
 * that had their places by it alone: every prefix of what remains holds the real share, as every prefix of the stream did.
 */
import type { Counted } from './rows.ts'

/** What a version does not hold of the rows before its ends, ids sorted: with them anyone recomputes its digest. */
export type Excluded = {
  /** Rows left out. */
  readonly rows: number
  /** Ids that were retracted when it was closed. */
  readonly retracted: readonly string[]
  /** Ids of rows that had their places by human rows that were retracted. */
  readonly displaced: readonly string[]
}

/** Rows and the human ones among them. */
export type Share = { readonly rows: number; readonly human: number }

/** Goes over the rows of a dataset, in order, and says which a version holds. */
export type Cut = {
  /** Whether the next row is one of the version's. */
  takes(row: Counted): boolean
  /** Begins the next slot: a prefix is one of a slot. */
  nextSlot(): void
  excluded(): Excluded
  /** What it took, over all slots. */
  taken(): Share
  /** Real share of the smallest prefix of the whole stream, as it was laid down; 1 for none. */
  smallestLaid(): number
}

/** A share that a prefix of so many rows may fall short of the floor by: rounding, never a row. */
export const rounding = 1e-9

/**
 * @param floor smallest real share of every prefix, 0 to 1
 * @param retracted ids that leave
 * @param isReal whether the floor counts a row
 */
export function createCut(
  floor: number,
  retracted: ReadonlySet<string>,
  isReal: (row: Counted) => boolean
): Cut {
  const gone = new Set<string>()
  const displaced = new Set<string>()
  let out = 0
  let taken = { rows: 0, human: 0 }
  let laid = { rows: 0, human: 0 }
  let held = { rows: 0, human: 0 }
  let paid = true
  let smallest = 1
  const counted = ({ rows, human }: Share, real: boolean): Share => ({
    rows: rows + 1,
    human: real ? human + 1 : human
  })

  return {
    takes(row) {
      const { id } = row
      const real = isReal(row)
      laid = counted(laid, real)
      smallest = Math.min(smallest, laid.human / laid.rows)
      if (retracted.has(id)) {
        out++
        gone.add(id)
        if (real) paid = false
        return false
      }
      const next = counted(held, real)
      // Where no human row left, nothing else does: a stream that breaks the promise itself is another matter.
      if (!paid && !real && next.human < floor * next.rows - rounding) {
        out++
        displaced.add(id)
        return false
      }
      held = next
      taken = counted(taken, real)
      return true
    },
    nextSlot() {
      laid = { rows: 0, human: 0 }
      held = { rows: 0, human: 0 }
      paid = true
    },
    excluded: () => ({ rows: out, retracted: [...gone].toSorted(), displaced: [...displaced].toSorted() }),
    taken: () => taken,
    smallestLaid: () => smallest
  }
}
