/** `everseed up` from the first start to the last, as a person uses it: the recipe of `init`, all processors, all commands. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { after, before, test } from 'node:test'
import { spawnSync } from 'node:child_process'
import type { Endpoints } from '../../../infra/endpoints.ts'
import { corpusLines } from '../../../infra/demo/demo.ts'
import { identify, type Identity, isAlive } from '../../../infra/embedded/identity.ts'
import { partNames } from '../../../infra/embedded/stack.ts'
import { readConfig } from '../../../infra/config.ts'
import { connect, type Deployment } from '../../../infra/deployment.ts'
import { silentLog } from '../../../infra/log.ts'
import { allTopics, processorNames } from '../../../infra/processors.ts'
import { noticeOf } from '../../../infra/runner/deadletter.ts'
import { deadLetters, human, prompts as promptTopic, samplesHuman } from '../../../schemas/topics.ts'
import { type Answer, type Command, runEverseed, runOnTerminal, startEverseed } from '../../helpers/cli.ts'
import { readAll, readRaw, write } from '../../helpers/deployment.ts'
import { until } from '../../helpers/until.ts'
import { runEnded } from '../../helpers/pipeline.ts'
import { humanProvenance, prompt } from '../../helpers/records.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-cli-'))
const dataDir = join(folder, '.everseed')
const everseed = (...args: string[]): Promise<Answer> => runEverseed(args, { cwd: folder })
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- says what the JSON is
const read = <Value>({ code, stdout, stderr }: Answer): Value => {
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  return JSON.parse(stdout) as Value
}
const endpoints = (): Endpoints =>
  JSON.parse(readFileSync(join(dataDir, 'endpoints.json'), 'utf8')) as Endpoints

/** A child of `up`, by one look at the file: between two, what was killed may be noticed. */
const childNamed = (name: string): Endpoints['children'][number] =>
  endpoints().children.find(child => child.name === name)!

/** Everything that runs for this data folder: the supervisor and its children. */
function processesOf(up: Command): Identity[] {
  const pids = [up.pid, ...endpoints().children.flatMap(({ pid }) => (pid === null ? [] : [pid]))]
  return pids.flatMap(pid => identify(pid) ?? [])
}

async function startUp(): Promise<Command> {
  const command = startEverseed(['up'], { cwd: folder })
  const up = until('everseed up', () => /Ctrl-C stops everything/.test(command.stdout()), 180_000)
  // Whatever it says when it ends before it is up is why.
  const over = command.ended.then(({ stderr }) => assert.fail(stderr))
  await Promise.race([up, over])
  return command
}

let up: Command
let deployment: Deployment | undefined
after(async () => {
  await deployment?.close()
  up?.kill('SIGTERM')
  await up?.ended
  rmSync(folder, { recursive: true, force: true })
})

async function reconnect(): Promise<Deployment> {
  await deployment?.close()
  deployment = await connect(
    readConfig({ EVERSEED_DATA_DIR: dataDir, ...endpoints().environment }),
    silentLog,
    'test'
  )
  await deployment.prepare(allTopics)
  return deployment
}

const documents = 400
const run = 'letters-1'

before(async () => {
  up = await startUp()
  assert.equal((await everseed('init')).code, 0)
  writeFileSync(join(folder, 'human.jsonl'), `${corpusLines().slice(0, documents).join('\n')}\n`)
  const prompts = ['treasury', 'commerce', 'labor'].map(topic => ({
    prompt: `Speak about ${topic}.`,
    topic,
    samples: 4
  }))
  writeFileSync(join(folder, 'prompts.jsonl'), prompts.map(one => `${JSON.stringify(one)}\n`).join(''))
  const published = await everseed('publish', 'human', 'human.jsonl', '--recipe', 'recipe.yaml')
  assert.equal(published.code, 0, published.stderr)
  const asked = await everseed('publish', 'prompts', 'prompts.jsonl', '--recipe', 'recipe.yaml')
  assert.equal(asked.code, 0, asked.stderr)
  assert.match(asked.stderr, /run letters-1 takes no more prompts and ends when every sample is settled\n$/)
  await runEnded(await reconnect(), run)
})

