/** Commands where nothing runs: help, wrong calls, recipes, and what each says when there is no stack. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exampleRecipe } from '../../../infra/cli/init.ts'
import { processorNames } from '../../../infra/processors.ts'
import { parseRecipe, recipeJsonSchema } from '../../../infra/recipe.ts'
import { isPublicKey } from '../../../schemas/signature.ts'
import { publicKey } from '../../helpers/keys.ts'
import { type Answer, type CommandOptions, runEverseed, runShell, startEverseed } from '../../helpers/cli.ts'
import { until } from '../../helpers/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'everseed-alone-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const everseed = (args: readonly string[], options: CommandOptions = {}): Promise<Answer> =>
  runEverseed(args, { cwd: folder, ...options })

/** Failed as a person wants it: nothing on stdout, one line that names code and next step, no stack of calls. */
function assertError(answer: Answer, exit: number, code: string, ...words: RegExp[]): void {
  assert.equal(answer.stdout, '')
  assert.match(answer.stderr, new RegExp(`^everseed: [^]+ \\[${code}\\]\\n$`))
  assert.doesNotMatch(answer.stderr, /\n\s+at /)
  for (const word of words) assert.match(answer.stderr, word)
  assert.equal(answer.code, exit)
}

test('every command has a help with all its options, and help goes to stdout', async () => {
  const help: Record<string, RegExp[]> = {
    '': [/--data-dir/, /Exit codes: 0 done; 1 failed; 2 /, /docs\/settings\.md/],
    up: [/--only/],
    down: [],
    status: [/--json/],
    doctor: [/--json/],
    init: [/--force/, /recipe\.yaml/],
    publish: [/human/, /prompts/, /close/],
    'publish human': [
      /--recipe/,
      /--dataset/,
      /--json/,
      /HUMAN_AUTHORED/,
      /rejects\.jsonl/,
      /--format/,
      /--origin/,
      /--sign-with/,
      /--key/,
      /\.csv/,
      /\.parquet/,
      /ShareGPT/
    ],
    'publish prompts': [/--recipe/, /--keep-open/, /--wait/, /--json/, /samples/],
    'publish close': [/<run>/],
    run: [/--from-beginning/, ...processorNames.map(name => new RegExp(`\\b${name}\\b`))],
    subscribe: [
      /--follow/,
      /--from/,
      /--dataset/,
      /--run/,
      /--version/,
      /--limit/,
      /messages, as|"messages"/,
      /keys/,
      /--json/
    ],
    metrics: [/--run/, /--stage/, /--json/],
    measure: [
      /<file> \[other\]/,
      /--reference/,
      /--seed/,
      /--by/,
      /--field/,
      /--split/,
      /--window/,
      /--self-bleu-sample/,
      /--plot/,
      /--json/,
      /NO_DATA/,
      /Welch's interval/,
      /drawing documents with\s+replacement would itself lose rare words/
    ],
    sql: [/--json/, /collapse, sources, funnel, mix_ratio, mix_ratio_windows, spend/],
    deadletters: [/list/, /replay/],
    'deadletters list': [/--limit/, /--reason/, /--json/],
    'deadletters replay': [/--reason/, /--offset/],
    lineage: [/--up/, /--down/, /--depth/, /--model/, /--run/, /--dataset/, /--json/],
    rebuild: [/--json/],
    erase: [/<dataset>/, /--reason/, /--file/, /--lose-repeated/, /--yes/, /--dry-run/, /--json/],
    retract: [/<dataset>/, /--reason/, /--file/, /--descendants/, /--yes/, /--dry-run/, /--unseen/, /--json/],
    fold: [/--days/, /--drop/, /--json/],
    models: [/add/, /list/],
    'models add': [
      /--family/,
      /--provider/,
      /--trained-on/,
      /--base/,
      /--terms/,
      /--json/,
      /nobody can declare/
    ],
    'models list': [/--json/],
    keys: [/generate/, /add/, /list/, /revoke/],
    'keys generate': [/<file>/, /--json/],
    'keys add': [/--public/, /--origins/, /--by/, /--json/, /unknown_because/],
    'keys list': [/--json/],
    'keys revoke': [/<id>/, /--json/],
    versions: [/create/, /list/, /show/, /diff/, /verify/],
    'versions create': [/<dataset>/, /--json/, /sha256sum/],
    'versions list': [/\[dataset\]/, /--json/],
    'versions show': [/DATASET@VERSION/, /--json/],
    'versions diff': [/<from> <to>/, /--json/],
    'versions verify': [/exit code 1\s+when they differ/, /--json/],
    export: [
      /--out/,
      /--format/,
      /sharegpt[^]*alpaca[^]*preference/,
      /--files[^]*parquet/,
      /--validation/,
      /--json/,
      /same bytes/
    ]
  }
  const names = Object.keys(help)
  const answers = await Promise.all(
    names.map(name => everseed([...name.split(' ').filter(Boolean), '--help']))
  )
  for (const [index, name] of names.entries()) {
    const { code, stdout, stderr } = answers[index]!
    assert.equal(code, 0, name)
    assert.equal(stderr, '', name)
    for (const word of help[name]!) assert.match(stdout, word, name)
  }
  // A new command needs a line above.
  const listed = [...answers[0]!.stdout.matchAll(/^ {2}([a-z]+)(?: \[| <| {2})/gm)].map(match => match[1])
  const tested = new Set(names.map(name => name.split(' ')[0]))
  assert.deepEqual(
    listed.filter(name => name !== 'help' && name !== 'everseed' && !tested.has(name)),
    []
  )
  assert.ok(listed.length >= 11)
})

test('the page of settings that help points to is there', () => {
  assert.ok(existsSync(join(import.meta.dirname, '../../../docs/settings.md')))
})

test('a wrong call ends with 2 and names the help of its command', async () => {
  const wrong: [string[], RegExp][] = [
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['subscrib', 'training'], /Did you mean subscribe\?/],
    [['status', '--jsn'], /unknown option '--jsn'[^]*\(everseed status --help says more\)/],
    [['run'], /missing required argument 'processor'/],
    [['sql'], /missing required argument 'query'/],
    [['publish', 'prompts', 'x'], /--recipe[^]*\(everseed publish prompts --help says more\)/],
    [['publish', 'human', 'x', '--format', 'xml'], /jsonl, csv, parquet, text/],
    [['publish', 'human', 'x', '--origin', 'SYNTHETIC'], /HUMAN_AUTHORED, HUMAN_EDITED, UNKNOWN/],
    [['keys', 'add', 'k', '--public', 'x'], /--origins/],
    [['subscribe', 'training', '--format', 'xml'], /json, messages, text, keys/],
    [['subscribe', 'training', '--format', 'text', '--json'], /'--json' cannot be used with/],
    [['subscribe', 'training', '--from', '3'], /beginning, end/],
    [['metrics', '--stage', 'x'], /raw, accepted, human/],
    [['export', 'd@1'], /--out[^]*\(everseed export --help says more\)/],
    [['export', 'd@1', '--out', 'x', '--format', 'csv'], /messages, sharegpt, alpaca, text, preference/],
    [['erase', 'd', 'x'], /'--reason <text>' not specified/],
    [['retract', 'd', 'x'], /'--reason <text>' not specified/],
    [['retract', 'd', 'x', '--reason', 'y', '--yes', '--dry-run'], /cannot be used with/],
    [['status', 'extra'], /too many arguments/]
  ]
  await Promise.all(
    wrong.map(async ([args, words]) => {
      const { code, stdout, stderr } = await everseed(args)
      assert.equal(code, 2, args.join(' '))
      assert.equal(stdout, '')
      assert.match(stderr, words)
    })
  )
})

