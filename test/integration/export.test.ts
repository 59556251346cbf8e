/** `everseed export` on real topics: the same bytes whatever comes after the version, pairs, refusals, kills. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { microseconds } from '../../infra/deployment.ts'
import { slotsOf } from '../../infra/versions/rows.ts'
import { slotOf } from '../../schemas/identity.ts'
import { datasets, diversityStats, retractions, samplesRejected, training } from '../../schemas/topics.ts'
import type { DiversityStat, Rejection, Sample } from '../../schemas/types.ts'
import { type Answer, startEverseed } from '../helpers/cli.ts'
import { write } from '../helpers/deployment.ts'
import { startWorkplace } from '../helpers/pipeline.ts'
import * as make from '../helpers/records.ts'
import { until } from '../helpers/until.ts'

const { deployment, everseed, folder, env } = await startWorkplace({ after })
const slot = slotOf('d', '', 1, deployment.config.partitions)

let rows = 0
/** Lays rows down: a document of a person, then an answer. */
async function lay(count: number): Promise<void> {
  const samples: Sample[] = Array.from({ length: count }, () => {
    const number = rows++
    return number % 2 === 0
      ? make.humanSample(`h${number}`, `Text ${number} by a person.`, {
          provenance: make.humanProvenance({ split: 'SEED', license: 'CC0-1.0' })
        })
      : make.sample(`m${number}`, `Answer ${number}.`, {
          messages: [
            make.message('user', `Question ${number}?`),
            make.message('assistant', `Answer ${number}.`)
          ],
          provenance: make.provenance({ prompt_id: `p${number}` })
        })
  })
  await write(
    deployment,
    training,
    samples.map(value => ({ key: value.id, value, partition: slot }))
  )
}

/** Answers to the questions of some rows that were turned down. */
async function reject(numbers: readonly number[], fields: Partial<Rejection> = {}): Promise<void> {
  const rejections = numbers.map((number): Rejection => {
    const sample = make.sample(`r${number}`, 'x', {
      messages: [make.message('user', `Question ${number}?`), make.message('assistant', `Bad ${number}.`)]
    })
    const said = { processor: 'verify', check: 'length', version: '1', reason: 'too_short', detail: '' }
    return { id: sample.id, sample, ...said, hit: null, retried: false, rejected_at: 1, ...fields }
  })
  await write(
    deployment,
    samplesRejected,
    rejections.map(value => ({ key: value.id, value, partition: slot }))
  )
}

const window = (run: string, source: string, created_at: number): DiversityStat => ({
  scope: `d/${run}/accepted/1/${source}`,
  dataset: 'd',
  run,
  stage: 'accepted',
  source,
  generation: 1,
  cell_group: '*',
  window: 0,
  topic: 'samples.verified',
  slot,
  from: 0,
  to: 10,
  documents: 10,
  tokens: 500,
  budget: 500,
  partial: false,
  tokenizer: 'words-1',
  clusters: [],
  embeddings: { count: 0, sum: [], products: [] },
  log_perplexities: [],
  human_windows: 6,
  human_missing: 0,
  created_at,
  metrics: [
    {
      name: 'distinct_2_inter',
      value: 0.75,
      undefined: '',
      human_mean: 0.8,
      human_sd: 0.02,
      z: -2.5,
      model: '',
      tokenizer: ''
    }
  ]
})

type Done = { rows: Record<string, number>; left_out: Record<string, number>; files: { name: string }[] }
function done({ code, stdout, stderr }: Answer): Done {
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Done
}
const exportTo = (out: string, ...more: string[]): Promise<Answer> =>
  everseed(['export', 'd@1', '--out', join(folder, out), '--json', ...more])

/** Hashes of all files of a folder. */
const hashes = (out: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(join(folder, out))
      .toSorted()
      .map(name => [
        name,
        createHash('sha256')
          .update(readFileSync(join(folder, out, name)))
          .digest('hex')
      ])
  )

