/** The panel against the Python package `diversity` on the same texts, metric by metric. */
import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { corpusLines } from '../../infra/demo/demo.ts'
import { compressionRatio } from '../../metrics/compression-ratio.ts'
import { measureTexts } from '../../metrics/measure-texts.ts'
import { ngramDiversity } from '../../metrics/ngram-diversity.ts'
import { createPanel } from '../../metrics/panel.ts'
import { type Measured, valueOf } from '../../metrics/result.ts'
import { rougeL, rougeTokens } from '../../metrics/rouge-l.ts'
import { everseed } from '../helpers/cli.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import { median } from './stats.ts'

const run = promisify(execFile)

/** Exact versions; without what `diversity` asks for and these metrics never touch, torch for instance. */
const packages = ['rouge-score==0.1.2', 'nltk==3.10.4', 'tqdm', 'numpy', 'setuptools<81']
const diversity = 'diversity==0.3.1'

type Shared = 'ngram_diversity_4' | 'self_repetition_4' | 'compression_ratio' | 'rouge_l'
type Timed = Readonly<Record<Shared, { readonly seconds: number; readonly value: number }>>

/** Seconds of processor time of some work, and what it gave. */
function timed(work: () => Measured): { seconds: number; value: number } {
  const before = process.cpuUsage()
  const value = valueOf(work())
  const { user, system } = process.cpuUsage(before)
  return { seconds: (user + system) / 1e6, value: value ?? Number.NaN }
}

function ours(texts: readonly string[], sample: number): Timed {
  return {
    ngram_diversity_4: timed(() => ngramDiversity(texts)),
    // There is no way to it but through the panel, which gives 25 others as well.
    self_repetition_4: timed(() => {
      const panel = createPanel()
      for (const text of texts) panel.add(text)
      return panel.values().self_repetition_4
    }),
    compression_ratio: timed(() => compressionRatio(texts)),
    rouge_l: timed(() => rougeL(texts.slice(0, sample).map(rougeTokens)))
  }
}

/** A Python with the package, or why there is none. */
async function python(dir: string): Promise<string | Error> {
  const own = process.env['EVERSEED_BENCH_PYTHON']
  if (own !== undefined) return own
  const program = join(dir, 'venv/bin/python')
  try {
    await run('python3', ['-m', 'venv', join(dir, 'venv')])
    const pip = (...args: string[]) => run(program, ['-m', 'pip', 'install', '--quiet', ...args])
    await pip('--no-deps', diversity)
    await pip(...packages)
    return program
  } catch (error) {
    return error as Error
  }
}

const total = (all: Timed): number => Object.values(all).reduce((sum, { seconds }) => sum + seconds, 0)

export const panel: Benchmark = {
  name: 'panel',
  title: 'The metrics of a file, beside the Python package `diversity`',
  async run({ quick, dir, note }) {
    const [count, sample, runs] = quick ? [200, 20, 2] : [2000, 100, 5]
    const texts = corpusLines()
      .slice(0, count)
      .map(line => (JSON.parse(line) as { text: string }).text)
    const file = join(dir, 'texts.jsonl')
    writeFileSync(file, texts.map(text => JSON.stringify({ text })).join('\n'))
    writeFileSync(join(dir, 'texts.json'), JSON.stringify(texts))

    ours(texts, sample)
    const own: Timed[] = []
    const whole: number[] = []
    const command: number[] = []
    for (let index = 0; index < runs; index++) {
      own.push(ours(texts, sample))
      whole.push(timed(() => ({ value: measureTexts(texts).metrics.types! })).seconds)
      const [program, ...args] = everseed
      const started = performance.now()
      const { status } = spawnSync(program, [...args, 'measure', file, '--json'])
      if (status !== 0) throw new Error('everseed measure failed')
      command.push((performance.now() - started) / 1000)
    }
    const figures: Figure[] = [
      { name: 'the four shared metrics', unit: 's of processor time', values: own.map(total) },
      { name: 'every metric there is', unit: 's of processor time', values: whole },
      { name: '`everseed measure FILE`, from start to end', unit: 's on the clock', values: command }
    ]
    const setting =
      `${count} passages of the demo's corpus, about 105 words each; ROUGE-L, which compares pairs, over the first ${sample} in both. ` +
      'Self-repetition is timed with the 25 other metrics of the panel it comes with.'
    const program = await python(dir)
    if (program instanceof Error) {
      note(`skipped, the Python side: ${program.message}`)
      return {
        setting: `${setting} The Python side was skipped: no Python with \`${diversity}\` could be made.`,
        figures
      }
    }
    const script = join(import.meta.dirname, 'diversity.py')
    const theirs: Timed[] = []
    for (let index = 0; index < Math.min(runs, 3); index++) {
      const { stdout } = await run(program, [script, join(dir, 'texts.json'), String(sample)])
      theirs.push(JSON.parse(stdout.trim().split('\n').at(-1)!) as Timed)
    }
    const baseline = 'the same by `diversity`'
    const seconds = (all: readonly Timed[], key: Shared): number => median(all.map(one => one[key].seconds))
    const keys = Object.keys(own[0]!) as Shared[]
    const theirMedian = median(theirs.map(total))
    return {
      setting: `${setting} The package is ${diversity} with rouge-score 0.1.2, called as its README says.`,
      figures: [
        ...figures.map((figure, index) => (index === 2 ? figure : { ...figure, baseline })),
        { name: baseline, unit: 's of processor time', values: theirs.map(total) },
        {
          name: 'times faster, the shared ones',
          unit: '×',
          values: own.map(one => theirMedian / total(one)),
          goal: { at: 'least', value: 10 }
        }
      ],
      breakdowns: [
        {
          title:
            'Milliseconds per metric, median, and the values (`diversity` rounds to three digits, and compresses its gzip once more)',
          head: ['metric', 'everseed', '`diversity`', 'value', 'its value'],
          rows: keys.map(key => [
            key,
            Math.round(seconds(own, key) * 1e4) / 10,
            Math.round(seconds(theirs, key) * 1e4) / 10,
            own[0]![key].value.toPrecision(6),
            String(theirs[0]![key].value)
          ])
        }
      ]
    }
  }
}
