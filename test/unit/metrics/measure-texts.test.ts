import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { panelKeys } from '../../../metrics/keys.ts'
import { compressionRatio } from '../../../metrics/compression-ratio.ts'
import { createMeasure, measureTexts } from '../../../metrics/measure-texts.ts'
import { createPanel } from '../../../metrics/panel.ts'
import { posPatterns } from '../../../metrics/pos-patterns.ts'
import { createReference } from '../../../metrics/reference.ts'
import { random } from '../../../metrics/random.ts'
import { templateRate } from '../../../metrics/template-rate.ts'
import { type TextKey, textKeys } from '../../../metrics/text-keys.ts'
import { words } from '../../../metrics/tokenize.ts'
import { defined } from '../../helpers/measured.ts'

const fixture = join(import.meta.dirname, '../../fixtures/metrics/texts.json')
const texts = (JSON.parse(readFileSync(fixture, 'utf8')) as { text: string }[]).map(({ text }) => text)
const [own, human] = [texts.slice(0, 20), texts.slice(20)]
/** Depend on the order of the texts. */
const ordered: readonly TextKey[] = [
  'heaps_beta',
  'heaps_fit_k',
  'heaps_fit_beta',
  'mattr_50_pooled',
  'mattr_100_pooled',
  'mtld_pooled',
  'ngram_diversity_4',
  'compression_ratio',
  'compression_ratio_80k'
]

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const draws = random(seed)
  return list
    .map(one => [draws.float(), one] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, one]) => one)
}

/** Asserts what holds of every answer, and gives its numbers. */
function measuredOf(...args: Parameters<typeof measureTexts>): Partial<Record<TextKey, number>> {
  const result = measureTexts(...args)
  for (const key of textKeys) {
    const [value, reason] = [result.metrics[key], result.undefined[key]]
    assert.ok((value === undefined) !== (reason === undefined), `${key}: ${value}, ${reason}`)
    if (value !== undefined) assert.ok(Number.isFinite(value), `${key}: ${value}`)
    else assert.ok(reason !== '', key)
  }
  assert.equal(Object.keys(result.metrics).length + Object.keys(result.undefined).length, textKeys.length)
  return result.metrics
}

describe('bad texts have defined results', () => {
  const bad: Record<string, readonly string[]> = {
    'no texts': [],
    'an empty text': [''],
    'one token': ['word'],
    'only punctuation': ['... — !', '??'],
    'a lone surrogate': ['\ud800', 'a \udfff b', '\udc00\ud800'],
    'no words beside words': ['', 'one two three', '—', '\n\n'],
    scripts: ['北京是中国的首都', 'Привет, мир', 'สวัสดีชาวโลก', 'naïve café'],
    'the same text': Array<string>(30).fill('the same text, over and over again')
  }
  for (const [name, list] of Object.entries(bad)) {
    test(name, () => {
      measuredOf(list)
      measuredOf(list, { reference: human, seed: own, band: own })
      measuredOf(own, { reference: list, seed: list, band: list })
      measuredOf(list, { reference: list, seed: list, band: list })
    })
  }

  test('what values depend on is named beside them', () => {
    const { tokenizer, tokenizers, kernel, features, embedding } = measureTexts(own)
    assert.deepEqual(tokenizers, {
      self_repetition_4: 'whitespace-1',
      ngram_diversity_4: 'whitespace-1',
      rouge_l: 'rouge-words-1'
    })
    assert.deepEqual(
      [tokenizer, kernel, features, embedding],
      ['words-1', 'ngram-1', 'hashed-256-1', 'all-minilm-l6-v2-words-64-1']
    )
  })

  test('parts of speech are told by the tagger that is handed in', () => {
    const letters = { id: 'letters-1', tags: (text: string) => text.split(' ').map(word => word[0] ?? '') }
    const tagsOf = (list: readonly string[]) => list.map(letters.tags)
    const { tagger, metrics } = measureTexts(own, { reference: human, tagger: letters })
    assert.equal(tagger, 'letters-1')
    assert.equal(
      metrics.pos_compression_ratio,
      defined(compressionRatio(tagsOf(own).map(tags => tags.join(' '))))
    )
    assert.equal(
      metrics.pos_template_rate,
      defined(templateRate(tagsOf(own), posPatterns(tagsOf(human), 5, 100)))
    )
    const without = measureTexts(own, { tagger: letters })
    assert.equal(without.undefined.pos_template_rate, 'no reference texts')
    const unasked = measureTexts(own, { reference: human })
    assert.equal(unasked.tagger, undefined)
    assert.match(unasked.undefined.pos_compression_ratio!, /not asked for/)
  })

  test('any strings', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 6 }), list => {
        measuredOf(list, { reference: list.slice(1), seed: list.slice(2), band: list })
      }),
      { numRuns: 60 }
    )
  })

  test('a text of a million characters', () => {
    const long = Array.from({ length: 150_000 }, (_, at) => `w${(at * at) % 7919}`).join(' ')
    const metrics = measuredOf([long, ...own])
    assert.ok(metrics.rouge_l! >= 0 && metrics.self_bleu_4! > 0)
  })

  test('ROUGE-L takes the first 2,000 tokens of a text: its time grows with the square of them', () => {
    const start = Array.from({ length: 2000 }, (_, at) => `a${at}`).join(' ')
    const rougeOf = (...list: readonly string[]) => measuredOf(list).rouge_l
    assert.equal(rougeOf(`${start} one end`, `${start} and then quite another`), 1)
    assert.ok(rougeOf(`one ${start}`, `two ${start}`)! < 1)
  })

  test('documents with words, of which the embeddings know none', () => {
    const strange = ['qwrtz xkcdp', 'xkcdp zzyzx', 'zzyzx qwrtz']
    const { undefined: missing, metrics } = measureTexts([...strange, own[0]!], { reference: human })
    assert.equal(missing.embedding_cosine, 'fewer than two documents with known words')
    assert.equal(missing.embedding_frechet, 'fewer than two documents with known words on one side')
    assert.ok(metrics.feature_cosine !== undefined && metrics.embedding_vendi_q2 !== undefined)
    const none = measureTexts(strange).undefined
    for (const key of ['embedding_vendi_q1', 'embedding_vendi_q2', 'embedding_vendi_qinf'] as const)
      assert.equal(none[key], 'no documents with known words')
  })
})

