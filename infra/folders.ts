/** Folders at paths people name. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder, and those above it that are not there. Node's own recursion never ends where nobody may make one and the
 * answer is that it is not there, as below /proc.
 * @param mode of what is made
 * @throws what the file system says
 */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (existsSync(path) && statSync(path).isDirectory()) return
    const above = dirname(path)
    if (code !== 'ENOENT' || existsSync(above)) throw error
    makeFolder(above, mode)
    makeFolder(path, mode)
  }
}
