/**
 * Clients nobody here wrote use the pipeline by its public interfaces: topics through Confluent's Python client, views through
 * clickhouse-connect and curl, the cluster through Kafka's own tools. What they read is compared with what the pipeline wrote.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { corpusLines } from '../../../infra/demo/demo.ts'
import { processorNames } from '../../../infra/processors.ts'
import { samplesHuman, samplesVerified, topics, training } from '../../../schemas/topics.ts'
import type { Document, Sample } from '../../../schemas/types.ts'
import { slotOf } from '../../../schemas/identity.ts'
import { hasPython, kafkaTool, python, script } from '../../helpers/clients.ts'
import { start } from '../../helpers/cli.ts'
import { readAll } from '../../helpers/deployment.ts'
import { until } from '../../helpers/until.ts'
import { runEnded, startPipeline } from '../../helpers/pipeline.ts'
import { humanProvenance } from '../../helpers/records.ts'

const { deployment, everseed, file, up } = await startPipeline({ after })
const { kafka, registry, clickhouse } = up.config
const brokers = kafka.brokers.join(',')
const documents = 300
const skip = hasPython ? false : 'python3 is not installed: install it to run the Python clients'

async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await start(command, args, { input }).ended
  assert.equal(code, 0, stderr)
  return stdout
}

before(async () => {
  const recipe = file(
    'recipe.yaml',
    `dataset: shared
run: shared-1
sources:
  - { name: long, provider: offline, model: ngram-4, family: long, order: 4 }
  - { name: short, provider: offline, model: ngram-2, family: short, order: 2 }
samples_per_prompt: 3
window: 500
`
  )
  const human = file('human.jsonl', corpusLines().slice(0, documents).join('\n'))
  const published = await everseed(['publish', 'human', human, '--recipe', recipe])
  assert.equal(published.code, 0, published.stderr)
  const prompts = Array.from({ length: 8 }, (_, index) =>
    JSON.stringify({ prompt: `Speak about matter ${index}.` })
  )
  const asked = await everseed([
    'publish',
    'prompts',
    file('prompts.jsonl', prompts.join('\n')),
    '--recipe',
    recipe
  ])
  assert.equal(asked.code, 0, asked.stderr)
  await runEnded(deployment, 'shared-1')
})

type Consumed = { partition: number; offset: number; key: string; value: Sample }

test(
  'confluent-kafka reads samples.verified and training with its AvroDeserializer, field by field',
  { skip },
  async () => {
    const prefix = kafka.prefix
    const names = [samplesVerified, training].map(topic => prefix + topic.name)
    const consumed = JSON.parse(
      await run(python(), [script('consume.py'), brokers, registry!.url, ...names])
    ) as Record<string, Consumed[]>
    for (const topic of [samplesVerified, training]) {
      const theirs = consumed[prefix + topic.name]!.toSorted(
        (a, b) => a.partition - b.partition || a.offset - b.offset
      )
      const ours = (await readAll(deployment, topic))
        .map(({ partition, offset, key, decoded }) => ({
          partition,
          offset,
          key: key!.toString(),
          value: decoded
        }))
        .toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
      assert.ok(ours.length >= 10, `${topic.name} holds ${ours.length}`)
      assert.deepEqual(theirs, JSON.parse(JSON.stringify(ours)))
    }
    // A training job needs nothing else: every row says what it is and where it came from, and every prefix is human enough.
    const rows = consumed[prefix + training.name]!
    const verified = new Set(consumed[prefix + samplesVerified.name]!.map(({ key }) => key))
    let real = 0
    for (const [index, { value }] of rows.entries()) {
      const { origin, model_id, split, generation } = value.provenance
      assert.ok(value.messages.at(-1)!.content.length > 0)
      if (origin === 'HUMAN_AUTHORED') {
        real++
        assert.equal(split, 'SEED')
        assert.equal(generation, 0)
      } else {
        assert.ok(verified.has(value.id))
        assert.ok(model_id)
        assert.equal(generation, 1)
      }
      assert.ok(real / (index + 1) >= 0.5)
    }
    assert.ok(real > 0 && real < rows.length)
  }
)

test(
  'a Python producer passes the same door, though its hash puts records into other partitions',
  { skip },
  async () => {
    const list: Document[] = Array.from({ length: 12 }, (_, index) => ({
      id: `python-${index}`,
      dataset: 'shared',
      cell: { task: '', topic: 'python', format: '', refusal: 'reject' },
      messages: [
        {
          role: 'document',
          content: `Written by hand, number ${index}.`,
          tool_calls: null,
          tool_call_id: null,
          reasoning_content: null
        }
      ],
      provenance: humanProvenance({ created_by: 'somebody with Python', split: null }),
      signature: null,
      metadata: { tool: 'confluent-kafka' }
    }))
    const partitions = JSON.parse(
      await run(
        python(),
        [script('produce.py'), brokers, registry!.url, `${kafka.prefix}human`],
        list.map(document => `${JSON.stringify(document)}\n`).join('')
      )
    ) as number[]
    assert.ok(partitions.length > 1, 'the test needs records outside their slot')
    const admitted = async (): Promise<{ partition: number; decoded: Sample }[]> =>
      (await readAll(deployment, samplesHuman)).filter(({ decoded }) => decoded.cell.topic === 'python')
    await until('the documents in samples.human', async () => (await admitted()).length >= list.length)
    await until('everything read', async () => (await deployment.admin.lag('admit', ['human'])) === 0)
    const rows = await admitted()
    assert.deepEqual(
      rows.map(({ decoded }) => decoded.messages[0]!.content).toSorted(),
      list.map(document => document.messages[0]!.content).toSorted()
    )
    assert.deepEqual(
      [...new Set(rows.map(row => row.partition))],
      [slotOf('shared', '', 1, deployment.config.partitions)]
    )
  }
)

/** Questions about the views, and answers known from the topics. */
async function questions(): Promise<Record<string, { sql: string; expected: unknown[][] }>> {
  const verified = (await readAll(deployment, samplesVerified)).map(({ decoded }) => decoded)
  const bySource = Map.groupBy(verified, sample => sample.provenance.model_id!)
  const rows = await readAll(deployment, training)
  const real = rows.filter(({ decoded }) => decoded.provenance.origin === 'HUMAN_AUTHORED').length
  return {
    funnel: {
      sql: 'SELECT run, dataset, prompts, expected, verified FROM funnel',
      expected: [['shared-1', 'shared', 8, 24, verified.length]]
    },
    sources: {
      sql: 'SELECT source, accepted FROM sources WHERE accepted > 0 ORDER BY source',
      expected: [...bySource]
        .map(([source, list]) => [source, list.length] as unknown[])
        .toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
    },
    collapse: {
      sql: `SELECT count() > 0, uniqExact(metric) > 5 FROM collapse WHERE run = 'shared-1' AND stage = 'accepted' AND source = '*'`,
      expected: [[1, 1]]
    },
    training: {
      sql: `SELECT count(), countIf(origin = 'HUMAN_AUTHORED') FROM samples FINAL WHERE _topic = 'training'`,
      expected: [[rows.length, real]]
    },
    spend: { sql: 'SELECT sum(cost_usd) FROM spend', expected: [[0]] }
  }
}

