/** Publishing and subscribing by command, against the parts alone: what goes into a topic is what was in the file, once. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { contentHash } from '../../../schemas/identity.ts'
import { human, prompts, runs, type Topic } from '../../../schemas/topics.ts'
import type { Document, Prompt, Run } from '../../../schemas/types.ts'
import { runShell, startEverseed } from '../../helpers/cli.ts'
import { readAll } from '../../helpers/deployment.ts'
import { message } from '../../helpers/records.ts'
import { until } from '../../helpers/until.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'

const { deployment, everseed, env, file, folder } = await startWorkplace({ after })

/** A recipe that needs no human text: a source that is never called, since no processor runs. */
const recipe = (run: string, dataset = 'd', more = ''): string =>
  file(
    `${run}.yaml`,
    `dataset: ${dataset}\nrun: ${run}\nsources: [{ name: s, provider: openai, model: m, family: f }]\n${more}`
  )
const line = (fields: object): string => `${JSON.stringify(fields)}\n`
const text = (words: string, more: object = {}): string =>
  line({ text: words, origin: 'HUMAN_AUTHORED', ...more })

type Report = {
  read: number
  published: number
  already: number
  rejected: number
  duplicates: number
  otherwise: number
  rejects: string | null
}
const report = (stdout: string): Report => JSON.parse(stdout) as Report

async function values<Value>(topic: Topic<Value>, of: (value: Value) => boolean): Promise<Value[]> {
  return (await readAll(deployment, topic)).map(record => record.decoded).filter(of)
}
const documentsOf = (dataset: string): Promise<Document[]> =>
  values(human, value => value.dataset === dataset)
const promptsOf = (run: string): Promise<Prompt[]> => values(prompts, value => value.run === run)

const firstId = contentHash([message('document', 'First, with what is known of it.')])

test('lines become documents; wrong ones are told by number and kept in a file beside; once is enough', async () => {
  const lines = [
    text('First, with what is known of it.', { topic: 't', license: 'CC0-1.0', metadata: { page: 3 } }),
    'not json\n',
    line({ text: 'Nobody says who wrote it.' }),
    '\n',
    line({ text: 'x', origin: 'SYNTHETIC' }),
    line({ text: 'x', messages: [{ role: 'user', content: 'y' }], origin: 'UNKNOWN' }),
    text('x', { speling: 1 }),
    text(' \n '),
    text('x', { id: '' }),
    '[]\n',
    line({
      messages: [
        { role: 'user', content: 'Hm?' },
        { role: 'assistant', content: 'Ha!' }
      ],
      origin: 'UNKNOWN'
    }),
    text('First, with what is known of it.', { topic: 'other' }),
    line({ text: 'edited', origin: 'HUMAN_EDITED', parent_ids: [firstId] })
  ]
  const path = file('mixed.jsonl', lines.join(''))
  const args = ['publish', 'human', path, '--recipe', recipe('r1', 'mixed')]
  const first = await everseed(args)
  assert.equal(first.code, 2)
  assert.equal(
    first.stdout,
    `3 published, 1 were there already, 8 rejected (see ${path}.rejects.jsonl); with a text that came before: 1 (one text is one sample)\n`
  )
  const told = first.stderr.trimEnd().split('\n')
  const expected: [number, RegExp][] = [
    [2, /not JSON/],
    [3, /origin: say who wrote it: HUMAN_AUTHORED/],
    [5, /SYNTHETIC/],
    [6, /either text or messages/],
    [7, /unknown field speling/],
    [8, /no text/],
    [9, /id: is empty/],
    [10, /expected object/]
  ]
  assert.equal(told.length, expected.length)
  const rejects = readFileSync(`${path}.rejects.jsonl`, 'utf8')
    .trimEnd()
    .split('\n')
    .map(one => JSON.parse(one) as { line: number; error: string; text: string })
  for (const [index, [number, words]] of expected.entries()) {
    assert.match(told[index]!, new RegExp(`^line ${number}: `))
    assert.match(told[index]!, words)
    assert.equal(rejects[index]!.line, number)
    assert.match(rejects[index]!.error, words)
    assert.equal(rejects[index]!.text, lines[number - 1]!.trimEnd())
  }
  const documents = await documentsOf('mixed')
  assert.deepEqual(
    documents.map(document => document.messages.map(({ role, content }) => [role, content])),
    [
      [['document', 'First, with what is known of it.']],
      [
        ['user', 'Hm?'],
        ['assistant', 'Ha!']
      ],
      [['document', 'edited']]
    ]
  )
  const [one] = documents
  assert.equal(one!.cell.topic, 't')
  assert.equal(one!.provenance.license, 'CC0-1.0')
  assert.equal(one!.provenance.generation, 0)
  assert.deepEqual(one!.metadata, { page: '3' })

  const again = await everseed([...args, '--json'])
  assert.equal(again.code, 2)
  assert.deepEqual(report(again.stdout), {
    read: 12,
    published: 0,
    already: 4,
    rejected: 8,
    duplicates: 1,
    otherwise: 0,
    rejects: `${path}.rejects.jsonl`
  })
  assert.equal((await documentsOf('mixed')).length, 3)
})