test('what is no list of strings is refused in words, also where no type checker looks', () => {
  const call = (list: unknown, options: object = {}) => measureTexts(list as string[], options)
  const cases: readonly [() => unknown, string][] = [
    [() => call('abc'), 'texts are no list of strings but a string'],
    [() => call(undefined), 'texts are no list of strings but undefined'],
    [() => call([null]), 'texts are no list of strings: the one at 0 is null'],
    [() => call(['a', { text: 'b' }]), 'texts are no list of strings: the one at 1 is an object'],
    [() => call(['a'], { seed: 'abc' }), 'seed texts are no list of strings but a string'],
    [() => call(['a'], { band: [1] }), 'band texts are no list of strings: the one at 0 is a number'],
    [() => call(['a'], { reference: 'abc' }), 'reference texts are no list of strings but a string'],
    [() => call(['a'], { reference: null }), 'reference texts are no list of strings but null'],
    [() => call(['a'], { selfBleuSample: 2.5 }), 'a sample of 2.5 is not a positive integer']
  ]
  for (const [run, message] of cases) assert.throws(run, { name: 'RangeError', message })
})

describe('what is compared with', () => {
  test('without it there are reasons', () => {
    const { undefined: missing } = measureTexts(own)
    assert.equal(missing.kl_to_human, 'no reference texts')
    assert.equal(missing.log_ppl_mean, 'no reference texts')
    assert.equal(missing.ead_1, 'no reference texts')
    assert.equal(missing.novel_type_share, 'no seed texts')
    assert.equal(missing.tail_mass_ratio, 'no human band texts')
    assert.equal(missing.compression_ratio_80k, 'fewer than 80000 bytes')
  })

  test('distances are from as many documents of the reference, whatever else it holds', () => {
    const reference = createReference(human)
    const distances = (list: readonly string[], of: readonly string[] | typeof reference) => {
      const { frechet_distance, embedding_frechet } = measuredOf(list, { reference: of })
      return [frechet_distance, embedding_frechet]
    }
    // Sizes come back after more others than are kept.
    for (const size of [3, 8, 5, 12, 3, 6, 9, 8, 10, 3]) {
      const found = distances(own.slice(0, size), reference)
      assert.deepEqual(found, distances(own.slice(0, size), human.slice(0, size)), `${size} documents`)
      assert.ok(found.every(value => value! > 0))
    }
    // Of more documents than the reference has, the first.
    const few = human.slice(0, 7)
    assert.deepEqual(distances(['—', ...own], few), distances(own.slice(0, 7), few))
    assert.ok(distances(human, human).every(value => value! < 1e-6))
  })

  test('a text is at no distance from itself', () => {
    const metrics = measuredOf(own, { reference: own, seed: own, band: own })
    assert.ok(
      metrics.kl_to_human! < 1e-12 && metrics.js_to_human! < 1e-12 && metrics.frechet_distance! < 1e-9
    )
    assert.equal(metrics.tail_types_kept, 1)
    assert.equal(metrics.novel_type_share, 0)
    assert.equal(metrics.tail_types_kept_ratio, 1)
    assert.equal(metrics.tail_mass_ratio, 1)
  })

  test('ratios divide by the mean of human windows of as many tokens', () => {
    const [small] = own
    const tokens = words(small!).length
    const metrics = measuredOf([small!], { reference: human, band: own.slice(1) })
    const windows: number[] = []
    for (let from = 1, to = 1, sum = 0; to <= own.length; to++) {
      if (sum >= tokens) {
        windows.push(measuredOf(own.slice(from, to), { reference: human }).tail_mass!)
        from = to
        sum = 0
      }
      sum += words(own[to] ?? '').length
    }
    assert.ok(windows.length > 3)
    const mean = windows.reduce((sum, one) => sum + one, 0) / windows.length
    assert.ok(Math.abs(metrics.tail_mass_ratio! - metrics.tail_mass! / mean) < 1e-12)
    const { undefined: missing } = measureTexts(own, { reference: human, band: own.slice(1) })
    assert.equal(missing.tail_mass_ratio, 'no human window of as many tokens')
  })

  test('a reference made once, and a measure made once, say the same', () => {
    const options = { seed: own, band: own, selfBleuSample: 5, rougeSample: 4, kernelSample: 6 }
    const once = measureTexts(own, { reference: human, ...options })
    const measure = createMeasure({ reference: createReference(human), ...options })
    assert.deepEqual(measure(own), once)
    assert.deepEqual(measure(own), once)
    const { metrics: whole } = measureTexts(own)
    for (const key of ['self_bleu_4', 'rouge_l', 'vendi_q1'] as const)
      assert.notEqual(once.metrics[key], whole[key])
    assert.throws(() => createMeasure({ rougeSample: 0 }), RangeError)
    assert.throws(() => createMeasure({ kernelSample: 1.5 }), RangeError)
  })
})

