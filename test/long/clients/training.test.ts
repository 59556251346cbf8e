/**
 * Who trains, from outside: the programs of docs/examples, run. A job that streams a version is killed again and again and has
 * every row once; an export is loaded by Hugging Face datasets and read by what reads Croissant files.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openTransactional } from '../../../infra/kafka/producer.ts'
import { formatNames } from '../../../infra/export/formats.ts'
import { random } from '../../../metrics/random.ts'
import { slotOf } from '../../../schemas/identity.ts'
import { datasets, samplesRejected, training } from '../../../schemas/topics.ts'
import type { Rejection, Sample, Version } from '../../../schemas/types.ts'
import { example, hasPython, python, script } from '../../helpers/clients.ts'
import { type Answer, type Command, start } from '../../helpers/cli.ts'
import { write } from '../../helpers/deployment.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'
import * as make from '../../helpers/records.ts'
import { until } from '../../helpers/until.ts'

const { deployment, everseed, folder, env } = await startWorkplace({ after })
const { kafka, config, codec } = deployment
const skip = hasPython ? false : 'python3 is not installed: install it to run the examples'

/** Fixed, so that a failure can be run again. */
const seed = 20_261_126
const rows = 1500

let number = 0
/** Lays rows down as mix does: in transactions, whose marks nobody gets to see. */
async function lay(count: number, dataset = 'd'): Promise<void> {
  const partition = slotOf(dataset, '', 1, config.partitions)
  const producer = await openTransactional(kafka, config, 'test.mix')
  for (let left = count; left > 0; left -= 50) {
    const samples = Array.from({ length: Math.min(50, left) }, () => {
      const index = number++
      return index % 2 === 0
        ? make.humanSample(`h${index}`, `A text of person ${index}.`, {
            dataset,
            provenance: make.humanProvenance({ split: 'SEED', license: 'CC0-1.0' })
          })
        : make.sample(`m${index}`, `Answer ${index}, "quoted" and naïve 貓.`, {
            dataset,
            messages: [
              make.message('user', `Question ${index}?`),
              make.message('assistant', `Answer ${index}, "quoted" and naïve 貓.`)
            ],
            provenance: make.provenance({ prompt_id: `p${index}` })
          })
    })
    // Rows of another dataset in the same slot are nobody's business here.
    samples.push(make.humanSample(`foreign-${number}`, 'elsewhere', { dataset: 'other' }))
    await producer.commit(
      samples.map(value => ({
        topic: training.name,
        partition,
        key: value.id,
        value: codec.encode(training, value)
      }))
    )
  }
  await producer.close()
}

const json = (answer: Answer): unknown => {
  assert.equal(answer.code, 0, answer.stderr)
  return JSON.parse(answer.stdout)
}

let version: Version
before(async () => {
  await write(
    deployment,
    datasets,
    ['d', 'small'].map(key => ({ key, value: make.dataset(key) }))
  )
  await lay(200, 'small')
  await lay(rows)
  const rejections: Rejection[] = Array.from({ length: 40 }, (_, index) => {
    const sample = make.sample(`r${index}`, 'Bad.', {
      dataset: 'small',
      messages: [
        make.message('user', `Question ${2 * index + 1}?`),
        make.message('assistant', `Bad ${index}.`)
      ]
    })
    return {
      id: sample.id,
      sample,
      processor: 'verify',
      check: 'length',
      version: '1',
      reason: 'too_short',
      detail: '',
      hit: null,
      retried: false,
      rejected_at: 1
    }
  })
  await write(
    deployment,
    samplesRejected,
    rejections.map(value => ({ key: value.id, value, partition: slotOf('small', '', 1, config.partitions) }))
  )
  version = json(await everseed(['versions', 'create', 'd', '--json'])) as Version
  assert.equal((await everseed(['versions', 'create', 'small'])).code, 0)
  // What comes after the version is not in it.
  await lay(100)
})

/** Starts the job of the example. */
function stream(words: string): Command {
  const where = `--brokers ${config.brokers.join(',')} --registry ${env['EVERSEED_REGISTRY_URL']} --prefix ${config.prefix}`
  return start(python(), [example('stream_training.py'), ...`${where} --dataset d ${words}`.split(' ')])
}

/** Ids of the rows in batches, in the order of their offsets. */
function batched(out: string): string[] {
  return readdirSync(out)
    .filter(name => name.endsWith('.jsonl'))
    .toSorted()
    .flatMap(name => readFileSync(join(out, name), 'utf8').trimEnd().split('\n'))
    .map(line => (JSON.parse(line) as Sample).id)
}

test(
  'a training job that is killed again and again has every row of a version once, and ends with it',
  { skip },
  async t => {
    const out = join(folder, 'batches')
    const { uint32 } = random(seed)
    const begin = (): Command => stream(`--version 1 --out ${out} --rows 7`)
    const written = (): number =>
      existsSync(out) ? readdirSync(out).filter(name => name.endsWith('.jsonl')).length : 0
    let kills = 0
    for (; kills < 8; kills++) {
      const job = begin()
      const wanted = Math.min(rows / 7 - 2, written() + 1 + (uint32() % 20))
      let ended = false
      void job.ended.then(() => (ended = true))
      await until(`${wanted} batches`, () => ended || written() >= wanted)
      assert.ok(!ended, job.stderr())
      // Anywhere between two batches.
      await new Promise(resolve => setTimeout(resolve, uint32() % 12))
      job.kill('SIGKILL')
      assert.equal((await job.ended).signal, 'SIGKILL')
    }
    assert.ok(written() < rows / 7, 'it was killed before its end')
    const last = await begin().ended
    assert.equal(last.code, 0, last.stderr)
    const ids = batched(out)
    t.diagnostic(`${kills} kills, ${ids.length} rows in ${written()} batches`)
    assert.equal(ids.length, rows)
    assert.equal(new Set(ids).size, rows)
    assert.equal(
      createHash('sha256')
        .update(ids.map(id => `${id}\n`).join(''))
        .digest('hex'),
      version.digest
    )
    // Whoever starts it again has nothing left to do.
    const files = readdirSync(out)
    const again = await begin().ended
    assert.equal(again.code, 0, again.stderr)
    assert.deepEqual(readdirSync(out), files)
  }
)

