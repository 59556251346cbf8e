/** Exporting a version: two passes over its rows, of which the first finds out what belongs together. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { diversityStats, samplesRejected, training } from '../../schemas/topics.ts'
import type { DiversityStat, Sample, Version } from '../../schemas/types.ts'
import { findDataset } from '../datasets.ts'
import type { Deployment } from '../deployment.ts'
import { retractionsOf } from '../retractions.ts'
import { createCut } from '../versions/cut.ts'
import { countsAsReal, createDigest, enforcedFloor } from '../versions/manifest.ts'
import { extentOf, readRows } from '../versions/rows.ts'
import { isInSubsample } from '../versions/subsample.ts'
import { manifestOf, nameOf } from '../versions/versions.ts'
import { cardOf, type Facts, splitNames } from './card.ts'
import { type Reason, reasons } from './conversation.ts'
import { croissantOf } from './croissant.ts'
import { type Folder, openFolder } from './folder.ts'
import { type FormatName, formats } from './formats.ts'
import { type Pairs, readRejected } from './pairs.ts'
import { createShards, type FileKind, type ShardFile, type ShardSize } from './shards.ts'
import { createSurvey, type Survey } from './survey.ts'
import { readWindows } from './windows.ts'

/** What is wanted of an export. */
export type ExportOptions = {
  readonly format: FormatName
  readonly files: readonly FileKind[]
  /** Share of the rows for validation, 0 to below 1. */
  readonly validation: number
  readonly shard?: ShardSize
}

/** What an export came to. */
export type Exported = Pick<
  Facts,
  'rows' | 'leftOut' | 'retracted' | 'displaced' | 'share' | 'smallest' | 'floor' | 'files'
> & {
  readonly name: string
  readonly format: FormatName
}

/** Why a row of a version is in no export: it was retracted since, or had its place in the mix by one that was. */
export type Gone = 'retracted' | 'displaced'

/**
 * Gives every row of a version to somebody, in the order of the version: the same rows each time it is called, and of each
 * whether it is gone.
 */
export type ReadRows = (onRow: (sample: Sample, gone?: Gone) => void) => Promise<void>

/** What is known of a version beside its rows. */
export type Around = {
  readonly version: Version
  readonly floor: number
  /** Whether the floor counts a row. */
  readonly isReal: (sample: Sample) => boolean
  readonly windows: readonly DiversityStat[]
  readonly pairs: Pairs | undefined
}

const broken = (message: string): EverseedError => new EverseedError('VERSION_BROKEN', message)

/**
 * Looks at the rows.
 * @throws EverseedError VERSION_BROKEN when they are not those of the version
 */
async function look(read: ReadRows, version: Version): Promise<Survey> {
  const seen = createSurvey()
  const ids = createDigest()
  await read((sample, gone) => {
    ids.add(sample.id)
    if (!gone) seen.add(sample)
  })
  if (ids.digest() !== version.digest) {
    const name = nameOf(version)
    throw broken(
      `the rows of ${name} are not those it was closed with; look at it with everseed versions verify ${name}`
    )
  }
  return seen
}

/**
 * Writes an export into an open folder.
 * @param read is called twice
 * @throws EverseedError VERSION_BROKEN, EXPORT_REFUSED when no row fits the format
 */
