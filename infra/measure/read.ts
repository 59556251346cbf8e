/** The texts of a file or folder. What cannot be measured is told and counted, and all else goes on. */
import { EverseedError } from '../../schemas/errors.ts'
import { legible } from '../formats/shapes.ts'
import { type Reading, rowsOf } from './rows.ts'
import { type Text, type Wanted, fieldNames, hasField, textOf } from './texts.ts'

/** How texts are read. */
export type Reader = Reading &
  Wanted & {
    /** Is told of every row that is left out. */
    readonly bad?: ((place: string, problem: string) => void) | undefined
  }

/** What was read. */
export type Read = {
  readonly texts: Text[]
  /** Rows that were left out. */
  readonly bad: number
}

/** Fields that are named to who asks for one that is not there. */
const mostNames = 20

/**
 * Reads texts. All of them are held in memory: metrics of a whole compare every document with every other.
 * @param path a file, a folder, or - for standard input
 * @throws EverseedError FILE_UNREADABLE; RECORD_INVALID when there is no text in it at all; CONFIG_INVALID when no row has the field
 *   that groups are made by
 */
export async function readTexts(path: string, reader: Reader = {}): Promise<Read> {
  const texts: Text[] = []
  let bad = 0
  let first: string | undefined
  const { by } = reader
  let grouped = by === undefined
  const names = new Set<string>()
  const leave = (place: string, problem: string): void => {
    bad += 1
    first ??= `${place}: ${problem}`
    reader.bad?.(place, problem)
  }
  for await (const { place, value, problem } of rowsOf(path, reader)) {
    if (problem !== undefined) {
      leave(place, problem)
      continue
    }
    try {
      texts.push(textOf(value, reader))
      if (grouped) continue
      grouped = hasField(value, by!)
      if (names.size < mostNames) for (const name of fieldNames(value)) names.add(name)
    } catch (cause) {
      const error = legible(cause)
      if (!(error instanceof EverseedError)) throw error
      leave(place, error.message)
    }
  }
  if (!grouped && texts.length > 0) {
    const some = [...names].slice(0, mostNames).join(', ')
    throw new EverseedError(
      'CONFIG_INVALID',
      `--by ${by}: no row of ${path} has this field; ${some === '' ? 'its rows are texts without fields' : `there are ${some}`}`
    )
  }
  if (texts.length > 0) return { texts, bad }
  throw new EverseedError(
    'RECORD_INVALID',
    bad === 0
      ? `${path} holds no documents`
      : `none of the ${bad} rows of ${path} can be measured; the first, ${first}`
  )
}
