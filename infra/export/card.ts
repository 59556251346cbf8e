/** The dataset card: README.md, with the head by which `datasets.load_dataset(folder)` finds the files. */
import { stringify } from 'yaml'
import type { DiversityStat, Version } from '../../schemas/types.ts'
import type { Counts, Manifest } from '../versions/manifest.ts'
import { nameOf } from '../versions/versions.ts'
import { features } from './columns.ts'
import { type Reason, reasons } from './conversation.ts'
import type { Split } from './families.ts'
import { type FormatName, formats } from './formats.ts'
import type { FileKind, ShardFile } from './shards.ts'
import type { ModelFacts } from './survey.ts'
import { shownMetrics } from './windows.ts'

/** Everything a card and the manifest of an export say. */
export type Facts = {
  readonly version: Version
  readonly floor: number
  readonly format: FormatName
  readonly validation: number
  /** Of the version as it was closed, retracted rows included. */
  readonly manifest: Manifest
  /** Rows of the version that were retracted since it was closed. */
  readonly retracted: number
  /** Rows that had their places in the mix by human rows among these. */
  readonly displaced: number
  /** Real share of the training files; 1 for none. */
  readonly share: number
  /** The same of their smallest prefix. */
  readonly smallest: number
  readonly rows: Readonly<Record<string, number>>
  /** Rows of the files that people wrote, and nobody else. */
  readonly human: number
  readonly leftOut: Readonly<Partial<Record<Reason, number>>>
  readonly split: Split
  readonly models: readonly ModelFacts[]
  readonly unlicensed: number
  readonly repeated: number
  readonly windows: readonly DiversityStat[]
  readonly files: readonly ShardFile[]
}

/** The splits that have rows, in their order. */
export const splitNames = ['train', 'validation'] as const

/** The first of these kinds there are files of. */
export function kindOf(files: readonly ShardFile[], kinds: readonly FileKind[]): FileKind {
  return kinds.find(one => files.some(({ kind }) => kind === one))!
}

/** Licences the hub knows, by their SPDX identifiers. */
const hubLicenses: Readonly<Record<string, string>> = {
  'CC0-1.0': 'cc0-1.0',
  'CC-BY-4.0': 'cc-by-4.0',
  'CC-BY-SA-4.0': 'cc-by-sa-4.0',
  'CC-BY-3.0': 'cc-by-3.0',
  'CC-BY-SA-3.0': 'cc-by-sa-3.0',
  MIT: 'mit',
  'Apache-2.0': 'apache-2.0',
  'PDDL-1.0': 'pddl',
  'ODC-By-1.0': 'odc-by'
}

const count = new Intl.NumberFormat('en-US')
const cell = (value: string | number): string =>
  typeof value === 'number'
    ? count.format(value)
    : value.replaceAll('|', String.raw`\|`).replaceAll(/\s+/g, ' ')

