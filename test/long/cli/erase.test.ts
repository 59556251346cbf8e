/** A text that is erased while everything runs: nowhere afterwards, and nothing else with it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { tidyUp } from '../../../infra/kafka/compaction.ts'
import { readRanges } from '../../../infra/kafka/reader.ts'
import { isErasure } from '../../../infra/kafka/record.ts'
import { silentLog } from '../../../infra/log.ts'
import { allTopics } from '../../../infra/processors.ts'
import { retractionsOf } from '../../../infra/retractions.ts'
import { findVersion, manifestOf } from '../../../infra/versions/versions.ts'
import { contentHash, slotOf } from '../../../schemas/identity.ts'
import * as topics from '../../../schemas/topics.ts'
import type { Control } from '../../../schemas/types.ts'
import { runShell, startEverseed } from '../../helpers/cli.ts'
import { readRaw, write } from '../../helpers/deployment.ts'
import { runEnded, startPipeline } from '../../helpers/pipeline.ts'
import * as make from '../../helpers/records.ts'
import { until } from '../../helpers/until.ts'

const place = await startPipeline({ after })
const { deployment, folder, env } = place
const everseed = (...args: string[]) => place.everseed(args)
const slot = slotOf('d', '', 1, deployment.config.partitions)

const vocabulary =
  'the ship sailed north under a grey sky while men on deck counted barrels of salt and rope until'.split(' ')
const textOf = (number: number): string =>
  `Letter ${number}, «œuvre»:\n${Array.from({ length: 40 }, (_, at) => vocabulary[(at * (number + 3) + number) % vocabulary.length]).join(' ')} "${number}".`
const letters = Array.from({ length: 40 }, (_, number) => textOf(number))
const idOf = (text: string): string => contentHash([make.message('document', text)])

async function told(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await everseed(...args)
  assert.equal(code, 0, stderr)
  return stdout
}
const counted = async (sql: string): Promise<number> =>
  (JSON.parse(await told('sql', '--json', sql)) as { n: number }[])[0]!.n

/** Where words stand in the logs, committed or not: searched by bytes, by nothing the command uses but the reader. */
async function placesOf(text: string): Promise<Record<string, number>> {
  const needles = [text, JSON.stringify(text).slice(1, -1)].map(one => Buffer.from(one))
  const found: Record<string, number> = {}
  const { kafka, config, admin } = deployment
  for (const { name } of allTopics) {
    await readRanges(
      kafka,
      config,
      await admin.ranges(name),
      records => {
        for (const { value } of records)
          if (needles.some(needle => value?.includes(needle))) found[name] = (found[name] ?? 0) + 1
      },
      { everything: true }
    )
  }
  return found
}

/** Every record of the data topics by where it lies, those that hold some words apart. */
async function others(text: string): Promise<Set<string>> {
  const found = new Set<string>()
  for (const { name, cleanup } of allTopics) {
    if (cleanup === 'compact') continue
    for (const { partition, offset, key, value } of await readRaw(deployment, name)) {
      const own = [text, JSON.stringify(text).slice(1, -1)].some(one => value?.includes(one))
      if (!own) found.add(`${name}/${partition}@${offset} ${key?.toString()}`)
    }
  }
  return found
}

let digest = ''
/** Three rows of the mix, seed texts all: one that prompts quote, one to be killed over, one to stay. */
let seeds: string[] = []
/** A text no row is of: metrics are measured against it. */
let measured = ''