test(
  'a job that follows goes on behind the version, and a version that is not there is named',
  { skip },
  async () => {
    const out = join(folder, 'following')
    const job = stream(`--group following --out ${out} --rows 200 --seconds 0.3`)
    await until('all rows', () => existsSync(out) && batched(out).length >= rows + 100)
    job.kill('SIGKILL')
    await job.ended
    assert.equal(new Set(batched(out)).size, rows + 100)
    const nowhere = await stream(`--version 7 --out ${out}`).ended
    assert.equal(nowhere.code, 1)
    assert.match(nowhere.stderr, /there is no version d@7: see everseed versions list d/)
  }
)

test(
  'of a later version a job leaves out what was retracted, and what lost its place by that',
  { skip },
  async () => {
    const gone = ['h200', 'm301']
    json(await everseed(['retract', 'd', ...gone, '--reason', 'a wish', '--yes', '--json']))
    const later = json(await everseed(['versions', 'create', 'd', '--json'])) as Pick<
      Version,
      'version' | 'digest'
    > & { manifest: { excluded: { retracted: string[]; displaced: string[] } } }
    const { excluded } = later.manifest
    assert.deepEqual(excluded.retracted.toSorted(), gone)
    assert.ok(excluded.displaced.length > 0, 'the first row was of a person')
    const out = join(folder, 'retracted')
    const job = await stream(`--version ${later.version} --group retracted --out ${out} --rows 50`).ended
    assert.equal(job.code, 0, job.stderr)
    const ids = batched(out)
    assert.equal(ids.length, rows + 100 - gone.length - excluded.displaced.length)
    const left = new Set([...excluded.retracted, ...excluded.displaced])
    assert.deepEqual(
      ids.filter(id => left.has(id)),
      []
    )
    assert.equal(
      createHash('sha256')
        .update(ids.map(id => `${id}\n`).join(''))
        .digest('hex'),
      later.digest
    )
  }
)

/** What is null may be absent: in JSON lines it is. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, one: unknown) =>
      typeof one === 'object' && one !== null && !Array.isArray(one)
        ? Object.fromEntries(Object.entries(one).filter(([, part]) => part !== null))
        : one
    )
  )

type Line = { metadata: { id: string } }
type Read = { datasets: Record<string, unknown[]>; croissant: Record<string, string[]>; issues: string[] }

test(
  'Hugging Face datasets loads an export of every format, the same rows per split; mlcroissant reads it',
  { skip },
  async () => {
    const exports = [
      ...formatNames.map(format => ({ format, files: 'both' })),
      { format: 'messages', files: 'jsonl' },
      { format: 'messages', files: 'parquet' }
    ]
    const folders = exports.map(({ format, files }) => join(folder, `${format}-${files}`))
    const counts: Record<string, number>[] = []
    for (const [index, { format, files }] of exports.entries()) {
      const out = folders[index]!
      const words = ['--format', format, '--files', files, '--validation', '0.2', '--out', out, '--json']
      counts.push(
        (json(await everseed(['export', 'small@1', ...words])) as { rows: Record<string, number> }).rows
      )
    }
    const variables = { HF_HUB_OFFLINE: '1', HF_HOME: join(folder, 'hf') }
    const read = json(
      await start(python('loaders'), [script('load.py'), ...folders], { env: variables }).ended
    ) as Read[]
    for (const [index, out] of folders.entries()) {
      const { datasets: loaded, croissant, issues } = read[index]!
      assert.deepEqual(issues, [], out)
      for (const split of ['train', 'validation']) {
        assert.equal(loaded[split]!.length, counts[index]![split], `${out} ${split}`)
        assert.ok(loaded[split]!.length > 0, `${out} ${split}`)
        if (exports[index]!.files === 'parquet') {
          assert.deepEqual(loaded[split], read[0]!.datasets[split])
          continue
        }
        const lines = readdirSync(out)
          .filter(name => name.startsWith(split) && name.endsWith('.jsonl'))
          .toSorted()
          .flatMap(name => readFileSync(join(out, name), 'utf8').trimEnd().split('\n'))
          .map(line => JSON.parse(line) as Line)
        assert.deepEqual(plain(loaded[split]), plain(lines))
        assert.deepEqual(
          croissant[split],
          lines.map(({ metadata }) => metadata.id)
        )
      }
    }
    const shown = await start(python('loaders'), [example('load_export.py'), folders[0]!], { env: variables })
      .ended
    assert.equal(shown.code, 0, shown.stderr)
    const told = shown.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      told.map(one => [one['split'], one['rows'], one['columns']]),
      Object.entries(counts[0]!).map(([split, count]) => [split, count, ['messages', 'metadata']])
    )
  }
)