test('names and numbers are checked before anything is asked of a cluster', async () => {
  assertError(await everseed(['run', 'nope']), 2, 'UNKNOWN_NAME', /processor nope/, /admit, generate/)
  assertError(await everseed(['up', '--only', 'verify,nope']), 2, 'UNKNOWN_NAME', /processor nope/)
  assert.ok(!existsSync(join(folder, '.everseed')), 'nothing was started for it')
  for (const limit of ['0', '-1', 'x', '1.5', '1e3']) {
    assertError(
      await everseed(['subscribe', 'training', `--limit=${limit}`]),
      2,
      'CONFIG_INVALID',
      /positive whole number/
    )
  }
  for (const share of ['', '1', '-0.1', '5%', '1e-3']) {
    const answer = await everseed(['export', 'd@1', '--out', 'x', `--validation=${share}`])
    assertError(answer, 2, 'CONFIG_INVALID', /share of 0 or more and below 1/)
  }
  assert.ok(!existsSync(join(folder, 'x')))
  assertError(await everseed(['deadletters', 'list', '--limit=x']), 2, 'CONFIG_INVALID', /--limit x/)
  assertError(await everseed(['erase', 'd', '--reason', 'x']), 2, 'CONFIG_INVALID', /--file/)
  assertError(await everseed(['erase', 'd', 'x', '--reason', ' ']), 2, 'CONFIG_INVALID', /--reason/)
  assertError(await everseed(['retract', 'd', '--reason', 'x']), 2, 'CONFIG_INVALID', /--file/)
  assertError(await everseed(['retract', 'd', 'x', '--reason', ' ']), 2, 'CONFIG_INVALID', /--reason/)
  for (const args of [[], ['x', '--model', 'm'], ['--model', 'm', '--run', 'r']])
    assertError(await everseed(['lineage', ...args]), 2, 'CONFIG_INVALID', /--model or --run/)
  assertError(await everseed(['publish', 'human', 'x.jsonl']), 2, 'CONFIG_INVALID', /--recipe FILE/)
  const human = (...args: string[]): Promise<Answer> =>
    everseed(['publish', 'human', '--dataset', 'd', ...args])
  const key = (...args: string[]): Promise<Answer> => everseed(['keys', 'add', ...args])
  const origins = ['--origins', 'HUMAN_AUTHORED']
  const wrong: [Promise<Answer>, Parameters<typeof assertError>[2], RegExp][] = [
    [human('x.txt'), 'CONFIG_INVALID', /text files do not say who wrote them.*--origin/],
    [human(folder), 'CONFIG_INVALID', /text files do not say who wrote them/],
    [human(folder, '--format', 'csv'), 'CONFIG_INVALID', /is a folder.*csv files.*one by one/],
    [human('x.jsonl', '--sign-with', 'k'), 'CONFIG_INVALID', /--sign-with ID.*--key FILE/],
    [key('k', '--public', 'nowhere', ...origins), 'FILE_UNREADABLE', /nowhere.*keys generate/],
    [key('a b', '--public', publicKey, ...origins), 'CONFIG_INVALID', /key a b: a name is/],
    [
      key('k', '--public', publicKey, '--origins', 'UNKNOWN'),
      'CONFIG_INVALID',
      /vouch for HUMAN_AUTHORED and HUMAN_/
    ]
  ]
  for (const [answer, code, words] of wrong) assertError(await answer, 2, code, words)
})