before(async () => {
  place.file(
    'recipe.yaml',
    `dataset: d
run: r
human: { floor: 0.5, split: { seed: 60, reference: 30, audit: 10 } }
sources: [{ name: n, provider: offline, model: ngram-2, family: n, order: 2, smoothing: 0.3, max_tokens: 60 }]
samples_per_prompt: 3
attempts: 1
checks: { min_chars: 5, max_chars: 4000 }
window: 1000
`
  )
  const lines = letters.map((text, number) =>
    JSON.stringify({
      id: `letter-${number}`,
      text,
      origin: 'HUMAN_AUTHORED',
      author: 'Ann',
      license: 'CC0-1.0'
    })
  )
  place.file('letters.jsonl', `${lines.join('\n')}\n`)
  await told('publish', 'human', '--recipe', 'recipe.yaml', 'letters.jsonl')
  await until(
    'all letters to be taken in',
    async () => (await readRaw(deployment, 'samples.human')).length === 40
  )
  for (const { value } of await readRaw(deployment, 'samples.human')) {
    const { messages, provenance } = await deployment.codec.decode(topics.samplesHuman, value)
    if (provenance.split === 'SEED') seeds.push(messages[0]!.content)
    else if (provenance.split === 'REFERENCE') measured = messages[0]!.content
  }
  seeds = seeds.slice(0, 3)
  const prompts = seeds.map((text, number) =>
    JSON.stringify({ id: `p${number}`, prompt: `Say it again: ${text}` })
  )
  place.file('prompts.jsonl', `${prompts.join('\n')}\n`)
  await told('publish', 'prompts', '--recipe', 'recipe.yaml', '--wait', 'prompts.jsonl')
  await runEnded(deployment, 'r')
  // What nobody can read, and what was never committed, holds words as well.
  await write(deployment, topics.human, [
    { key: 'torn', partition: slot, value: Buffer.from(`{"text": ${JSON.stringify(seeds[0])}`) }
  ])
  await until('the dead letter', async () => (await readRaw(deployment, 'dead-letters')).length === 1)
  const producer = deployment.kafka.producer({
    transactionalId: `${deployment.config.prefix}aborted`,
    maxInFlightRequests: 1
  })
  await producer.connect()
  const transaction = await producer.transaction()
  const messages = [{ partition: slot, key: 'never', value: seeds[0]! }]
  await transaction.send({ topic: `${deployment.config.prefix}generations`, messages })
  await transaction.abort()
  await producer.disconnect()
  await told('versions', 'create', 'd')
  digest = (await findVersion(deployment, 'd@1')).digest
})

test('what it would do is told, and nothing is done', async () => {
  const [text] = seeds
  const plan = await told('erase', 'd', idOf(text!), '--reason', 'asked for')
  assert.match(plan, /1 texts of d: \d+ records hold their words/)
  assert.match(plan, /exports of these versions hold the words, delete them wherever they are: d@1/)
  assert.match(plan, /offline models that were fitted on some of them: ngram-2@\w+; restart generate/)
  assert.match(plan, /nothing was written; --yes erases them\n$/)
  const places = await placesOf(text!)
  for (const topic of [
    'human',
    'samples.human',
    'training',
    'prompts',
    'generations',
    'candidates',
    'dead-letters'
  ])
    assert.ok(places[topic]! > 0, `${topic} holds words to begin with`)
  const committed = (await readRaw(deployment, 'generations')).filter(({ value }) => value!.includes(text!))
  assert.equal(places['generations'], committed.length + 1, 'what was aborted is in the log')
  assert.match(plan, /the next version of d, before: \d+ rows/)
  const { code, stderr } = await everseed('erase', 'd', 'nobody', '--reason', 'x')
  assert.equal(code, 2)
  assert.match(stderr, /no human or verified text nobody/)
})

test('its words are nowhere afterwards, and nothing else is gone', async () => {
  const [text] = seeds
  const id = idOf(text!)
  const kept = await others(text!)
  const rows = await counted('SELECT count() AS n FROM samples')
  const { proof } = JSON.parse(await told('erase', 'd', id, '--reason', 'asked for', '--yes', '--json')) as {
    proof: { records: number; clickhouse: { rows: number; found: string[] }; files: null }
  }
  assert.ok(proof.records > 100 && proof.clickhouse.rows > 100)
  assert.deepEqual(await placesOf(text!), {})
  assert.deepEqual(
    [...kept].toSorted(),
    [...(await others(text!))].filter(one => kept.has(one)).toSorted(),
    'every other record lies where it lay'
  )
  assert.deepEqual(await deployment.admin.topicProblems(allTopics), [], 'topics are kept as they must be')
  const quoted = `'${text!.split('\n')[0]}'`
  for (const table of ['samples', 'prompts', 'documents'])
    assert.equal(
      await counted(`SELECT count() AS n FROM ${table} WHERE position(messages, ${quoted}) > 0`),
      0,
      table
    )
  assert.equal(await counted('SELECT count() AS n FROM samples'), rows, 'rows are counted as before')
  assert.equal(await counted(`SELECT count() AS n FROM samples WHERE id = '${id}' AND author != ''`), 0)
  assert.equal((await readRaw(deployment, 'dead-letters')).length, 0, 'what is left of it is no dead letter')
  const retraction = (await retractionsOf(deployment, 'd')).get(id)!
  assert.deepEqual([retraction.kind, retraction.content_hash, retraction.reason], ['ERASED', id, 'asked for'])
  assert.ok(retraction.erased_at! > retraction.created_at)
  assert.deepEqual(
    retraction.rows.map(({ sample: { messages, provenance } }) => [
      messages,
      provenance.author,
      provenance.license
    ]),
    [[[], null, 'CC0-1.0']]
  )
})

