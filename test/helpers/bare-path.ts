/** A PATH with what every small Linux image has, and nothing else. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs of Debian's essential packages that Maven's scripts call; no unzip, curl, wget, mvn or javac among them. */
const essential =
  'sh tar gzip cat ls rm mv mkdir chmod mktemp sleep env printf tr dirname basename readlink uname expr sed grep sha256sum setpriv'

/**
 * Fills a folder with links to programs of this machine.
 * @param more programs besides the essential ones
 * @returns the folder, to be the whole PATH
 */
export function barePath(folder: string, ...more: string[]): string {
  mkdirSync(folder, { recursive: true })
  const places = (process.env['PATH'] ?? '').split(delimiter)
  for (const name of [...essential.split(' '), ...more]) {
    const place = places.find(one => existsSync(join(one, name)))
    if (place !== undefined) symlinkSync(join(place, name), join(folder, name))
  }
  return folder
}