before(async () => {
  await write(deployment, datasets, [{ key: 'd', value: make.dataset('d') }])
  await lay(400)
  await reject([1, 3, 5, 7, 9])
  await reject([11], { processor: 'deduplicate' })
  await write(deployment, diversityStats, [{ key: 'w', value: window('r', 'alpha', 1), partition: slot }])
  const { code, stderr } = await everseed(['versions', 'create', 'd'])
  assert.equal(code, 0, stderr)
})

test('the same version gives the same bytes, whatever is written after it was closed', async () => {
  const formats = ['messages', 'text', 'preference']
  for (const format of formats) done(await exportTo(`first-${format}`, '--format', format))
  await lay(50)
  await reject([13, 15], { rejected_at: microseconds() + 1 })
  await write(deployment, diversityStats, [
    { key: 'w', value: window('r', 'beta', microseconds() + 1), partition: slot }
  ])
  for (const format of formats) {
    const answer = done(await exportTo(`second-${format}`, '--format', format))
    const [first, second] = [hashes(`first-${format}`), hashes(`second-${format}`)]
    assert.deepEqual(second, first)
    assert.deepEqual(
      Object.keys(first),
      [...answer.files.map(({ name }) => name), 'README.md', 'croissant.json', 'manifest.json'].toSorted()
    )
  }
  const card = readFileSync(join(folder, 'first-messages/README.md'), 'utf8')
  assert.match(card, /\| r \| alpha \| 1 \| 500 \|.* 0\.75 \(-2\.5\) \|/)
  assert.doesNotMatch(card, /beta/)
})

test('pairs are an answer and one that a check turned down; what has none is counted', async () => {
  const { rows: written, left_out } = done(
    await exportTo('pairs', '--format', 'preference', '--files', 'jsonl', '--validation', '0')
  )
  assert.deepEqual(
    [written, left_out],
    [
      { train: 5, validation: 0 },
      { document: 200, no_rejected_answer: 195 }
    ]
  )
  const pairs = readFileSync(join(folder, 'pairs/train-00000-of-00001.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, { content: string }[]>)
  assert.deepEqual(
    pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected].map(one => one![0]!.content)),
    [1, 3, 5, 7, 9].map(number => [`Question ${number}?`, `Answer ${number}.`, `Bad ${number}.`])
  )
})

test('what was retracted since is left out, rows and answers of pairs, and the card says so', async () => {
  await write(deployment, retractions, [
    { key: 'd/r3', value: make.retraction('r3', { created_at: 1 }) },
    { key: 'd/h0', value: make.retraction('h0', { created_at: 1 }) },
    { key: 'other/h2', value: make.retraction('h2', { dataset: 'other', created_at: 1 }) }
  ])
  const { rows: written } = done(
    await exportTo('retracted', '--format', 'preference', '--files', 'jsonl', '--validation', '0')
  )
  assert.equal(written['train'], 3)
  const left = await exportTo('left', '--format', 'text', '--validation', '0')
  assert.doesNotMatch(left.stderr, /below the floor/)
  const text = done(left)
  assert.equal(text.rows['train'], 398)
  const card = readFileSync(join(folder, 'left/README.md'), 'utf8')
  assert.match(card, /1 rows were retracted after the version/)
  // The first answer had its place by it: every prefix of the files holds the floor.
  assert.match(card, /1 rows more are not here: they had their places/)
  // What the files hold, beside what the version was made with.
  const ratios = Object.fromEntries(
    Array.from(card.matchAll(/^\| ([a-z -]+) \| ([\d.]+) \|$/gm), ([, what, number]) => [what, number])
  )
  const { rows: inFiles, 'human-authored rows': people, 'real share': share } = ratios
  assert.deepEqual([inFiles, people, share], ['400', '200', '0.500'])
  assert.equal(ratios['rows of the files'], '398')
  assert.equal(ratios['human-authored rows of the files'], '199')
  assert.equal(ratios['real share of the files'], '0.500')
  let [human, all] = [0, 0]
  for (const line of readFileSync(join(folder, 'left/train-00000-of-00001.jsonl'), 'utf8')
    .trim()
    .split('\n')) {
    all++
    if (line.includes('by a person')) human++
    assert.ok(human >= 0.5 * all, `${human} of ${all}`)
  }
})