test('versions that held it verify, name it, and are exported without it; the next one leaves it out', async () => {
  const id = idOf(seeds[0]!)
  assert.match(await told('versions', 'verify', 'd@1'), /is as it was closed/)
  const sum = await runShell('$everseed subscribe training --version d@1 --format keys | sha256sum', {
    cwd: folder,
    env
  })
  assert.equal(sum.stdout, `${digest}  -\n`, sum.stderr)
  const shown = JSON.parse(await told('versions', 'show', 'd@1', '--json')) as {
    retracted_since: { erased: string[] }
  }
  assert.ok(shown.retracted_since.erased.includes(id))
  await told('export', 'd@1', '--format', 'text', '--out', 'out')
  const files = await runShell('cat out/*', { cwd: folder, env })
  assert.ok(
    !files.stdout.includes(JSON.stringify(seeds[0]!).slice(1, -1)) &&
      files.stdout.includes(seeds[1]!.slice(0, 20))
  )
  await told('versions', 'create', 'd')
  assert.ok(manifestOf(await findVersion(deployment, 'd@2')).excluded!.retracted.includes(id))
  assert.match(await told('versions', 'verify', 'd@2'), /is as it was closed/)
  const doctor = await everseed('doctor')
  assert.equal(doctor.code, 0, doctor.stdout)
})

test('it does not come back with its file', async () => {
  const report = await everseed('publish', 'human', '--recipe', 'recipe.yaml', 'letters.jsonl')
  assert.match(report.stdout + report.stderr, /0 published, 39 were there already, 1 rejected/)
  assert.match(report.stderr, /this text was erased \(asked for\): it is not published again/)
  assert.deepEqual(await placesOf(seeds[0]!), {})
})

test('words in a table stand in its newest entry, and are erased once another took its place', async () => {
  const text = seeds[1]!
  const word = (reason: string): Promise<void> => {
    const value: Control = {
      scope: 'run:other',
      author: 'operator',
      action: 'continue',
      state: 'CONTINUE',
      reason,
      evidence: '{}',
      temperature_delta: null,
      expires_at: null,
      created_at: 1
    }
    return write(deployment, topics.control, [{ key: 'run:other|operator', partition: 0, value }])
  }
  await word(`somebody wrote: ${text}`)
  const asked = ['erase', 'd', idOf(text), '--yes', '--reason']
  const refused = await everseed(...asked, 'asked for too')
  assert.equal(refused.code, 2)
  assert.match(
    refused.stderr,
    /stand in [^ ]*control, in the entry run:other\|operator: .*Nothing was written.*\[WORDS_KEPT\]/
  )
  assert.equal((await retractionsOf(deployment, 'd')).get(idOf(text)), undefined)
  await word('something else')
  const said = await everseed(...asked, `he asked for "${text}"`)
  assert.equal(said.code, 2)
  assert.match(
    said.stderr,
    /the reason is kept with what was erased, and holds its words.*\[CONFIG_INVALID\]/
  )
  assert.equal((await retractionsOf(deployment, 'd')).get(idOf(text)), undefined)
})

