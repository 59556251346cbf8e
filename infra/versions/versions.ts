/** Versions: immutable cuts of a dataset's training stream, closed in one record. */
import { EverseedError } from '../../schemas/errors.ts'
import { training, versions } from '../../schemas/topics.ts'
import type { Dataset, Version } from '../../schemas/types.ts'
import { encodeChecked } from '../codec.ts'
import { type Deployment, microseconds } from '../deployment.ts'
import { openTransactional, TransactionLost } from '../kafka/producer.ts'
import { readRanges } from '../kafka/reader.ts'
import { findDataset } from '../datasets.ts'
import { createDigest, createTally, enforcedFloor, type Manifest } from './manifest.ts'
import { readCounted, slotsOf } from './rows.ts'

/** How a version is named: `dataset@version`. */
export function nameOf({ dataset, version }: Pick<Version, 'dataset' | 'version'>): string {
  return `${dataset}@${version}`
}

/** What its manifest says. */
export function manifestOf({ manifest }: Version): Manifest {
  return JSON.parse(manifest) as Manifest
}

/** Every version, oldest first within its dataset. The first record of a name wins: a later one changes nothing. */
export async function listVersions(deployment: Deployment, dataset?: string): Promise<Version[]> {
  const { kafka, config, admin, codec } = deployment
  const found = new Map<string, Version>()
  await readRanges(kafka, config, await admin.ranges(versions.name), async records => {
    for (const { value } of records) {
      const version = await codec.decode(versions, value)
      if (dataset !== undefined && version.dataset !== dataset) continue
      if (!found.has(nameOf(version))) found.set(nameOf(version), version)
    }
  })
  return [...found.values()].toSorted((a, b) =>
    a.dataset === b.dataset ? Number(a.version) - Number(b.version) : a.dataset < b.dataset ? -1 : 1
  )
}

/**
 * The version of that name.
 * @param name `dataset@version`, or the dataset alone for its newest
 * @throws EverseedError UNKNOWN_NAME
 */
export async function findVersion(deployment: Deployment, name: string): Promise<Version> {
  const at = name.lastIndexOf('@')
  const dataset = at < 0 ? name : name.slice(0, at)
  const all = await listVersions(deployment, dataset)
  const found = at < 0 ? all.at(-1) : all.find(one => one.version === name.slice(at + 1))
  if (found) return found
  const there = all.length > 0 ? `; there are ${all.map(nameOf).join(', ')}` : ''
  throw new EverseedError(
    'UNKNOWN_NAME',
    `there is no version ${name}${there}; close one with everseed versions create ${dataset}`
  )
}

/** A version was found to be other than its record says. */
const broken = (message: string): EverseedError => new EverseedError('VERSION_BROKEN', message)

/** Counts what lies before offsets, and the parent's part of it. */
async function count(
  deployment: Deployment,
  dataset: Dataset,
  version: string,
  ends: readonly number[],
  parent: Version | undefined,
  progress: (rows: number) => void
): Promise<{ manifest: Manifest; digest: string; parentDigest: string }> {
  const whole = createTally(dataset, `${dataset.name}@${version}`)
  const before = createDigest()
  let rows = 0
  await readCounted(
    deployment,
    dataset,
    ends,
    ({ slot, offset, sample }) => {
      whole.add(sample)
      if (offset < (parent?.offsets[slot] ?? 0)) before.add(sample.id)
      if (++rows % 10_000 === 0) progress(rows)
    },
    () => whole.nextSlot()
  )
  return { manifest: whole.manifest(), digest: whole.digest(), parentDigest: before.digest() }
}

/** A share that a prefix of so many rows may fall short of the floor by: rounding, never a row. */
const rounding = 1e-9

/**
 * Closes a version: everything the dataset's training stream holds now. The rows are read once, and compared with what the
 * parent's record says of its part; then one record is written in one transaction, so a version is there whole or not.
 * @param progress told the rows read so far
 * @returns the version; `created` is false when the newest one holds everything there is
 * @throws EverseedError UNKNOWN_NAME; VERSION_EMPTY; VERSION_BROKEN when rows of the parent are not there any more, or a
 *   prefix holds less than the floor; FENCED when somebody else closes a version of the dataset
 */
