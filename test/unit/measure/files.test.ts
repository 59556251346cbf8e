/** Files measured by functions: what options are refused, and what sources are beside one another. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { corpusLines } from '../../../infra/demo/demo.ts'
import { compareFiles, measureFile } from '../../../infra/measure/files.ts'
import { sourcesOf } from '../../../infra/measure/sources.ts'
import { textOf } from '../../../infra/measure/texts.ts'
import { random } from '../../../metrics/random.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-files-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name)
  writeFileSync(path, rows.map(row => JSON.stringify(row)).join('\n'))
  return path
}

test('options that the command refuses are refused, before anything is read', async () => {
  const cases: readonly [object, RegExp][] = [
    [{ window: -3 }, /^window -3: give a positive whole number$/],
    [{ window: 2.5 }, /^window 2\.5: /],
    [{ window: Number.NaN }, /^window NaN: /],
    [{ window: '500' }, /^window '500': /],
    [{ selfBleuSample: 0 }, /^selfBleuSample 0: give a positive whole number$/],
    [{ reference: 7 }, /^reference 7: give a path$/],
    [{ by: '' }, /^by '': give the name of a field$/],
    [{ split: 'page' }, /^split 'page': give one of line, paragraph, file$/]
  ]
  for (const [options, message] of cases) {
    await assert.rejects(measureFile('nothing.jsonl', options), { code: 'CONFIG_INVALID', message })
    await assert.rejects(compareFiles('nothing.jsonl', 'nothing.jsonl', options), { message })
  }
  await assert.rejects(measureFile(undefined as never), { message: /^file undefined: give the path/ })
  await assert.rejects(measureFile('nothing.jsonl', { window: 3 }), { code: 'FILE_UNREADABLE' })
})

test('a field to group by that no row has is an error, which names those there are', async () => {
  const rows = [{ text: 'one' }, { text: 'two', model: 'm', provenance: { model_id: 'x', parents: [] } }]
  const path = file('by.jsonl', rows)
  await assert.rejects(measureFile(path, { by: 'modle' }), {
    code: 'CONFIG_INVALID',
    message: `--by modle: no row of ${path} has this field; there are text, model, provenance.model_id, provenance.parents`
  })
  // A row that lacks it is in a group of its own; a reference need not have it.
  const { groups } = await measureFile(path, { by: 'provenance.model_id', reference: file('r.jsonl', ['a']) })
  assert.deepEqual(Object.keys(groups!), ['(none)', 'x'])
  const strings = file('strings.jsonl', ['a', 'b'])
  await assert.rejects(measureFile(strings, { by: 'model' }), {
    message: /its rows are texts without fields$/
  })
  const enveloped = file('records.jsonl', [{ partition: 0, offset: 1, value: { text: 'a', source: 's' } }])
  assert.deepEqual(Object.keys((await measureFile(enveloped, { by: 'source' })).groups!), ['s'])
  await assert.rejects(measureFile(enveloped, { by: 'offset' }), { message: /there are text, source$/ })
})

test('groups are counted in effect: names for one source are one', async () => {
  const texts = {
    a: ['the ship sailed into the harbour', 'the ship sailed past the port', 'a ship sailed'],
    b: ['violins play melodies', 'orchestras play violins', 'violins and orchestras']
  }
  const rows = ['1', '2', '3'].flatMap((name, index) =>
    texts[index === 2 ? 'b' : 'a'].map(text => ({ text, model: `m${name}` }))
  )
  const { sources, features } = await measureFile(file('sources.jsonl', rows), { by: 'model' })
  assert.equal(sources!.features, features)
  assert.equal(sources!.count, 3)
  // Shares of two thirds and one, were the two kinds at right angles: the exponential of their entropy is 1.89.
  assert.ok(sources!.effective! > 1.5 && sources!.effective! < 1.9, `${sources!.effective}`)
  const [first, second, third] = sources!.pairs
  assert.deepEqual([first!.a, first!.b, second!.b, third!.a], ['m1', 'm2', 'm3', 'm2'])
  assert.ok(first!.cosine > second!.cosine + 0.3 && Math.abs(second!.cosine - third!.cosine) < 1e-12)
  assert.ok(sources!.within['m1']! < first!.cosine, 'the same texts again are nearer than different ones')
  // Of a group by itself it is what the metric of texts says.
  const { groups } = await measureFile(file('sources.jsonl', rows), { by: 'model' })
  assert.ok(Math.abs(groups!['m3']!.metrics.feature_cosine! - sources!.within['m3']!) < 1e-9)
  const alike = await measureFile(file('alike.jsonl', rows.slice(0, 6)), { by: 'model' })
  assert.ok(Math.abs(alike.sources!.effective! - 1) < 1e-9)
})

test('one corpus cut in three is about one source, but for chance where documents are few', () => {
  const texts = corpusLines().map(line => textOf(JSON.parse(line)))
  const draws = random(2)
  const shuffled = texts.map(one => ({ at: draws.float(), one })).toSorted((a, b) => a.at - b.at)
  const inEffect = (size: number): number => {
    const third = (from: number) => shuffled.slice(from * size, (from + 1) * size).map(({ one }) => one)
    return sourcesOf(new Map(['a', 'b', 'c'].map((name, from) => [name, third(from)]))).effective!
  }
  // As docs/measure.md has them.
  for (const [size, expected, within] of [
    [5, 1.65, 0.2],
    [20, 1.26, 0.1],
    [100, 1.06, 0.03],
    [500, 1.02, 0.01]
  ] as const)
    assert.ok(Math.abs(inEffect(size) - expected) < within, `${size}: ${inEffect(size)}`)
})

test('sources without words count for nothing, and of very many the largest are paired', async () => {
  const few = [
    { text: 'a ship', model: 'a' },
    { text: '…', model: 'b' }
  ]
  const { sources } = await measureFile(file('few.jsonl', few), { by: 'model' })
  assert.deepEqual(
    [sources!.count, sources!.within, sources!.pairs, sources!.effective!.toFixed(9)],
    [1, { a: null }, [], '1.000000000']
  )
  const none = await measureFile(file('none.jsonl', few.slice(1)), { by: 'model' })
  assert.equal(none.sources!.effective, null)
  const many = Array.from({ length: 61 }, (_, index) => ({ text: `ship ${index}`, model: `m${index % 60}` }))
  const { pairs } = (await measureFile(file('many.jsonl', many), { by: 'model' })).sources!
  assert.equal(pairs.length, (50 * 49) / 2)
  assert.ok(pairs.some(({ a }) => a === 'm0'))
})
