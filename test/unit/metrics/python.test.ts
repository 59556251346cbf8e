/** The metrics against Python's libraries: values, versions and parameters in test/fixtures/metrics, made by its reference.py. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { compressionRatio } from '../../../metrics/compression-ratio.ts'
import { editDistance } from '../../../metrics/edit-distance.ts'
import { symmetricEigenvalues } from '../../../metrics/eigenvalues.ts'
import { frechetDistance } from '../../../metrics/frechet.ts'
import { gzipSize } from '../../../metrics/gzip-size.ts'
import { hdd } from '../../../metrics/hdd.ts'
import { herdanC } from '../../../metrics/herdan-c.ts'
import { jsDivergence } from '../../../metrics/js-divergence.ts'
import { klDivergence } from '../../../metrics/kl-divergence.ts'
import { mattr } from '../../../metrics/mattr.ts'
import { meanCosine } from '../../../metrics/mean-cosine.ts'
import { measureTexts } from '../../../metrics/measure-texts.ts'
import { mtld } from '../../../metrics/mtld.ts'
import { ngramDiversity } from '../../../metrics/ngram-diversity.ts'
import { ngramKernel } from '../../../metrics/ngram-kernel.ts'
import { occurrencesOf } from '../../../metrics/occurrences.ts'
import { quantile } from '../../../metrics/quantile.ts'
import { rougeL, rougeTokens } from '../../../metrics/rouge-l.ts'
import { selfBleu } from '../../../metrics/self-bleu.ts'
import { similarityEigenvalues } from '../../../metrics/similarity.ts'
import { simpsonD } from '../../../metrics/simpson.ts'
import { countsOf, spectrumOf } from '../../../metrics/spectrum.ts'
import { words } from '../../../metrics/tokenize.ts'
import { ttr } from '../../../metrics/ttr.ts'
import { addVector, createVectorSums } from '../../../metrics/vector-sums.ts'
import { vendiQ2 } from '../../../metrics/vendi-q2.ts'
import { vendi } from '../../../metrics/vendi.ts'
import { yuleK } from '../../../metrics/yule-k.ts'
import { close, defined } from '../../helpers/measured.ts'

type Value = {
  readonly library: string
  readonly call: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly value: unknown
}

const fixtures = join(import.meta.dirname, '../../fixtures/metrics')
const read = (name: string): unknown => JSON.parse(readFileSync(join(fixtures, name), 'utf8'))
const texts = (read('texts.json') as { text: string }[]).map(({ text }) => text)
const values = read('reference.json') as Value[]

/** The value of a call with the given parameters among its own. */
function found(library: string, call: string, parameters: Record<string, unknown> = {}): unknown {
  const fitting = values.filter(
    value =>
      value.library === library &&
      value.call === call &&
      Object.entries(parameters).every(
        ([key, one]) => JSON.stringify(value.parameters[key]) === JSON.stringify(one)
      )
  )
  assert.equal(fitting.length, 1, `${library} ${call} ${JSON.stringify(parameters)}`)
  return fitting[0]!.value
}

type Ask<T> = (library: string, call: string, parameters?: Record<string, unknown>) => T
const python = found as Ask<number>
const lists = found as Ask<number[]>

const parametersOf = (library: string, call: string): Readonly<Record<string, unknown>>[] =>
  values.filter(value => value.library === library && value.call === call).map(({ parameters }) => parameters)

const average = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0) / list.length
const documents = texts.map(words)
const pooled = documents.flat()
const spectrum = spectrumOf(countsOf(pooled).values())
const { metrics } = measureTexts(texts)
const inPool = { tokens: 'pooled words' }
const inEach = { tokens: 'words of each document' }