function table(names: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.map(cell).join(' | ')} |`
  return [line(names), line(names.map(() => '---')), ...rows.map(line)].join('\n')
}

const share = (part: number, all: number): string => (all === 0 ? '-' : (part / all).toFixed(3))

const counts = (by: string, entries: Counts, all: number): string =>
  table(
    [by, 'rows', 'share'],
    Object.entries(entries).map(([key, rows]) => [key, rows, share(rows, all)])
  )

/** When something was, as a day and a time of the world's clock. */
export const when = (microseconds: number): string => new Date(microseconds / 1000).toISOString()

/**
 * The head: where the files of each split are, and what the rows may be used for. One kind of file: the library takes one for a
 * whole folder. Parquet says what its columns are; of JSON lines the head does, for a column may be empty in the first rows.
 */
function head({ format, files, rows, manifest, unlicensed }: Facts): string {
  const licenses = Object.keys(manifest.licenses)
  const only = licenses.length === 1 && unlicensed === 0 ? hubLicenses[licenses[0]!] : undefined
  const kind = kindOf(files, ['parquet', 'jsonl'])
  const splits = splitNames.filter(split => rows[split]! > 0)
  const bytesOf = (split: string): number =>
    files.reduce((sum, file) => sum + (file.kind === kind && file.split === split ? file.bytes : 0), 0)
  return stringify(
    {
      license: only ?? 'other',
      tags: ['everseed', 'synthetic', 'provenance', 'croissant'],
      configs: [
        {
          config_name: 'default',
          data_files: splits.map(split => ({ split, path: `${split}-*.${kind}` }))
        }
      ],
      dataset_info: {
        config_name: 'default',
        ...(kind === 'jsonl' && { features: features(formats[format].columns) }),
        splits: splits.map(name => ({ name, num_bytes: bytesOf(name), num_examples: rows[name]! }))
      }
    },
    { lineWidth: 0 }
  )
}

function against(windows: readonly DiversityStat[]): string {
  if (windows.length === 0)
    return 'No whole window of these runs had been measured beside a human band when the version was closed.'
  const rows = windows.map(stat => {
    const metrics = new Map(stat.metrics.map(metric => [metric.name, metric]))
    const values = shownMetrics.map(name => {
      const { value = null, z = null } = metrics.get(name) ?? {}
      if (value === null) return '-'
      return `${Number(value.toPrecision(4))}${z === null ? '' : ` (${z >= 0 ? '+' : ''}${z.toFixed(1)})`}`
    })
    return [stat.run, stat.source, String(stat.generation ?? 'unknown'), stat.tokens, ...values]
  })
  return `The newest whole window of each source, accepted answers; in brackets the distance from human windows of the same size, in standard deviations.\n\n${table(['run', 'source', 'generation', 'tokens', ...shownMetrics], rows)}`
}

function limits({ manifest, retracted, displaced, repeated, unlicensed, split, models }: Facts): string[] {
  const unclear = models.filter(({ terms }) => terms.some(term => term !== 'allowed'))
  // A manifest may say what whoever trains on the version must know, for example that it is of an experiment.
  return [
    ...manifest.warnings.map(warning => `Warning: ${warning}`),
    'Human text comes from the seed split alone: texts set aside for metrics and calibration are in no export.',
    'Origins are what publishers declared and `admit` could check; nobody can prove that a person wrote a text.',
    'Near-duplicates are found by MinHash over five-word shingles (similarity of about 0.7 and more): a paraphrase is none.',
    ...(retracted > 0
      ? [
          `${count.format(retracted)} rows were retracted after the version was closed and are not here: the digest below is that of the whole version.`
        ]
      : []),
    ...(displaced > 0
      ? [
          `${count.format(displaced)} rows more are not here: they had their places in the mix by human rows that were retracted, and every prefix holds the promised real share.`
        ]
      : []),
    ...(repeated > 0
      ? [
          `${count.format(repeated)} rows are human texts laid down again (\`metadata.epoch\` above 1): the real share counts them.`
        ]
      : []),
    ...(models.length > 0
      ? [
          'Generations count from what models were trained on, as far as it was registered; of other models it was assumed, human text alone unless the recipe said otherwise.'
        ]
      : []),
    ...(manifest.generations['unknown']
      ? [`${count.format(manifest.generations['unknown'])} rows are of unknown generation.`]
      : []),
    ...(unlicensed > 0
      ? [`Of ${count.format(unlicensed)} rows written by people nobody stated a licence.`]
      : []),
    ...(unclear.length > 0
      ? [
          `Whether the output of ${unclear.map(({ id }) => `\`${id}\``).join(', ')} may train a model was not stated to be allowed.`
        ]
      : []),
    ...(split.kept > 0
      ? [
          `${count.format(split.kept)} families of rows are larger than all of validation may be and stay in training (the largest has ${count.format(split.largest)} rows).`
        ]
      : [])
  ]
}

/** The card of an export: the same facts give the same text. */
export function cardOf(facts: Facts): string {
  const { version, floor, smallest, format, manifest, rows, human, retracted, leftOut } = facts
  const { split, validation, models, windows, files } = facts
  const name = nameOf(version)
  const { shares } = manifest
  const families = Object.entries(manifest.families).map(([family, number]) => [
    family,
    number,
    share(number, manifest.rows)
  ])
  const written = Object.values(rows).reduce((sum, one) => sum + one, 0)
  const left = Object.entries(leftOut) as [Reason, number][]
  const sections = [
    `# ${name}`,
    `Version ${version.version} of the dataset \`${version.dataset}\`, closed ${when(version.created_at)}${version.parent === null ? '' : `, after \`${version.parent}\``}, in the format \`${format}\`. ${formats[format].doc}`,
    '## What it is',
    `${count.format(written)} of ${count.format(manifest.rows)} rows: texts by people, and texts by models that were deduplicated, checked, and laid beside them. Every row says under \`metadata\` where it came from: origin, model, family, generation, parents, prompt, licence, source.`,
    table(
      ['split', 'rows'],
      splitNames.map(one => [one, rows[one]!])
    ),
    validation === 0
      ? 'No validation split was asked for.'
      : `A share of ${validation} was asked for validation. Rows that share an id, a parent, a prompt, quoted words or nearly their text are a family and lie on one side; there are ${count.format(split.families)} families.`,
    left.length === 0
      ? retracted === 0
        ? 'Every row of the version is here.'
        : 'Every row of the version is here that was not retracted since.'
      : `Left out, because the format cannot hold them:\n\n${table(
          ['rows', 'reason', 'meaning'],
          left.map(([reason, number]) => [number, `\`${reason}\``, reasons[reason]])
        )}`,
    '## How it was made',
    'everseed: human documents are admitted and split into seed, reference and audit; models answer prompts; answers are deduplicated against everything in the dataset, verified, and measured beside held-out human text; `mix` lays them down beside human text of the seed split so that every prefix of the stream keeps the real share. The generation of a row is computed from its parents and from what its model was trained on.',
    '## Achieved ratios',
    written === manifest.rows
      ? 'The files hold the whole version.'
      : 'The files hold less than the version; what is not said to be of the files is of the version.',
    table(
      ['what', 'value'],
      [
        ['rows of the files', written],
        ['human-authored rows of the files', human],
        ['real share of the files', (human / written).toFixed(3)],
        ['real share of the lowest prefix of the training files', smallest.toFixed(3)],
        ['rows', manifest.rows],
        ['human-authored rows', manifest.human],
        ['real share', manifest.real_share?.toFixed(3) ?? '-'],
        ['real share of the lowest prefix', manifest.smallest_prefix_share?.toFixed(3) ?? '-'],
        ['real share promised for every prefix', floor.toFixed(3)]
      ]
    ),
    counts('origin', manifest.origins, manifest.rows),
    counts('generation', manifest.generations, manifest.rows),
    ...(shares.length === 0
      ? []
      : [
          table(
            ['rule', 'of', 'asked', 'rows', 'share'],
            shares.map(({ rule, of, asked, rows: number }) => [
              rule,
              of,
              String(asked),
              number,
              share(number, manifest.rows)
            ])
          )
        ]),
    '## Models and families',
    models.length === 0
      ? 'No row was written by a model.'
      : table(
          ['model', 'family', 'provider', 'generation', 'rows', 'share', 'output terms'],
          models.map(({ id, family, provider, generations, rows: number, terms }) => [
            id,
            family,
            provider,
            generations.join(', '),
            number,
            share(number, manifest.rows),
            terms.join(', ')
          ])
        ),
    ...(families.length > 0 ? [table(['family', 'rows', 'share'], families)] : []),
    '## Against human text',
    against(windows),
    '## Licences',
    Object.keys(manifest.licenses).length === 0
      ? 'No row states a licence.'
      : counts('licence of human text', manifest.licenses, manifest.rows),
    '## Known limits',
    limits(facts)
      .map(line => `- ${line}`)
      .join('\n'),
    '## Check it',
    `\`manifest.json\` holds the version's record and the SHA-256 of every file. The digest of the version is \`${version.digest}\`: SHA-256 over its ids in order, a line each.\n\n\`\`\`sh\neverseed subscribe training --version ${name} --format keys | sha256sum\n\`\`\``,
    table(
      ['file', 'rows', 'bytes', 'SHA-256'],
      files.map(file => [`\`${file.name}\``, file.rows, file.bytes, `\`${file.sha256}\``])
    )
  ]
  return `---\n${head(facts)}---\n\n${sections.join('\n\n')}\n`
}
