/** Where texts come from, and how they leave: by the commands, on a broker and a ClickHouse that the store fills. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { readSeed } from '../../../infra/llm/ports.ts'
import type { Plan } from '../../../infra/retract.ts'
import { retractionsOf } from '../../../infra/retractions.ts'
import { changeEntry, readTable } from '../../../infra/tables.ts'
import { closeVersion, findVersion, verifyVersion } from '../../../infra/versions/versions.ts'
import { slotOf } from '../../../schemas/identity.ts'
import * as topics from '../../../schemas/topics.ts'
import type { Model, Sample } from '../../../schemas/types.ts'
import { type Answer, type Command, startEverseed } from '../../helpers/cli.ts'
import { readAll, write } from '../../helpers/deployment.ts'
import { startEngine } from '../../helpers/engine.ts'
import { startWorkplace } from '../../helpers/pipeline.ts'
import * as make from '../../helpers/records.ts'
import { until } from '../../helpers/until.ts'

const [engine, place] = await Promise.all([startEngine({ after }), startWorkplace({ after })])
const { deployment } = place
const { user, password, database } = engine.login('writer')
const env = {
  EVERSEED_CLICKHOUSE_URL: engine.url,
  EVERSEED_CLICKHOUSE_USER: user,
  EVERSEED_CLICKHOUSE_PASSWORD: password,
  EVERSEED_CLICKHOUSE_DATABASE: database
}
const everseed = (...args: string[]): Promise<Answer> => place.everseed(args, { env })
const slot = slotOf('d', '', 1, deployment.config.partitions)
let store: Command | undefined
after(async () => {
  store?.kill('SIGTERM')
  await store?.ended
})

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- says what the JSON is
function parsed<Value>({ code, stdout, stderr }: Answer): Value {
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Value
}
async function told(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await everseed(...args)
  assert.equal(code, 0, stderr)
  return stdout
}
async function refused(args: readonly string[], exit: number, words: RegExp): Promise<void> {
  const { code, stderr } = await everseed(...args)
  assert.equal(code, exit, stderr)
  assert.match(stderr, words)
}

const person = (number: number): Sample =>
  make.humanSample(`h${number}`, `text ${number}`, {
    provenance: make.humanProvenance({ split: 'SEED' })
  })
/** An answer that derives from a text. */
const answer = (number: number, parent: string): Sample =>
  make.sample(`g${number}`, `answer ${number}`, {
    provenance: make.provenance({ parent_ids: [parent], model_id: 'tuned', prompt_id: `p${number}` })
  })
const lay = (topic: topics.Topic, values: readonly { readonly id: string }[]): Promise<void> =>
  write(
    deployment,
    topic,
    values.map(value => ({ key: value.id, value, partition: slot }))
  )
const stored = (): Promise<void> =>
  until(`the store to have everything; it says: ${store?.stderr()}`, async () => {
    const read = [topics.samplesHuman, topics.generations, topics.training, topics.prompts, topics.models]
    const { admin } = deployment
    const more = [topics.versions, topics.retractions]
    return (
      (await admin.lag(
        'store',
        [...read, ...more].map(({ name }) => name)
      )) === 0
    )
  })

before(async () => {
  const model: Model = {
    id: 'tuned',
    revision: 'r',
    provider: 'openai',
    family: 'a',
    base: 'big',
    trained_on: ['elsewhere@3'],
    generation: 0,
    output_terms: 'allowed',
    offline: null,
    registered: true,
    created_at: 1
  }
  const offline = { dataset: 'd', slot, to: 2, order: 2, smoothing: 0.1, share: 1 }
  await write(deployment, topics.datasets, [{ key: 'd', value: make.dataset('d') }])
  await write(deployment, topics.models, [
    { key: 'tuned@r', value: model },
    { key: 'small@r', value: { ...model, id: 'small', base: 'tuned', trained_on: [] } },
    { key: 'ngram@r', value: { ...model, id: 'ngram', provider: 'offline', offline, base: null } }
  ])
  const humans = [1, 2, 3, 4, 5].map(person)
  // g2 was made of g1, and that of h1; the others of h3.
  const answers = [answer(1, 'h1'), answer(2, 'g1'), answer(3, 'h3'), answer(4, 'h3')]
  await lay(topics.samplesHuman, humans)
  await lay(
    topics.generations,
    answers.map(({ id, provenance }) => make.generation(id, 'x', { provenance }))
  )
  await lay(topics.prompts, [
    make.prompt('quoting', { provenance: make.humanProvenance({ quoted_ids: ['h1'], split: null }) }),
    make.prompt('plain')
  ])
  await lay(topics.training, [
    humans[0]!,
    answers[0]!,
    humans[1]!,
    answers[1]!,
    humans[2]!,
    answers[2]!,
    humans[3]!,
    answers[3]!
  ])
  await closeVersion(deployment, 'd')
  store = startEverseed(['run', 'store'], { cwd: place.folder, env: { ...place.env, ...env } })
  await stored()
})