test('clickhouse-connect asks the views as the user who may only read', { skip }, async () => {
  const { url, database, reader } = clickhouse!
  const { hostname, port } = new URL(url)
  const asked = await questions()
  const refused = {
    insert: `INSERT INTO models (id) VALUES ('x')`,
    drop: 'DROP VIEW collapse',
    file: `SELECT * FROM file('/etc/passwd', 'LineAsString')`
  }
  const input = {
    ...Object.fromEntries(Object.entries(asked).map(([name, { sql }]) => [name, sql])),
    ...refused,
    describe: 'DESCRIBE TABLE collapse'
  }
  const answers = JSON.parse(
    await run(
      python(),
      [script('query.py'), hostname, port, database, reader!.user, reader!.password],
      JSON.stringify(input)
    )
  ) as Record<string, { columns?: string[]; types?: string[]; rows?: unknown[][]; error?: string }>
  for (const [name, { expected }] of Object.entries(asked))
    assert.deepEqual(answers[name]!.rows, expected, `${name}: ${answers[name]!.error}`)
  for (const name of Object.keys(refused))
    assert.match(answers[name]!.error ?? 'answered', /Not enough privileges|readonly/)
  assert.deepEqual(
    answers['describe']!.rows!.map(row => row[0]),
    [
      'run',
      'dataset',
      'stage',
      'generation',
      'source',
      'cell_group',
      'window',
      'metric',
      'value',
      'human_mean',
      'human_sd',
      'z',
      'n',
      'tokenizer',
      'e_value',
      'severity'
    ]
  )
})

