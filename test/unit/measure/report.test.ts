/** Reports of texts: windows, the human band, and both against what the processor `measure` writes of the same texts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createYardstick } from '../../../infra/measure/human.ts'
import { groupsOf, reportOf, roundedDown } from '../../../infra/measure/report.ts'
import { type Text, textOf } from '../../../infra/measure/texts.ts'
import { panelKeys, windowKeys } from '../../../metrics/keys.ts'
import { measureTexts } from '../../../metrics/measure-texts.ts'
import { random } from '../../../metrics/random.ts'
import { type TextKey, textKeys } from '../../../metrics/text-keys.ts'
import { words } from '../../../metrics/tokenize.ts'
import { measure } from '../../../processors/measure.ts'
import { referenceHalf, shuffleRank } from '../../../processors/reservoir.ts'
import type { DiversityStat } from '../../../schemas/types.ts'
import { createHarness, fakeTables } from '../../helpers/context.ts'
import * as make from '../../helpers/records.ts'

/** Texts of 40 words with a long tail, the same for the same seed. */
function corpus(count: number, seed: number, topics = 1): Text[] {
  const draws = random(seed)
  return Array.from({ length: count }, (_, index) => {
    const text = Array.from({ length: 40 }, () => `w${Math.floor(draws.float() ** 4 * 2000)}`).join(' ')
    return textOf({ id: `${seed}-${index}`, text, topic: `t${index % topics}` })
  })
}

const none = createYardstick(undefined, undefined)
const strings = (texts: readonly Text[]): string[] => texts.map(({ text }) => text)

describe('windows', () => {
  test('are consecutive, close with the text that reaches the budget, and the rest is partial', () => {
    const texts = corpus(23, 1)
    const { windows = [], per_window = {}, window_tokens } = reportOf(texts, { yardstick: none, window: 390 })
    assert.equal(window_tokens, 390)
    // Ten texts of forty words are the first to hold 390.
    assert.deepEqual(
      windows.map(({ start, end, tokens, partial }) => [start, end, tokens, partial]),
      [
        [0, 10, 400, false],
        [10, 20, 400, false],
        [20, 23, 120, true]
      ]
    )
    for (const { start, end, metrics } of windows) {
      assert.deepEqual(metrics, measureTexts(strings(texts.slice(start, end))).metrics)
    }
    const [a, b] = windows
    assert.equal(per_window.types!.mean, (a!.metrics.types! + b!.metrics.types!) / 2)
    assert.equal(per_window.types!.z, null)
  })

  test('the whole is what measureTexts says, with or without windows', () => {
    const texts = corpus(30, 2)
    const whole = measureTexts(strings(texts))
    for (const window of [undefined, 200]) {
      const report = reportOf(texts, { yardstick: none, window })
      assert.deepEqual(report.metrics, whole.metrics)
      assert.deepEqual(report.undefined, whole.undefined)
      assert.equal(report.human, undefined)
    }
  })
})

