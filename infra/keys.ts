/** The keys human text may be signed with: whose, and what each may vouch for. */
import { EverseedError } from '../schemas/errors.ts'
import { keys } from '../schemas/topics.ts'
import type { PublisherKey } from '../schemas/types.ts'
import { type Deployment, microseconds } from './deployment.ts'
import { type Signer, signerOf } from './signer.ts'
import { changeEntry, readTable } from './tables.ts'

/** Origins a key may vouch for. */
export const vouchable = ['HUMAN_AUTHORED', 'HUMAN_EDITED'] as const

/** What somebody says of a key. */
export type Listed = Pick<PublisherKey, 'id' | 'public_key' | 'author'> & {
  readonly origins: readonly (typeof vouchable)[number][]
}

/** The keys, by name. */
export async function listKeys(deployment: Deployment): Promise<PublisherKey[]> {
  return [...(await readTable(deployment, keys)).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/**
 * Lists a key. Listed again it may vouch for other origins from then on; its bytes stay, for what was signed with it
 * must go on to be known.
 * @returns the entry, and whether anything was written
 * @throws EverseedError KEY_CONFLICT when the name is that of another key, or of a revoked one
 */
export async function addKey(
  deployment: Deployment,
  { id, public_key, author, origins }: Listed
): Promise<{ key: PublisherKey; changed: boolean }> {
  const sorted = [...new Set(origins)].toSorted()
  let changed = false
  const key = await changeEntry(deployment, keys, 'key', id, found => {
    if (found && found.public_key !== public_key)
      throw new EverseedError(
        'KEY_CONFLICT',
        `key ${id} is another one already: list this one under another name`
      )
    if (found?.revoked)
      throw new EverseedError(
        'KEY_CONFLICT',
        `key ${id} is revoked for good: list a new key under a new name`
      )
    changed = found?.origins.join() !== sorted.join()
    if (found && !changed) return found
    return {
      id,
      public_key,
      origins: sorted,
      revoked: false,
      author,
      created_at: found?.created_at ?? microseconds()
    }
  })
  return { key, changed }
}

const missing = (id: string): EverseedError =>
  new EverseedError('UNKNOWN_NAME', `there is no key ${id}; everseed keys list shows those there are`)

/**
 * Takes the belief in a key back: what is signed with it is as good as unsigned from then on. What was taken in stays.
 * @throws EverseedError UNKNOWN_NAME
 */
export async function revokeKey(deployment: Deployment, id: string): Promise<PublisherKey> {
  return await changeEntry(deployment, keys, 'key', id, found => {
    if (!found) throw missing(id)
    return found.revoked ? found : { ...found, revoked: true }
  })
}

/**
 * One who signs with a key.
 * @param file PEM of its private half
 * @throws EverseedError UNKNOWN_NAME, KEY_CONFLICT when it is revoked or the file holds another key, FILE_UNREADABLE
 */
export async function openSigner(deployment: Deployment, id: string, file: string): Promise<Signer> {
  const found = (await readTable(deployment, keys)).get(id)
  if (!found) throw missing(id)
  if (found.revoked)
    throw new EverseedError(
      'KEY_CONFLICT',
      `key ${id} is revoked: sign with another one (everseed keys list)`
    )
  return signerOf(found, file)
}
