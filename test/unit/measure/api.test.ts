/** What the package exports of the metrics: all of them, so that nobody has to copy one. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import * as api from '../../../infra/api.ts'

const folder = join(import.meta.dirname, '../../../metrics')
const exported: ReadonlySet<string> = new Set(Object.keys(api))

/** Parts that only others of the folder call: those of a frozen reference, and of windows that are read by their hashes. */
const parts = new Set(['besideReference', 'glanceBesideReference', 'createEmbeddingFrechet', 'movingRatios'])

/** Names of the functions of a file that answer a metric, or several. */
function metricsOf(file: string): string[] {
  const text = readFileSync(join(folder, file), 'utf8')
  return Array.from(
    text.matchAll(/^export function (\w+)(?:<[^]*?>)?\([^]*?\)(?:: ([^]*?))? \{$/gm),
    ([, name, answer = '']) => (/\bMeasured\b/.test(answer) ? [name!] : [])
  ).flat()
}

test('every metric of the folder is exported', () => {
  const metrics = globSync('*.ts', { cwd: folder }).flatMap(file =>
    metricsOf(file).map(name => [basename(file), name] as const)
  )
  assert.ok(metrics.length > 40, `${metrics.length} were found`)
  for (const [file, name] of metrics)
    assert.ok(exported.has(name) || parts.has(name), `${name} of metrics/${file} is not exported`)
})

test('they can be called with what is exported beside them', () => {
  const { valueOf } = api
  const texts = [
    'The canal opened in spring.',
    'The canal froze in winter, and nobody came.',
    'A market town.'
  ]
  const { metrics } = api.measureTexts(texts)
  const tokens = texts.map(api.words)
  const pooled = tokens.flat()
  const counts = api.countsOf(pooled)
  const spectrum = api.spectrumOf(counts.values())
  assert.equal(valueOf(api.yuleK(spectrum)), metrics.yule_k)
  assert.equal(valueOf(api.chao1(spectrum)), metrics.chao1)
  assert.equal(valueOf(api.coverage(spectrum)), metrics.coverage)
  assert.equal(valueOf(api.entropy(spectrum)), metrics.entropy_1)
  assert.equal(valueOf(api.distinctInter(spectrum.types, spectrum.tokens)), metrics.distinct_1_inter)
  assert.equal(valueOf(api.selfBleu(tokens)), metrics.self_bleu_4)
  assert.equal(valueOf(api.rougeL(texts.map(api.rougeTokens))), metrics.rouge_l)
  const occurrences = api.occurrencesOf(pooled)
  assert.equal(valueOf(api.mtld(occurrences)), metrics.mtld_pooled)
  const firsts = [...occurrences.previous.keys()].filter(at => occurrences.previous[at] === -1)
  assert.equal(valueOf(api.heapsBeta(firsts, pooled.length)), metrics.heaps_beta)
  const { items, entries } = api.ngramKernel(tokens)
  const eigenvalues = api.symmetricEigenvalues(entries, items).map(value => value / items)
  assert.equal(valueOf(api.vendi(eigenvalues)), metrics.vendi_q1)
  const embed = api.createEmbedding()
  const hashes = api.createHashes()
  const sums = api.createVectorSums(api.embeddingDimensions)
  for (const document of tokens) {
    api.hashTokens(document, hashes)
    api.addVector(sums, embed(hashes)!)
  }
  assert.equal(valueOf(api.meanCosine(api.squaredSum(sums), sums.count)), metrics.embedding_cosine)
  assert.equal(valueOf(api.vendiQ2(api.squaredProducts(sums), sums.count)), metrics.embedding_vendi_q2)
  assert.ok(Math.abs(valueOf(api.effectiveSources([sums.sum, sums.sum]))! - 1) < 1e-9)
  const human = api.createReference(texts.slice(1))
  assert.equal(valueOf(api.tailMass(counts, human.tail)), 14 / 16)
})

test('the page names what there is', () => {
  const page = readFileSync(join(folder, '../docs/measure.md'), 'utf8')
  const [module = ''] = page.split('## As a module')[1]!.split('\n## ')
  const names = [
    ...Array.from(module.matchAll(/import \{([^}]+)\} from 'everseed'/g), ([, list]) =>
      list!.trim().split(/,\s*/)
    ),
    ...Array.from(module.matchAll(/^\|.*\|$/gm), ([row]) =>
      Array.from(row.matchAll(/`(\w+)`/g), ([, name]) => name!)
    )
  ].flat()
  assert.ok(names.length > 60, `${names.length} were found`)
  for (const name of names) assert.ok(exported.has(name), `${name} is not exported`)
})
