/** Plain text: a file is a document, and so is every .txt and .md file of a folder, however deep. */
import { type Dirent, promises as fs } from 'node:fs'
import { basename, join, sep } from 'node:path'
import type { Line } from '../lines.ts'

/** A text longer than this many bytes is no document: no topic takes a record of that size. */
const longestText = 16 * 1024 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Whether a file of a folder is a document, by its name. */
const isText = (name: string): boolean => /\.(txt|md)$/i.test(name)

/** A text file as a row, or what is wrong with it. */
function rowOf(bytes: Buffer, line: Omit<Line, 'text'>, uri: string | undefined): Line {
  const refused = (problem: string): Line => ({ ...line, text: '', problem })
  if (bytes.length > longestText)
    return refused(`longer than ${longestText / 1024 / 1024} MiB: split the text`)
  if (bytes.includes(0)) return refused('it is binary, no text')
  try {
    return { ...line, text: '', columns: { text: utf8.decode(bytes), source_uri: uri } }
  } catch {
    return refused('not UTF-8: convert the file first (iconv -t UTF-8)')
  }
}

/** Where a text was found: its path, in the place all of them come from. */
const uriOf = (base: string | undefined, path: string): string =>
  base === undefined ? path : `${base.replace(/\/+$/, '')}/${path}`

/**
 * A stream as one document. Of one that is too long only the beginning is read.
 * @param name path of the file; undefined: it has none
 * @param base what `source_uri` begins with
 */
export async function textOf(
  input: AsyncIterable<Buffer>,
  name: string | undefined,
  base?: string
): Promise<Line> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of input) {
    parts.push(part)
    bytes += part.length
    if (bytes > longestText) break
  }
  const file = name === undefined ? {} : { file: name }
  return rowOf(
    Buffer.concat(parts),
    { number: 1, ...file },
    name === undefined ? base : uriOf(base, basename(name))
  )
}

/** Why an entry of a folder is no document; undefined: it is one, or a folder to look into. */
async function problemOf(root: string, path: string, entry: Dirent): Promise<string | undefined> {
  if (entry.name.startsWith('.')) return `a hidden ${entry.isDirectory() ? 'folder' : 'file'} is left out`
  if (entry.isDirectory()) return undefined
  // A link is what it leads to; a folder elsewhere may lead back here.
  const found = await fs.stat(path).catch(() => undefined)
  if (!found?.isFile())
    return found?.isDirectory() ? 'a link to a folder is not followed' : 'it is no regular file'
  if (entry.isSymbolicLink()) {
    const [home, target] = await Promise.all([fs.realpath(root), fs.realpath(path)])
    // An archive of somebody else's may point at what was never meant to be published.
    if (!target.startsWith(home + sep)) return 'a link out of the folder is not followed'
    if (!isText(target)) return 'a link to neither .txt nor .md'
  }
  if (!isText(entry.name)) return 'neither .txt nor .md'
  if (found.size > longestText) return `longer than ${longestText / 1024 / 1024} MiB: split the text`
  return undefined
}

/**
 * The documents of a folder, by path; `source_uri` is the path within the folder. What is no document is named, and why.
 * @param root the folder
 * @param base what `source_uri` begins with
 * @param within path of the folder that is looked at, with a slash at its end
 */
export async function* textFiles(root: string, base?: string, within = ''): AsyncGenerator<Line> {
  const entries = await fs.readdir(join(root, within), { withFileTypes: true })
  // By the whole path: `a.txt` comes before `a/b.txt`, as it does in every listing of paths.
  const key = (entry: Dirent): string => (entry.isDirectory() ? `${entry.name}/` : entry.name)
  for (const entry of entries.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))) {
    const file = within + entry.name
    const path = join(root, file)
    const problem = await problemOf(root, path, entry)
    if (problem !== undefined) yield { number: 1, file, text: '', problem }
    else if (entry.isDirectory()) yield* textFiles(root, base, `${file}/`)
    else {
      try {
        yield rowOf(await fs.readFile(path), { number: 1, file }, uriOf(base, file))
      } catch (cause) {
        yield { number: 1, file, text: '', problem: `it cannot be read: ${(cause as Error).message}` }
      }
    }
  }
}
