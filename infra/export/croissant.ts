/** croissant.json: the export described in JSON-LD, by MLCommons Croissant 1.0. */
import { nameOf } from '../versions/versions.ts'
import { type Facts, kindOf, splitNames, when } from './card.ts'
import type { Columns, Type } from './columns.ts'
import { formats } from './formats.ts'

/** The context every Croissant 1.0 file begins with. */
const context = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  cr: 'http://mlcommons.org/croissant/',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataBiases: 'cr:dataBiases',
  dataCollection: 'cr:dataCollection',
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  dct: 'http://purl.org/dc/terms/',
  equivalentProperty: 'cr:equivalentProperty',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileObject: 'cr:fileObject',
  fileProperty: 'cr:fileProperty',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  parentField: 'cr:parentField',
  path: 'cr:path',
  personalSensitiveInformation: 'cr:personalSensitiveInformation',
  rai: 'http://mlcommons.org/croissant/RAI/',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  sc: 'https://schema.org/',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform'
}

const dataTypes = {
  string: 'sc:Text',
  int64: 'sc:Integer',
  float64: 'sc:Float',
  bool: 'sc:Boolean'
} as const

const encodings = { parquet: 'application/x-parquet', jsonl: 'application/jsonlines' } as const

/** A field of a record; what lies inside a column is found by a path. */
function field(set: string, source: object, column: string, path: readonly string[], type: Type): object {
  const id = [set, column, ...path].join('/')
  const list = typeof type === 'object' && 'list' in type
  const inner = list ? type.list : type
  const common = {
    '@type': 'cr:Field',
    '@id': id,
    name: id,
    ...(list && { repeated: true })
  }
  const from = {
    ...source,
    extract: { column },
    ...(path.length > 0 && { transform: { jsonPath: path.join('.') } })
  }
  if (typeof inner === 'string') return { ...common, dataType: dataTypes[inner], source: from }
  // A list of lists has no name of its own inside.
  if ('list' in inner) return { ...common, dataType: 'sc:Text', source: from }
  return {
    ...common,
    subField: Object.entries(inner.struct).map(([name, part]) =>
      field(set, source, column, [...path, name], part)
    )
  }
}

const fields = (set: string, source: object, columns: Columns): object[] =>
  Object.entries(columns).map(([name, type]) => field(set, source, name, [], type))

/** The Croissant description of an export: the same facts give the same text. */
export function croissantOf(facts: Facts): string {
  const { version, format, files, rows, human, manifest } = facts
  const written = Object.values(rows).reduce((sum, one) => sum + one, 0)
  const name = nameOf(version)
  // Of a list of objects in Parquet the library that reads Croissant files finds no field; of JSON lines it does.
  const kind = kindOf(files, ['jsonl', 'parquet'])
  const used = files.filter(file => file.kind === kind)
  const splits = splitNames.filter(split => rows[split]! > 0)
  const licenses = Object.keys(manifest.licenses)
  const distribution = [
    ...used.map(file => ({
      '@type': 'cr:FileObject',
      '@id': file.name,
      name: file.name,
      contentUrl: file.name,
      contentSize: `${file.bytes} B`,
      encodingFormat: encodings[kind],
      sha256: file.sha256
    })),
    ...splits.map(split => ({
      '@type': 'cr:FileSet',
      '@id': `${split}-files`,
      name: `${split}-files`,
      encodingFormat: encodings[kind],
      includes: `${split}-*.${kind}`
    }))
  ]
  const recordSet = splits.map(split => ({
    '@type': 'cr:RecordSet',
    '@id': split,
    name: split,
    description: `${rows[split]} rows.`,
    field: fields(split, { fileSet: { '@id': `${split}-files` } }, formats[format].columns)
  }))
  const document = {
    '@context': context,
    '@type': 'sc:Dataset',
    name,
    description: `${formats[format].doc} Version ${version.version} of ${version.dataset}: ${human} of ${written} rows written by people, provenance on every row.`,
    conformsTo: 'http://mlcommons.org/croissant/1.0',
    version: `${version.version}.0.0`,
    citeAs: `${name}, sha256:${version.digest}`,
    datePublished: when(version.created_at),
    ...(licenses.length > 0 && { license: licenses }),
    distribution,
    recordSet
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