describe('lexicalrichness', () => {
  const rich = (call: string, parameters: Record<string, unknown> = inPool): number =>
    python('lexicalrichness', call, parameters)
  const rates = (call: string, parameters: Record<string, unknown>): number[] =>
    lists('lexicalrichness', call, parameters)

  test('counts, ratios, HD-D', () => {
    assert.equal(pooled.length, rich('words'))
    assert.equal(spectrum.types, rich('terms'))
    close(ttr(spectrum), rich('ttr'), 1e-15)
    close(herdanC(spectrum), rich('Herdan'), 1e-15)
    close(yuleK(spectrum), rich('yulek'), 1e-10)
    close(simpsonD(spectrum), rich('simpsond'), 1e-15)
    // The library sums a thousand rounded differences.
    close(hdd(spectrum), rich('hdd'), 1e-12)
  })

  test('MATTR', () => {
    for (const size of [50, 100]) {
      close(mattr(occurrencesOf(pooled), size), rich('mattr', { window_size: size, ...inPool }), 1e-12)
      const each = rates('mattr', { window_size: size, ...inEach })
      const ours = documents.filter(one => one.length >= size).map(one => mattr(occurrencesOf(one), size))
      assert.equal(ours.length, each.length)
      for (const [index, one] of ours.entries()) close(one, each[index]!, 1e-12)
    }
  })

  test('MTLD, of odd texts too', () => {
    close(mtld(occurrencesOf(pooled)), rich('mtld'), 1e-10)
    const each = rates('mtld', inEach)
    for (const [index, one] of documents.entries()) close(mtld(occurrencesOf(one)), each[index]!, 1e-10)
    const odd = parametersOf('lexicalrichness', 'mtld').flatMap(({ texts: list }) => (list ?? []) as string[])
    assert.ok(odd.length > 3)
    const expected = rates('mtld', { texts: odd })
    for (const [index, one] of odd.entries())
      close(mtld(occurrencesOf(one.split(' '))), expected[index]!, 1e-10)
  })

  test('the whole panel says the same', () => {
    close({ value: metrics.yule_k! }, rich('yulek'), 1e-10)
    close({ value: metrics.simpson_d! }, rich('simpsond'), 1e-15)
    close({ value: metrics.herdan_c! }, rich('Herdan'), 1e-15)
    close({ value: metrics.hdd_42! }, rich('hdd'), 1e-12)
    close({ value: metrics.mtld_pooled! }, rich('mtld'), 1e-10)
    close({ value: metrics.mattr_100_pooled! }, rich('mattr', { window_size: 100, ...inPool }), 1e-12)
    close({ value: metrics.mattr_50! }, average(rates('mattr', { window_size: 50, ...inEach })), 1e-12)
    close({ value: metrics.mattr_100! }, average(rates('mattr', { window_size: 100, ...inEach })), 1e-12)
    const long = rates('mtld', inEach).filter((_, index) => documents[index]!.length >= 100)
    close({ value: metrics.mtld! }, average(long), 1e-10)
  })
})

describe('lexical-diversity', () => {
  test('log TTR, HD-D, MATTR', () => {
    close(herdanC(spectrum), python('lexical-diversity', 'log_ttr'), 1e-14)
    close(hdd(spectrum), python('lexical-diversity', 'hdd'), 1e-11)
    close(mattr(occurrencesOf(pooled), 50), python('lexical-diversity', 'mattr'), 1e-12)
  })

  test('its MTLD is another: strictly below the threshold, and at least ten tokens a run', () => {
    const theirs = python('lexical-diversity', 'mtld')
    assert.ok(Math.abs(theirs - metrics.mtld_pooled!) > 1e-6)
    close({ value: theirs }, metrics.mtld_pooled!, 5)
  })
})

describe('diversity', () => {
  test('n-gram diversity and ROUGE-L, to the three digits it gives', () => {
    assert.equal(
      defined(ngramDiversity(texts, 3)).toFixed(3),
      String(python('diversity', 'ngram_diversity_score', { num_n: 3 }))
    )
    assert.equal(
      metrics.ngram_diversity_4!.toFixed(3),
      String(python('diversity', 'ngram_diversity_score', { num_n: 4 }))
    )
    assert.equal(metrics.rouge_l!.toFixed(3), String(python('diversity', 'homogenization_score')))
  })

  test('self-repetition', () => {
    close({ value: metrics.self_repetition_4! }, python('diversity', 'self_repetition_score'))
  })

  test('its compression ratio is of a gzip of a gzip, and rounded; ours is of one', () => {
    const size = python('zlib (by gzip)', 'gzip.compress', { input: 'texts' })
    const bytes = Buffer.byteLength(texts.join(' '))
    close(compressionRatio(texts), bytes / size, 0)
    assert.equal(metrics.compression_ratio, bytes / size)
    const theirs = python('diversity', 'compression_ratio')
    assert.ok(theirs < bytes / size && theirs > (bytes / size) * 0.99, `${theirs}`)
  })
})

