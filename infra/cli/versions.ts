/** `everseed versions`: immutable cuts of a dataset's training stream. */
import { control, datasets, retractions, training, versions as versionsTopic } from '../../schemas/topics.ts'
import type { Version } from '../../schemas/types.ts'
import { findDataset } from '../datasets.ts'
import type { Deployment } from '../deployment.ts'
import { type Counts, excludedOf, type Manifest } from '../versions/manifest.ts'
import {
  closeVersion,
  findVersion,
  listVersions,
  manifestOf,
  nameOf,
  retractedSince,
  verifyVersion
} from '../versions/versions.ts'
import { calm } from '../retract.ts'
import { withDeployment, withReader } from './context.ts'
import { note, print, printJson, progress, table } from './output.ts'

type Options = { json?: boolean }

/** A version with its manifest as an object. */
const plain = (version: Version): object => ({
  ...version,
  name: nameOf(version),
  manifest: manifestOf(version)
})

const when = (microseconds: number): string =>
  new Date(microseconds / 1000).toISOString().replace('T', ' ').slice(0, 19)

/** Does something with a progress line of the rows read. */
export async function reading<Result>(
  work: (progress: (rows: number) => void) => Promise<Result>,
  what = 'rows'
): Promise<Result> {
  const bar = progress(`${what} read`)
  const started = performance.now()
  try {
    return await work(rows =>
      bar.update(rows, `${Math.round(rows / ((performance.now() - started) / 1000))} ${what}/s`)
    )
  } finally {
    bar.stop()
  }
}

async function withVersions<Result>(work: (deployment: Deployment) => Promise<Result>): Promise<Result> {
  return await withReader(async deployment => {
    await deployment.admin.requireTopics([versionsTopic, training, datasets, retractions])
    return await work(deployment)
  })
}

export async function create(dataset: string, { json }: Options): Promise<void> {
  const { version, created } = await withDeployment(async deployment => {
    await deployment.prepare([versionsTopic, training, datasets, retractions, control])
    const closed = await reading(update => closeVersion(deployment, dataset, update))
    if (closed.created) await calm(deployment, dataset)
    return closed
  })
  if (json) return printJson({ created, ...plain(version) })
  const { rows, human, real_share, warnings } = manifestOf(version)
  for (const warning of warnings) note(`${nameOf(version)}: ${warning}`)
  print(
    created
      ? `${nameOf(version)} is closed: ${rows} rows, ${human} of them human (real share ${real_share!.toFixed(3)}), digest ${version.digest}`
      : `${nameOf(version)} holds everything there is: nothing was closed`
  )
}

export async function list(dataset: string | undefined, { json }: Options): Promise<void> {
  const found = await withVersions(async deployment => {
    const all = await listVersions(deployment, dataset)
    // Of a dataset nobody made there are none for another reason.
    if (dataset !== undefined && all.length === 0) await findDataset(deployment, dataset)
    return all
  })
  if (json) return printJson(found.map(plain))
  if (found.length === 0)
    return note(`no versions; close one with everseed versions create ${dataset ?? 'DATASET'}`)
  const head = [
    'version',
    'rows',
    'human',
    'real_share',
    'smallest_prefix_share',
    'parent',
    'closed',
    'digest'
  ]
  const rows = found.map(version => {
    const { rows: all, human, real_share, smallest_prefix_share } = manifestOf(version)
    const closed = when(version.created_at)
    return [
      nameOf(version),
      all,
      human,
      real_share,
      smallest_prefix_share,
      version.parent,
      closed,
      version.digest.slice(0, 12)
    ]
  })
  print(table(head, rows))
}

/** What a manifest counts rows by, in the order it is shown. */
const counted = [
  'origins',
  'epochs',
  'generations',
  'families',
  'models',
  'runs',
  'cells',
  'licenses',
  'recipes'
] as const satisfies readonly (keyof Manifest)[]