test('a text is drawn up to people and models and down to what was made of it, with where it lies', async () => {
  const drawn = await told('lineage', 'g2')
  assert.equal(
    drawn,
    `g2  SYNTHETIC, generation 1, by tuned of family a, run r; dataset d
answers prompt p2
lies in generations/${slot}@1, training/${slot}@3; versions d@1

what it was made of
└─ derives from g1  SYNTHETIC, generation 1, by tuned of family a, run r
   └─ derives from h1  HUMAN_AUTHORED, generation 0

models that wrote it and what it was made of
tuned: openai, family a, generation 0, trained on elsewhere@3, base big
  big: in no registry

what was made of it
└─ nothing
`
  )
  const [tree] = parsed<{ versions: string[]; down: { branches: { id: string; relation: string }[] } }[]>(
    await everseed('lineage', 'h1', '--json', '--down')
  )
  assert.deepEqual([tree!.versions, tree!.down.branches.map(({ id }) => id)], [['d@1'], ['g1']])
  assert.ok(!('up' in tree!))
  const narrow = await told('lineage', 'h3', '--down', '--limit', '1')
  assert.match(
    narrow,
    /├─ became g3 {2}SYNTHETIC, generation 1, by tuned of family a, run r\n└─ … and 1 more: became/
  )
  assert.match(await told('lineage', 'g2', '--up', '--depth', '1'), /g1[^\n]*\n {3}└─ … not looked at/)
})

test('everything a model or a run made is counted; what nobody knows is an error', async () => {
  const made = await told('lineage', '--model', 'tuned', '--limit', '2')
  assert.match(made, /dataset\trun\tmodel\tgeneration\ttexts\nd\tr\ttuned\t1\t4\ng1\ng2\n$/)
  const descended = await told('lineage', '--model', 'small')
  assert.match(
    descended,
    /small: openai, family a, generation 0, [^\n]*base tuned\n {2}tuned: openai, [^\n]*trained on elsewhere@3, base big\n/
  )
  const { texts, ids } = parsed<{ texts: number; ids: string[] }>(
    await everseed('lineage', '--run', 'r', '--json')
  )
  assert.deepEqual([texts, ids], [4, ['g1', 'g2', 'g3', 'g4']])
  await refused(['lineage', 'nobody'], 2, /no text nobody: give the id of a sample.*\[UNKNOWN_NAME\]/)
  await refused(['lineage', 'g1', '--dataset', 'other'], 2, /no text g1 in dataset other.*\[UNKNOWN_NAME\]/)
  await refused(['lineage', '--model', 'nobody'], 2, /nothing was made by model nobody.*\[UNKNOWN_NAME\]/)
  assert.match(await told('sql', "SELECT id FROM lineage WHERE parent = 'h3' ORDER BY id"), /^id\ng3\ng4\n$/)
})

