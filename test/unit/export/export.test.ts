/** A whole export without Kafka: the rows of a version in, a folder out. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parse } from 'yaml'
import {
  type Exported,
  type ExportOptions,
  type Gone,
  type ReadRows,
  writeExport
} from '../../../infra/export/export.ts'
import { openFolder } from '../../../infra/export/folder.ts'
import { createTally } from '../../../infra/versions/manifest.ts'
import { isInSubsample } from '../../../infra/versions/subsample.ts'
import type { DiversityStat, Sample, Version } from '../../../schemas/types.ts'
import { humanProvenance, humanSample, message, provenance, sample } from '../../helpers/records.ts'

const base = mkdtempSync(join(tmpdir(), 'everseed-export-'))
after(() => rmSync(base, { recursive: true, force: true }))

const rows: Sample[] = Array.from({ length: 600 }, (_, number) => {
  const license = number % 4 === 0 ? 'CC0-1.0' : null
  return number % 2 === 0
    ? humanSample(`h${number}`, `Text ${number} of a person.`, {
        provenance: humanProvenance({ split: 'SEED', license }),
        epoch: number === 10 ? 2 : 1
      })
    : sample(`m${number}`, `Answer ${number}.`, {
        messages: [message('user', `Question ${number >> 2}?`), message('assistant', `Answer ${number}.`)],
        provenance: provenance({
          prompt_id: `p${number >> 2}`,
          output_terms: number === 1 ? 'unknown' : 'allowed'
        })
      })
})

function versionOf(list: readonly Sample[], mix = {}): Version {
  const tally = createTally({ mix: JSON.stringify(mix) }, 'd@3')
  for (const one of list) tally.add(one)
  return {
    dataset: 'd',
    version: '3',
    parent: 'd@2',
    offsets: [list.length],
    digest: tally.digest(),
    manifest: JSON.stringify(tally.manifest()),
    created_at: 1_800_000_000_123_000
  }
}
const readerOf =
  (list: readonly Sample[], gone: (sample: Sample) => Gone | undefined = () => undefined): ReadRows =>
  async onRow => {
    for (const one of list) onRow(one, gone(one))
  }

const isReal = (one: Sample): boolean => one.provenance.origin === 'HUMAN_AUTHORED'

type Run = { folder: string; done: Exported; read(name: string): string }
async function run(
  list: readonly Sample[] = rows,
  options: Partial<ExportOptions> = {},
  around: { version?: Version; windows?: DiversityStat[]; read?: ReadRows } = {}
): Promise<Run> {
  const { version = versionOf(list), windows = [], read = readerOf(list) } = around
  const wanted: ExportOptions = {
    format: 'messages',
    files: ['jsonl', 'parquet'],
    validation: 0.1,
    ...options
  }
  const { shard: _shard, ...named } = wanted
  const folder = mkdtempSync(join(base, 'out-'))
  const open = openFolder(folder, { name: 'd@3', digest: version.digest, ...named })
  try {
    const done = await writeExport(
      read,
      open,
      { version, floor: 0.5, isReal, windows, pairs: undefined },
      wanted
    )
    return { folder, done, read: name => readFileSync(join(folder, name), 'utf8') }
  } finally {
    open.discard()
  }
}

/** Hashes of all files of a folder. */
const hashes = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map(name => [
        name,
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')
      ])
  )

const lines = ({ done, read }: Run, split: string): { metadata: { id: string } }[] =>
  done.files
    .filter(file => file.kind === 'jsonl' && file.split === split)
    .flatMap(({ name }) => read(name).trimEnd().split('\n'))
    .map(line => JSON.parse(line) as { metadata: { id: string } })