export async function show(name: string, { json }: Options): Promise<void> {
  const { version, since } = await withVersions(async deployment => {
    const found = await findVersion(deployment, name)
    return { version: found, since: await retractedSince(deployment, found) }
  })
  if (json) return printJson({ ...plain(version), retracted_since: since })
  const manifest = manifestOf(version)
  print(`${nameOf(version)}, closed ${when(version.created_at)} UTC, parent ${version.parent ?? 'none'}`)
  print(`digest   ${version.digest}`)
  print(`offsets  ${version.offsets.join(', ')}`)
  print(
    `rows     ${manifest.rows}, human ${manifest.human}; real share ${manifest.real_share}, of the smallest prefix ${manifest.smallest_prefix_share}`
  )
  const out = excludedOf(manifest)
  if (out.rows > 0)
    print(
      `left out ${out.rows} rows: ${out.retracted.length} texts were retracted, ${out.displaced.length} had their places by them`
    )
  const erased = since.erased.length === 0 ? '' : `, the words of ${since.erased.length} texts are erased`
  if (since.rows > 0) print(`retracted since: ${since.rows} rows${erased} (--json lists their ids)`)
  if (manifest.subsample)
    print(
      `sample   ${manifest.subsample.rows} of the rows: those that draw at most ${manifest.subsample.threshold}`
    )
  for (const warning of manifest.warnings) print(`warning  ${warning}`)
  if (manifest.shares.length > 0) {
    print('')
    print(
      table(
        ['rule', 'of', 'asked', 'rows', 'share'],
        manifest.shares.map(({ rule, of, asked, rows, share }) => [rule, of, asked, rows, share])
      )
    )
  }
  for (const by of counted) {
    const entries = Object.entries(manifest[by])
    if (entries.length === 0) continue
    print('')
    print(
      table(
        [by, 'rows', 'share'],
        entries.map(([key, rows]) => [key, rows, rows / manifest.rows])
      )
    )
  }
}

/** Rows one version has and another has not, by what they are counted by. */
function difference(from: Counts, to: Counts): Counts {
  const keys = new Set([...Object.keys(from), ...Object.keys(to)])
  const changed = [...keys].toSorted().map(key => [key, (to[key] ?? 0) - (from[key] ?? 0)] as const)
  return Object.fromEntries(changed.filter(([, rows]) => rows !== 0))
}

export async function diff(from: string, to: string, { json }: Options): Promise<void> {
  const [before, after] = await withVersions(async deployment => [
    await findVersion(deployment, from),
    await findVersion(deployment, to)
  ])
  const [earlier, later] = [manifestOf(before), manifestOf(after)]
  const changes = Object.fromEntries(counted.map(by => [by, difference(earlier[by], later[by])]))
  const rows = later.rows - earlier.rows
  if (json) {
    const real_share = [earlier.real_share, later.real_share]
    return printJson({ from: nameOf(before), to: nameOf(after), rows, real_share, ...changes })
  }
  print(
    `${nameOf(before)} to ${nameOf(after)}: ${rows} rows; real share ${earlier.real_share} to ${later.real_share}`
  )
  const lines = counted.flatMap(by => Object.entries(changes[by]!).map(([key, more]) => [by, key, more]))
  print(table(['by', 'key', 'rows'], lines))
}

export async function verify(name: string, { json }: Options): Promise<void> {
  const { version, wrong } = await withVersions(async deployment => {
    const found = await findVersion(deployment, name)
    return { version: found, wrong: await reading(update => verifyVersion(deployment, found, update)) }
  })
  if (wrong.length > 0) process.exitCode = 1
  if (json) return printJson({ name: nameOf(version), ok: wrong.length === 0, wrong })
  if (wrong.length === 0) {
    const { rows } = manifestOf(version)
    return print(`${nameOf(version)} is as it was closed: ${rows} rows, digest ${version.digest}`)
  }
  for (const line of wrong) print(`${nameOf(version)}: ${line}`)
}