test('keys generate makes a key without a stack, and only where none is', async () => {
  const { code, stdout, stderr } = await everseed(['keys', 'generate', 'mine.pem'])
  assert.equal(code, 0)
  assert.ok(isPublicKey(stdout.trimEnd()), stdout)
  assert.match(stderr, /the private key is in mine\.pem/)
  assert.equal(statSync(join(folder, 'mine.pem')).mode & 0o777, 0o600)
  assertError(await everseed(['keys', 'generate', 'mine.pem']), 2, 'FILE_UNWRITABLE', /mine\.pem exists/)
  const json = await everseed(['keys', 'generate', 'other.pem', '--json'])
  assert.equal((JSON.parse(json.stdout) as { file: string }).file, 'other.pem')
})

test('a wrong setting is named', async () => {
  const status = (env: Record<string, string>): Promise<Answer> => everseed(['status'], { env })
  assertError(await status({ EVERSEED_NOPE: '1' }), 2, 'CONFIG_INVALID', /EVERSEED_NOPE is not a setting/)
  assertError(await status({ EVERSEED_PARTITIONS: 'x' }), 2, 'CONFIG_INVALID', /EVERSEED_PARTITIONS/)
  assertError(
    await status({
      EVERSEED_KAFKA_BROKERS: 'a:1',
      EVERSEED_KAFKA_TLS: 'true',
      EVERSEED_KAFKA_CA: '/nowhere.pem'
    }),
    2,
    'CONFIG_INVALID',
    /EVERSEED_KAFKA_CA: cannot read \/nowhere\.pem/
  )
})