export async function closeVersion(
  deployment: Deployment,
  name: string,
  progress: (rows: number) => void = () => {}
): Promise<{ version: Version; created: boolean }> {
  const { kafka, config, admin, codec } = deployment
  const dataset = await findDataset(deployment, name)
  const producer = await openTransactional(kafka, config, `versions.${name}`)
  try {
    await admin.settled([versions.name, training.name])
    const parent = (await listVersions(deployment, name)).at(-1)
    const bounds = await admin.offsets(training.name)
    const own = new Set(slotsOf(dataset, config.partitions))
    const offsets = bounds.map(({ high }, slot) => (own.has(slot) ? high : 0))
    const next = String(Number(parent?.version ?? 0) + 1)
    const { manifest, digest, parentDigest } = await count(
      deployment,
      dataset,
      next,
      offsets,
      parent,
      progress
    )
    if (parent) {
      const named = nameOf(parent)
      if (parent.offsets.some((end, slot) => end > (offsets[slot] ?? 0)))
        throw broken(`${named} ends behind the training stream: rows of it were deleted`)
      if (parentDigest !== parent.digest)
        throw broken(
          `the rows of ${named} are not those it was closed with: its digest is ${parent.digest}, they have ${parentDigest}; look at it with everseed versions verify ${named}`
        )
      if (manifestOf(parent).rows === manifest.rows) return { version: parent, created: false }
    }
    if (manifest.rows === 0) {
      throw new EverseedError(
        'VERSION_EMPTY',
        `dataset ${name} has no training rows yet: publish human documents and let mix lay them down (everseed status)`
      )
    }
    if (manifest.smallest_prefix_share! < enforcedFloor(dataset) - rounding)
      throw broken(
        `a prefix of training holds a real share of ${manifest.smallest_prefix_share}, below the floor of ${dataset.floor}: no version is closed over it`
      )
    const version: Version = {
      dataset: name,
      version: next,
      parent: parent ? nameOf(parent) : null,
      offsets,
      digest,
      manifest: JSON.stringify(manifest),
      created_at: microseconds()
    }
    // All versions of a dataset in one partition, in order.
    const partition = [...own][0]!
    const value = encodeChecked(codec, versions, version)
    await producer.commit([{ topic: versions.name, partition, key: nameOf(version), value }])
    await admin.settled([versions.name])
    return { version, created: true }
  } catch (cause) {
    if (!(cause instanceof TransactionLost)) throw cause
    throw new EverseedError(
      cause.fenced ? 'FENCED' : 'KAFKA_UNREACHABLE',
      cause.fenced
        ? `another process closes a version of ${name}: see everseed versions list ${name}`
        : `no version of ${name} was closed, as far as is known (${cause.message}): see everseed versions list ${name}, and try again`,
      { cause }
    )
  } finally {
    await producer.close()
  }
}

/**
 * Reads a version's rows again and compares them with its record.
 * @returns what differs, in words; empty when nothing does
 */
export async function verifyVersion(
  deployment: Deployment,
  version: Version,
  progress: (rows: number) => void = () => {}
): Promise<string[]> {
  const dataset = await findDataset(deployment, version.dataset)
  const all = await listVersions(deployment, version.dataset)
  const parent = all.find(one => nameOf(one) === version.parent)
  const { manifest, digest, parentDigest } = await count(
    deployment,
    dataset,
    version.version,
    version.offsets,
    parent,
    progress
  )
  const wrong: string[] = []
  if (digest !== version.digest)
    wrong.push(`the digest of its rows is ${digest}, its record says ${version.digest}`)
  const said = manifestOf(version)
  for (const key of Object.keys(said) as (keyof Manifest)[]) {
    const [now, then] = [JSON.stringify(manifest[key]), JSON.stringify(said[key])]
    if (now !== then) wrong.push(`${key} is ${now}, its record says ${then}`)
  }
  if (version.parent !== null && !parent) wrong.push(`its parent ${version.parent} is nowhere`)
  if (parent && parentDigest !== parent.digest)
    wrong.push(`it does not hold the rows of its parent ${version.parent}`)
  return wrong
}
