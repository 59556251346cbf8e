/** The folder of an export: empty, or that of the same export, which is written anew. Nothing else is ever touched. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { makeFolder } from '../folders.ts'

/** What makes two exports the same one. */
export type Identity = {
  readonly name: string
  readonly digest: string
  readonly format: string
  readonly files: readonly string[]
  readonly validation: number
}

/** The file that says what a folder holds: it is written last, so who has it has everything. */
export const manifestName = 'manifest.json'

/** Where an export is written before it is whole, and what it is to be. */
const draftFolder = '.draft'
const draftIdentity = 'export.json'

const shardName = /^(train|validation)-\d{5}-of-\d{5}\.(jsonl|parquet)$/

function read(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** A folder being written to. */
export type Folder = {
  /** Where files are written first. */
  readonly draft: string
  /**
   * Puts the files in their places, in place of those of an export before, the manifest last.
   * @param names files in the draft folder
   */
  publish(names: readonly string[], manifest: object): void
  /** Removes what was not published, and the folder where it was not there before. */
  discard(): void
}

/** Orders the keys: the same identity is the same text. */
const text = ({ name, digest, format, files, validation }: Identity): string =>
  JSON.stringify([name, digest, format, files, validation])

/**
 * Takes a folder for an export.
 * @throws EverseedError EXPORT_REFUSED when it holds something else, FILE_UNWRITABLE
 */
export function openFolder(path: string, identity: Identity): Folder {
  const draft = join(path, draftFolder)
  const fresh = !existsSync(path)
  try {
    makeFolder(path)
    const there = readdirSync(path)
    const whole = read(join(path, manifestName)) as { export?: Identity } | undefined
    const begun = read(join(draft, draftIdentity)) as Identity | undefined
    const found = whole?.export ?? begun
    // Killed before the first file: nothing is said yet of what it was to be.
    const bare = there.length === 1 && there[0] === draftFolder && readdirSync(draft).length === 0
    if (there.length > 0 && !bare && !(found && text(found) === text(identity))) {
      throw new EverseedError(
        'EXPORT_REFUSED',
        found
          ? `${path} holds another export, ${found.name} as ${found.format}: name an empty folder, or remove it first`
          : `${path} is not empty and holds no export: name an empty folder`
      )
    }
    // What a killed export left: only this program makes this folder.
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft)
    writeFileSync(join(draft, draftIdentity), JSON.stringify(identity))
  } catch (cause) {
    if (cause instanceof EverseedError) throw cause
    throw new EverseedError('FILE_UNWRITABLE', `${path} cannot be written: ${(cause as Error).message}`, {
      cause
    })
  }
  return {
    draft,
    publish(names, manifest) {
      rmSync(join(path, manifestName), { force: true })
      // There may be fewer than before: rows may have been retracted.
      for (const name of readdirSync(path)) if (shardName.test(name)) rmSync(join(path, name))
      for (const name of names) renameSync(join(draft, name), join(path, name))
      const last = join(draft, manifestName)
      writeFileSync(last, `${JSON.stringify(manifest, null, 2)}\n`)
      renameSync(last, join(path, manifestName))
      rmSync(draft, { recursive: true, force: true })
    },
    discard() {
      rmSync(draft, { recursive: true, force: true })
      if (fresh && existsSync(path) && readdirSync(path).length === 0) rmSync(path, { recursive: true })
    }
  }
}
