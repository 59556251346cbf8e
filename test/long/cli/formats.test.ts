/** Publishing what others write, by command: CSV, Parquet, folders of texts, ShareGPT and Alpaca, once and again. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { human } from '../../../schemas/topics.ts'
import type { Document } from '../../../schemas/types.ts'
import type { Answer } from '../../helpers/cli.ts'
import { readAll } from '../../helpers/deployment.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'

const { deployment, everseed, file, folder } = await startWorkplace({ after })
const fixture = (name: string): string => join(import.meta.dirname, '../../fixtures/formats', name)

const recipe = (dataset: string): string =>
  file(
    `${dataset}.yaml`,
    `dataset: ${dataset}\nrun: r\nsources: [{ name: s, provider: openai, model: m, family: f }]\n`
  )

async function documentsOf(dataset: string): Promise<Document[]> {
  return (await readAll(deployment, human))
    .map(({ decoded }) => decoded)
    .filter(one => one.dataset === dataset)
}
/** What a document says: id (a hash as such), source, and its last message. */
const said = ({ id, provenance, messages }: Document): unknown[] => [
  /^[0-9a-f]{32}$/.test(id) ? 'hash' : id,
  provenance.source_uri,
  messages.at(-1)!.content
]

type Counts = { published: number; already: number; rejected: number; duplicates: number }
const counts = ({ stdout, stderr }: Answer): number[] => {
  assert.notEqual(stdout, '', stderr)
  const { published, already, rejected, duplicates } = JSON.parse(stdout) as Counts
  return [published, already, rejected, duplicates]
}
/** Rejects as place and beginning of the error. */
const rejects = (path: string): [object, string][] =>
  readFileSync(`${path}.rejects.jsonl`, 'utf8')
    .trimEnd()
    .split('\n')
    .map(one => {
      const { error, text, ...place } = JSON.parse(one) as { error: string; text: string }
      assert.equal(typeof text, 'string')
      return [place, error]
    })

/** Publishes once and again: what was published is there already, and nothing else changes. */
async function twice(args: readonly string[], input?: string | Buffer): Promise<Answer> {
  const command = ['publish', 'human', ...args, '--json']
  const first = await everseed(command, input === undefined ? {} : { input })
  const again = await everseed(command, input === undefined ? {} : { input })
  const [published, already, rejected, duplicates] = counts(first)
  assert.deepEqual(counts(again), [0, published! + already!, rejected, duplicates])
  assert.equal(again.code, first.code)
  assert.equal(again.stderr, first.stderr)
  return first
}

test('CSV', async () => {
  const path = file(
    'letters.csv',
    [
      '\ufeffid,text,license,stars,parent_ids,origin',
      'a,"Dear sister,\r\nit rained.",CC0-1.0,5,,',
      'b,short',
      'b,Dear brother,,,,',
      ',edited,,,a;b,HUMAN_EDITED',
      ',,,,,',
      ',an orphan,,,a;z,HUMAN_EDITED',
      ',last,,,,',
      ''
    ].join('\r\n')
  )
  const answer = await twice([
    path,
    '--recipe',
    recipe('csv'),
    '--origin',
    'HUMAN_AUTHORED',
    '--license',
    'MIT',
    '--source',
    'box 7'
  ])
  assert.deepEqual(counts(answer), [4, 0, 3, 0])
  assert.equal(answer.code, 2)
  assert.match(
    answer.stderr,
    /^line 4: 2 cells where the first row names 6 columns\nline 7: there is no text in it.*\nline 8: parent z is neither/
  )
  assert.deepEqual(
    rejects(path).map(([place]) => place),
    [{ line: 4 }, { line: 7 }, { line: 8 }]
  )
  const [dear, brother, edited, last] = await documentsOf('csv')
  assert.deepEqual(said(dear!), ['a', 'box 7', 'Dear sister,\r\nit rained.'])
  assert.deepEqual([dear!.provenance.license, dear!.metadata], ['CC0-1.0', { stars: '5' }])
  assert.equal(brother!.provenance.origin, 'HUMAN_AUTHORED')
  assert.deepEqual(
    [edited!.provenance.origin, edited!.provenance.parent_ids, edited!.provenance.license],
    ['HUMAN_EDITED', ['a', 'b'], 'MIT']
  )
  assert.deepEqual(said(last!), ['hash', 'box 7', 'last'])
  const unnamed = file('unnamed.csv', 'Dear sister,1\nx,2\n')
  const refused = await everseed(['publish', 'human', unnamed, '--dataset', 'csv'])
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /no column text.*\[RECORD_INVALID\]\n$/)
})