describe('zlib', () => {
  /** Numbers of Park and Miller's generator. */
  const states = (length: number): number[] => {
    let state = 1
    return Array.from({ length }, () => (state = (state * 48271) % 2147483647))
  }
  const noise = (length: number, kinds: number): Buffer =>
    Buffer.from(states(length).map(state => state % kinds))
  const joined = Buffer.from(texts.join(' '))
  const letters = Array.from({ length: 19 }, (_, at) =>
    Array<number>(Math.floor(1.6180339887 ** at)).fill(at)
  ).flat()
  const keys = states(letters.length)
  const inputs: Record<string, Buffer> = {
    nothing: Buffer.of(),
    'one byte': Buffer.from('a'),
    fox: Buffer.from(
      'The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog again. ' +
        'Suddenly, the quick brown fox leaps swiftly over the sleeping dog.'
    ),
    texts: joined,
    'a tenth of the texts': joined.subarray(0, 2599),
    'texts four times': Buffer.concat([joined, joined, joined, joined]),
    letter: Buffer.alloc(100_000, 'a'),
    'two letters': noise(70_000, 2),
    'twenty letters': noise(70_000, 20),
    noise: noise(70_000, 256),
    'noise, texts, noise, texts': Buffer.concat([
      noise(40_000, 256),
      joined,
      noise(30_000, 256),
      joined,
      joined,
      joined
    ]),
    'long codes': Buffer.from(
      letters
        .map((letter, at) => [letter, keys[at]!] as const)
        .toSorted(([, a], [, b]) => a - b)
        .map(([letter]) => letter)
    )
  }

  test('the size of a gzip at level 6 is that of zlib itself, to the byte', () => {
    const known = parametersOf('zlib (by gzip)', 'gzip.compress')
    assert.equal(known.length, Object.keys(inputs).length)
    for (const { input, bytes } of known as { input: string; bytes: number }[]) {
      assert.equal(inputs[input]!.length, bytes, input)
      assert.equal(gzipSize(inputs[input]!), python('zlib (by gzip)', 'gzip.compress', { input }), input)
    }
  })
})

describe('rouge-score', () => {
  test('ROUGE-L of every pair, and the mean', () => {
    const pairs = lists('rouge-score', 'rougeL.fmeasure')
    let at = 0
    const tokens = texts.map(rougeTokens)
    for (const [index, one] of tokens.entries()) {
      for (const two of tokens.slice(index + 1)) close(rougeL([one, two]), pairs[at++]!, 1e-15)
    }
    assert.equal(at, pairs.length)
    close(rougeL(tokens), average(pairs), 1e-14)
  })
})

describe('nltk and sacrebleu', () => {
  test('self-BLEU-4', () => {
    close(selfBleu(documents), average(lists('nltk', 'sentence_bleu', { tokens: 'words' })), 1e-14)
    close({ value: metrics.self_bleu_4! }, average(lists('sacrebleu', 'sentence_score')), 1e-14)
  })

  test('self-BLEU of short, empty and repeated documents', () => {
    const odd = parametersOf('nltk', 'sentence_bleu').flatMap(({ texts: list }) => (list ?? []) as string[])
    assert.ok(odd.includes(''))
    const tokens = odd.map(one => one.split(' ').filter(word => word !== ''))
    close(selfBleu(tokens), average(lists('nltk', 'sentence_bleu', { texts: odd })), 1e-14)
  })
})

