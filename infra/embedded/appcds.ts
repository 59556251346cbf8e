/** Archives of loaded classes (AppCDS): made once in the background, they halve the start of the JVMs. */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Jars } from './download.ts'
import type { Java } from './java.ts'

/** What an archive is made of. */
export type Archived = 'kafka' | 'registry'

/** An archive fits one build of Java and the jars beside it; another build passes over it. */
export function archiveFile(java: Java, jars: Jars, part: Archived): string {
  return join(jars.root, `${part}-${java.build}.jsa`)
}

/** The JVM options that use an archive where there is one, and say nothing where it does not fit. */
export function archiveOptions(java: Java, jars: Jars, part: Archived): string[] {
  const file = archiveFile(java, jars, part)
  return existsSync(file)
    ? [`-XX:SharedArchiveFile=${file}`, '-Xshare:auto', '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
    : []
}

/**
 * Makes an archive, whole or not at all. A failure leaves none, and the next start tries again.
 * @param rehearse runs the part, with one more JVM option, on ports and in a folder of its own until it answers, then
 * ends it in an orderly way
 * @returns whether there is one now
 */
export async function makeArchive(
  java: Java,
  jars: Jars,
  part: Archived,
  rehearse: (dir: string, option: string) => Promise<void>
): Promise<boolean> {
  const file = archiveFile(java, jars, part)
  if (existsSync(file)) return true
  const prefix = `rehearsal-${part}-`
  for (const name of readdirSync(jars.root)) {
    if (name.startsWith(prefix)) rmSync(join(jars.root, name), { recursive: true, force: true })
  }
  const dir = mkdtempSync(join(jars.root, prefix))
  try {
    const temporary = join(dir, 'archive.jsa')
    await rehearse(dir, `-XX:ArchiveClassesAtExit=${temporary}`)
    if (!existsSync(temporary)) return false
    renameSync(temporary, file)
    return true
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
