import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { compressionRatio } from '../../../metrics/compression-ratio.ts'
import { symmetricEigenvalues } from '../../../metrics/eigenvalues.ts'
import { createEmbedding } from '../../../metrics/embedding.ts'
import { createFeatures } from '../../../metrics/features.ts'
import { hashWords } from '../../../metrics/hash-text.ts'
import { createHashes } from '../../../metrics/hashes.ts'
import { createFingerprinter } from '../../../metrics/fingerprint.ts'
import { hdd } from '../../../metrics/hdd.ts'
import { heapsFit } from '../../../metrics/heaps-fit.ts'
import { herdanC } from '../../../metrics/herdan-c.ts'
import { glancePanelKeys, panelKeys } from '../../../metrics/keys.ts'
import { mattr } from '../../../metrics/mattr.ts'
import { mtld } from '../../../metrics/mtld.ts'
import { occurrencesOf } from '../../../metrics/occurrences.ts'
import { createPanel } from '../../../metrics/panel.ts'
import { valueOf } from '../../../metrics/result.ts'
import { simpsonD } from '../../../metrics/simpson.ts'
import { spectrumOf } from '../../../metrics/spectrum.ts'
import { whitespace, words } from '../../../metrics/tokenize.ts'
import { vendi } from '../../../metrics/vendi.ts'
import { yuleK } from '../../../metrics/yule-k.ts'
import { close } from '../../helpers/measured.ts'

function panelOf(texts: readonly string[]) {
  const panel = createPanel()
  for (const text of texts) panel.add(text)
  return panel.values()
}

const gramsOf = (tokens: readonly string[], n: number) =>
  tokens.slice(n - 1).map((_, at) => tokens.slice(at, at + n).join(' '))
const count = (items: readonly string[]) => {
  const counts: Record<string, number> = Object.create(null)
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1
  return Object.values(counts)
}
const average = (values: readonly number[]) =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length
const times = (items: readonly string[], n: number) => count(items).filter(seen => seen === n).length
const h = (items: readonly string[]) =>
  count(items).reduce((sum, seen) => sum - (seen / items.length) * Math.log2(seen / items.length), 0)

/** The same definitions, written out with strings, maps and pairs of documents: slow and plain. */
function plainly(texts: readonly string[]): Record<string, number | undefined> {
  const documents = texts.map(words)
  const pooled = documents.flat()
  const lengths = documents.map(tokens => tokens.length)
  const N = pooled.length
  const out: Record<string, number | undefined> = {
    documents: texts.length,
    tokens: N,
    length_mean: average(lengths),
    length_sd:
      texts.length < 2
        ? undefined
        : Math.sqrt(
            lengths.reduce((sum, length) => sum + (length - average(lengths)!) ** 2, 0) / (texts.length - 1)
          )
  }
  for (const n of [1, 2, 3, 4]) {
    const all = documents.flatMap(tokens => gramsOf(tokens, n))
    const ratios = documents
      .map(tokens => gramsOf(tokens, n))
      .filter(grams => grams.length > 0)
      .map(grams => new Set(grams).size / grams.length)
    out[`distinct_${n}_inter`] = all.length === 0 ? undefined : new Set(all).size / all.length
    out[`distinct_${n}_intra`] = average(ratios)
  }
  const sets = texts.map(text => new Set(gramsOf(whitespace(text), 4)))
  out['self_repetition_4'] = average(
    sets.map((own, index) => {
      let shared = 0
      for (const gram of own) shared += sets.filter((other, at) => at !== index && other.has(gram)).length
      return Math.log(1 + shared)
    })
  )
  if (N > 0) {
    out['types'] = new Set(pooled).size
    out['ttr'] = out['types'] / N
    out['f1'] = times(pooled, 1)
    out['f2'] = times(pooled, 2)
    out['missing_mass'] = out['f1'] / N
    out['entropy_1'] = h(pooled)
  }
  const pairs = documents.flatMap(tokens => gramsOf(tokens, 2))
  if (pairs.length > 0) out['entropy_2'] = h(pairs)
  const tenth = Math.floor(N / 10)
  if (tenth > 0) {
    out['heaps_beta'] = Math.log10(new Set(pooled).size / new Set(pooled.slice(0, tenth)).size)
  }
  const cosine = (a: Float64Array, b: Float64Array): number =>
    a.reduce((sum, value, at) => sum + value * b[at]!, 0)
  const ofPairs = (vectors: readonly Float64Array[]): number | undefined =>
    average(vectors.flatMap((a, index) => vectors.slice(index + 1).map(b => cosine(a, b))))
  // Each written out, and compared with libraries, in a test of its own.
  const spectrum = spectrumOf(count(pooled))
  const firsts = [...new Set(pooled)].map(token => pooled.indexOf(token))
  const fit = heapsFit(firsts, N)
  const mattrOf = (size: number): number | undefined =>
    average(documents.flatMap(tokens => valueOf(mattr(occurrencesOf(tokens), size)) ?? []))
  Object.assign(out, {
    heaps_fit_k: valueOf(fit.k),
    heaps_fit_beta: valueOf(fit.beta),
    herdan_c: valueOf(herdanC(spectrum)),
    yule_k: valueOf(yuleK(spectrum)),
    simpson_d: valueOf(simpsonD(spectrum)),
    hdd_42: valueOf(hdd(spectrum)),
    mattr_50: mattrOf(50),
    mattr_100: mattrOf(100),
    mattr_50_pooled: valueOf(mattr(occurrencesOf(pooled), 50)),
    mattr_100_pooled: valueOf(mattr(occurrencesOf(pooled), 100)),
    mtld: average(
      documents.filter(tokens => tokens.length >= 100).map(tokens => valueOf(mtld(occurrencesOf(tokens)))!)
    ),
    mtld_pooled: valueOf(mtld(occurrencesOf(pooled))),
    compression_ratio: valueOf(compressionRatio(texts)),
    compression_ratio_80k: valueOf(compressionRatio(texts, 80_000))
  })
  out['feature_cosine'] = ofPairs(texts.map(createFeatures()).filter(vector => vector !== undefined))
  const embed = createEmbedding()
  const embedded = texts
    .map(text => {
      const hashes = createHashes()
      hashWords(text, hashes)
      return embed(hashes)?.slice()
    })
    .filter(vector => vector !== undefined)
  out['embedding_cosine'] = ofPairs(embedded)
  const kernel = Float64Array.from(embedded.flatMap(a => embedded.map(b => cosine(a, b) / embedded.length)))
  const eigenvalues = symmetricEigenvalues(kernel, embedded.length)
  out['embedding_vendi_q1'] = valueOf(vendi(eigenvalues))
  out['embedding_vendi_qinf'] = valueOf(vendi(eigenvalues, Infinity))
  out['embedding_cosine_squared'] = average(
    embedded.flatMap((a, index) => embedded.slice(index + 1).map(b => cosine(a, b) ** 2))
  )
  const squares = embedded.flatMap(a => embedded.map(b => cosine(a, b) ** 2))
  out['embedding_vendi_q2'] =
    embedded.length === 0
      ? undefined
      : embedded.length ** 2 / squares.reduce((sum, square) => sum + square, 0)
  return out
}