test('a file without a wrong line leaves no file of rejects, and removes that of its last time', async () => {
  const path = file('better.jsonl', 'wrong\n')
  const args = ['publish', 'human', path, '--recipe', recipe('r2', 'better'), '--json']
  assert.equal((await everseed(args)).code, 2)
  assert.ok(existsSync(`${path}.rejects.jsonl`))
  file('better.jsonl', text('right'))
  const answer = await everseed(args)
  assert.deepEqual(report(answer.stdout), {
    read: 1,
    published: 1,
    already: 0,
    rejected: 0,
    duplicates: 0,
    otherwise: 0,
    rejects: null
  })
  assert.deepEqual({ code: answer.code, stderr: answer.stderr }, { code: 0, stderr: '' })
  assert.ok(!existsSync(`${path}.rejects.jsonl`))
})

test('a text that was published as something else stays what it was, and whoever says otherwise is told', async () => {
  const lines = (first: string, second: string): string =>
    [first, second].map((origin, at) => JSON.stringify({ text: `one of two, ${at}`, origin })).join('\n')
  const publish = (name: string, content: string): ReturnType<typeof everseed> =>
    everseed(['publish', 'human', file(name, content), '--recipe', recipe('r9', 'claims')])
  assert.equal((await publish('first.jsonl', lines('UNKNOWN', 'HUMAN_AUTHORED'))).stderr, '')
  for (const [origins, others] of [
    [['UNKNOWN', 'HUMAN_AUTHORED'], 0],
    [['HUMAN_AUTHORED', 'HUMAN_AUTHORED'], 1],
    [['HUMAN_AUTHORED', 'UNKNOWN'], 2]
  ] as const) {
    const { stdout, stderr } = await publish('again.jsonl', lines(origins[0], origins[1]))
    assert.match(stdout, /^0 published, 2 were there already/)
    if (others === 0) assert.equal(stderr, '')
    else
      assert.match(
        stderr,
        new RegExp(`^${others} of those that were there were published as of another origin`)
      )
  }
})

test('line ends of Windows, a byte order mark, no last line end, separators inside text, other encodings', async () => {
  const path = file(
    'odd.jsonl',
    Buffer.concat([
      Buffer.from('\ufeff{"text":"marked","origin":"UNKNOWN"}\r\n\r\n'),
      Buffer.from('{"text":"sep\u2028ara\u2029ted\u0085","origin":"UNKNOWN"}\r\n'),
      Buffer.from('{"text":"caf\u00e9","origin":"UNKNOWN"}\n', 'latin1'),
      Buffer.from(`{"text":"${'é'.repeat(300_000)}","origin":"UNKNOWN"}\n`),
      Buffer.from('{"text":"last 🙂","origin":"UNKNOWN"}')
    ])
  )
  const answer = await everseed(['publish', 'human', path, '--recipe', recipe('r3', 'odd')])
  assert.match(answer.stdout, /^4 published, 0 were there already, 1 rejected/)
  assert.match(answer.stderr, /^line 4: not UTF-8/)
  assert.deepEqual(
    (await documentsOf('odd')).map(document => document.messages[0]!.content),
    ['marked', 'sep\u2028ara\u2029ted\u0085', 'é'.repeat(300_000), 'last 🙂']
  )
})