describe('an export', () => {
  test('holds every row once, in order, in one of two splits, and says so everywhere', async () => {
    const out = await run()
    const { done, read } = out
    const train = lines(out, 'train').map(({ metadata }) => metadata.id)
    const validation = lines(out, 'validation').map(({ metadata }) => metadata.id)
    assert.deepEqual(done.rows, { train: train.length, validation: validation.length })
    assert.ok(validation.length > 20 && validation.length < 120, String(validation.length))
    const ids = rows.map(({ id }) => id)
    for (const list of [train, validation])
      assert.deepEqual(
        list,
        ids.filter(id => new Set(list).has(id))
      )
    assert.deepEqual([...train, ...validation].toSorted(), ids.toSorted())
    const manifest = JSON.parse(read('manifest.json')) as Record<string, unknown> & { version: Version }
    assert.deepEqual(manifest['rows'], done.rows)
    assert.deepEqual(manifest['files'], done.files)
    assert.equal(manifest.version.digest, versionOf(rows).digest)
    const card = parse(read('README.md').split('---\n')[1]!) as {
      dataset_info: { splits: { num_examples: number }[] }
      configs: { data_files: object[] }[]
    }
    assert.deepEqual(
      card.dataset_info.splits.map(split => split.num_examples),
      [train.length, validation.length]
    )
    assert.deepEqual(card.configs[0]!.data_files, [
      { split: 'train', path: 'train-*.parquet' },
      { split: 'validation', path: 'validation-*.parquet' }
    ])
  })

  test('is the same bytes twice, whatever the batches it was read in, and others for another version', async () => {
    const first = await run(rows, { shard: { rows: 150, bytes: 1e9 } })
    const slowly: ReadRows = async onRow => {
      for (const [index, one] of rows.entries()) {
        if (index % 7 === 0) await new Promise(resolve => setImmediate(resolve))
        onRow(structuredClone(one))
      }
    }
    const second = await run(rows, { shard: { rows: 150, bytes: 1e9 } }, { read: slowly })
    assert.deepEqual(hashes(second.folder), hashes(first.folder))
    assert.ok(Object.keys(hashes(first.folder)).length > 8)
    const other = await run(rows.slice(0, -1))
    assert.notEqual(hashes(other.folder)['README.md'], hashes(first.folder)['README.md'])
  })

  test('counts what the format cannot hold, in the answer, the manifest and the card', async () => {
    const { done, read } = await run(rows, { format: 'alpaca', validation: 0 })
    assert.deepEqual(done.leftOut, { document: 300 })
    assert.deepEqual(done.rows, { train: 300, validation: 0 })
    assert.deepEqual((JSON.parse(read('manifest.json')) as { left_out: object }).left_out, { document: 300 })
    assert.match(read('README.md'), /\| 300 \| `document` \| a text nobody asked for/)
    assert.match(read('README.md'), /No validation split was asked for/)
    assert.ok(done.files.every(({ split }) => split === 'train'))
  })

  test('of a version that names a sample of its rows holds the sample, and counts the others', async () => {
    const version = versionOf(rows, { strategy: 'accumulate-subsample', subsample: 50 })
    const out = await run(rows, { files: ['jsonl'] }, { version })
    assert.deepEqual(out.done.leftOut, { not_in_sample: 550 })
    const { threshold } = (JSON.parse(version.manifest) as { subsample: { threshold: number } }).subsample
    const sampled = rows.filter(one => isInSubsample('d@3', threshold, one)).map(({ id }) => id)
    const ids = [...lines(out, 'train'), ...lines(out, 'validation')].map(({ metadata }) => metadata.id)
    assert.deepEqual(ids.toSorted(), sampled.toSorted())
    assert.match(out.read('README.md'), /^- Warning: strategy accumulate-subsample holds no real share/m)
  })

  test('an export of nothing is refused, and leaves nothing behind', async () => {
    const human = rows.filter(({ id }) => id.startsWith('h'))
    await assert.rejects(run(human, { format: 'sharegpt' }), {
      code: 'EXPORT_REFUSED',
      message: /no row of d@3 fits the format sharegpt \(300 document\)/
    })
    assert.ok(readdirSync(base).every(name => readdirSync(join(base, name)).every(file => file !== '.draft')))
  })

  test('rows that are not those of the version are noticed: others, more, and such as change in between', async () => {
    const version = versionOf(rows)
    const other = rows.map((one, index) => (index === 5 ? { ...one, id: 'other' } : one))
    await assert.rejects(run(rows, {}, { version, read: readerOf(other) }), { code: 'VERSION_BROKEN' })
    const more = [...rows, humanSample('more', 'text')]
    await assert.rejects(run(rows, {}, { version, read: readerOf(more) }), { code: 'VERSION_BROKEN' })
    const fewer = readerOf(rows.slice(1), one => (rows.indexOf(one) > 590 ? 'retracted' : undefined))
    await assert.rejects(run(rows, {}, { version, read: fewer }), { code: 'VERSION_BROKEN' })
    let passes = 0
    const changing: ReadRows = async onRow => readerOf(passes++ === 0 ? rows : rows.slice(1))(onRow)
    await assert.rejects(run(rows, {}, { version, read: changing }), {
      code: 'VERSION_BROKEN',
      message: /changed while it was exported/
    })
  })

  test('says what the training files hold in their smallest prefix', async () => {
    const { done, read } = await run(rows, { validation: 0.3, files: ['jsonl'] })
    let [human, all, smallest] = [0, 0, 1]
    for (const line of read('train-00000-of-00001.jsonl').trim().split('\n')) {
      all++
      if ((JSON.parse(line) as { metadata: { origin: string } }).metadata.origin === 'HUMAN_AUTHORED') human++
      smallest = Math.min(smallest, human / all)
    }
    assert.equal(done.smallest, smallest)
    assert.equal(done.share, human / all)
    assert.ok(smallest < 1)
    assert.ok(
      read('README.md').includes(`the lowest prefix of the training files | ${smallest.toFixed(3)} |`)
    )
  })

  test('rows that were retracted since are not there, nor what had its place by them, and the card says how many', async () => {
    const goneOf = (one: Sample): Gone | undefined => {
      const index = rows.indexOf(one)
      return index >= 590 ? 'retracted' : index >= 585 ? 'displaced' : undefined
    }
    const { done, read } = await run(rows, {}, { version: versionOf(rows), read: readerOf(rows, goneOf) })
    assert.deepEqual([done.retracted, done.displaced], [10, 5])
    assert.match(read('README.md'), /10 rows were retracted after the version was closed/)
    assert.match(read('README.md'), /5 rows more are not here: they had their places/)
    assert.equal(done.rows['train']! + done.rows['validation']!, 585)
  })
})