test('a retraction says what it does, and does nothing until it is told to', async () => {
  const withdrawn = ['retract', 'd', 'h1', '--descendants', '--reason', 'licence withdrawn']
  const plan = await told(...withdrawn)
  assert.equal(
    plan,
    `3 texts of d: 1 named, 2 that descend from them; 0 were retracted before
3 rows of training leave
the next version, before: 8 rows, 4 of them human, real share 0.500
the next version, after:  5 rows, 3 of them human, real share 0.600
versions that hold some of them, and stay as they are: d@1
1 prompts quote them or derive from them: quoting
offline models that were fitted on some of them, and stay as they are: ngram
nothing was written; --yes retracts them
`
  )
  assert.equal((await retractionsOf(deployment, 'd')).size, 0)
  await refused(
    ['retract', 'd', 'h1', 'h77', '--reason', 'x', '--yes'],
    2,
    /dataset d has no text h77: nothing was written.*--unseen.*\[UNKNOWN_NAME\]/
  )
  assert.equal((await retractionsOf(deployment, 'd')).size, 0)
  // A text may be named as training has it as key.
  assert.match(await told('retract', 'd', 'd/h1', '--reason', 'x'), /^1 texts of d: 1 named/)
  assert.match(await told('lineage', 'd/h1/2'), /^h1  HUMAN_AUTHORED/)
  await refused(['retract', 'd', 'e/h1', '--reason', 'x'], 2, /e\/h1 is a text of dataset e, not of d/)

  const done = parsed<Plan & { written: boolean }>(await everseed(...withdrawn, '--yes', '--json'))
  assert.ok(done.written)
  const gone = await retractionsOf(deployment, 'd')
  assert.deepEqual(
    ['h1', 'g1', 'g2'].map(id => [gone.get(id)?.ancestor, gone.get(id)?.reason]),
    [
      [null, 'licence withdrawn'],
      ['h1', 'licence withdrawn'],
      ['h1', 'licence withdrawn']
    ]
  )
  const again = await told('retract', 'd', 'h1', '--descendants', '--reason', 'other words', '--yes')
  assert.match(
    again,
    /^0 texts of d: 0 named, 0 that descend from them; 3 were retracted before[^]*nothing to do\n$/
  )
  assert.equal((await readAll(deployment, topics.retractions)).length, 3)
  await stored()
  assert.match(await told('lineage', 'g2'), /\nretracted, with its ancestor h1: licence withdrawn\n/)
})

test('a version that is closed stays, and names what was retracted since; the next one is without', async () => {
  assert.match(
    await told('versions', 'show', 'd@1'),
    /\nretracted since: 3 rows \(--json lists their ids\)\n/
  )
  const shown = parsed<{ retracted_since: object }>(await everseed('versions', 'show', 'd@1', '--json'))
  assert.deepEqual(shown.retracted_since, { rows: 3, ids: ['g1', 'g2', 'h1'], erased: [] })
  const rows = await everseed('subscribe', 'training', '--version', 'd@1', '--format', 'text')
  assert.equal(rows.stdout.trim().split('\n').length, 8)
  assert.match(rows.stderr, /^d@1: 3 of these rows were retracted since it was closed: /m)
  const unnamed = await everseed('subscribe', 'training', '--version', '1')
  assert.match(unnamed.stderr, /of which dataset\? Name it: --version DATASET@1 \[CONFIG_INVALID\]/)
  await refused(['versions', 'list', 'nope'], 2, /there is no dataset nope/)
  const crossed = await everseed('subscribe', 'training', '--dataset', 'e', '--version', 'd@1')
  assert.match(crossed.stderr, /--version d@1 is none of dataset e: .*\[CONFIG_INVALID\]/)
  assert.match(await told('versions', 'verify', 'd@1'), /d@1 is as it was closed: 8 rows/)
  assert.match(
    await told('versions', 'create', 'd'),
    /d@2 is closed: 5 rows, 3 of them human \(real share 0\.600\)/
  )
  assert.match(await told('versions', 'create', 'd'), /d@2 holds everything there is/)
  const keys = await told('subscribe', 'training', '--version', 'd@2', '--format', 'keys')
  assert.equal(keys, 'h2\nh3\ng3\nh4\ng4\n')
  const two = await findVersion(deployment, 'd@2')
  assert.equal(hash('sha256', keys, 'hex'), two.digest)
  assert.deepEqual(await verifyVersion(deployment, two), [])
  const text = await told('subscribe', 'training', '--version', 'd@2', '--format', 'text')
  assert.doesNotMatch(text, /"text 1"|"answer 1"/)
  assert.match(await told('versions', 'show', 'd@2'), /\nleft out 3 rows: 3 texts were retracted, 0 had/)
  const next = parsed<{ retracted_since: object }>(await everseed('versions', 'show', 'd@2', '--json'))
  assert.deepEqual(next.retracted_since, { rows: 0, ids: [], erased: [] })
})