test('an empty file, a file that is missing, bytes that are no lines', async () => {
  const publish = (path: string): ReturnType<typeof everseed> =>
    everseed(['publish', 'human', path, '--dataset', 'mixed', '--json'])
  const empty = await publish(file('empty.jsonl', ''))
  assert.equal(empty.code, 0)
  assert.deepEqual(report(empty.stdout), {
    read: 0,
    published: 0,
    already: 0,
    rejected: 0,
    duplicates: 0,
    otherwise: 0,
    rejects: null
  })
  const missing = await publish('missing.jsonl')
  assert.equal(missing.code, 2)
  assert.match(
    missing.stderr,
    /missing\.jsonl cannot be read: there is no such file.* \[FILE_UNREADABLE\]\n$/
  )

  // Some bytes in no order, and one line that is longer than anything could take.
  const bytes = Buffer.alloc(200_000)
  for (let index = 0, state = 1; index < bytes.length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[index] = state >>> 16
  }
  const garbage = await publish(file('garbage.jsonl', bytes))
  assert.equal(garbage.code, 2)
  const { published, rejected } = report(garbage.stdout)
  assert.equal(published, 0)
  assert.ok(rejected > 500)
  assert.ok(garbage.stderr.split('\n').length < 30, 'a terminal is not flooded')
  assert.match(garbage.stderr, /and more; every rejected line is in .*garbage\.jsonl\.rejects\.jsonl\n$/)
  const wide = await publish(file('wide.jsonl', Buffer.alloc(20 * 1024 * 1024, 'x')))
  assert.match(wide.stderr, /^line 1: longer than 16 MiB/)
  rmSync(join(folder, 'wide.jsonl'))
})

test('a record over the limit of its topic is refused with its line; its neighbours go in', async () => {
  const path = file(
    'large.jsonl',
    text('before') + text('x'.repeat(9 * 1024 * 1024)) + text(`5 MB ${'y'.repeat(5_000_000)}`) + text('after')
  )
  const answer = await everseed(['publish', 'human', path, '--recipe', recipe('r4', 'large')])
  assert.equal(answer.code, 2)
  assert.match(answer.stdout, /^3 published, 0 were there already, 1 rejected/)
  assert.match(answer.stderr, /^line 2: \d+ bytes; human takes records up to 8388608 bytes: split the text/)
  assert.deepEqual(
    (await documentsOf('large')).map(document => document.messages[0]!.content.length),
    [6, 5_000_005, 5]
  )
})

test('standard input is read as a file is', async () => {
  const input = text('from a pipe') + 'wrong\n'
  const args = ['publish', 'human', '-', '--recipe', recipe('r5', 'piped'), '--json']
  const answer = await everseed(args, { input })
  assert.deepEqual(report(answer.stdout), {
    read: 2,
    published: 1,
    already: 0,
    rejected: 1,
    duplicates: 0,
    otherwise: 0,
    rejects: 'stdin.rejects.jsonl'
  })
  assert.match(readFileSync(join(folder, 'stdin.rejects.jsonl'), 'utf8'), /"line":2/)
  // Nobody has the line but who wrote it into the pipe: the next one takes nothing of it away, and it is kept whole.
  const long = 'w'.repeat(5000)
  const again = report((await everseed(args, { input: text('from a pipe') + long })).stdout)
  assert.deepEqual([again.already, again.rejects], [1, 'stdin-2.rejects.jsonl'])
  const [rejected] = readFileSync(join(folder, 'stdin-2.rejects.jsonl'), 'utf8').split('\n')
  assert.equal((JSON.parse(rejected!) as { text: string }).text, long)
  assert.match(readFileSync(join(folder, 'stdin.rejects.jsonl'), 'utf8'), /"line":2/)
})

