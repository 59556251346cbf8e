/** Versions: immutable cuts of a dataset's training stream, closed in one record. */
import { heirOf } from '../../processors/heir.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { textKey } from '../../schemas/identity.ts'
import { retractions, training, versions } from '../../schemas/topics.ts'
import type { Dataset, Retraction, Version } from '../../schemas/types.ts'
import { encodeChecked, ifReadable } from '../codec.ts'
import { type Deployment, microseconds } from '../deployment.ts'
import { openTransactional, TransactionLost } from '../kafka/producer.ts'
import { readRanges } from '../kafka/reader.ts'
import { eraseGroup } from '../kafka/settings.ts'
import { inTurn } from '../kafka/turn.ts'
import { silentLog } from '../log.ts'
import { findDataset } from '../datasets.ts'
import { retractionsOf } from '../retractions.ts'
import { writeTable } from '../tables.ts'
import { createCut, type Cut, rounding } from './cut.ts'
import {
  countsAsReal,
  createDigest,
  createTally,
  enforcedFloor,
  excludedOf,
  type Manifest
} from './manifest.ts'
import { type Counted, extentOf, readCounted, slotsOf } from './rows.ts'

/** How a version is named: `dataset@version`. */
export function nameOf({ dataset, version }: Pick<Version, 'dataset' | 'version'>): string {
  return `${dataset}@${version}`
}

/** What its manifest says. */
export function manifestOf({ manifest }: Version): Manifest {
  return JSON.parse(manifest) as Manifest
}

/**
 * Every version, oldest first within its dataset. The first record of a name wins: a later one changes nothing, and one that
 * cannot be read is none.
 */