test('verify finds out a version that leaves out what nobody retracted', async () => {
  const two = await findVersion(deployment, 'd@2')
  const manifest = JSON.parse(two.manifest) as { excluded: { rows: number; retracted: string[] } }
  const forged = {
    ...two,
    manifest: JSON.stringify({
      ...manifest,
      excluded: { ...manifest.excluded, rows: 4, retracted: ['g1', 'g2', 'h1', 'h4'] }
    })
  }
  const wrong = (await verifyVersion(deployment, forged)).join('\n')
  assert.match(wrong, /leaves out 1 rows as retracted that nobody retracted, the first h4/)
  assert.match(wrong, /digest of its rows is/)
})

test('a floor that breaks is told before and in control; the version holds it by what it leaves out', async () => {
  const file = place.file('ids.txt', '# a poisoned source\nh2\n\nh3\nh4\n')
  const plan = await told('retract', 'd', '--file', file, '--reason', 'poisoned', '--yes')
  assert.match(plan, /after: {2}0 rows, 0 of them human\n/)
  assert.match(
    plan,
    /breaks the floor of 0\.5: 2 rows more leave, which had their places by human rows that are gone\n/
  )
  const word = async () =>
    (await readAll(deployment, topics.control)).findLast(({ key }) => String(key) === 'dataset:d|retract')
      ?.decoded
  const said = await word()
  assert.deepEqual([said?.action, said?.state], ['warn', 'WARNING'])
  assert.match(
    said!.reason,
    /broke the floor of 0\.5: the next version leaves out 2 rows besides, which had their places/
  )
  assert.deepEqual(JSON.parse(said!.evidence), {
    retracted: 3,
    floor: 0.5,
    rows: 0,
    human: 0,
    displaced: 2
  })
  await refused(
    ['versions', 'create', 'd'],
    2,
    /nothing is left of the 8 rows of d: they were retracted, or had their places.*\[VERSION_EMPTY\]/
  )

  // One human row pays for one answer again; those who came before it stay out.
  await lay(topics.training, [person(6), answer(5, 'h6')])
  assert.match(await told('versions', 'create', 'd'), /d@3 is closed: 2 rows, 1 of them human/)
  const three = await findVersion(deployment, 'd@3')
  const { excluded, smallest_prefix_share } = JSON.parse(three.manifest) as {
    excluded: { displaced: string[] }
    smallest_prefix_share: number
  }
  assert.deepEqual([excluded.displaced, smallest_prefix_share], [['g3', 'g4'], 1 / 2])
  assert.deepEqual(await verifyVersion(deployment, three), [])
  assert.equal((await word())?.action, 'none')
  await stored()
  assert.match(await told('lineage', 'g3'), /; versions d@1, d@2\n/)
})

test('what was laid before the mixer heard that its ancestors leave is found when a version is closed', async () => {
  // g6 is of g2, and that of h1, which left with its descendants; g7 came first, and is of g6. h2 left alone.
  await lay(topics.training, [
    person(7),
    answer(7, 'g6'),
    person(8),
    answer(6, 'g2'),
    person(9),
    answer(8, 'h2')
  ])
  assert.match(await told('versions', 'create', 'd'), /d@4 is closed: 6 rows, 4 of them human/)
  const keys = await told('subscribe', 'training', '--version', 'd@4', '--format', 'keys')
  assert.equal(keys, 'h6\ng5\nh7\nh8\nh9\ng8\n')
  const gone = await retractionsOf(deployment, 'd')
  for (const id of ['g6', 'g7'])
    assert.partialDeepStrictEqual(gone.get(id), {
      ancestor: 'h1',
      reason: 'licence withdrawn',
      author: 'versions',
      descendants: true
    })
  assert.deepEqual(await verifyVersion(deployment, await findVersion(deployment, 'd@4')), [])
})

test('who asks for the descendants afterwards gets them, and the first reason stays', async () => {
  const asked = ['retract', 'd', 'h2', '--descendants', '--reason', 'now with all', '--yes', '--json']
  await lay(topics.generations, [
    make.generation('g8', 'x', { provenance: make.provenance({ parent_ids: ['h2'] }) })
  ])
  const { entries, rows } = parsed<Plan>(await everseed(...asked))
  assert.deepEqual([entries.map(({ id }) => id).toSorted(), rows], [['g8', 'h2'], 1])
  const gone = await retractionsOf(deployment, 'd')
  assert.partialDeepStrictEqual(gone.get('h2'), { reason: 'poisoned', ancestor: null, descendants: true })
  assert.partialDeepStrictEqual(gone.get('g8'), { reason: 'now with all', ancestor: 'h2', descendants: true })
  assert.deepEqual(parsed<Plan>(await everseed(...asked)).entries, [])
})