test('where rejects cannot be written, nothing is published as if all were well', async () => {
  // Nobody makes a file there, root neither.
  const answer = await everseed(['publish', 'human', '/proc/version', '--recipe', recipe('r9', 'unwritable')])
  assert.equal(answer.code, 2)
  assert.match(
    answer.stderr,
    /\/proc\/version\.rejects\.jsonl, which cannot be written.* \[FILE_UNWRITABLE\]\n$/
  )
})

test('a dataset keeps its settings, a run its recipe, and names that are not there are told', async () => {
  const path = file('one.jsonl', text('one'))
  const floor = await everseed([
    'publish',
    'human',
    path,
    '--recipe',
    recipe('r6', 'mixed', 'human: { floor: 0.75 }\n')
  ])
  assert.equal(floor.code, 2)
  assert.match(
    floor.stderr,
    /dataset mixed exists.*floor is 0\.5, the recipe says 0\.75.*\[RUN_CONFLICT\]\n$/
  )
  const unknown = await everseed(['publish', 'human', path, '--dataset', 'nowhere'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /no dataset nowhere.*\[UNKNOWN_NAME\]\n$/)
  const both = await everseed([
    'publish',
    'human',
    path,
    '--dataset',
    'mixed',
    '--recipe',
    recipe('r6', 'mixed')
  ])
  assert.equal(both.code, 2)
})

test('prompts register their run, and close it unless told to keep it open', async () => {
  const path = file(
    'p.jsonl',
    line({ prompt: 'Say a.', topic: 'letters', samples: 3 }) +
      line({
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Say b.' }
        ],
        id: 'b'
      }) +
      line({ prompt: 'Say c.', samples: 0 })
  )
  const args = [
    'publish',
    'prompts',
    path,
    '--recipe',
    recipe('campaign', 'mixed', 'samples_per_prompt: 2\n')
  ]
  const stateOf = async (): Promise<Run> => (await values(runs, run => run.id === 'campaign')).at(-1)!
  const open = await everseed([...args, '--keep-open', '--json'])
  assert.equal(open.code, 2)
  assert.match(open.stderr, /^what model m was trained on is unknown, [^\n]*\nline 3: samples: /)
  assert.equal(report(open.stdout).published, 2)
  assert.equal((await stateOf()).state, 'open')
  const published = await promptsOf('campaign')
  assert.deepEqual(
    published.map(({ id, samples, attempt, dataset }) => ({
      id: id.length > 1 ? 'hash' : id,
      samples,
      attempt,
      dataset
    })),
    [
      { id: 'hash', samples: 3, attempt: 1, dataset: 'mixed' },
      { id: 'b', samples: 2, attempt: 1, dataset: 'mixed' }
    ]
  )

  const closing = await everseed(['publish', 'close', 'campaign'])
  assert.deepEqual(
    { code: closing.code, stdout: closing.stdout },
    { code: 0, stdout: 'run campaign takes no more prompts and ends when every sample is settled\n' }
  )
  const { state, prompts_to, slot } = await stateOf()
  assert.equal(state, 'draining')
  assert.ok(prompts_to[slot]! >= 2)
  assert.equal((await everseed(['publish', 'close', 'campaign'])).code, 0)
  const missing = await everseed(['publish', 'close', 'nowhere'])
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /no run nowhere.*\[UNKNOWN_NAME\]\n$/)

  const again = await everseed(args)
  assert.match(again.stdout, /^0 published, 2 were there already, 1 rejected/)
  const late = await everseed(['publish', 'prompts', '-', '--recipe', join(folder, 'campaign.yaml')], {
    input: line({ prompt: 'Too late.' })
  })
  assert.equal(late.code, 2)
  assert.match(late.stderr, /^line 1: run campaign takes no more prompts \(it is draining\)/)
  const changed = await everseed([
    'publish',
    'prompts',
    path,
    '--recipe',
    recipe('campaign', 'mixed', 'samples_per_prompt: 5\n')
  ])
  assert.equal(changed.code, 2)
  assert.match(changed.stderr, /run campaign exists with another recipe.*new name.*\[RUN_CONFLICT\]\n$/)
  assert.equal((await promptsOf('campaign')).length, 2)
})