test('Parquet, from a file and from a pipe', async () => {
  const path = join(folder, 'documents.parquet')
  copyFileSync(fixture('documents.zstd.parquet'), path)
  const parents = file(
    'parents.jsonl',
    ['a', 'b'].map(id => JSON.stringify({ id, text: `parent ${id}`, origin: 'UNKNOWN' })).join('\n')
  )
  assert.equal((await everseed(['publish', 'human', parents, '--recipe', recipe('parquet')])).code, 0)
  const answer = await twice([path, '--recipe', recipe('parquet')])
  assert.deepEqual(counts(answer), [3, 0, 0, 0])
  assert.deepEqual((await documentsOf('parquet')).slice(2).map(said), [
    ['9007199254740993', null, 'Call me Ishmael.'],
    ['2', null, 'Größe, 日本語 and 🙂\r\n'],
    ['3', null, 'Four.']
  ])
  const args = ['-', '--format', 'parquet', '--recipe', recipe('piped'), '--origin', 'UNKNOWN']
  assert.deepEqual(counts(await twice(args, readFileSync(fixture('latin1.parquet')))), [1, 0, 1, 0])
  assert.deepEqual(rejects(join(folder, 'stdin')), [[{ row: 2 }, 'text: bytes that are not UTF-8']])
  const broken = await everseed(['publish', 'human', file('no.parquet', 'text'), '--dataset', 'parquet'])
  assert.equal(broken.code, 2)
  assert.match(broken.stderr, /no\.parquet as Parquet cannot be read.*\[FILE_UNREADABLE\]\n$/)
})

test('a folder of texts, and one of them', async () => {
  const root = join(folder, 'texts')
  mkdirSync(join(root, 'sub'), { recursive: true })
  for (const [name, content] of [
    ['a.txt', 'the same'],
    ['b.md', 'another'],
    ['sub/c.txt', 'the same'],
    ['.hidden', 'x'],
    ['d.txt', ' \n'],
    ['e.bin', '\0']
  ] as const)
    writeFileSync(join(root, name), content)
  const all = ['--recipe', recipe('texts'), '--origin', 'HUMAN_AUTHORED', '--topic', 'sea']
  const answer = await twice([`${root}/`, ...all])
  assert.deepEqual(counts(answer), [2, 1, 3, 1])
  assert.deepEqual(rejects(root), [
    [{ file: '.hidden' }, 'a hidden file is left out'],
    [{ file: 'd.txt' }, 'there is no text in it: give text, or a last message with content or tool_calls'],
    [{ file: 'e.bin' }, 'neither .txt nor .md']
  ])
  assert.match(answer.stderr, /^\.hidden: a hidden file/)
  const documents = await documentsOf('texts')
  assert.deepEqual(documents.map(said), [
    ['hash', 'a.txt', 'the same'],
    ['hash', 'b.md', 'another']
  ])
  assert.equal(documents[0]!.cell.topic, 'sea')
  const one = await everseed(['publish', 'human', join(root, 'b.md'), ...all])
  assert.equal(one.stdout, '0 published, 1 were there already, 0 rejected\n')
  const here = await everseed(['publish', 'human', '.', '--json', ...all], { cwd: join(root, 'sub') })
  assert.deepEqual(counts(here), [0, 1, 0, 0])
  assert.ok(!existsSync(join(root, 'sub.rejects.jsonl')))
})

test('ShareGPT and Alpaca, in JSON lines', async () => {
  const path = file(
    'chats.jsonl',
    [
      {
        conversations: [
          { from: 'human', value: 'Who?' },
          { from: 'gpt', value: 'Me.' }
        ],
        views: 9
      },
      { instruction: 'Add.', input: '2, 2', output: '4' },
      { conversations: [{ from: 'robot', value: 'x' }] },
      { instruction: 'Add.', input: '2, 2', output: '4', origin: 'SYNTHETIC' }
    ]
      .map(one => JSON.stringify(one))
      .join('\n')
  )
  const silent = await everseed(['publish', 'human', path, '--recipe', recipe('chats')])
  assert.match(silent.stderr, /^line 1: origin: say who wrote it: .*--origin\n/)
  const answer = await twice([path, '--dataset', 'chats', '--origin', 'UNKNOWN'])
  assert.deepEqual(counts(answer), [2, 0, 2, 0])
  assert.deepEqual(
    (await documentsOf('chats')).map(({ messages, metadata }) => [
      messages.map(({ content }) => content),
      metadata
    ]),
    [
      [['Who?', 'Me.'], { views: '9' }],
      [['Add.\n\n2, 2', '4'], {}]
    ]
  )
})

test('a text under several ids is published as often, and counted; an id of another text is not passed over', async () => {
  const line = (fields: object): string => `${JSON.stringify({ origin: 'UNKNOWN', ...fields })}\n`
  const path = file(
    'named.jsonl',
    line({ id: '1', text: 'x' }) + line({ id: '2', text: 'x' }) + line({ text: 'x' }) + line({ text: 'y' })
  )
  assert.deepEqual(counts(await twice([path, '--recipe', recipe('named')])), [4, 0, 0, 2])
  const corrected = file(
    'corrected.jsonl',
    line({ id: '1', text: 'z' }) + line({ id: '1', text: 'y' }) + line({ id: '3', text: 'y' })
  )
  const answer = await everseed(['publish', 'human', corrected, '--dataset', 'named'])
  assert.match(
    answer.stderr,
    /^line 1: id 1 is that of another text, which is published already: give this one an id of its own\n$/
  )
  assert.match(
    answer.stdout,
    /^1 published, 1 were there already, 1 rejected .*with a text that came before: 2 \(one text is one sample\)\n$/
  )
  assert.equal((await documentsOf('named')).length, 5)
})