describe('the human band', () => {
  const human = corpus(600, 3, 3)
  const inBand = human.filter(({ id }) => referenceHalf(id) === 'band')

  test('comes of one half, what looks into texts of the other', () => {
    const texts = corpus(25, 4)
    const yardstick = createYardstick(human, corpus(50, 5))
    const report = reportOf(texts, { yardstick })
    const shuffled = human.toSorted((a, b) => (shuffleRank(a.id) < shuffleRank(b.id) ? -1 : 1))
    const others = strings(shuffled.filter(({ id }) => referenceHalf(id) === 'vocabulary'))
    const plain = measureTexts(strings(texts), { reference: others, seed: strings(corpus(50, 5)) })
    for (const key of textKeys)
      if (!key.endsWith('_ratio')) assert.equal(report.metrics[key], plain.metrics[key], key)
    // Windows as large as the file: a thousand tokens, 25 texts of the band half each.
    assert.deepEqual(report.band, {
      window_tokens: 1000,
      windows: Math.floor(inBand.length / 25),
      missing: 0,
      overlap: { documents: 0, seed: 0 }
    })
    const { mean, sd, z } = report.human!.types
    assert.ok(Math.abs((report.metrics.types! - mean!) / sd! - z!) < 1e-12)
    assert.ok(Math.abs(z!) < 4, `texts of one kind: ${z}`)
    const kept = report.human!.tail_types_kept
    assert.ok(
      Math.abs(report.metrics.tail_types_kept_ratio! - report.metrics.tail_types_kept! / kept.mean!) < 1e-12
    )
    assert.equal(report.human!.tail_types_kept_ratio.mean, 1)
    assert.ok(Math.abs(report.human!.tail_types_kept_ratio.z! - kept.z!) < 1e-9)
  })

  test('z is null unless the sizes are equal', () => {
    const report = reportOf(corpus(60, 6), { yardstick: createYardstick(human, undefined), window: 400 })
    for (const key of textKeys) assert.equal(report.human![key].z, null, key)
    assert.ok(report.human!.types.mean! > 0)
    assert.equal(report.undefined.tail_mass_ratio, 'the whole is no window: see its windows')
    const [first, ...others] = report.windows!
    assert.ok(typeof first!.z.types === 'number' && first!.metrics.tail_mass_ratio! > 0)
    assert.deepEqual(others.at(-1)!.partial, false)
    assert.ok(typeof report.per_window!.types!.z === 'number')
    const partial = reportOf(corpus(65, 6), { yardstick: createYardstick(human, undefined), window: 400 })
    assert.deepEqual(partial.windows!.at(-1)!.z, {}, 'a rest is judged by nothing')
  })

  test('too little: NO_DATA, how many documents are missing, and the size it is enough for', () => {
    const yardstick = createYardstick(human.slice(0, 60), undefined)
    const texts = corpus(50, 7)
    const { band, human: beside, metrics, undefined: missing } = reportOf(texts, { yardstick })
    assert.ok(band!.windows < 5 && band!.missing > 0)
    assert.match(
      band!.no_data!,
      /^NO_DATA: .* 2000 tokens .* about \d+ more documents are missing; --window \d+/
    )
    assert.deepEqual(beside!.types, { mean: null, sd: null, z: null })
    assert.equal(missing.tail_mass_ratio, 'no human band of this size')
    assert.ok(metrics.tail_mass! > 0)
    const size = Number(/--window (\d+)/.exec(band!.no_data!)![1])
    assert.equal(reportOf(texts, { yardstick, window: size }).band!.missing, 0, 'the advice holds')
    // As many documents as were said to be missing, and a tenth for the luck of the halves.
    const more = Math.ceil(band!.missing * 1.1)
    const enough = createYardstick([...human.slice(0, 60), ...corpus(more, 8)], undefined)
    assert.equal(reportOf(texts, { yardstick: enough }).band!.missing, 0)
  })

  test('how many are missing goes by the length of documents, also where the band half has next to none', () => {
    const half = (which: 'band' | 'vocabulary') => human.filter(({ id }) => referenceHalf(id) === which)
    const texts = corpus(50, 7)
    const missing = (reference: readonly Text[], measured = texts): number =>
      reportOf(measured, { yardstick: createYardstick(reference, undefined) }).band!.missing
    // Five windows of 2,000 tokens are 250 texts of forty words, and as many for the other half.
    assert.equal(missing(half('vocabulary').slice(0, 60)), 500, 'nothing in the band half')
    const short = half('band')
      .slice(0, 3)
      .map(one => ({ ...one, text: 'so' }))
    assert.equal(missing([...half('vocabulary').slice(0, 60), ...short]), 526, 'mean of sixty and three')
    const blank = half('band').map(one => ({ ...one, text: '…' }))
    assert.equal(missing(blank), 500, 'no words at all: as long as what is measured')
    assert.equal(missing(half('band').slice(0, 10)), 480)
  })

  test('texts that are in the reference too are counted, of the seed as well', () => {
    const texts = [...corpus(20, 12), ...human.slice(0, 7), textOf('…'), textOf('')]
    const blank = [textOf('…'), textOf(' ')]
    const overlap = (seed?: readonly Text[]) =>
      reportOf(texts, { yardstick: createYardstick([...human, ...blank], seed) }).band!.overlap
    assert.deepEqual(overlap(), { documents: 8 })
    assert.deepEqual(overlap([...corpus(5, 13), ...human.slice(3, 6)]), { documents: 8, seed: 3 })
    const composed = human.slice(0, 2).map(one => ({ ...one, text: `${one.text} e\u0301\n` }))
    const yardstick = createYardstick(
      human.map(one => ({ ...one, text: `${one.text} \u00e9` })),
      undefined
    )
    assert.deepEqual(yardstick.overlap(composed.map(({ text }) => text)), { documents: 2 })
    assert.equal(none.overlap(['a']), undefined)
    // What is no reference is not leaked either.
    const splits = human.map((text, index) => ({ ...text, split: index < 4 ? 'SEED' : 'REFERENCE' }))
    assert.deepEqual(createYardstick(splits, undefined).overlap(strings(texts)), { documents: 3 })
  })

  test('no document is drawn twice, and of very much text forty windows are taken', () => {
    const yardstick = createYardstick(human, undefined)
    const few = yardstick.band(40, 40)!
    assert.equal(few.windows, 40)
    const { mean } = few.spread.tokens!
    assert.equal(mean, 40)
    const size = yardstick.largest
    assert.ok(size * 5 <= inBand.length * 40 && yardstick.band(size, 40)!.missing === 0)
    assert.ok(yardstick.band(size + 200, 40)!.missing > 0)
  })

  test('of exported records only the reference split is a reference, and only the seed split seed', () => {
    const splits = human.map((text, index) => ({ ...text, split: index % 3 === 0 ? 'SEED' : 'REFERENCE' }))
    const yardstick = createYardstick(splits, splits)
    assert.equal(yardstick.documents, 400)
    const seedTypes = new Set(
      splits.filter(({ split }) => split === 'SEED').flatMap(({ text }) => words(text))
    )
    const [text] = corpus(1, 9)
    const novel = words(text!.text).filter(word => !seedTypes.has(word)).length / 40
    assert.ok(
      novel > 0 && Math.abs(yardstick.measure([text!.text]).metrics.novel_type_share! - novel) < 1e-12
    )
  })
})