const text = fc
  .array(fc.constantFrom('the', 'The', 'a', 'fox', 'fox,', 'jumps', 'over', 'dog.', '—', 'naïve', '北京'), {
    maxLength: 30
  })
  .map(tokens => tokens.join(' '))
const texts = fc.array(text, { maxLength: 8 })
/** Long enough for the metrics of a hundred words. */
const longTexts = fc.array(
  fc.array(text, { minLength: 1, maxLength: 12 }).map(parts => parts.join(' ')),
  { maxLength: 4 }
)

describe('golden values', () => {
  test('the README text of lexicalrichness 0.5.1, as its preprocessing leaves it', () => {
    const values = panelOf([
      'measure of textual lexical diversity computed as the mean length of sequential words in a text that ' +
        'maintains a minimum threshold ttr score iterates over words until ttr scores falls below a threshold ' +
        'then increase factor counter by and start over mccarthy and jarvis pg recommends a factor threshold in ' +
        'the range of mccarthy mccarthy and jarvis'
    ])
    assert.equal(valueOf(values.tokens), 57)
    assert.equal(valueOf(values.types), 39)
    close(values.ttr, 0.6842105263157895, 1e-15)
    assert.equal(valueOf(values.f1), 27)
    assert.equal(valueOf(values.f2), 7)
  })

  test('self-repetition of the README sentences of PyPI diversity 0.3.1', () => {
    const values = panelOf([
      'The quick brown fox jumps over the lazy dog.',
      'The quick brown fox jumps over the lazy dog again.',
      'Suddenly, the quick brown fox leaps swiftly over the sleeping dog.'
    ])
    close(values.self_repetition_4, 1.1945063128187032)
  })

  test('self-repetition where a text repeats itself too: PyPI diversity 0.3.1, self_repetition_score(texts, 4)', () => {
    const values = panelOf([
      'a the a a a the a',
      'a a a the the a a a the a',
      'a a a the a a a a the the a',
      'a the a a a the a a a a',
      'the the the the the the a a a',
      'the the the',
      'the a a the a the a the the',
      'a the'
    ])
    close(values.self_repetition_4, 1.7861960571922562)
  })
})