test('of a dataset in two slots each prefix of a slot holds the floor by itself after a retraction', async () => {
  const two = make.dataset('two', { shards: 2 })
  await write(deployment, datasets, [{ key: 'two', value: two }])
  const [first, second] = slotsOf(two, deployment.config.partitions)
  const provenance = make.humanProvenance({ split: 'SEED' })
  const person = (id: string): Sample => make.humanSample(id, `Text ${id}.`, { dataset: 'two', provenance })
  const rowsOf = (partition: number, samples: readonly Sample[]) =>
    samples.map(value => ({ key: `two/${value.id}`, value, partition }))
  await write(deployment, training, [
    // More people than the floor asks for pay nothing in the other slot.
    ...rowsOf(first!, [person('a'), person('b')]),
    ...rowsOf(second!, [person('c'), make.sample('m', 'Answer.', { dataset: 'two' })])
  ])
  assert.equal((await everseed(['versions', 'create', 'two'])).code, 0)
  await write(deployment, retractions, [
    { key: 'two/c', value: make.retraction('c', { dataset: 'two', created_at: 1 }) }
  ])
  const answer = await everseed([
    'export',
    'two@1',
    '--out',
    join(folder, 'two'),
    '--format',
    'text',
    '--validation',
    '0'
  ])
  assert.match(answer.stdout, /^two@1 is exported to \S+ as text: 2 rows/)
  assert.match(answer.stderr, /^1 rows were left out: retracted\n1 rows were left out: they had/m)
})

test('for people it says what it did and what it left out; a folder with something else is refused', async () => {
  const out = join(folder, 'people')
  // A dataset alone is its newest version; the same export is written anew.
  for (const name of ['d', 'd@1']) {
    const again = await everseed(['export', name, '--out', out, '--format', 'alpaca', '--validation', '0'])
    assert.equal(again.code, 0, again.stderr)
    assert.match(
      again.stdout,
      /^d@1 is exported to \S+ as alpaca: 199 rows, 0 of them for validation, in 2 files\n$/
    )
    assert.match(again.stderr, /training files hold a real share of 0\.000, below the floor of 0\.5/)
    assert.match(
      again.stderr,
      /199 rows were left out: document[^]*1 rows were left out: retracted\n1 rows were left out: they had/
    )
  }
  const held = hashes('people')
  const other = await everseed(['export', 'd@1', '--out', out, '--format', 'text'])
  assert.equal(other.code, 2)
  assert.match(other.stderr, /holds another export, d@1 as alpaca.*\[EXPORT_REFUSED\]/)
  assert.deepEqual(hashes('people'), held)
  const nowhere = await everseed(['export', 'd@9', '--out', join(folder, 'nowhere')])
  assert.match(nowhere.stderr, /no version d@9; there are d@1.*\[UNKNOWN_NAME\]/)
  assert.ok(!existsSync(join(folder, 'nowhere')))
})

test('killed while it writes it is done again, to the same bytes', async () => {
  done(await exportTo('whole'))
  const out = join(folder, 'killed')
  for (let kill = 0; kill < 3; kill++) {
    const command = startEverseed(['export', 'd@1', '--out', out], { cwd: folder, env })
    await until('the first file', () => existsSync(join(out, '.draft')))
    command.kill('SIGKILL')
    await command.ended
    assert.ok(!existsSync(join(out, 'manifest.json')) || !existsSync(join(out, '.draft')))
  }
  done(await exportTo('killed'))
  assert.deepEqual(hashes('killed'), hashes('whole'))
})

test('a job subscribes to a version of a dataset, and is done where it ends though it follows', async () => {
  const words = ['subscribe', 'training', '--dataset', 'd', '--version', '1', '--follow', '--format', 'keys']
  const { code, stdout, stderr } = await everseed(words)
  assert.equal(code, 0, stderr)
  const manifest = JSON.parse(readFileSync(join(folder, 'first-text/manifest.json'), 'utf8')) as {
    version: { digest: string }
  }
  assert.equal(createHash('sha256').update(stdout).digest('hex'), manifest.version.digest)
})
