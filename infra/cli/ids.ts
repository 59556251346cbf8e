/** Texts as people name them on the command line. */
import { EverseedError } from '../../schemas/errors.ts'
import { linesOf } from './context.ts'

/** Ids of a file: a line each; empty lines and those that begin with # are none. */
export async function idsIn(path: string): Promise<string[]> {
  const ids: string[] = []
  for await (const { number, text, problem } of linesOf(path)) {
    if (problem !== undefined)
      throw new EverseedError('FILE_UNREADABLE', `${path}, line ${number}: ${problem}`)
    const id = text.trim()
    if (id !== '' && !id.startsWith('#')) ids.push(id)
  }
  return ids
}

/**
 * The id in what somebody names a text by: the id, or the key a topic has it by (dataset/id, of a repeated row with its epoch).
 * @throws EverseedError CONFIG_INVALID for a key of another dataset
 */
export function idOf(given: string, dataset?: string): string {
  const [, of, id = given] = /^(?:([^/]+)\/)?([^/]+)(?:\/\d+)?$/.exec(given) ?? []
  if (of === undefined || dataset === undefined || of === dataset) return id
  throw new EverseedError('CONFIG_INVALID', `${given} is a text of dataset ${of}, not of ${dataset}`)
}