test('a retraction that is killed is done by saying it again, and nothing is said twice', async () => {
  await write(deployment, topics.datasets, [{ key: 'k', value: make.dataset('k') }])
  const ids = Array.from({ length: 6000 }, (_, index) => `k${index}`)
  const file = place.file('many.txt', ids.join('\n'))
  const args = ['retract', 'k', '--file', file, '--unseen', '--reason', 'poisoned', '--yes', '--json']
  const first = startEverseed(args, { cwd: place.folder, env: { ...place.env, ...env } })
  const written = async (): Promise<number> =>
    (await deployment.admin.offsets(topics.retractions.name))[0]!.high
  const start = await written()
  await until('the first retractions', async () => (await written()) > start)
  first.kill('SIGKILL')
  await first.ended
  const there = (await retractionsOf(deployment, 'k')).size
  const { entries, already } = parsed<Plan>(await everseed(...args))
  assert.deepEqual([entries.length, already], [ids.length - there, there])
  const records = (await readAll(deployment, topics.retractions)).filter(
    ({ decoded }) => decoded.dataset === 'k'
  )
  assert.deepEqual(records.map(({ decoded }) => decoded.id).toSorted(), ids.toSorted())
})

test('an offline model is made without what was retracted before it, and keeps what is retracted later', async () => {
  const range = { dataset: 'd', slot, to: 5, order: 2, smoothing: 0.1, share: 1 }
  const ids = async (at: number): Promise<string[]> =>
    (await readSeed(deployment, range, at)).map(({ id }) => id)
  assert.deepEqual(await ids(0), ['h1', 'h2', 'h3', 'h4', 'h5'])
  assert.deepEqual(await ids(Date.now() * 1000 + 1), ['h5'])
})

test('what nobody can read in tables, versions and training says nothing, stops nothing, and is named by doctor', async () => {
  const rubbish = (topic: topics.Topic, partition: number): Promise<void> =>
    write(deployment, topic, [
      { key: 'd', value: Buffer.from('garbage'), partition },
      // The broker takes nothing without a key into a table.
      ...(topic.kind === 'table'
        ? []
        : [
            { key: null, value: Buffer.from('garbage'), partition },
            { key: 'd@1', value: null, partition }
          ])
    ])
  const tables = [
    topics.datasets,
    topics.models,
    topics.retractions,
    topics.control,
    topics.runs,
    topics.keys
  ]
  for (const table of tables) await rubbish(table, 0)
  await rubbish(topics.versions, slot)
  await rubbish(topics.training, slot)
  assert.match(await told('versions', 'list', 'd'), /\nd@4\t/)
  assert.match(await told('models', 'list'), /\ntuned\t/)
  assert.match(await told('versions', 'verify', 'd@4'), /d@4 is as it was closed/)
  // g8 left; the rubbish in training is no row.
  assert.match(await told('versions', 'create', 'd'), /d@5 is closed: 5 rows, 4 of them human/)
  assert.match(await told('retract', 'd', 'h6', '--reason', 'x'), /^1 texts of d: 1 named/)
  assert.equal(
    await told('subscribe', 'training', '--version', 'd@5', '--format', 'keys'),
    'h6\ng5\nh7\nh8\nh9\n'
  )
  const doctor = await everseed('doctor')
  assert.match(
    doctor.stdout,
    /FAIL {2}tables +6 entries cannot be read, and say nothing: .*(control|datasets|runs)\/\d@\d+/
  )
  // Nothing is written over what may say more than is known.
  const changed = changeEntry(deployment, topics.datasets, 'dataset', 'd', found => ({
    ...found!,
    floor: 0.1
  }))
  await assert.rejects(changed, {
    code: 'RECORD_INVALID',
    message: /newest entry .*datasets\/0@\d+ cannot be read/
  })
  // Once each is written again, of the log of versions it is only told.
  for (const table of tables) {
    const found = (await readTable(deployment, table as topics.Topic<object>)).get('d')
    await write(deployment, table, [
      { key: 'd', value: found ? deployment.codec.encode(table, found) : null, partition: 0 }
    ])
  }
  assert.match(
    (await everseed('doctor')).stdout,
    /ok {4}tables +every entry can be read; what cannot is no version: .*versions\/\d@\d+/
  )
})