test('the panel is the streaming one', () => {
  const panel = createPanel()
  for (const text of texts) panel.add(text)
  const values = panel.values()
  const { metrics, undefined: missing } = measureTexts(texts)
  for (const key of panelKeys) {
    const one = values[key]
    assert.deepEqual(one, 'value' in one ? { value: metrics[key] } : { undefined: missing[key] }, key)
  }
  assert.ok(Object.keys(metrics).length > panelKeys.length)
})

test('the order of the texts matters where it is said to, and nowhere else', () => {
  const options = { reference: human, seed: human, band: human, rougeSample: 20 }
  const one = measuredOf(own, options)
  for (const seed of [1, 2]) {
    const other = measuredOf(shuffled(own, seed), options)
    for (const key of textKeys) {
      if (ordered.includes(key)) continue
      const [a, b] = [one[key], other[key]]
      assert.ok(a === b || Math.abs(a! - b!) < 1e-9 * Math.max(1, Math.abs(a!)), `${key}: ${a}, ${b}`)
    }
  }
})

describe('degraded texts move what must move', () => {
  const before = measuredOf(texts)

  test('a template that is filled in', () => {
    const filled = texts.map(
      (text, at) => `It is important to note that ${words(text)[at % 20]} is a key aspect of the world.`
    )
    const after = measuredOf(filled, { reference: human })
    assert.ok(after.rouge_l! > 0.8 && after.self_bleu_4! > 0.5 && after.mean_cosine! > 0.8)
    assert.ok(
      after.vendi_q2! < before.vendi_q2! / 3 && after.compression_ratio! > 2 * before.compression_ratio!
    )
    assert.ok(after.distinct_2_inter! < before.distinct_2_inter! / 2)
  })

  test('words that fall out of the tail: rarer types and novel ones go, probable texts come', () => {
    const counts = new Map<string, number>()
    for (const word of texts.flatMap(words)) counts.set(word, (counts.get(word) ?? 0) + 1)
    const cold = texts.map(text =>
      words(text)
        .map(word => (counts.get(word)! > 2 ? word : 'the'))
        .join(' ')
    )
    const options = { reference: human, seed: own }
    const [warm, after] = [measuredOf(texts, options), measuredOf(cold, options)]
    for (const key of [
      'missing_mass',
      'tail_types_kept',
      'tail_mass',
      'novel_type_share',
      'log_ppl_mean',
      'chao1'
    ] as const) {
      assert.ok(after[key]! < warm[key]! * 0.95, `${key}: ${warm[key]} to ${after[key]}`)
    }
  })
})