test('up says where the parts are', () => {
  const text = up.stdout()
  assert.match(text, /^everseed is up after [\d.]+ s, data in .*\.everseed\n/)
  const { environment } = endpoints()
  assert.ok(text.includes(environment['EVERSEED_KAFKA_BROKERS']!))
  assert.ok(text.includes(environment['EVERSEED_REGISTRY_URL']!))
  assert.ok(text.includes(environment['EVERSEED_CLICKHOUSE_URL']!))
  assert.ok(text.includes(processorNames.join(', ')))
})

test('status --json has exactly the documented shape, and every address in it works', async () => {
  const status = read<{
    kafka: { brokers: string[]; prefix: string }
    registry: { url: string }
    clickhouse: { url: string; database: string; user: string; password: string }
    processors: { name: string; state: string; pid: number; lag: number }[]
    datasets: { rows: number; real: number }[]
  }>(await everseed('status', '--json'))
  const { environment, children } = endpoints()
  const [{ rows, real } = assert.fail('no dataset')] = status.datasets
  assert.ok(real < rows && real >= rows / 2, `${real} of ${rows}`)
  assert.deepEqual(status, {
    kafka: { brokers: environment['EVERSEED_KAFKA_BROKERS']!.split(','), prefix: 'everseed.' },
    registry: { url: environment['EVERSEED_REGISTRY_URL'] },
    clickhouse: {
      url: environment['EVERSEED_CLICKHOUSE_URL'],
      database: 'everseed',
      user: 'reader',
      password: environment['EVERSEED_CLICKHOUSE_READER_PASSWORD']
    },
    processors: processorNames.map(name => ({
      name,
      state: 'running',
      pid: children.find(child => child.name === name)!.pid,
      lag: 0
    })),
    datasets: [
      {
        dataset: 'letters',
        strategy: 'accumulate',
        floor: 0.5,
        rows,
        real,
        real_share: real / rows,
        waiting: { verified: 0, human: 0 },
        missing: null,
        warnings: []
      }
    ]
  })
  const subjects = (await (await fetch(`${status.registry.url}/subjects`)).json()) as string[]
  assert.ok(subjects.includes('everseed.training-value'))
  const { url, user, password } = status.clickhouse
  const answer = await fetch(url, {
    method: 'POST',
    body: 'SELECT currentUser()',
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` }
  })
  assert.equal((await answer.text()).trim(), 'reader')
  for (const { pid } of status.processors) assert.ok(identify(pid))
})

test('human output is a table on a terminal and tab-separated lines in a pipe', async t => {
  const piped = await everseed('status')
  const lines = piped.stdout.trimEnd().split('\n')
  assert.match(lines[0]!, /^Kafka {7}127\.0\.0\.1:\d+ {2}\(prefix everseed\.\)$/)
  const head = lines.indexOf('processor\tstate\tpid\tlag\trestarts')
  assert.ok(head > 0)
  assert.deepEqual(
    lines.slice(head + 1, head + 1 + processorNames.length).map(one => one.split('\t').slice(0, 2)),
    processorNames.map(name => [name, 'running'])
  )
  assert.ok(!piped.stdout.includes('\u001b'))

  if (spawnSync('script', ['--version']).status !== 0) return t.skip('script of util-linux is not installed')
  const terminal = await runOnTerminal(['status'], { cwd: folder })
  assert.equal(terminal.code, 0)
  assert.ok(!terminal.stdout.includes('\t'))
  assert.match(terminal.stdout.replaceAll('\u001b[1m', '<b>'), /<b> ?processor/, 'the head is bold')
  assert.match(terminal.stdout, /admit +running +\d/)
  const json = await runOnTerminal(['status', '--json'], { cwd: folder })
  assert.deepEqual(JSON.parse(json.stdout), read(await everseed('status', '--json')))
  assert.match(json.stdout, /^\{\r?\n {2}"kafka"/, 'people get it indented')
  const hostile = await runOnTerminal(['sql', String.raw`SELECT 'a\x1b[31mb\nc' AS x`], { cwd: folder })
  assert.ok(hostile.stdout.includes('a␛[31mb␊c'), JSON.stringify(hostile.stdout))
})

test('doctor finds everything in order', async () => {
  const findings = read<{ check: string; ok: boolean }[]>(await everseed('doctor', '--json'))
  assert.deepEqual(
    findings.map(({ check, ok }) => [check, ok]),
    [
      'node',
      'java',
      'engine',
      'supervisor',
      'kafka',
      'topics',
      'erasures',
      'tables',
      'offsets',
      'registry',
      'clickhouse',
      'database',
      'rollups',
      'reader'
    ].map(check => [check, true])
  )
})

test('doctor names a topic that would lose data', async () => {
  const { admin } = deployment!
  await admin.setSettings('samples.human', new Map([['retention.ms', '1000']]))
  const { code, stdout } = await everseed('doctor')
  await admin.setSettings(
    'samples.human',
    new Map([
      ['retention.ms', '-1'],
      ['retention.bytes', '-1'],
      ['max.message.bytes', '8454144']
    ])
  )
  assert.equal(code, 1)
  assert.match(stdout, /^FAIL {2}topics +topic everseed\.samples\.human: retention\.ms is 1000, must be -1/m)
})

test('a processor tells its slots, what became of its records and how long they took', async () => {
  const { health, pid } = childNamed('verify')
  const state = (await (await fetch(`${health}/healthz`)).json()) as Record<string, unknown>
  assert.deepEqual(
    { ...state, memory: 0, slots: (state['slots'] as number[]).toSorted((a, b) => a - b) },
    {
      ok: true,
      processor: 'verify',
      pid,
      state: 'running',
      slots: [0, 1, 2, 3],
      backlog: 0,
      memory: 0
    }
  )
  const text = await (await fetch(`${health}/metrics`)).text()
  const value = (series: string): number =>
    text
      .split('\n')
      .filter(line => line.startsWith(series) && line.includes('processor="verify"'))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  assert.equal(value('everseed_slots'), 4)
  assert.equal(value('everseed_backlog'), 0)
  const consumed = value('everseed_consumed_total')
  assert.ok(consumed > 0)
  assert.equal(value('everseed_records_total'), consumed, 'each record has one outcome')
  assert.equal(value('everseed_record_seconds_count'), consumed)
  assert.ok(value('everseed_record_seconds_sum') > 0)
  assert.ok(value('everseed_commit_seconds_count') > 0)
  assert.ok(value('everseed_written_total') >= value('everseed_records_total{outcome="emitted"'))
})

test('training holds seed texts and verified samples, as records, messages and text', async () => {
  const rows = (await everseed('subscribe', 'training')).stdout
    .trimEnd()
    .split('\n')
    .map(
      line => JSON.parse(line) as { value: { run: string; provenance: { origin: string; split: string } } }
    )
  const origins = Map.groupBy(rows, row => row.value.provenance.origin)
  assert.deepEqual([...origins.keys()].toSorted(), ['HUMAN_AUTHORED', 'SYNTHETIC'])
  assert.ok(origins.get('HUMAN_AUTHORED')!.every(row => row.value.provenance.split === 'SEED'))
  assert.ok(origins.get('SYNTHETIC')!.every(row => row.value.run === run))
  const texts = await everseed('subscribe', 'training', '--run', run, '--format', 'text')
  assert.equal(texts.stdout.trimEnd().split('\n').length, origins.get('SYNTHETIC')!.length)
  const limited = await everseed('subscribe', 'training', '--limit', '5', '--format', 'keys')
  assert.equal(limited.stdout.trimEnd().split('\n').length, 5)
})

test('metrics shows the newest window per scope, and as JSON what sql says', async () => {
  type Window = { run: string; stage: string; source: string; metric: string; value: number; n: number }
  const windows = read<Window[]>(await everseed('metrics', '--json', '--stage', 'accepted', '--run', run))
  assert.ok(windows.length > 0)
  assert.ok(windows.every(window => window.run === run && window.stage === 'accepted'))
  assert.ok(windows.some(window => window.source === '*' && window.metric === 'distinct_2_inter'))
  const asked = read<Window[]>(
    await everseed(
      'sql',
      '--json',
      `SELECT metric, value FROM collapse WHERE run = '${run}' AND stage = 'accepted' AND source = '*'`
    )
  )
  for (const { metric, value } of windows.filter(window => window.source === '*'))
    assert.ok(
      asked.some(one => one.metric === metric && one.value === value),
      metric
    )
  const { stdout } = await everseed('metrics')
  assert.match(stdout, /^run\tstage\tsource\tgen\ttokens\t/)
  assert.match(stdout, new RegExp(`^${run}\traw\t\\*\t1\t\\d+\t`, 'm'))
  const none = await everseed('metrics', '--run', 'nowhere', '--stage', 'raw')
  assert.deepEqual({ code: none.code, stdout: none.stdout }, { code: 0, stdout: '' })
  assert.match(none.stderr, /^no windows yet/)
})

test('sql reads: rows as lines, tables of values with tabs and line ends in them, no rows', async () => {
  const funnel = read<{ run: string; prompts: number; expected: number }[]>(
    await everseed('sql', 'SELECT run, prompts FROM funnel;', '--json')
  )
  assert.deepEqual(funnel, [{ run, prompts: 3 }])
  const { stdout } = await everseed(
    'sql',
    String.raw`SELECT 'a\tb\nc\\d' AS text, [1, 2] AS list, NULL AS nothing, 18446744073709551615 AS big`
  )
  assert.equal(
    stdout,
    'text\tlist\tnothing\tbig\n' + String.raw`a\tb\nc\\d` + '\t[1,2]\t\t18446744073709551615\n'
  )
  const none = await everseed('sql', 'SELECT 1 WHERE 0')
  assert.deepEqual(
    { code: none.code, stdout: none.stdout, stderr: none.stderr },
    { code: 0, stdout: '', stderr: 'no rows\n' }
  )
})

test('sql writes nothing, sees no files and no other database, and says so', async () => {
  const count = async (): Promise<unknown> =>
    read(await everseed('sql', '--json', 'SELECT count() AS n FROM samples'))
  const earlier = await count()
  const refused: [string, RegExp][] = [
    [`INSERT INTO models (id) VALUES ('x')`, /ACCESS_DENIED.*This command only reads/],
    ['DROP TABLE samples', /ACCESS_DENIED.*This command only reads/],
    ['TRUNCATE TABLE samples', /ACCESS_DENIED|READONLY/],
    ['CREATE TABLE mine (a UInt8) ENGINE = Memory', /ACCESS_DENIED|READONLY/],
    ['SET readonly = 0', /READONLY|ACCESS_DENIED|readonly/i],
    [`SELECT * FROM file('/etc/passwd', 'LineAsString')`, /ACCESS_DENIED/],
    [`SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')`, /ACCESS_DENIED/],
    ['SELECT 1; DROP TABLE samples', /Multi-statements are not allowed/],
    ['SELECT 1 FORMAT CSV', /Leave FORMAT out/],
    ['SELEC 1', /Syntax error/],
    ['SELECT nope FROM samples', /UNKNOWN_IDENTIFIER/],
    ['SELECT * FROM nope', /The views are collapse, sources, funnel, mix_ratio, mix_ratio_windows, spend/],
    ['  ', /the query is empty/]
  ]
  const answers = await Promise.all(refused.map(([query]) => everseed('sql', query)))
  for (const [index, [query, words]] of refused.entries()) {
    const { code, stdout, stderr } = answers[index]!
    assert.equal(code, 1, query)
    assert.equal(stdout, '', query)
    assert.match(stderr, words, query)
    assert.match(stderr, /^everseed: [^]* \[SQL_FAILED\]\n$/)
    assert.ok(!stderr.includes('JSONEachRow'), stderr)
  }
  assert.deepEqual(await count(), earlier)
})

type Letter = {
  position: string
  topic: string
  processor: string
  reason: string
  message: string
  bytes: number
}
const letters = async (...args: string[]): Promise<Letter[]> =>
  read<Letter[]>(await everseed('deadletters', 'list', '--json', ...args))

/** Waits for dead letters; those that were given back are among them. */
async function untilBuried(count: number): Promise<void> {
  const there = async (): Promise<number> =>
    (await readRaw(deployment!, deadLetters.name)).filter(record => noticeOf(record) === undefined).length
  await until(`${count} dead letters`, async () => (await there()) === count, 60_000)
}

test('poison becomes dead letters; replay gives each back once, to the processor that buried it', async () => {
  const none = await everseed('deadletters', 'list')
  assert.deepEqual(
    { code: none.code, stdout: none.stdout, stderr: none.stderr },
    { code: 0, stdout: '', stderr: 'no dead letters\n' }
  )
  const nothing = await everseed('deadletters', 'replay')
  assert.equal(nothing.code, 2)
  assert.match(nothing.stderr, /no dead letter fits.*\[UNKNOWN_NAME\]/)

  // Bytes that are no record, in a topic that one processor reads.
  const id = 'f'.repeat(32)
  await write(deployment!, human, [
    { key: 'junk', value: Buffer.from('\u001b[2Jnot avro') },
    {
      key: id,
      value: {
        id,
        dataset: 'later',
        cell: { task: '', topic: '', format: '', refusal: 'reject' },
        messages: [
          {
            role: 'document',
            content: 'A dataset that is made later.',
            tool_calls: null,
            tool_call_id: null,
            reasoning_content: null
          }
        ],
        provenance: humanProvenance({ created_by: 'test', split: null }),
        metadata: {}
      }
    }
  ])
  await untilBuried(2)
  const [junk, later] = await letters()
  assert.deepEqual([junk!.processor, junk!.topic], ['admit', 'human'])
  assert.deepEqual([later!.processor, later!.reason], ['admit', 'unknown_dataset'])
  assert.match(later!.message, /dataset later is in no table/)
  assert.deepEqual(await letters('--reason', 'unknown_dataset'), [later])
  assert.deepEqual(await letters('--limit', '1'), [later])
  const listed = await everseed('deadletters', 'list', '--limit', '1')
  assert.match(listed.stdout, /^at\tposition\tfrom\tprocessor\treason\tmessage\n.*\tadmit\tunknown_dataset\t/)
  assert.match(listed.stderr, /the newest 1 of 2/)

  // The cause is removed; the record goes back, once however often it is asked for, and it alone.
  writeFileSync(
    join(folder, 'later.yaml'),
    readFileSync(join(folder, 'recipe.yaml'), 'utf8')
      .replace('dataset: letters ', 'dataset: later ')
      .replace('run: letters-1 ', 'run: later-1 ')
  )
  writeFileSync(join(folder, 'empty.jsonl'), '')
  assert.equal((await everseed('publish', 'human', 'empty.jsonl', '--recipe', 'later.yaml')).code, 0)
  const replay = async (...args: string[]): Promise<unknown> =>
    read(await everseed('deadletters', 'replay', '--json', ...args))
  assert.deepEqual(await replay('--offset', later!.position), { replayed: 1, already: 0 })
  const admitted = async (): Promise<number> =>
    (await readAll(deployment!, samplesHuman)).filter(({ decoded }) => decoded.dataset === 'later').length
  await until('the document in samples.human', async () => (await admitted()) === 1, 60_000)
  assert.deepEqual(await replay('--reason', 'unknown_dataset'), { replayed: 0, already: 1 })
  const again = await everseed('deadletters', 'replay', '--reason', 'unknown_dataset')
  assert.equal(again.stdout, '0 given back to the processors that buried them, 1 were given back before\n')

  // What is poison stays poison: buried again it is a dead letter of its own, and nothing multiplies.
  assert.deepEqual(await replay(), { replayed: 1, already: 1 })
  await untilBuried(3)
  assert.deepEqual(await replay(), { replayed: 1, already: 2 })
  await untilBuried(4)
  await until('everything read', async () => (await deployment!.admin.lag('admit', ['human'])) === 0, 60_000)
  assert.equal(await admitted(), 1)
  assert.equal((await letters()).length, 4)
})

test('a replayed prompt reaches the group that buried it, and no other answers it', async () => {
  const already = (await letters()).length
  await write(deployment!, promptTopic, [
    {
      key: 'q1',
      value: prompt('q1', { dataset: 'letters', run: 'second', samples: 2 }),
      partition: await slotOfLetters()
    }
  ])
  await untilBuried(already + 2)
  const buried = await letters('--reason', 'unknown_run')
  assert.deepEqual(buried.map(letter => letter.processor).toSorted(), ['generate', 'guard'])
  assert.equal((await letters()).length, already + 2)
  writeFileSync(
    join(folder, 'second.yaml'),
    readFileSync(join(folder, 'recipe.yaml'), 'utf8').replace('run: letters-1 ', 'run: second ')
  )
  assert.equal(
    (await everseed('publish', 'prompts', 'empty.jsonl', '--recipe', 'second.yaml', '--keep-open')).code,
    0
  )
  const replayed = read(await everseed('deadletters', 'replay', '--json', '--reason', 'unknown_run'))
  assert.deepEqual(replayed, { replayed: 2, already: 0 })
  assert.equal((await everseed('publish', 'close', 'second')).code, 0)
  await runEnded(deployment!, 'second')
  const funnel = read(
    await everseed('sql', '--json', `SELECT prompts, expected, generated FROM funnel WHERE run = 'second'`)
  )
  assert.deepEqual(funnel, [{ prompts: 1, expected: 2, generated: 2 }])
  assert.equal((await letters()).length, already + 2)
})

/** The partition the records of dataset letters lie in. */
async function slotOfLetters(): Promise<number> {
  const ends = await deployment!.admin.offsets(promptTopic.name)
  return ends.findIndex(({ high }) => high > 0)
}

test('a second up on the same folder says who holds it', async () => {
  const second = await everseed('up')
  assert.equal(second.code, 3)
  assert.match(
    second.stderr,
    new RegExp(`process ${up.pid} runs everseed on .*everseed down.*\\[DATA_DIR_HELD\\]\\n$`)
  )
  assert.equal(read<{ kafka: object }>(await everseed('status', '--json')).kafka !== undefined, true)
})

test('a killed processor comes back, and status counts it', async () => {
  const killed = childNamed('mix').pid!
  process.kill(killed, 'SIGKILL')
  const again = (): boolean => {
    const { state, pid } = childNamed('mix')
    return state === 'running' && pid !== killed
  }
  await until('mix again', again, 60_000)
  assert.match((await everseed('status')).stdout, /^mix\trunning\t\d+\t0\t1$/m)
})

test('after a SIGKILL of the supervisor nothing runs, and the next up finds everything again', async () => {
  const counts = async (): Promise<unknown> =>
    read(
      await everseed(
        'sql',
        '--json',
        'SELECT _topic, count() AS n FROM samples FINAL GROUP BY _topic ORDER BY _topic'
      )
    )
  const keys = async (): Promise<string> =>
    (await everseed('subscribe', 'training', '--format', 'keys')).stdout
  const rows = await counts()
  const training = await keys()
  const left = processesOf(up)
  assert.ok(left.length >= 1 + partNames.length + processorNames.length, 'supervisor, parts, processors')
  up.kill('SIGKILL')
  await up.ended
  const gone = await everseed('status')
  assert.equal(gone.code, 3)
  assert.match(gone.stderr, /\[NOT_RUNNING\]/)
  up = await startUp()
  assert.deepEqual(
    left.filter(one => isAlive(one)),
    [],
    'what the killed one left has ended'
  )
  await reconnect()
  assert.deepEqual(await counts(), rows)
  assert.equal(await keys(), training)
  const asked = await everseed('publish', 'prompts', 'prompts.jsonl', '--recipe', 'recipe.yaml')
  assert.match(asked.stdout, /^0 published, 3 were there already/)
  assert.match(asked.stderr, /run letters-1 has ended/)
})

test('an interrupt stops everything in 10 seconds and leaves no process; then down has nothing to do', async () => {
  await deployment?.close()
  deployment = undefined
  const all = processesOf(up)
  const started = performance.now()
  up.kill('SIGINT')
  const { code, stderr } = await up.ended
  const ms = performance.now() - started
  assert.equal(code, 0)
  assert.match(stderr, /stopping …\n$/)
  assert.ok(ms < 10_000, `${ms} ms`)
  assert.deepEqual(
    all.filter(one => isAlive(one)),
    []
  )
  const down = await everseed('down')
  assert.equal(down.code, 3)
  assert.match(down.stderr, /nothing runs on .*\[NOT_RUNNING\]/)
})

test('an interrupt while it starts stops what runs by then; down does the same from another terminal', async () => {
  for (const stop of ['SIGINT', 'down'] as const) {
    const command = startEverseed(['up'], { cwd: folder })
    const lock = join(dataDir, 'lock.json')
    type Lock = { holder: Identity; children: Identity[] }
    let children: Identity[] = []
    await until(
      'a part that was started',
      () => {
        try {
          children = (JSON.parse(readFileSync(lock, 'utf8')) as Lock).children
        } catch {
          // Not there yet.
        }
        return children.length > 0
      },
      60_000
    )
    const started = performance.now()
    if (stop === 'SIGINT') command.kill('SIGINT')
    else assert.match((await everseed('down')).stdout, new RegExp(`^stopped process ${command.pid} on `))
    const { code, stdout, stderr } = await command.ended
    assert.ok(performance.now() - started < 12_000)
    assert.equal(code, 130)
    assert.ok(!stdout.includes('everseed is up'))
    assert.match(stderr, /interrupted before everything was up/)
    assert.deepEqual(
      children.filter(one => isAlive(one)),
      []
    )
  }
})