test('the panel says what the definitions say', () => {
  fc.assert(
    fc.property(fc.oneof(texts, longTexts), documents => {
      const values = panelOf(documents)
      const expected = plainly(documents)
      for (const key of panelKeys) {
        const value = valueOf(values[key])
        if (key === 'coverage' || key === 'chao1' || key.includes('chao_shen') || key.includes('madow'))
          continue
        const plain = expected[key]
        if (plain === undefined) assert.equal(value, undefined, key)
        else
          assert.ok(
            value !== undefined && Math.abs(value - plain) < 1e-9 * Math.max(1, plain),
            `${key}: ${value}, not ${plain}`
          )
      }
    })
  )
})

test('the compression ratio is that of the first 80,000 bytes, however many come after', () => {
  const documents = Array.from(
    { length: 3000 },
    (_, at) => `Sentence ${at * 7919} is about naïve ${at % 13}.`
  )
  const expected = compressionRatio(documents, 80_000)
  assert.deepEqual(panelOf(documents).compression_ratio_80k, expected)
  assert.ok((valueOf(expected) ?? 0) > 1)
  assert.deepEqual(panelOf(documents).compression_ratio, {
    undefined: 'more than 80000 bytes: see compression_ratio_80k'
  })
  assert.deepEqual(panelOf(documents.slice(0, 2000)).compression_ratio_80k, {
    undefined: 'fewer than 80000 bytes'
  })
})

test('what is a byte longer than the compression ratio looks at has none of the whole', () => {
  const letters = (length: number): string =>
    Array.from({ length }, (_, at) => 'abcdefghi '[at % 10]).join('')
  const whole = (...documents: string[]): boolean => 'value' in panelOf(documents).compression_ratio
  assert.ok(whole(letters(80_000)))
  assert.ok(whole(letters(40_000), letters(39_999)))
  assert.ok(!whole(letters(80_001)))
  assert.ok(!whole(letters(80_000), 'x'))
  assert.ok(!whole(letters(40_000), letters(40_000)))
  assert.ok(!whole('ж'.repeat(40_001)))
  for (const documents of [[letters(80_001)], [letters(80_000), 'x'], ['ж'.repeat(90_000), 'x']])
    assert.deepEqual(panelOf(documents).compression_ratio_80k, compressionRatio(documents, 80_000))
})

test('a glance says what the panel says, of some of it', () => {
  fc.assert(
    fc.property(texts, documents => {
      const panel = createPanel()
      for (const document of documents) panel.add(document)
      const glance = panel.glance()
      assert.deepEqual(Object.keys(glance).toSorted(), glancePanelKeys.toSorted())
      const all = panel.values()
      for (const key of glancePanelKeys) assert.deepEqual(glance[key], all[key], key)
    })
  )
})

const ordered: readonly string[] = [
  'heaps_beta',
  'heaps_fit_k',
  'heaps_fit_beta',
  'mattr_50_pooled',
  'mattr_100_pooled',
  'mtld_pooled',
  'compression_ratio',
  'compression_ratio_80k'
]

test('only the order-bound metrics depend on the order of the documents', () => {
  const shuffled = texts.chain(list =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))
  )
  fc.assert(
    fc.property(shuffled, ([first, second]) => {
      const [a, b] = [panelOf(first), panelOf(second)]
      for (const key of panelKeys) {
        if (ordered.includes(key)) continue
        const [x, y] = [valueOf(a[key]), valueOf(b[key])]
        assert.ok(x === y || Math.abs(x! - y!) < 1e-9, key)
      }
    })
  )
})

test('an emptied panel is a new one; a fingerprint says what its text says', () => {
  const fingerprint = createFingerprinter()
  const panel = createPanel()
  fc.assert(
    fc.property(texts, documents => {
      panel.clear()
      for (const document of documents) panel.add(fingerprint(document))
      assert.deepEqual(panel.values(), panelOf(documents))
      assert.equal(panel.documents, documents.length)
    })
  )
})

test('reading the values does not disturb the window', () => {
  const panel = createPanel()
  for (const document of ['one two three', 'two three four', 'three four five']) {
    panel.add(document)
    panel.values()
  }
  assert.deepEqual(panel.values(), panelOf(['one two three', 'two three four', 'three four five']))
})

test('an empty window has counts of documents and tokens and reasons for the rest', () => {
  for (const [key, result] of Object.entries(panelOf([]))) {
    if (key === 'documents' || key === 'tokens') assert.deepEqual(result, { value: 0 })
    else assert.ok('undefined' in result && result.undefined !== '', key)
  }
  assert.deepEqual(Object.keys(panelOf([])).toSorted(), panelKeys.toSorted())
})

test('no value is ever NaN or infinite', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), documents => {
      for (const result of Object.values(panelOf(documents))) {
        if ('value' in result) assert.ok(Number.isFinite(result.value))
      }
    })
  )
})

test('n-grams never cross documents', () => {
  const values = panelOf(['a b', 'c d'])
  assert.deepEqual(valueOf(values.distinct_2_inter), 1)
  assert.equal(valueOf(values.entropy_2), 1, 'two pairs: "b c" is none')
})
