/** Looks through the files of a data folder for the words of erased texts. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Wanted } from './wanted.ts'

/** What was looked through, and the files in which words of an erased text stand. */
export type LookedAt = { readonly files: number; readonly bytes: number; readonly found: readonly string[] }

/** Whether one of some needles stands in a file, and how long it is; a file that goes away meanwhile holds nothing. */
async function look(path: string, needles: readonly Buffer[]): Promise<{ bytes: number; found: boolean }> {
  const longest = needles.reduce((most, { length }) => Math.max(most, length), 0)
  let rest = Buffer.alloc(0)
  let bytes = 0
  let found = false
  try {
    for await (const part of createReadStream(path, {
      highWaterMark: 1024 * 1024
    }) as AsyncIterable<Buffer>) {
      bytes += part.length
      const both = Buffer.concat([rest, part])
      found ||= needles.some(needle => both.includes(needle))
      rest = both.subarray(Math.max(0, both.length - longest))
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return { bytes, found }
}

/** The files below a folder. Parts make folders and remove them all the time: one that is gone holds none. */
async function* filesIn(folder: string): AsyncGenerator<string> {
  let entries
  try {
    entries = await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else if (entry.isFile()) yield path
  }
}

/**
 * Looks at every file below a folder, byte by byte. What a part packs, as the logs of the broker and the parts of the database
 * are, is for the part to be asked about.
 * @param folder absolute path
 * @param isLeft files that are not looked at, by their path from the folder
 */
export async function searchFiles(
  folder: string,
  wanted: readonly Wanted[],
  isLeft: (path: string) => boolean = () => false
): Promise<LookedAt> {
  const needles = wanted.flatMap(one => one.needles.map(form => Buffer.from(form)))
  const found: string[] = []
  let files = 0
  let bytes = 0
  for await (const path of filesIn(folder)) {
    if (isLeft(relative(folder, path))) continue
    const one = await look(path, needles)
    files++
    bytes += one.bytes
    if (one.found) found.push(relative(folder, path))
  }
  return { files, bytes, found: found.toSorted() }
}
