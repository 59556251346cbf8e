/** `everseed measure` as a process, where nothing runs. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { FileComparison, FileReport } from '../../../infra/measure/files.ts'
import { measureTexts } from '../../../metrics/measure-texts.ts'
import { glanceKeys, type TextKey, textKeys } from '../../../metrics/text-keys.ts'
import { type Answer, type CommandOptions, runEverseed } from '../../helpers/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-measure-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const measure = (args: readonly string[], options: CommandOptions = {}): Promise<Answer> =>
  runEverseed(['measure', ...args], { cwd: folder, ...options })

function lines(name: string, rows: readonly unknown[]): string {
  writeFileSync(join(folder, name), rows.map(row => JSON.stringify(row)).join('\n'))
  return name
}

async function reportOf(args: readonly string[], options: CommandOptions = {}): Promise<FileReport> {
  const { code, stdout, stderr } = await measure([...args, '--json'], options)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as FileReport
}

const fixture = join(import.meta.dirname, '../../fixtures/metrics/texts.json')
const texts = (JSON.parse(readFileSync(fixture, 'utf8')) as { text: string }[]).map(({ text }) => text)

describe('golden values of public examples', () => {
  const near = (metrics: FileReport['metrics'], key: TextKey, expected: number, within = 1e-12): void =>
    assert.ok(Math.abs(metrics[key]! - expected) <= within * Math.abs(expected), `${key}: ${metrics[key]}`)

  test('the README text of lexicalrichness 0.5.1, as its preprocessing leaves it', async () => {
    const readme =
      'measure of textual lexical diversity computed as the mean length of sequential words in a text that ' +
      'maintains a minimum threshold ttr score iterates over words until ttr scores falls below a threshold ' +
      'then increase factor counter by and start over mccarthy and jarvis pg recommends a factor threshold in ' +
      'the range of mccarthy mccarthy and jarvis'
    writeFileSync(join(folder, 'readme.txt'), readme)
    const { metrics, documents, tokenizer, file } = await reportOf(['readme.txt'])
    assert.deepEqual(
      [file, documents, tokenizer, metrics.tokens, metrics.types, metrics.f1, metrics.f2],
      ['readme.txt', 1, 'words-1', 57, 39, 27, 7]
    )
    near(metrics, 'ttr', 0.6842105263157895)
    near(metrics, 'mtld_pooled', 46.79226361031519)
    near(metrics, 'hdd_42', 0.7468703323966486)
    near(metrics, 'herdan_c', 0.9061378160786574)
    near(metrics, 'yule_k', 153.8935056940597)
    near(metrics, 'simpson_d', 0.015664160401002505)
  })

  test('the three sentences of the README of diversity', async () => {
    const fox = [
      'The quick brown fox jumps over the lazy dog.',
      'The quick brown fox jumps over the lazy dog again.',
      'Suddenly, the quick brown fox leaps swiftly over the sleeping dog.'
    ]
    for (const [name, rows] of [
      ['fox.jsonl', fox.map(text => ({ text }))],
      [
        'chat.jsonl',
        fox.map(content => ({
          messages: [
            { role: 'user', content: 'q' },
            { role: 'assistant', content }
          ]
        }))
      ],
      ['alpaca.jsonl', fox.map(output => ({ instruction: 'q', input: '', output }))]
    ] as const) {
      const { metrics } = await reportOf([lines(name, rows)])
      assert.equal(metrics.ngram_diversity_4!.toFixed(2), '2.72')
      near(metrics, 'self_repetition_4', 1.1945063128187032)
      near(metrics, 'compression_ratio', 162 / 108)
    }
  })
})

test('the JSON is what measureTexts says, with every key in one of the two', async () => {
  const rows = texts.map(text => ({ text }))
  const report = await reportOf([lines('texts.jsonl', rows)])
  const {
    metrics,
    undefined: missing,
    tokenizer,
    tokenizers,
    kernel,
    features,
    embedding
  } = measureTexts(texts)
  assert.deepEqual(report, {
    file: 'texts.jsonl',
    bad_rows: 0,
    documents: texts.length,
    tokenizer,
    tokenizers,
    kernel,
    features,
    embedding,
    metrics,
    undefined: missing
  })
  for (const key of textKeys)
    assert.ok((report.metrics[key] === undefined) !== (report.undefined[key] === undefined), key)
  const sampled = await reportOf(['texts.jsonl', '--self-bleu-sample', '5'])
  assert.equal(sampled.metrics.self_bleu_4, measureTexts(texts, { selfBleuSample: 5 }).metrics.self_bleu_4)
  assert.ok(!existsSync(join(folder, '.everseed')), 'nothing was started for it')
  const piped = await reportOf(['-'], { input: rows.map(row => JSON.stringify(row)).join('\n') })
  assert.deepEqual(piped.metrics, report.metrics)
})

test('a reference gives mean, sd and z; a window size gives windows; a field gives groups', async () => {
  const rows = texts.map((text, index) => ({ text, model: index % 2 === 0 ? 'a' : 'b', id: `t${index}` }))
  lines('set.jsonl', rows.slice(0, 10))
  lines('human.jsonl', rows.slice(10))
  const {
    human,
    band,
    windows = [],
    groups = {},
    per_window
  } = await reportOf(['set.jsonl', '--reference', 'human.jsonl', '--window', '150', '--by', 'model'])
  assert.deepEqual(Object.keys(human!).toSorted(), [...textKeys].toSorted())
  assert.deepEqual(Object.keys(human!.types), ['mean', 'sd', 'z'])
  assert.ok(band!.windows >= 5 && band!.missing === 0)
  assert.equal(windows[0]!.start, 0)
  assert.equal(windows.at(-1)!.end, 10)
  assert.ok(typeof windows[0]!.metrics.types === 'number' && typeof windows[0]!.z.types === 'number')
  assert.ok(typeof per_window!.types!.z === 'number')
  assert.deepEqual(Object.keys(groups), ['a', 'b'])
  assert.equal(groups['a']!.documents, 5)

  const byModel = await measure(['set.jsonl', '--by', 'model'])
  assert.match(
    byModel.stdout,
    /\nsources: 2, in effect 1\.\d\d, mean cosine between two of them 0\.\d{3} \(hashed-256-1\)\n/
  )

  const table = await measure(['set.jsonl', '--reference', 'human.jsonl', '--window', '150'])
  const head = table.stdout.split('\n').find(line => line.startsWith('at a glance'))
  assert.equal(head, 'at a glance\tvalue\tper window\thuman\tz')
  const first = table.stdout.slice(table.stdout.indexOf('at a glance')).split('\n').slice(1, 4)
  assert.deepEqual(
    first.map(line => line.split('\t')[0]),
    glanceKeys.slice(0, 3)
  )
  // Whatever stands beside them, numbers have no more digits than a person reads.
  for (const { stdout } of [table, byModel]) assert.doesNotMatch(stdout, /\.\d{7}/)
  assert.match(table.stdout, /\nentropy_1\t\d\.\d{3}\t\d\.\d{3} ± /)
  assert.match(table.stdout, /\nundefined\tbecause\nnovel_type_share\tno seed texts\n/)

  assert.deepEqual(band!.overlap, { documents: 0 })
  assert.doesNotMatch(table.stderr, /in the reference/)
  const leaked = lines('leaked.jsonl', rows.slice(5, 25))
  const told = await measure(['set.jsonl', '--reference', leaked, '--seed', 'human.jsonl', '--json'])
  assert.equal(told.code, 0)
  assert.match(
    told.stderr,
    /\n?5 of the 10 documents of set\.jsonl are in the reference leaked\.jsonl too: .*; take them out of it, or/
  )
  assert.match(told.stderr, /15 documents of the seed human\.jsonl are in the reference leaked\.jsonl too/)
  assert.deepEqual((JSON.parse(told.stdout) as FileReport).band!.overlap, { documents: 5, seed: 15 })
  const both = await measure(['human.jsonl', 'set.jsonl', '--reference', leaked])
  assert.match(both.stderr, /15 of the \d+ documents of human[^]*\n5 of the 10 documents of set/)

  const little = await measure(['human.jsonl', '--reference', 'set.jsonl'])
  assert.equal(little.code, 0)
  assert.match(little.stderr, /NO_DATA: .* about \d+ more documents are missing/)
})

test('rows without a text are named and left out; an error only where there is none at all', async () => {
  writeFileSync(join(folder, 'bad.jsonl'), '{"text":"good"}\nnope\n{"x":1}\n')
  const { code, stdout, stderr } = await measure(['bad.jsonl', '--json'])
  assert.equal(code, 0)
  assert.match(
    stderr,
    /bad\.jsonl, line 2: not JSON[^]*bad\.jsonl, line 3: no text[^]*bad\.jsonl: 2 rows left out, 1 measured/
  )
  assert.equal((JSON.parse(stdout) as FileReport).bad_rows, 2)
  writeFileSync(join(folder, 'worse.jsonl'), 'nope\n'.repeat(100))
  const worse = await measure(['worse.jsonl'])
  assert.equal(worse.code, 2)
  assert.match(worse.stderr, /none of the 100 rows of worse\.jsonl can be measured[^]*\[RECORD_INVALID\]/)
  assert.ok(worse.stderr.split('\n').length < 30, 'a hundred are not named one by one')
  const calls: readonly [string[], string, RegExp][] = [
    [['missing.jsonl'], 'FILE_UNREADABLE', /no such file/],
    [['bad.jsonl', '--window', '0'], 'CONFIG_INVALID', /positive whole number/],
    [
      ['bad.jsonl', '--by', 'nosuch'],
      'CONFIG_INVALID',
      /no row of bad\.jsonl has this field; there are text/
    ],
    [['bad.jsonl', '--plot', 'x.png'], 'CONFIG_INVALID', /\.svg or \.html/],
    [['bad.jsonl', 'bad.jsonl', '--by', 'x'], 'CONFIG_INVALID', /--by goes with one file/],
    [['-', '--reference', '-'], 'CONFIG_INVALID', /read once/],
    [['bad.jsonl', '--plot', 'no/such/folder.svg'], 'FILE_UNWRITABLE', /folder\.svg cannot be written/]
  ]
  for (const [args, error, words] of calls) {
    const answer = await measure(args)
    assert.equal(answer.code, 2, args.join(' '))
    assert.match(answer.stderr, new RegExp(`\\[${error}\\]\\n$`))
    assert.match(answer.stderr, words)
  }
})

test('two files: what the second has more or less of', async () => {
  const half = texts.map((text, index) => ({
    text: index % 2 === 0 ? text : text.replaceAll(/\w{7,}/g, 'thing')
  }))
  lines(
    'a.jsonl',
    texts.map(text => ({ text }))
  )
  lines('b.jsonl', half)
  const { code, stdout } = await measure(['a.jsonl', 'b.jsonl', '--json'])
  assert.equal(code, 0)
  const { a, b, differences, window_tokens } = JSON.parse(stdout) as FileComparison
  assert.deepEqual([a.file, b.file, a.documents], ['a.jsonl', 'b.jsonl', texts.length])
  assert.ok(window_tokens! >= 200)
  assert.ok(differences.types!.high < 0 && differences.types!.method === 'windows')
  assert.equal(differences.mattr_50!.method, 'bootstrap')
  const table = await measure(['a.jsonl', 'b.jsonl'])
  assert.match(
    table.stdout,
    /^A {2}a\.jsonl: [^]*\nB {2}b\.jsonl: [^]*\nat a glance\tA\tB\tB - A\t95 % interval\t\tover\ntypes\t/
  )
})

test('two files, one of a single document: no interval, no star, and why', async () => {
  const one = lines('one.jsonl', [{ text: texts[0] }])
  const many = lines(
    'many.jsonl',
    texts.map(text => ({ text }))
  )
  const { code, stdout } = await measure([one, many])
  assert.equal(code, 0)
  assert.doesNotMatch(stdout, /\*|at a glance/)
  assert.match(stdout, /\ntoo few texts to compare\n/)
  assert.match(stdout, /\nlength_mean\teach set must hold 5 documents; they hold 1 and \d+\n/)
})

test('a chart is written where it is asked for', async () => {
  lines(
    'chart.jsonl',
    texts.map(text => ({ text }))
  )
  for (const name of ['chart.svg', 'chart.html']) {
    const { code, stderr } = await measure(['chart.jsonl', '--plot', name])
    assert.equal(code, 0, stderr)
    assert.match(stderr, new RegExp(`chart: ${name}, `))
    assert.match(
      readFileSync(join(folder, name), 'utf8'),
      name.endsWith('svg') ? /^<svg / : /^<!doctype html>/
    )
  }
})