describe('vendi-score and numpy', () => {
  const { items, entries } = ngramKernel(documents)
  const eigenvalues = symmetricEigenvalues(entries, items).map(value => value / items)
  const scored = (q: number | string): number => python('vendi-score', 'score_K', { q })

  test('the n-gram kernel, orders 1, 2, 1/2 and infinity', () => {
    close(vendi(eigenvalues), scored(1), 1e-11)
    close(vendi(eigenvalues, 2), scored(2), 1e-11)
    close(vendi(eigenvalues, 0.5), scored(0.5), 1e-10)
    close(vendi(eigenvalues, Infinity), scored('inf'), 1e-12)
    close(
      vendiQ2(
        entries.reduce((sum, one) => sum + one * one, 0),
        items
      ),
      scored(2),
      1e-11
    )
    close({ value: metrics.vendi_q1! }, scored(1), 1e-11)
    close({ value: metrics.vendi_q2! }, scored(2), 1e-11)
    close({ value: metrics.vendi_qinf! }, scored('inf'), 1e-12)
  })

  test('mean pair cosine', () => {
    const expected = python('numpy', "mean of the kernel's upper triangle")
    close(
      meanCosine(
        entries.reduce((sum, one) => sum + one, 0),
        items
      ),
      expected,
      1e-13
    )
    close({ value: metrics.mean_cosine! }, expected, 1e-13)
  })

  test('its score_X ignores q: order 2 is there what score_dual says, and what we say', () => {
    const [{ rows }] = parametersOf('vendi-score', 'score_X') as [{ rows: number[][] }]
    const ours = similarityEigenvalues(rows.map(row => Float64Array.from(row)))
    close(vendi(ours, 1), python('vendi-score', 'score_X', { q: 1 }), 1e-14)
    close(vendi(ours, 2), python('vendi-score', 'score_dual', { q: 2 }), 1e-14)
    assert.equal(python('vendi-score', 'score_X', { q: 2 }), python('vendi-score', 'score_X', { q: 1 }))
  })
})

describe('scipy and numpy', () => {
  const half = Math.floor(documents.length / 2)
  const [first, second] = [documents.slice(0, half), documents.slice(half)].map(part => countsOf(part.flat()))

  test('divergences of the two halves', () => {
    close(jsDivergence(first!, second!), python('scipy', 'spatial.distance.jensenshannon squared'), 1e-13)
    close(klDivergence(first!, second!), python('scipy', 'stats.entropy'), 1e-13)
  })

  test('eigenvalues', () => {
    const [{ matrix }] = parametersOf('scipy', 'linalg.eigvalsh') as [{ matrix: number[][] }]
    const ours = symmetricEigenvalues(Float64Array.from(matrix.flat()), matrix.length)
    for (const [index, value] of lists('scipy', 'linalg.eigvalsh').entries()) {
      close({ value: ours[index]! }, value, 1e-13)
    }
  })

  test('Fréchet distance, by the root of the product of the covariances', () => {
    const [sets] = parametersOf('scipy', 'linalg.sqrtm') as [{ first: number[][]; second: number[][] }]
    const [one, two] = [sets.first, sets.second].map(rows => {
      const sums = createVectorSums(rows[0]!.length)
      for (const row of rows) addVector(sums, Float64Array.from(row))
      return sums
    })
    close(frechetDistance(one!, two!), python('scipy', 'linalg.sqrtm'), 1e-10)
  })

  test('edit distance, in code points', () => {
    const over = 'texts and the next ones'
    const far = found('rapidfuzz', 'Levenshtein.normalized_distance', { over }) as number[]
    for (const [index, value] of far.entries())
      assert.equal(editDistance(texts[index]!, texts[index + 1]!), value)
    const steps = found('rapidfuzz', 'Levenshtein.distance', { over }) as number[]
    assert.deepEqual(
      steps,
      far.map((value, index) => Math.round(value * Math.max(texts[index]!.length, texts[index + 1]!.length)))
    )
    const [, { texts: edits }] = parametersOf('rapidfuzz', 'Levenshtein.normalized_distance') as [
      unknown,
      { texts: string[] }
    ]
    const all = found('rapidfuzz', 'Levenshtein.normalized_distance', { texts: edits }) as number[]
    for (const [index, value] of all.entries()) {
      const [one, other] = [edits[Math.floor(index / edits.length)]!, edits[index % edits.length]!]
      assert.equal(editDistance(one, other), value, JSON.stringify([one, other]))
    }
  })

  test('quantiles', () => {
    const [{ values: list, shares }] = parametersOf('numpy', 'percentile') as [
      { values: number[]; shares: number[] }
    ]
    const sorted = list.toSorted((a, b) => a - b)
    const expected = lists('numpy', 'percentile')
    for (const [index, share] of shares.entries()) close(quantile(sorted, share), expected[index]!, 1e-14)
  })
})