test('a rejected line leaves the run open for its correction', async () => {
  const stateOf = async (): Promise<string> => (await values(runs, run => run.id === 'typo')).at(-1)!.state
  const path = file('typo.jsonl', line({ prompt: 'Say a.' }) + line({ promt: 'Say b.' }))
  const args = ['publish', 'prompts', path, '--recipe', recipe('typo', 'typo')]
  const first = await everseed(args)
  assert.equal(first.code, 2)
  assert.match(first.stdout, /^1 published, 0 were there already, 1 rejected/)
  assert.match(
    first.stderr,
    /^what model [^\n]*\nline 2: .*\nrun typo stays open: .*publish again.*everseed publish close typo\n$/
  )
  assert.equal(await stateOf(), 'open')
  file('typo.jsonl', line({ prompt: 'Say a.' }) + line({ prompt: 'Say b.' }))
  const second = await everseed(args)
  assert.match(second.stdout, /^1 published, 1 were there already, 0 rejected/)
  assert.match(second.stderr, /^run typo takes no more prompts/)
  assert.equal(second.code, 0)
  assert.equal(await stateOf(), 'draining')
})

/** Documents of a few hundred bytes, so that publishing takes long enough to be met in the middle. */
const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => text(`Document ${index}. ${'lorem ipsum '.repeat(25)}`)).join(
    ''
  )

/** Where the log of human documents ends: enough to see publishing go on, and quick to ask. */
async function endOfLog(): Promise<number> {
  return (await deployment.admin.offsets(human.name)).reduce((sum, { high }) => sum + high, 0)
}

test('killed in the middle and published again: every line once', async () => {
  const total = 60_000
  const path = file('killed.jsonl', many(total))
  const before = await endOfLog()
  const args = ['publish', 'human', path, '--recipe', recipe('r7', 'killed'), '--json']
  const victim = startEverseed(args, { cwd: folder, env })
  await until('the first documents', async () => (await endOfLog()) > before + 1000)
  victim.kill('SIGKILL')
  assert.equal((await victim.ended).signal, 'SIGKILL')
  const again = await everseed(args)
  assert.equal(again.code, 0, again.stderr)
  const { published, already } = report(again.stdout)
  assert.ok(already >= 500 && published >= 500, `${already} by the killed one, ${published} afterwards`)
  assert.equal(published + already, total)
  const documents = await documentsOf('killed')
  assert.equal(documents.length, total)
  assert.equal(new Set(documents.map(document => document.id)).size, total)
})

test('the same file published twice at once: every line once, and the overtaken one says so', async () => {
  const total = 60_000
  const path = file('twice.jsonl', many(total))
  const before = await endOfLog()
  const args = (name: string): string[] => [
    'publish',
    'human',
    name,
    '--recipe',
    recipe('r8', 'twice'),
    '--json'
  ]
  const first = startEverseed(args(path), { cwd: folder, env })
  await until('the first documents', async () => (await endOfLog()) > before + 1000)
  // It stops in the middle, and wakes up when the second one is done. By another name it is the same file.
  first.kill('SIGSTOP')
  symlinkSync(path, join(folder, 'link.jsonl'))
  const second = await everseed(args('link.jsonl'))
  assert.equal(second.code, 0, second.stderr)
  assert.ok(report(second.stdout).published >= 500, second.stdout)
  first.kill('SIGCONT')
  const answer = await first.ended
  assert.equal(answer.code, 1)
  assert.match(answer.stderr, /another everseed publish of the same file took over.*\[FENCED\]\n$/)
  const documents = await documentsOf('twice')
  assert.equal(documents.length, total)
  assert.equal(new Set(documents.map(document => document.id)).size, total)
})

