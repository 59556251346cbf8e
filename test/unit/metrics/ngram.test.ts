import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { fitNgram, type NgramDocument } from '../../../metrics/ngram.ts'
import { countsOf, spectrumOf } from '../../../metrics/spectrum.ts'
import { surfaceTokens } from '../../../metrics/surface.ts'
import { words } from '../../../metrics/tokenize.ts'

// The demo's human text: passages of State of the Union addresses, public domain, each with a topic.
const corpus: NgramDocument[] = gunzipSync(
  readFileSync(join(import.meta.dirname, '../../../infra/demo/corpus.jsonl.gz'))
)
  .toString('utf8')
  .trim()
  .split('\n')
  .slice(0, 1000)
  .map(line => JSON.parse(line) as NgramDocument)
const topics = [...new Set(corpus.map(document => document.topic))]

const shape = { order: 3, smoothing: 0.1 }
const ask = { temperature: 1, maxTokens: 512, seed: 1 }

/** Texts of one topic, as tokens. */
function texts(...lines: string[]): NgramDocument[] {
  return lines.map(text => ({ topic: 't', text }))
}
/** How often each text is drawn in `draws` draws. */
function drawn(model: ReturnType<typeof fitNgram>, request: object, draws = 20_000): Map<string, number> {
  return countsOf(Array.from({ length: draws }, (_, seed) => model.sample({ ...ask, ...request, seed }).text))
}
/** Within four standard deviations of a share of `draws`. */
function near(seen: number | undefined, share: number, draws = 20_000): void {
  const bound = 4 * Math.sqrt(share * (1 - share) * draws)
  assert.ok(
    Math.abs((seen ?? 0) - share * draws) <= bound + 1e-9,
    `${seen} of ${draws}, expected ${share * draws} +- ${bound}`
  )
}

test('maximum likelihood where nothing is smoothed: shares of what followed, the shares of the text', () => {
  const model = fitNgram(texts('a b', 'a b', 'a c', 'd'), { order: 2, smoothing: 0 })
  const seen = drawn(model, {})
  near(seen.get('a b'), 2 / 4)
  near(seen.get('a c'), 1 / 4)
  near(seen.get('d'), 1 / 4)
  assert.equal(seen.size, 3)
})

test('smoothing gives the shorter context its weight', () => {
  // After "a b" came only "c"; after "b" alone came c and d. Weight .4 to the shorter, .4 of that to no context at all.
  const lines = texts('a b c', 'x b d')
  const model = fitNgram(lines, { order: 3, smoothing: 0.4 })
  const third = (first: string): Map<string, number> => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 60_000; seed += 1) {
      const [one, two, three = 'end'] = model.sample({ ...ask, seed, maxTokens: 3 }).text.split(' ')
      if (one === first && two === 'b') counts.set(three, (counts.get(three) ?? 0) + 1)
    }
    return counts
  }
  const counts = third('a')
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  assert.ok(total > 5000)
  // Without context any of a, b, c, x, b, d and two ends may come.
  const unigram = 1 / 8
  near(counts.get('c'), 0.6 + 0.4 * (0.6 * (1 / 2) + 0.4 * unigram), total)
  near(counts.get('d'), 0.4 * (0.6 * (1 / 2) + 0.4 * unigram), total)
})

test('temperature raises shares to its inverse; 0 takes the most frequent; top-p cuts the rare', () => {
  const model = fitNgram(texts('a', 'a', 'a', 'b', 'b', 'c'), { order: 2, smoothing: 0 })
  for (const temperature of [0.5, 2]) {
    const weights = [3, 2, 1].map(count => count ** (1 / temperature))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    const seen = drawn(model, { temperature })
    for (const [at, text] of ['a', 'b', 'c'].entries()) near(seen.get(text), weights[at]! / sum)
  }
  assert.deepEqual([...drawn(model, { temperature: 0 }, 100)], [['a', 100]])
  const cut = drawn(model, { topP: 0.7 })
  near(cut.get('a'), 3 / 5)
  assert.equal(cut.get('c'), undefined)
  assert.deepEqual([...drawn(model, { topP: 0.5 }, 100)], [['a', 100]])
  // Very low and very high temperatures stay numbers.
  assert.equal(drawn(model, { temperature: 1e-9 }, 50).get('a'), 50)
  near(drawn(model, { temperature: 1e9 }).get('c'), 1 / 3)
})

test('temperature on frequent contexts, whose weights are kept, is that on rare ones', () => {
  const lines = texts(...Array.from({ length: 300 }, (_, at) => (at % 3 ? 'a' : 'b')))
  const model = fitNgram(lines, { order: 2, smoothing: 0 })
  const seen = drawn(model, { temperature: 0.5 })
  near(seen.get('a'), 4 / 5)
  assert.deepEqual(drawn(model, { temperature: 0.5 }), seen)
})

test('texts start as their topic starts, and its words come more often', () => {
  const model = fitNgram(corpus, shape)
  for (const topic of topics.slice(0, 4)) {
    const starts = new Set(corpus.filter(one => one.topic === topic).map(one => surfaceTokens(one.text)[0]))
    for (let seed = 0; seed < 50; seed += 1) {
      const { text } = model.sample({ ...ask, topic, seed })
      assert.ok(starts.has(surfaceTokens(text)[0]), text)
    }
  }
  const share = (topicWeight: number): number => {
    const biased = fitNgram(corpus, { ...shape, topicWeight })
    const drawnWords = Array.from({ length: 200 }, (_, seed) =>
      words(biased.sample({ ...ask, topic: 'labor', seed }).text)
    ).flat()
    return (
      drawnWords.filter(word => /^(labor|wages?|workers?|workmen|jobs?|employ\w+)$/.test(word)).length /
      drawnWords.length
    )
  }
  const [plain, weighted] = [share(1), share(20)]
  assert.ok(weighted > 1.5 * plain, `${weighted} ${plain}`)
})