test('the card says what it is, how it was made, ratios, models, terms, licences and limits', async () => {
  const window = {
    scope: 's',
    dataset: 'd',
    run: 'r',
    stage: 'accepted',
    source: 'alpha',
    generation: 1,
    cell_group: '*',
    window: 3,
    topic: 'samples.verified',
    slot: 0,
    from: 0,
    to: 1,
    documents: 10,
    tokens: 5000,
    budget: 5000,
    partial: false,
    tokenizer: 'words-1',
    clusters: [],
    embeddings: { count: 0, sum: [], products: [] },
    log_perplexities: [],
    human_windows: 6,
    human_missing: 0,
    created_at: 1,
    metrics: [
      {
        name: 'distinct_2_inter',
        value: 0.7959,
        undefined: '',
        human_mean: 0.82,
        human_sd: 0.01,
        z: -2.31,
        model: '',
        tokenizer: ''
      }
    ]
  } satisfies DiversityStat
  const { read } = await run(rows, {}, { windows: [window] })
  const card = read('README.md')
  for (const words of [
    /^license: other$/m,
    /^# d@3$/m,
    /closed 2027-01-15T08:00:00\.123Z, after `d@2`/,
    /\| real share \| 0\.500 \|/,
    /\| HUMAN_AUTHORED \| 300 \| 0\.500 \|/,
    /\| alpha \| a \| offline \| 1 \| 300 \| 0\.500 \| allowed, unknown \|/,
    /\| CC0-1\.0 \| 150 \| 0\.250 \|/,
    /Of 150 rows written by people nobody stated a licence/,
    /output of `alpha` may train a model was not stated to be allowed/,
    /1 rows are human texts laid down again/,
    /\| r \| alpha \| 1 \| 5,000 \| - \| - \| - \| 0\.7959 \(-2\.3\) \|/,
    new RegExp(versionOf(rows).digest)
  ])
    assert.match(card, words)
  const ruled = versionOf(rows, { quota: [{ topic: 'history', share: 0.9 }] })
  assert.match(
    (await run(rows, {}, { version: ruled })).read('README.md'),
    /\| quota \| topic=history \| 0\.9 \| 600 \| 1\.000 \|/
  )
  const warned = versionOf(rows)
  const manifest = JSON.stringify({ ...JSON.parse(warned.manifest), warnings: ['an experiment'] })
  assert.match(
    (await run(rows, {}, { version: { ...warned, manifest } })).read('README.md'),
    /^- Warning: an experiment$/m
  )
  const free = rows.map(one => ({
    ...one,
    provenance: { ...one.provenance, license: one.run === '' ? 'CC-BY-4.0' : null }
  }))
  assert.match((await run(free)).read('README.md'), /^license: cc-by-4\.0$/m)
})

test('the Croissant file names every shard with its hash, and a field for every column', async () => {
  const { done, read } = await run()
  const croissant = JSON.parse(read('croissant.json')) as {
    distribution: { '@type': string; name: string; sha256?: string; includes?: string }[]
    recordSet: { name: string; field: { '@id': string; subField?: { '@id': string }[] }[] }[]
  }
  const objects = croissant.distribution.filter(one => one['@type'] === 'cr:FileObject')
  assert.deepEqual(
    objects.map(({ name, sha256 }) => [name, sha256]),
    done.files.filter(({ kind }) => kind === 'jsonl').map(({ name, sha256 }) => [name, sha256])
  )
  assert.deepEqual(
    croissant.recordSet.map(({ name }) => name),
    ['train', 'validation']
  )
  const [messages, metadata] = croissant.recordSet[0]!.field
  assert.deepEqual(messages!.subField!.map(one => one['@id']).slice(0, 2), [
    'train/messages/role',
    'train/messages/content'
  ])
  assert.ok(metadata!.subField!.some(one => one['@id'] === 'train/metadata/origin'))
})
