/** The import table: who may import whom. CONTRIBUTING shows it; this holds it. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { describe, test } from 'node:test'

const root = join(import.meta.dirname, '../..')

/** A file and what it imports: own files by path from the root, packages and Node's modules by name. */
type Source = {
  readonly file: string
  readonly lines: number
  /** Without lines that are comments. */
  readonly code: string
  readonly own: readonly string[]
  readonly packages: readonly string[]
  readonly builtin: readonly string[]
}

/** Static, type-only, side-effect, re-exported and dynamic imports, and what is required by a path. */
const importPattern =
  /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\w*(?:\([^)]*\))*\(\s*|\bresolve\(\s*)['"]([\w@./:-]+)['"]/g

function source(file: string): Source {
  const text = readFileSync(join(root, file), 'utf8')
  const own: string[] = []
  const packages: string[] = []
  const builtin: string[] = []
  for (const [, found] of text.matchAll(importPattern)) {
    const name = found!
    if (name.startsWith('.')) {
      if (/\.(ts|js|json)$/.test(name)) own.push(relative(root, join(root, dirname(file), name)))
    } else if (name.startsWith('node:') || builtinModules.includes(name)) {
      builtin.push(name.replace('node:', ''))
    } else {
      const [scope, rest] = name.split('/')
      packages.push(scope!.startsWith('@') ? `${scope}/${rest}` : scope!)
    }
  }
  const lines = text.split('\n')
  const code = lines.filter(line => !/^\s*(\/\*|\*|\/\/)/.test(line)).join('\n')
  return { file, lines: lines.length - 1, code, own, packages, builtin }
}

const sources = globSync('{schemas,metrics,processors,infra,bin}/**/*.{ts,js}', { cwd: root })
  .map(source)
  .toSorted((a, b) => (a.file < b.file ? -1 : 1))
const folder = (file: string): string => file.split('/')[0]!
const inFolder = (name: string): Source[] => sources.filter(({ file }) => folder(file) === name)

/** Declared dependencies, by the only places that import them; a folder ends in a slash. */
const places: Readonly<Record<string, readonly string[]>> = {
  '@anthropic-ai/sdk': ['infra/llm/anthropic.ts'],
  '@chdb/lib-linux-x64-gnu': ['infra/embedded/'],
  '@clickhouse/client': ['infra/clickhouse/client.ts'],
  '@kafkajs/confluent-schema-registry': ['infra/registry.ts'],
  avsc: ['infra/codec.ts'],
  'cli-progress': ['infra/cli/output.ts'],
  'cli-table3': ['infra/cli/output.ts'],
  commander: [
    'infra/main.ts',
    'infra/cli/main.ts',
    'infra/cli/options.ts',
    'infra/cli/publishers.ts',
    'infra/cli/version-commands.ts',
    'infra/cli/measure-command.ts',
    'infra/cli/lineage-commands.ts'
  ],
  'csv-parse': ['infra/formats/csv.ts'],
  'd3-scale': ['infra/measure/chart.ts'],
  'd3-shape': ['infra/measure/chart.ts'],
  'ffi-rs': ['infra/embedded/'],
  hyparquet: ['infra/formats/parquet.ts'],
  'hyparquet-writer': ['infra/export/parquet.ts'],
  kafkajs: ['infra/kafka/'],
  openai: ['infra/llm/openai.ts'],
  pino: ['infra/log.ts'],
  'prom-client': ['infra/runner/counters.ts'],
  tinyld: ['processors/verify/language.ts'],
  'wink-eng-lite-web-model': ['infra/measure/tagger.ts'],
  'wink-nlp': ['infra/measure/tagger.ts'],
  yaml: ['infra/recipe.ts', 'infra/export/card.ts', 'infra/grafana/alerts.ts'],
  zod: [
    'processors/recipe.ts',
    'processors/mixing.ts',
    'infra/recipe.ts',
    'infra/config.ts',
    'infra/lines.ts'
  ]
}

/** A processor is the file processors/NAME.ts that defines one; its folder processors/NAME/ is its own. */
const concrete = inFolder('processors')
  .filter(({ file }) => /^processors\/[^/]+\.ts$/.test(file))
  .filter(({ file }) =>
    /^(export const \w+(: Sink)? = (defineProcessor\(|\{)| {2}defineProcessor\()/m.test(
      readFileSync(join(root, file), 'utf8')
    )
  )
  .map(({ file }) => file.replace(/^processors\/(.*)\.ts$/, '$1'))
const processorOf = (file: string): string | undefined => {
  const name = file.match(/^processors\/([^/.]+)/)?.[1]
  return name !== undefined && concrete.includes(name) ? name : undefined
}

describe('the import table', () => {
  test('sees the code', () => {
    assert.ok(sources.length > 100, String(sources.length))
    assert.deepEqual(concrete.toSorted(), [
      'admit',
      'deduplicate',
      'generate',
      'guard',
      'measure',
      'mix',
      'store',
      'verify'
    ])
    assert.ok(inFolder('bin').length >= 3)
    const seen = sources.find(({ file }) => file === 'infra/codec.ts')
    assert.ok(seen?.packages.includes('avsc') && seen.own.includes('schemas/load.ts'))
    const identity = sources.find(({ file }) => file === 'schemas/identity.ts')
    assert.deepEqual(identity?.builtin, ['crypto'])
    assert.ok(identity.code.includes('export function') && !identity.code.includes('/**'))
    const dynamic = sources.find(({ file }) => file === 'infra/run.ts')
    assert.ok(dynamic?.own.includes('infra/llm/ports.ts'), 'dynamic imports count')
  })

  test('schemas, metrics and bin import nothing of ours, and no package', () => {
    for (const name of ['schemas', 'metrics', 'bin'])
      for (const { file, own, packages } of inFolder(name)) {
        assert.deepEqual(
          own.filter(one => folder(one) !== name),
          [],
          file
        )
        assert.deepEqual(packages, [], file)
      }
  })

  test('metrics and processors do no I/O and know no clock and no chance but what is handed to them', () => {
    const impure =
      /\bDate\.|\bnew Date\b|\bMath\.random\b|\bset(Timeout|Interval|Immediate)\b|\bperformance\.|\bprocess\.|\bcrypto\.|\bfetch\(|\bconsole\./
    for (const name of ['metrics', 'processors'])
      for (const { file, code, builtin } of inFolder(name)) {
        assert.deepEqual(builtin, [], file)
        assert.equal(impure.exec(code)?.[0], undefined, file)
      }
    for (const { file, builtin } of inFolder('schemas'))
      for (const one of builtin) assert.ok(['crypto', 'fs', 'path'].includes(one), `${file} imports ${one}`)
    assert.match('const now = Date.now()', impure)
  })

  test('processors import schemas, metrics and what processors share, never infra, never one another', () => {
    for (const { file, own } of inFolder('processors'))
      for (const one of own) {
        assert.ok(['schemas', 'metrics', 'processors'].includes(folder(one)), `${file} imports ${one}`)
        const [of, from] = [processorOf(one), processorOf(file)]
        if (of !== undefined) assert.equal(of, from, `${file} imports ${one}: of another processor`)
      }
  })

  test('only the composition root imports concrete processors', () => {
    for (const { file, own } of inFolder('infra')) {
      if (file === 'infra/processors.ts') continue
      for (const one of own) assert.equal(processorOf(one), undefined, `${file} imports ${one}`)
    }
  })

  test('every package is imported in its one place', () => {
    for (const { file, packages } of sources)
      for (const name of packages) {
        const allowed = places[name]
        assert.ok(allowed, `${file} imports ${name}: give it a place in this table`)
        const here = allowed.some(place => (place.endsWith('/') ? file.startsWith(place) : file === place))
        assert.ok(here, `${file} imports ${name}; its place is ${allowed.join(', ')}`)
      }
  })

  test('every dependency has a place and is imported there', () => {
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8')
    ) as Record<'dependencies' | 'optionalDependencies', Record<string, string>>
    const runtime = /^node-(linux|win|darwin)-/
    const declared = [...Object.keys(dependencies), ...Object.keys(optionalDependencies)].filter(
      name => !runtime.test(name)
    )
    assert.deepEqual(declared.toSorted(), Object.keys(places).toSorted())
    const imported = new Set(sources.flatMap(({ packages }) => packages))
    for (const name of declared) assert.ok(imported.has(name), `${name} is declared and never imported`)
  })

  test('imports name files that exist', () => {
    const files = new Set(sources.map(({ file }) => file))
    for (const { file, own } of sources)
      for (const one of own)
        if (/\.(ts|js)$/.test(one))
          assert.ok(files.has(one) || one.startsWith('test/'), `${file} imports ${one}`)
  })

  test('nothing imports tests', () => {
    for (const { file, own } of sources)
      assert.deepEqual(
        own.filter(one => folder(one) === 'test'),
        [],
        file
      )
  })
})

test('no file has more than 400 lines', () => {
  const long = sources.filter(({ file, lines }) => lines > 400 && file !== 'schemas/types.ts')
  assert.deepEqual(
    long.map(({ file, lines }) => `${file}: ${lines}`),
    [],
    'take a part out that has a name of its own (schemas/types.ts is generated)'
  )
})