test('a topic nobody knows starts as any text', () => {
  const model = fitNgram(texts('a b', 'c d'), shape)
  assert.deepEqual(new Set(drawn(model, { topic: 'other', maxTokens: 1 }, 100).keys()), new Set(['a', 'c']))
})

test('it ends by itself or is cut, and says which', () => {
  const model = fitNgram(texts('one two three four'), { order: 3, smoothing: 0 })
  assert.deepEqual(model.sample(ask), { text: 'one two three four', tokens: 4, finished: true })
  assert.deepEqual(model.sample({ ...ask, maxTokens: 2 }), { text: 'one two', tokens: 2, finished: false })
  assert.deepEqual([model.documents, model.tokens, model.types], [1, 4, 4])
})

test('the same request draws the same text after a refit, in any order, with warm or cold memory', () => {
  const requests = [0, 0.2, 0.8, 1, 1.2].flatMap(temperature =>
    [1, 2, 3, 2 ** 53 - 1].map(seed => ({
      ...ask,
      temperature,
      seed,
      topic: topics[seed % 3]!,
      topP: seed === 2 ? 0.9 : 1
    }))
  )
  const one = fitNgram(corpus, shape)
  const other = fitNgram(corpus, shape)
  const forwards = requests.map(request => one.sample(request))
  const backwards = requests.toReversed().map(request => other.sample(request))
  assert.deepEqual(backwards.toReversed(), forwards)
  assert.ok(new Set(forwards.map(({ text }) => text)).size > 15)
})

test('unsmoothed, every run of `order` tokens was read; smoothed, every token was', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ','), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      fc.array(letters, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 2, max: 5 }),
      fc.constantFrom(0, 0.3, 1),
      fc.constantFrom(0.5, 1, 1.5),
      fc.nat(1000),
      (lines, order, smoothing, temperature, seed) => {
        const documents = texts(...lines.map(line => line.join(' ')))
        const model = fitNgram(documents, { order, smoothing })
        const { text, tokens } = model.sample({ temperature, seed, maxTokens: 40 })
        const out = text.split(' ')
        assert.equal(out.length, tokens)
        assert.ok(tokens >= 1)
        const padded = lines.map(line => ` ${line.join(' ')} `)
        assert.ok(out.every(token => padded.some(line => line.includes(` ${token} `))))
        if (smoothing > 0) return
        for (let at = 0; at + order <= out.length; at += 1) {
          const run = ` ${out.slice(at, at + order).join(' ')} `
          assert.ok(
            padded.some(line => line.includes(run)),
            `${run} in ${JSON.stringify(padded)}`
          )
        }
      }
    ),
    { numRuns: 300 }
  )
})

test('what cannot be fitted or drawn is refused', () => {
  assert.throws(() => fitNgram([], shape), /no document has a token/)
  assert.throws(() => fitNgram(texts('', ' \n '), shape), /no document has a token/)
  assert.throws(() => fitNgram(texts('a'), { order: 1, smoothing: 0 }), /order 1/)
  assert.throws(() => fitNgram(texts('a'), { order: 2, smoothing: 1.1 }), /smoothing 1\.1/)
  assert.throws(() => fitNgram(texts('a'), { ...shape, topicWeight: 0.5 }), /topicWeight/)
  const model = fitNgram(texts('a'), shape)
  assert.throws(() => model.sample({ ...ask, temperature: -1 }), /temperature -1/)
  assert.throws(() => model.sample({ ...ask, temperature: NaN }), /temperature/)
  assert.throws(() => model.sample({ ...ask, topP: 0 }), /topP 0/)
})

test('fed on itself it collapses: types and hapaxes fall in every generation, at the same number of tokens', () => {
  let documents: readonly NgramDocument[] = corpus
  const types: number[] = []
  const hapaxes: number[] = []
  for (let generation = 0; generation <= 3; generation += 1) {
    const window = documents.flatMap(({ text }) => words(text)).slice(0, 95_000)
    assert.equal(window.length, 95_000)
    const spectrum = spectrumOf(countsOf(window).values())
    types.push(spectrum.types)
    hapaxes.push(spectrum.f1)
    if (generation === 3) break
    const model = fitNgram(documents, { order: 3, smoothing: 0.1 })
    documents = documents.map(({ topic }, at) => ({
      topic,
      text: model.sample({ ...ask, topic, seed: generation * 100_000 + at }).text
    }))
  }
  for (let generation = 1; generation <= 3; generation += 1) {
    assert.ok(types[generation]! < 0.93 * types[generation - 1]!, `types ${types.join(' ')}`)
    assert.ok(hapaxes[generation]! < 0.85 * hapaxes[generation - 1]!, `f1 ${hapaxes.join(' ')}`)
  }
  // Replacement leaves a type seen once with probability .632, .469, .374 (Galton-Watson); hapaxes are at most those.
  assert.ok(types[3]! < 0.7 * types[0]! && hapaxes[3]! < 0.35 * hapaxes[0]!)
})