test('subscribe prints a topic in four formats, filtered and limited', async () => {
  const lines = async (...args: string[]): Promise<string[]> => {
    const { code, stdout, stderr } = await everseed(['subscribe', ...args])
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, args.join(' '))
    return stdout === '' ? [] : stdout.trimEnd().split('\n')
  }
  const [json] = (await lines('human', '--dataset', 'mixed', '--limit', '1')).map(
    one => JSON.parse(one) as { partition: number; offset: number; key: string; value: Document }
  )
  assert.deepEqual(Object.keys(json!), ['partition', 'offset', 'key', 'value'])
  assert.deepEqual(
    (await lines('human', '--dataset', 'mixed', '--limit', '1', '--json')).map(
      one => JSON.parse(one) as unknown
    ),
    [json]
  )
  assert.equal(json!.key, `mixed/${json!.value.id}`)
  assert.equal(json!.value.provenance.origin, 'HUMAN_AUTHORED')
  const messages = await lines(
    `${deployment.config.prefix}human`,
    '--dataset',
    'mixed',
    '--format',
    'messages'
  )
  assert.deepEqual(
    messages.map(one => JSON.parse(one) as unknown),
    [
      { messages: [{ role: 'document', content: 'First, with what is known of it.' }] },
      {
        messages: [
          { role: 'user', content: 'Hm?' },
          { role: 'assistant', content: 'Ha!' }
        ]
      },
      { messages: [{ role: 'document', content: 'edited' }] }
    ]
  )
  assert.deepEqual(
    (await lines('human', '--dataset', 'mixed', '--format', 'text')).map(one => JSON.parse(one) as unknown),
    [{ text: 'First, with what is known of it.' }, { text: 'Ha!' }, { text: 'edited' }]
  )
  assert.deepEqual(
    await lines('prompts', '--run', 'campaign', '--format', 'keys'),
    (await promptsOf('campaign')).map(({ id }) => id)
  )
  assert.deepEqual(await lines('human', '--dataset', 'nowhere'), [])
  assert.deepEqual(await lines('human', '--from', 'end'), [])
  assert.deepEqual(await lines('versions'), [])
  const runLines = await everseed(['subscribe', 'runs', '--format', 'text'])
  assert.deepEqual({ code: runLines.code, stdout: runLines.stdout }, { code: 0, stdout: '' })
  assert.match(runLines.stderr, /runs holds no messages to print as text; --format json/)
  const unknown = await everseed(['subscribe', 'nope'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /no topic nope; there are human, samples\.human.*\[UNKNOWN_NAME\]\n$/)
})

test('a pipe that is closed early ends subscribe without noise', async () => {
  const { code, stdout, stderr } = await runShell(
    'set -o pipefail; $everseed subscribe human --dataset killed --format text | head -3',
    { cwd: folder, env }
  )
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.equal(stdout.trimEnd().split('\n').length, 3)
})

test('subscribe --follow prints what comes, and an interrupt ends it with 0', async () => {
  const follower = startEverseed(['subscribe', 'human', '--from', 'end', '--follow', '--format', 'text'], {
    cwd: folder,
    env
  })
  const path = file('live.jsonl', '')
  // What is published before it has joined is not for it, so one document is published after the other.
  let count = 0
  await until('a document on the follower', async () => {
    file('live.jsonl', text(`live ${count++}`))
    assert.equal((await everseed(['publish', 'human', path, '--dataset', 'mixed'])).code, 0)
    return follower.stdout() !== ''
  })
  assert.match(follower.stdout(), /^\{"text":"live \d+"\}\n/)
  follower.kill('SIGINT')
  const { code, stderr } = await follower.ended
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
})