export async function listVersions(
  deployment: Deployment,
  dataset?: string,
  unread: (place: string) => void = () => {}
): Promise<Version[]> {
  const { kafka, config, admin, codec } = deployment
  const found = new Map<string, Version>()
  await readRanges(kafka, config, await admin.ranges(versions.name), async records => {
    for (const { value, partition, offset } of records) {
      const place = `${versions.name}/${partition}@${offset}`
      const version = await ifReadable(
        () => codec.decode(versions, value),
        () => place
      )
      if (!version) {
        unread(place)
        continue
      }
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

/** Counts what a version over some offsets holds once retracted rows are out, and what its parent holds. */
async function count(
  deployment: Deployment,
  dataset: Dataset,
  version: string,
  offsets: readonly number[],
  retracted: ReadonlySet<string>,
  parent: Version | undefined,
  progress: (rows: number) => void,
  look: (row: Counted) => void = () => {}
): Promise<{ manifest: Manifest; digest: string; parentDigest: string; cut: Cut }> {
  const cut = createCut(enforcedFloor(dataset), retracted, countsAsReal(dataset))
  const whole = createTally(dataset, `${dataset.name}@${version}`)
  const before = createDigest()
  const earlier = parent && extentOf(parent)
  let rows = 0
  await readCounted(
    deployment,
    dataset,
    { offsets, without: new Set() },
    ({ slot, offset, sample }) => {
      look(sample)
      if (cut.takes(sample)) whole.add(sample)
      if (earlier && offset < (earlier.offsets[slot] ?? 0) && !earlier.without.has(sample.id))
        before.add(sample.id)
      if (++rows % 10_000 === 0) progress(rows)
    },
    () => {
      cut.nextSlot()
      whole.nextSlot()
    }
  )
  const manifest = { ...whole.manifest(), excluded: cut.excluded() }
  return { manifest, digest: whole.digest(), parentDigest: before.digest(), cut }
}

/**
 * Counts what a version over some offsets holds once everything that was retracted by now is out. Rows that were laid down
 * before the mixer heard that what they were made of leaves with its descendants are retracted here.
 */
async function countWithout(
  deployment: Deployment,
  dataset: Dataset,
  version: string,
  offsets: readonly number[],
  parent: Version | undefined,
  progress: (rows: number) => void
): ReturnType<typeof count> {
  const gone = await retractionsOf(deployment, dataset.name)
  for (;;) {
    const heirs: Retraction[] = []
    const counted = await count(
      deployment,
      dataset,
      version,
      offsets,
      new Set(gone.keys()),
      parent,
      progress,
      row => {
        const heir = gone.has(row.id)
          ? undefined
          : heirOf(row, id => gone.get(id), 'versions', microseconds())
        if (!heir) return
        heirs.push(heir)
        gone.set(heir.id, heir)
      }
    )
    if (heirs.length === 0) return counted
    // An erasure remembers in the same entries what it took out of the log: what it wrote meanwhile stays.
    await inTurn(deployment, silentLog, eraseGroup, async () => {
      for (const [id, one] of await retractionsOf(deployment, dataset.name)) gone.set(id, one)
      const fresh = heirs.filter(heir => gone.get(heir.id) === heir)
      await writeTable(
        deployment,
        retractions,
        fresh.map(heir => [textKey(heir.dataset, heir.id), heir])
      )
      await deployment.admin.settled([retractions.name])
    })
  }
}

/**
 * Closes a version: everything the dataset's training stream holds now and nobody retracted. The rows are read once, and
 * compared with what the parent's record says of its part; then one record is written in one transaction, so a version is
 * there whole or not. It holds every human row of its parent that was not retracted since.
 * @param progress told the rows read so far
 * @returns the version; `created` is false when the newest one holds everything there is
 * @throws EverseedError UNKNOWN_NAME; VERSION_EMPTY; VERSION_BROKEN when rows of the parent are not there any more, or a
 *   prefix holds less than the floor; FENCED when somebody else
 *   closes a version of the dataset
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
    await admin.settled([versions.name, training.name, retractions.name])
    const parent = (await listVersions(deployment, name)).at(-1)
    const bounds = await admin.offsets(training.name)
    const own = new Set(slotsOf(dataset, config.partitions))
    const offsets = bounds.map(({ high }, slot) => (own.has(slot) ? high : 0))
    const next = String(Number(parent?.version ?? 0) + 1)
    const { manifest, digest, parentDigest, cut } = await countWithout(
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
      if (parent.digest === digest) return { version: parent, created: false }
    }
    if (cut.smallestLaid() < enforcedFloor(dataset) - rounding)
      throw broken(
        `a prefix of training holds a real share of ${cut.smallestLaid()}, below the floor of ${dataset.floor}: no version is closed over it`
      )
    if (manifest.rows === 0) {
      const { rows: out } = cut.excluded()
      throw new EverseedError(
        'VERSION_EMPTY',
        out > 0
          ? `nothing is left of the ${out} rows of ${name}: they were retracted, or had their places by human rows that were; publish human documents and let mix lay them down (everseed status)`
          : `dataset ${name} has no training rows yet: publish human documents and prompts; mix lays human text down beside answers, and the rest once every run has ended (everseed status)`
      )
    }
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
  const said = manifestOf(version)
  const { retracted } = excludedOf(said)
  const { manifest, digest, parentDigest } = await count(
    deployment,
    dataset,
    version.version,
    version.offsets,
    new Set(retracted),
    parent,
    progress
  )
  const wrong: string[] = []
  if (digest !== version.digest)
    wrong.push(`the digest of its rows is ${digest}, its record says ${version.digest}`)
  for (const key of Object.keys(said) as (keyof Manifest)[]) {
    const [now, then] = [JSON.stringify(manifest[key]), JSON.stringify(said[key])]
    if (now !== then) wrong.push(`${key} is ${now}, its record says ${then}`)
  }
  if (retracted.length > 0) {
    const known = await retractionsOf(deployment, version.dataset)
    const kept = retracted.filter(id => !known.has(id))
    if (kept.length > 0)
      wrong.push(`it leaves out ${kept.length} rows as retracted that nobody retracted, the first ${kept[0]}`)
  }
  if (version.parent !== null && !parent) wrong.push(`its parent ${version.parent} is nowhere`)
  if (parent && parentDigest !== parent.digest)
    wrong.push(`it does not hold the rows of its parent ${version.parent}`)
  return wrong
}

/** Rows of a closed version that were retracted since. */
export type RetractedSince = {
  readonly rows: number
  readonly ids: readonly string[]
  /** Of these, those whose words are gone: they stand in no export any more. */
  readonly erased: readonly string[]
}

/**
 * What was retracted of a version after it was closed: it stays as it is, and names them. The topic is looked through only
 * where something was retracted that the version does not leave out already.
 */
export async function retractedSince(deployment: Deployment, version: Version): Promise<RetractedSince> {
  const { without } = extentOf(version)
  const gone = await retractionsOf(deployment, version.dataset)
  const wanted = new Set(gone.keys().filter(id => !without.has(id)))
  const ids = new Set<string>()
  let rows = 0
  if (wanted.size === 0) return { rows, ids: [], erased: [] }
  const dataset = await findDataset(deployment, version.dataset)
  await readCounted(deployment, dataset, { offsets: version.offsets, without }, ({ sample: { id } }) => {
    if (!wanted.has(id)) return
    rows++
    ids.add(id)
  })
  const all = [...ids].toSorted()
  return { rows, ids: all, erased: all.filter(id => gone.get(id)?.kind === 'ERASED') }
}
