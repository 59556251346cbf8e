/** `everseed export`: a version as files for those who train. */
import { EverseedError } from '../../schemas/errors.ts'
import {
  datasets,
  diversityStats,
  retractions,
  samplesRejected,
  training,
  versions
} from '../../schemas/topics.ts'
import { exportVersion } from '../export/export.ts'
import type { FormatName } from '../export/formats.ts'
import { type FileKind, fileKinds } from '../export/shards.ts'
import { findVersion, manifestOf } from '../versions/versions.ts'
import { withReader } from './context.ts'
import { note, print, printJson, progress } from './output.ts'

type Options = {
  out: string
  format: FormatName
  files: FileKind | 'both'
  validation: string
  json?: boolean
}

/** What a validation split alone may take from a share, which is no news. */
const sampling = 0.02

/** @throws EverseedError CONFIG_INVALID */
function shareOf(text: string): number {
  const share = text !== '' && /^0?(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(share))
    throw new EverseedError(
      'CONFIG_INVALID',
      `--validation ${text}: give a share of 0 or more and below 1, as 0.05`
    )
  return share
}

export async function exportTo(name: string, options: Options): Promise<void> {
  const { out, format, files, json } = options
  const validation = shareOf(options.validation)
  const kinds = files === 'both' ? fileKinds : [files]
  const done = await withReader(async deployment => {
    const read = [versions, training, datasets, retractions, samplesRejected, diversityStats]
    await deployment.admin.requireTopics(read)
    const version = await findVersion(deployment, name)
    // The rows are read twice.
    const bar = progress('rows read', 2 * manifestOf(version).rows)
    try {
      return await exportVersion(deployment, version, out, { format, files: kinds, validation }, rows =>
        bar.update(rows)
      )
    } finally {
      bar.stop()
    }
  })
  const { rows, leftOut, retracted, displaced, share, smallest, floor, files: written } = done
  if (json) {
    return printJson({
      name: done.name,
      format,
      folder: out,
      rows,
      left_out: leftOut,
      retracted,
      displaced,
      real_share: share,
      smallest_prefix_share: smallest,
      files: written
    })
  }
  const all = Object.values(rows).reduce((sum, one) => sum + one, 0)
  print(
    `${done.name} is exported to ${out} as ${format}: ${all} rows, ${rows['validation']} of them for validation, in ${written.length} files`
  )
  for (const [reason, left] of Object.entries(leftOut))
    note(`${left} rows were left out: ${reason}; README.md there says what that means`)
  if (share < floor - sampling)
    note(
      `the training files hold a real share of ${share.toFixed(3)}, below the floor of ${floor}: rows for validation and those the format cannot hold are missing there; --validation 0 and a format that holds documents (text, messages) keep the promise`
    )
  if (retracted > 0) note(`${retracted} rows were left out: retracted`)
  if (displaced > 0)
    note(
      `${displaced} rows were left out: they had their places in the mix by human rows that were retracted`
    )
}