export async function writeExport(
  read: ReadRows,
  folder: Folder,
  around: Around,
  { format, files: kinds, validation, shard }: ExportOptions
): Promise<Exported> {
  const { version, floor, isReal, windows, pairs } = around
  const seen = await look(read, version)
  const manifest = manifestOf(version)
  const split = seen.families.split(validation)
  const { columns, write } = formats[format]
  const [train, held] = splitNames.map(name => createShards(folder.draft, name, columns, kinds, shard))
  const rows = { train: 0, validation: 0 }
  let human = 0
  let displaced = 0
  let real = 0
  let smallest = 1
  const { subsample } = manifest
  const isSampled = (sample: Sample): boolean =>
    subsample === null || isInSubsample(nameOf(version), subsample.threshold, sample)
  const counted = new Map<Reason, number>()
  const again = createDigest()
  let number = 0
  await read((sample, gone) => {
    again.add(sample.id)
    if (gone === 'displaced') displaced++
    if (gone) return
    const validates = split.isValidation(number++)
    const row = isSampled(sample) ? write(sample, one => pairs?.take(one)) : 'not_in_sample'
    if (typeof row === 'string') {
      counted.set(row, (counted.get(row) ?? 0) + 1)
      return
    }
    rows[validates ? 'validation' : 'train']++
    if (!validates) {
      if (isReal(sample)) real++
      smallest = Math.min(smallest, real / rows.train)
    }
    if (sample.provenance.origin === 'HUMAN_AUTHORED') human++
    ;(validates ? held : train)!.add(row)
  })
  if (again.digest() !== version.digest)
    throw broken(`rows of ${nameOf(version)} changed while it was exported: export it again`)
  // In the order the reasons are listed in, not in that of the rows.
  const leftOut = Object.fromEntries(
    (Object.keys(reasons) as Reason[]).flatMap(reason => {
      const left = counted.get(reason)
      return left === undefined ? [] : [[reason, left]]
    })
  )
  const files: ShardFile[] = [...train!.finish(), ...held!.finish()]
  if (files.length === 0) {
    const why = Object.entries(leftOut).map(([reason, left]) => `${left} ${reason}`)
    throw new EverseedError(
      'EXPORT_REFUSED',
      `no row of ${nameOf(version)} fits the format ${format} (${why.join(', ') || 'it has none'}): choose another one`
    )
  }
  const facts: Facts = {
    version,
    floor,
    format,
    validation,
    manifest,
    retracted: manifest.rows - seen.rows() - displaced,
    displaced,
    share: rows.train === 0 ? 1 : real / rows.train,
    smallest,
    rows,
    human,
    leftOut,
    split,
    models: seen.models(),
    unlicensed: seen.unlicensed(),
    repeated: seen.repeated(),
    windows,
    files
  }
  writeFileSync(join(folder.draft, 'README.md'), cardOf(facts))
  writeFileSync(join(folder.draft, 'croissant.json'), croissantOf(facts))
  const { retracted, share } = facts
  const name = nameOf(version)
  folder.publish([...files.map(file => file.name), 'README.md', 'croissant.json'], {
    export: { name, digest: version.digest, format, files: kinds, validation },
    version: { ...version, manifest },
    rows,
    left_out: leftOut,
    retracted,
    displaced,
    families: { count: split.families, largest: split.largest, kept_in_training: split.kept },
    files
  })
  return { name, format, floor, share, smallest, rows, leftOut, retracted, displaced, files }
}

/**
 * Exports a version into a folder: shards, card, Croissant file and manifest. The same version gives the same bytes, unless
 * rows of it were retracted in between: these are left out, whenever the version was closed, and with them what had its place in
 * the mix by human rows among them. Every prefix of what is left holds the floor.
 * @param out an empty folder, one that is not there yet, or the one the same export was written to
 * @param progress told the rows read so far, in both passes
 * @throws EverseedError UNKNOWN_NAME, EXPORT_REFUSED, FILE_UNWRITABLE, VERSION_BROKEN
 */
export async function exportVersion(
  deployment: Deployment,
  version: Version,
  out: string,
  options: ExportOptions,
  progress: (rows: number) => void = () => {}
): Promise<Exported> {
  const { admin } = deployment
  const dataset = await findDataset(deployment, version.dataset)
  await admin.settled([training.name, samplesRejected.name, diversityStats.name])
  const { format, files, validation } = options
  const folder = openFolder(out, {
    name: nameOf(version),
    digest: version.digest,
    format,
    files,
    validation
  })
  let pairs: Pairs | undefined
  try {
    const gone = new Set((await retractionsOf(deployment, dataset.name)).keys())
    const runs = new Set(Object.keys(manifestOf(version).runs))
    const windows = await readWindows(deployment, version, runs)
    if (format === 'preference') {
      const path = join(folder.draft, 'rejected.jsonl')
      pairs = await readRejected(deployment, dataset, version.created_at, gone, path)
    }
    let rows = 0
    const read: ReadRows = onRow => {
      const cut = createCut(enforcedFloor(dataset), gone, countsAsReal(dataset))
      return readRows(
        deployment,
        dataset,
        extentOf(version),
        ({ sample }) => {
          const why = gone.has(sample.id) ? 'retracted' : 'displaced'
          onRow(sample, cut.takes(sample) ? undefined : why)
          if (++rows % 10_000 === 0) progress(rows)
        },
        cut.nextSlot
      )
    }
    return await writeExport(
      read,
      folder,
      { version, floor: enforcedFloor(dataset), isReal: countsAsReal(dataset), windows, pairs },
      options
    )
  } finally {
    pairs?.close()
    folder.discard()
  }
}