test('where nothing runs, every command that needs a stack says so with 3 and what to start', async () => {
  const file = join(folder, 'lines.jsonl')
  writeFileSync(file, '{"text":"x","origin":"HUMAN_AUTHORED"}\n')
  const text = join(folder, 'text.txt')
  writeFileSync(text, 'x')
  const recipe = join(folder, 'some.yaml')
  writeFileSync(recipe, exampleRecipe)
  const commands = [
    ['status'],
    ['status', '--json'],
    ['down'],
    ['metrics'],
    ['sql', 'SELECT 1'],
    ['subscribe', 'training'],
    ['deadletters', 'list'],
    ['deadletters', 'replay'],
    ['lineage', 'x'],
    ['rebuild'],
    ['erase', 'd', 'x', '--reason', 'y'],
    ['retract', 'd', 'x', '--reason', 'y'],
    ['fold'],
    ['publish', 'human', file, '--dataset', 'd'],
    ['publish', 'human', file, '--recipe', recipe],
    ['publish', 'prompts', file, '--recipe', recipe],
    ['publish', 'close', 'r'],
    ['versions', 'create', 'd'],
    ['versions', 'list'],
    ['versions', 'verify', 'd@1'],
    ['export', 'd@1', '--out', join(folder, 'exported')],
    ['models', 'add', 'm', '--family', 'f'],
    ['models', 'list'],
    ['keys', 'add', 'k', '--public', publicKey, '--origins', 'HUMAN_AUTHORED'],
    ['keys', 'list'],
    ['keys', 'revoke', 'k'],
    ['publish', 'human', text, '--dataset', 'd', '--origin', 'UNKNOWN'],
    ['subscribe', 'training', '--version', 'd@1'],
    ['run', 'verify']
  ]
  for (const answer of await Promise.all(commands.map(args => everseed(args))))
    assertError(answer, 3, 'NOT_RUNNING', new RegExp(join(folder, '.everseed')))
  assert.ok(!existsSync(join(folder, '.everseed')), 'asking made no folder')
  assert.ok(!existsSync(`${file}.rejects.jsonl`))
  assert.ok(!existsSync(join(folder, 'exported')))
})