describe('the same texts have the same windows and the same band as in the pipeline', () => {
  for (const [what, count] of [
    ['all of a small reference', 200],
    // A half is a third more than the twenty windows' worth that are looked into, and than the forty of the band.
    ['what the pipeline keeps of a large one', 1000]
  ] as const)
    test(what, async () => {
      const window = 400
      const tables = fakeTables()
      tables.datasets.set('d', make.dataset('d', { window }))
      tables.runs.set('r', make.run('r'))
      const harness = createHarness(measure, { tables })
      const human = corpus(count, 10, 4)
      const texts = corpus(45, 11)
      const cell = (topic: string) => make.cell({ topic })
      for (const { id, text, topic } of human)
        await harness.process('human', make.humanSample(id, text, { cell: cell(topic) }))
      for (const { id, text } of texts) await harness.process('generations', make.generation(id, text))
      const stats = harness
        .values<DiversityStat>('stats')
        .filter(({ stage, source }) => stage === 'raw' && source === '*')
      assert.equal(stats.length, 4)
      const { windows = [], human: beside } = reportOf(texts, {
        yardstick: createYardstick(human, undefined, { window }),
        window
      })
      for (const [index, { metrics, documents, human_windows }] of stats.entries()) {
        const ours = windows[index]!
        assert.equal(ours.end - ours.start, documents)
        assert.ok(human_windows >= 5)
        for (const { name, value, human_mean, human_sd, z } of metrics) {
          const key = name as TextKey
          assert.ok((windowKeys as readonly TextKey[]).includes(key))
          const inFile = [ours.metrics[key] ?? null, beside![key].mean, beside![key].sd, ours.z[key] ?? null]
          const inPipeline = [value, human_mean, human_sd, z]
          if ((panelKeys as readonly TextKey[]).includes(key)) assert.deepEqual(inFile, inPipeline, key)
          // The reference is read in another order, and so summed.
          else
            for (const [at, one] of inPipeline.entries()) assert.ok(Math.abs(one! - inFile[at]!) < 1e-6, key)
        }
      }
    })
})

test('groups are by the value of a field, in the order they turn up', () => {
  const texts = ['b', 'a', 'b'].map(model => textOf({ text: `of ${model}`, model }, { by: 'model' }))
  assert.deepEqual(
    Array.from(groupsOf(texts), ([name, list]) => [name, list.length]),
    [
      ['b', 2],
      ['a', 1]
    ]
  )
})

test('sizes are rounded down to two digits', () => {
  assert.deepEqual(
    [roundedDown(12_345), roundedDown(999), roundedDown(99), roundedDown(7.5)],
    [12_000, 990, 99, 7]
  )
})