test('curl asks the views over plain HTTP, and is refused what it may not do', async t => {
  if (spawnSync('curl', ['--version']).status !== 0) return t.skip('curl is not installed')
  const { url, database, reader } = clickhouse!
  const curl = (sql: string, login = `${reader!.user}:${reader!.password}`): Promise<string> =>
    run('curl', [
      '--silent',
      '--show-error',
      '--user',
      login,
      '--write-out',
      '\n%{http_code}',
      '--data-binary',
      sql,
      `${url}/?database=${database}`
    ])
  for (const [name, { sql, expected }] of Object.entries(await questions())) {
    const text = await curl(
      `${sql} FORMAT JSONCompactEachRow SETTINGS output_format_json_quote_64bit_integers = 0`
    )
    const lines = text.split('\n').filter(Boolean)
    assert.equal(lines.pop(), '200', name)
    assert.deepEqual(
      lines.map(line => JSON.parse(line) as unknown),
      expected,
      name
    )
  }
  assert.match(await curl('DROP TABLE samples'), /Not enough privileges[^]*\n(403|500)$/)
  assert.match(await curl('SELECT 1', `${reader!.user}:guess`), /Authentication failed[^]*\n(401|403|516)$/)
  assert.match(await curl('SELECT * FROM collapse', 'default:'), /Not enough privileges[^]*\n(403|500)$/)
})

test(`Kafka's own tools see topics, settings, groups and their lag`, async () => {
  const tool = async (main: string, ...args: string[]): Promise<string[]> => {
    const [command, first] = kafkaTool(`org.apache.kafka.tools.${main}`)
    return (await run(command, [...first, '--bootstrap-server', brokers, ...args])).trimEnd().split('\n')
  }
  const listed = new Set(await tool('TopicCommand', '--list'))
  for (const topic of topics) assert.ok(listed.has(kafka.prefix + topic.name), topic.name)
  const described = await tool('TopicCommand', '--describe', '--topic', `${kafka.prefix}samples.human`)
  assert.match(described[0]!, /PartitionCount: 4\s.*cleanup\.policy=delete.*retention\.ms=-1/)

  const groups = new Set(await tool('consumer.group.ConsumerGroupCommand', '--list'))
  for (const name of processorNames) assert.ok(groups.has(kafka.prefix + name), name)
  const rows = await tool(
    'consumer.group.ConsumerGroupCommand',
    '--describe',
    '--group',
    `${kafka.prefix}verify`
  )
  const lines = rows
    .filter(line => line.includes(`${kafka.prefix}candidates`))
    .map(line => line.trim().split(/\s+/))
  assert.equal(lines.length, 4)
  // GROUP, TOPIC, PARTITION, CURRENT-OFFSET, LOG-END-OFFSET, LAG: at most the mark that ends a transaction is left over.
  const slot = slotOf('shared', '', 1, deployment.config.partitions)
  const [, , , current, , lag] = lines.find(line => line[2] === String(slot))!
  assert.ok(Number(current) > 0)
  assert.ok(Number(lag) <= 1, `lag ${lag}`)
})