test('doctor looks at everything there is without a stack, and fails on what is missing', async () => {
  const { code, stdout, stderr } = await everseed(['doctor', '--json'])
  assert.equal(code, 1)
  assert.equal(stderr, '')
  const findings = JSON.parse(stdout) as { check: string; ok: boolean; detail: string }[]
  const byName = new Map(findings.map(finding => [finding.check, finding]))
  assert.match(byName.get('node')!.detail, /^v\d+/)
  assert.match(byName.get('java')!.detail, /^Java \d+ \(/)
  assert.equal(byName.get('kafka')!.ok, false)
  assert.match(byName.get('kafka')!.detail, /everseed up/)
  const human = await everseed(['doctor'])
  assert.match(human.stdout, /^ok {4}node /m)
  assert.match(human.stdout, /^FAIL {2}kafka /m)
})

test('doctor says what is wrong with a cluster that does not answer', async () => {
  const { code, stdout } = await everseed(['doctor'], {
    env: {
      EVERSEED_KAFKA_BROKERS: '127.0.0.1:1',
      EVERSEED_REGISTRY_URL: 'http://127.0.0.1:1',
      EVERSEED_CLICKHOUSE_URL: 'http://127.0.0.1:1'
    }
  })
  assert.equal(code, 1)
  assert.match(stdout, /^FAIL {2}kafka +no broker answers at 127\.0\.0\.1:1/m)
  assert.match(
    stdout,
    /^FAIL {2}clickhouse +.*ECONNREFUSED.*check that ClickHouse runs at http:\/\/127\.0\.0\.1:1.*EVERSEED_CLICKHOUSE_URL/m
  )
})

test('a processor that has not reached its cluster yet ends when it is told to', async t => {
  const sockets: Socket[] = []
  const silent = createServer(socket => sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => {
    silent.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = silent.address() as AddressInfo
  for (const [name, signal] of [
    ['verify', 'SIGTERM'],
    ['store', 'SIGINT']
  ] as const) {
    sockets.length = 0
    const command = startEverseed(['run', name], {
      cwd: folder,
      env: {
        EVERSEED_KAFKA_BROKERS: `127.0.0.1:${port}`,
        EVERSEED_REGISTRY_URL: `http://127.0.0.1:${port}`,
        EVERSEED_CLICKHOUSE_URL: `http://127.0.0.1:${port}`
      }
    })
    await until('a connection', () => sockets.length > 0, 30_000)
    const told = performance.now()
    command.kill(signal)
    assert.deepEqual(await command.ended, { code: 0, signal: null, stdout: '', stderr: '' })
    const ms = performance.now() - told
    assert.ok(ms < 10_000, `${ms} ms; the silence alone lasts 30 s`)
  }
})

test('init writes a recipe that parses, with its schema, and overwrites only when told to', async () => {
  const first = await everseed(['init'])
  assert.equal(first.code, 0)
  assert.match(first.stdout, /wrote recipe\.yaml and recipe\.schema\.json/)
  const path = join(folder, 'recipe.yaml')
  const recipe = parseRecipe(readFileSync(path, 'utf8'), 'recipe.yaml')
  assert.deepEqual(
    recipe.sources.map(source => source.provider),
    ['offline', 'offline']
  )
  // What is commented out must be right too.
  const all = readFileSync(path, 'utf8').replaceAll(/^# ( *)(- name|[a-z_]+:)/gm, ' $1$2')
  assert.deepEqual(
    parseRecipe(all, 'all').sources.map(source => source.provider),
    ['offline', 'offline', 'openai', 'anthropic']
  )
  assert.deepEqual(
    JSON.parse(readFileSync(join(folder, 'recipe.schema.json'), 'utf8')),
    JSON.parse(JSON.stringify(recipeJsonSchema()))
  )

  writeFileSync(path, '# mine\n')
  assertError(await everseed(['init']), 2, 'CONFIG_INVALID', /recipe\.yaml exists/, /--force/)
  assert.equal(readFileSync(path, 'utf8'), '# mine\n')
  assert.equal((await everseed(['init', '--force'])).code, 0)
  assert.equal(readFileSync(path, 'utf8'), exampleRecipe)
  mkdirSync(join(folder, 'sub'))
  assert.equal((await everseed(['init', 'sub/other.yaml'])).code, 0)
  assert.ok(existsSync(join(folder, 'sub/recipe.schema.json')))
  assertError(await everseed(['init', 'no/such/r.yaml']), 2, 'FILE_UNWRITABLE', /no such file or folder/)
})

test('an error in a recipe names line and column; several are all told', async () => {
  const path = join(folder, 'wrong.yaml')
  const publish = (): Promise<Answer> => everseed(['publish', 'prompts', 'x', '--recipe', path])
  writeFileSync(
    path,
    'dataset: Bad Name\nrun: r\nsources:\n  - name: a\n    provider: opnai\n    model: m\n    family: f\n'
  )
  assertError(
    await publish(),
    2,
    'RECIPE_INVALID',
    /wrong\.yaml:1:1: dataset: /,
    /wrong\.yaml:5:5: sources\.0\.provider: /
  )
  writeFileSync(path, 'dataset: [\n')
  assertError(await publish(), 2, 'RECIPE_INVALID', /wrong\.yaml:\d+:\d+: /)
  assertError(
    await everseed(['publish', 'prompts', 'x', '--recipe', 'nope.yaml']),
    2,
    'FILE_UNREADABLE',
    /nope\.yaml/,
    /everseed init/
  )
})

test('a reader that closes the pipe early ends the command without a word', async () => {
  const { code, stdout, stderr } = await runShell(
    'set -o pipefail; $everseed publish human --help | head -1',
    {
      cwd: folder
    }
  )
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.match(stdout, /^Usage: everseed publish human/)
})