test('an erasure that is interrupted puts the settings back at once', async () => {
  const said = await readRaw(deployment, 'generations', { erasures: true })
  const earlier = new Set(said.map(({ offset }) => offset))
  const stopped = startEverseed(['erase', 'd', idOf(seeds[1]!), '--reason', 'asked for too', '--yes'], {
    cwd: folder,
    env
  })
  // It has asked for its records to be taken out: another erasure that compacts the same logs must not count them as lost.
  await until('what takes records out of the logs', async () => {
    const asked = await readRaw(deployment, 'generations', { erasures: true })
    return asked.some(record => isErasure(record) && !earlier.has(record.offset))
  })
  stopped.kill('SIGINT')
  const { code, stderr } = await stopped.ended
  assert.equal(code, 130, stderr)
  assert.match(stderr, /interrupted: the topics have their settings back/)
  assert.deepEqual(await deployment.admin.erasing(allTopics), [])
  assert.deepEqual(await deployment.admin.topicProblems(allTopics), [])
})

test('an erasure that was killed is told by doctor, and finished by the same command; two at once take turns', async () => {
  const [, text, another] = seeds
  const killed = startEverseed(['erase', 'd', idOf(text!), '--reason', 'asked for too', '--yes'], {
    cwd: folder,
    env
  })
  await until('the logs to be compacted', async () =>
    (await deployment.admin.topicProblems([topics.human])).some(problem =>
      problem.includes('cleanup.policy is compact')
    )
  )
  // Who publishes meanwhile waits until the topic is as it must be.
  const published = everseed('publish', 'human', '--recipe', 'recipe.yaml', 'letters.jsonl')
  killed.kill('SIGKILL')
  await killed.ended
  const doctor = await everseed('doctor')
  assert.equal(doctor.code, 1)
  assert.match(
    doctor.stdout + doctor.stderr,
    /cleanup\.policy is compact.*an everseed erase is under way, or was killed: run it again/
  )
  // What starts everything puts the settings back, and doctor knows all the same.
  await tidyUp(deployment, silentLog)
  assert.deepEqual(await deployment.admin.topicProblems(allTopics), [])
  assert.match((await published).stdout, /0 published, 38 were there already/)
  assert.match(
    (await everseed('doctor')).stdout,
    new RegExp(`FAIL {2}erasures +.* words of d/${idOf(text!)} may`)
  )
  const both = await Promise.all(
    [text, another].map(one => everseed('erase', 'd', idOf(one!), '--reason', 'asked for too', '--yes'))
  )
  for (const { code, stdout, stderr } of both) {
    assert.equal(code, 0, stderr)
    assert.match(stdout, /\nerased\n$/)
  }
  assert.equal(both.filter(({ stderr }) => stderr.includes('waiting for the turn')).length, 1)
  for (const one of [text, another]) assert.deepEqual(await placesOf(one!), {})
  assert.deepEqual(await deployment.admin.topicProblems(allTopics), [])
  assert.match(await told('versions', 'verify', 'd@1'), /is as it was closed/)
  assert.equal((await everseed('doctor')).code, 0)
})

test('a text goes from every dataset that has it', async () => {
  place.file(
    'other.yaml',
    `dataset: e
run: e
sources: [{ name: n, provider: offline, model: ngram-2, family: n, order: 2, smoothing: 0.3, max_tokens: 60 }]
`
  )
  const line = JSON.stringify({ id: 'elsewhere', text: measured, origin: 'HUMAN_AUTHORED' })
  place.file('other.jsonl', `${line}\n`)
  await told('publish', 'human', '--recipe', 'other.yaml', 'other.jsonl')
  const id = idOf(measured)
  await until(
    'the text to be taken in by both',
    async () =>
      (await readRaw(deployment, 'samples.human')).filter(one => one.key?.toString().endsWith(id)).length ===
      2
  )
  const plan = JSON.parse(await told('erase', 'd', id, '--reason', 'x', '--json')) as {
    others: { dataset: string; id: string }[]
    standings: { dataset: string }[]
  }
  assert.deepEqual(plan.others, [{ dataset: 'e', id }])
  assert.deepEqual(
    plan.standings.map(one => one.dataset),
    ['d', 'e']
  )
  await told('erase', 'd', id, '--reason', 'x', '--yes')
  const { kind, ancestor, erased_at } = (await retractionsOf(deployment, 'e')).get(id)!
  assert.deepEqual([kind, ancestor, typeof erased_at], ['ERASED', id, 'number'])
  assert.deepEqual(await placesOf(measured), {})
  const again = await everseed('publish', 'human', '--recipe', 'other.yaml', 'other.jsonl')
  assert.match(again.stderr, /this text was erased \(x\)/)
})
