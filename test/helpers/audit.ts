/**
 * The audit of a pipeline after its faults: everything it holds is read once, topics record by record and ClickHouse by
 * count and checksum, and compared. What was read is plain data, so that a test can break it and see the audit notice.
 */
import assert from 'node:assert/strict'
import { audit as auditTables, type AuditRow } from '../../infra/clickhouse/audit.ts'
import { createWarehouse } from '../../infra/clickhouse/client.ts'
import type { Deployment } from '../../infra/deployment.ts'
import { readRanges } from '../../infra/kafka/reader.ts'
import { silentLog } from '../../infra/log.ts'
import { store } from '../../processors/store.ts'
import type { Up } from '../../infra/up.ts'
import * as topics from '../../schemas/topics.ts'
import type {
  DiversityStat,
  Document,
  Generation,
  JournalEntry,
  ParkedPrompt,
  Prompt,
  Rejection,
  Sample
} from '../../schemas/types.ts'

/** A record as it lies in its topic. */
type Found<Value> = { key: string; value: Value; partition: number; offset: number }

/** What a pipeline holds. */
export type Seen = {
  prompts: Found<Prompt>[]
  parked: Found<ParkedPrompt>[]
  generations: Found<Generation>[]
  candidates: Found<Sample>[]
  verified: Found<Sample>[]
  rejected: Found<Rejection>[]
  documents: Found<Document>[]
  human: Found<Sample>[]
  training: Found<Sample>[]
  stats: Found<DiversityStat>[]
  journal: Found<JournalEntry | null>[]
  /** Records per topic of what nothing else is asked of: tables, dead letters, versions. */
  others: Record<string, Found<unknown>[]>
  /** ClickHouse, per table, topic and slot. */
  lanes: AuditRow[]
  /** XOR over the first eight bytes of the ids of samples.verified in ClickHouse. */
  idChecksum: string
  /** Ids of samples.verified as somebody saw them come who read along while the faults fell. */
  readAlong: string[]
}

/** What was asked of a pipeline: samples per prompt, and documents. */
export type Asked = { readonly prompts: ReadonlyMap<string, number>; readonly documents: number }

/** What the audit compared; a test asserts on it so that an empty run cannot pass. */
export type Compared = {
  readonly prompts: number
  readonly expected: number
  readonly generations: number
  readonly verified: number
  readonly rejected: number
  readonly training: number
  readonly human: number
  readonly windows: number
  readonly rows: number
  /** Answers of paid models. */
  readonly answers: number
  /** Answers of five million characters and more that the length check turned down. */
  readonly giants: number
}

/** Keys of poison that cannot be decoded, or is refused at every door. */
const undecodable = new Set(['frame', 'schema', 'body', 'tombstone', 'forged'])
/** Key of a prompt of a run that does not exist: decodable, so ClickHouse has it; no processor takes it. */
export const strangerKey = 'stranger'

/** Reads a whole topic, decoded, read committed. */
async function readTopic<Value>(
  { kafka, config, admin, codec }: Deployment,
  topic: topics.Topic<Value>
): Promise<Found<Value>[]> {
  const records: Found<Value>[] = []
  await readRanges(kafka, config, await admin.ranges(topic.name), async batch => {
    for (const { key, value, partition, offset } of batch) {
      const name = key?.toString() ?? ''
      if (undecodable.has(name) && topic.record !== null) continue
      const decoded = value === null || topic.record === null ? null : await codec.decode(topic, value)
      records.push({ key: name, value: decoded as Value, partition, offset })
    }
  })
  return records.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
}

/** Topics whose records are compared with ClickHouse and with nothing else. */
const otherTopics: readonly topics.Topic[] = [
  topics.deadLetters,
  topics.versions,
  topics.datasets,
  topics.runs,
  topics.models,
  topics.control,
  topics.retractions,
  topics.keys
]

/** Reads everything. */
export async function readPipeline(
  deployment: Deployment,
  up: Up,
  readAlong: readonly string[]
): Promise<Seen> {
  const read = <Value>(topic: topics.Topic<Value>): Promise<Found<Value>[]> => readTopic(deployment, topic)
  const others: Record<string, Found<unknown>[]> = {}
  for (const topic of otherTopics) others[topic.name] = await read(topic)
  const warehouse = createWarehouse({ ...up.config.clickhouse!, log: silentLog })
  try {
    const lanes = await auditTables(warehouse, Object.keys(store.tables))
    const [ids] = await warehouse.rows<{ x: string }>(
      "SELECT toString(groupBitXor(reinterpretAsUInt64(reverse(unhex(substring(id, 1, 16)))))) AS x FROM samples FINAL WHERE _topic = 'samples.verified'"
    )
    return {
      prompts: await read(topics.prompts),
      parked: await read(topics.promptsParked),
      generations: await read(topics.generations),
      candidates: await read(topics.candidates),
      verified: await read(topics.samplesVerified),
      rejected: await read(topics.samplesRejected),
      documents: await read(topics.human),
      human: await read(topics.samplesHuman),
      training: await read(topics.training),
      stats: await read(topics.diversityStats),
      journal: await read(topics.journal),
      others,
      lanes,
      idChecksum: ids!.x,
      readAlong: [...readAlong]
    }
  } finally {
    await warehouse.close()
  }
}

/** Each of a list once. */
function assertOnce(what: string, keys: readonly string[]): void {
  const seen = new Set<string>()
  for (const key of keys) {
    assert.ok(!seen.has(key), `${what}: ${key} is there twice`)
    seen.add(key)
  }
}

function assertSame(what: string, actual: Iterable<string>, expected: Iterable<string>): void {
  const left = new Set(actual)
  const right = new Set(expected)
  const missing = [...right].filter(key => !left.has(key))
  const surplus = [...left].filter(key => !right.has(key))
  assert.deepEqual(
    { missing: missing.slice(0, 5), surplus: surplus.slice(0, 5) },
    { missing: [], surplus: [] },
    `${what}: ${missing.length} missing, ${surplus.length} surplus`
  )
}

const keysOf = (records: readonly { readonly key: string }[]): string[] => records.map(({ key }) => key)
const idsOf = (records: readonly { readonly value: { readonly id: string } }[]): string[] =>
  records.map(({ value }) => value.id)

/** Which answer to which prompt it is. */
const slotKey = ({ provenance: { prompt_id, attempt, sample_index } }: Pick<Sample, 'provenance'>): string =>
  `${prompt_id}/${attempt}/${sample_index}`

/** Every prompt has exactly its samples; returns how many were asked for, retries included. */
function checkSamples(seen: Seen, asked: Asked): { expected: number; prompts: number } {
  const known = seen.prompts.filter(({ value }) => value.id !== strangerKey)
  const first = known.filter(({ value }) => value.attempt === 1)
  assertOnce('first prompts', keysOf(first))
  assertSame('prompts on the topic', idsOf(first), asked.prompts.keys())
  assert.equal(seen.parked.length, 0, 'parked prompts')
  const wanted = [...asked.prompts].flatMap(([id, samples]) =>
    Array.from({ length: samples }, (_, index) => `${id}/1/${index}`)
  )
  const retries = seen.rejected.filter(({ value }) => value.retried)
  const retryKeys = retries.map(
    ({ value: { sample } }) =>
      `${sample.provenance.prompt_id}/${sample.provenance.attempt + 1}/${sample.provenance.sample_index}`
  )
  const made = seen.generations.map(({ value }) => slotKey(value))
  assertOnce('generations', made)
  assertSame('samples asked for', made, [...wanted, ...retryKeys])
  assert.equal(known.length - first.length, retries.length, 'each retried rejection has one prompt')
  return { expected: wanted.length + retryKeys.length, prompts: first.length }
}

/** Each generation settles once, and each call. */
function checkSettled({ generations, candidates, verified, rejected, journal, readAlong }: Seen): void {
  const byDeduplicate = rejected.filter(({ value }) => value.processor === 'deduplicate')
  const byVerify = rejected.filter(({ value }) => value.processor === 'verify')
  assertOnce('candidates', keysOf(candidates))
  assertOnce('verified and rejected', keysOf([...verified, ...rejected]))
  assertSame('generations judged', keysOf([...candidates, ...byDeduplicate]), keysOf(generations))
  assertSame('candidates judged', keysOf([...verified, ...byVerify]), keysOf(candidates))
  assertOnce(
    'verified texts',
    verified.map(({ value }) => value.messages.at(-1)!.content.toLowerCase().replaceAll(/\s+/g, ' ').trim())
  )
  const settled = journal.filter(({ value }) => value?.phase === 'settled')
  assertOnce('settled calls', keysOf(settled))
  assertSame(
    'settled calls',
    keysOf(settled),
    generations.map(({ value }) => value.request_id)
  )
  assert.deepEqual(readAlong, keysOf(verified), 'samples.verified as somebody read it who read along')
}

/** Human data in, each once, and the training stream as promised. */
function checkTraining({ documents, human, verified, training }: Seen, asked: Asked): void {
  assert.equal(documents.length, asked.documents, 'documents')
  assert.equal(human.length, asked.documents, 'human samples')
  assertOnce('human samples', keysOf(human))
  assertOnce('training', keysOf(training))
  const seeds = human.filter(({ value }) => value.provenance.split === 'SEED')
  // At a floor of a half every real row carries one other; verified samples beyond that wait, the oldest go first.
  const carried = Math.min(seeds.length, verified.length)
  assertSame('training', idsOf(training), idsOf([...seeds, ...verified.slice(0, carried)]))
  let real = 0
  for (const [index, { value }] of training.entries()) {
    if (value.provenance.origin === 'HUMAN_AUTHORED') real++
    assert.ok(real >= 0.5 * (index + 1), `the prefix of ${index + 1} rows holds ${real} real ones`)
  }
}

/** Windows: numbered without gaps, contiguous, and together they hold every text once; returns how many there are. */
function checkWindows({ stats, verified, generations }: Seen): number {
  const scopes = Map.groupBy(
    stats.map(({ value }) => value).filter(({ stage }) => stage !== 'human'),
    ({ scope }) => scope
  )
  const measured: Record<string, number> = {}
  for (const [scope, windows] of scopes) {
    const sorted = windows.toSorted((a, b) => a.window - b.window)
    assert.deepEqual(
      sorted.map(({ window }) => window),
      sorted.map((_, index) => index),
      `windows of ${scope}`
    )
    for (const [index, window] of sorted.entries())
      if (index > 0) assert.ok(window.from >= sorted[index - 1]!.to, `windows of ${scope} overlap`)
    const { stage, source } = sorted[0]!
    if (source === '*')
      measured[stage] = (measured[stage] ?? 0) + sorted.reduce((sum, { documents }) => sum + documents, 0)
  }
  assert.equal(measured['accepted'], verified.length, 'texts in accepted windows')
  assert.ok(measured['raw']! > 0 && measured['raw']! <= generations.length, 'texts in raw windows')
  return [...scopes.values()].flat().length
}

/** ClickHouse: every topic the store reads by count and checksum, every rollup too; returns the records compared. */
function checkTables(seen: Seen): number {
  const { lanes } = seen
  const stored = (
    records: readonly Found<unknown>[]
  ): { partition: number; offset: number; rows: number }[] =>
    records.map(({ partition, offset }) => ({ partition, offset, rows: 1 }))
  const topicsStored: Record<string, { partition: number; offset: number; rows: number }[]> = {
    human: stored(seen.documents),
    'samples.human': stored(seen.human),
    prompts: stored(seen.prompts),
    'prompts.parked': stored(seen.parked),
    generations: stored(seen.generations),
    candidates: stored(seen.candidates),
    'samples.verified': stored(seen.verified),
    'samples.rejected': stored(seen.rejected),
    training: stored(seen.training),
    'diversity.stats': seen.stats.map(({ partition, offset, value }) => ({
      partition,
      offset,
      rows: value.metrics.length
    })),
    ...Object.fromEntries(Object.entries(seen.others).map(([topic, records]) => [topic, stored(records)]))
  }
  assertSame(
    'topics compared',
    Object.keys(topicsStored),
    Object.values(store.inputs).map(({ name }) => name)
  )
  let compared = 0
  const expected: string[] = []
  for (const [topic, records] of Object.entries(topicsStored)) {
    for (const [partition, list] of Map.groupBy(records, record => record.partition)) {
      const place = `${topic}/${partition}`
      expected.push(place)
      const lane = lanes.find(one => one.topic === topic && one.slot === partition)
      assert.ok(lane, `ClickHouse has rows of ${place}`)
      const rows = list.reduce((sum, record) => sum + record.rows, 0)
      const offsetSum = list.reduce((sum, record) => sum + record.offset * record.rows, 0)
      assert.equal(lane.offsets, list.length, `records of ${place} in ClickHouse`)
      assert.equal(lane.rows, rows, `rows of ${place} in ClickHouse`)
      assert.equal(lane.offsetSum, String(offsetSum), `offset sum of ${place}`)
      compared += list.length
    }
  }
  assertSame(
    'partitions in ClickHouse',
    lanes.map(({ topic, slot }) => `${topic}/${slot}`),
    expected
  )
  const rolled = new Set<string>()
  for (const { table, topic, slot, rollups } of lanes) {
    for (const rollup of rollups) {
      assert.ok(rollup.agrees, `rollup ${rollup.view} of ${topic}/${slot}: ${JSON.stringify(rollup)}`)
      rolled.add(table)
    }
  }
  assert.deepEqual([...rolled].toSorted(), ['generations', 'rejections', 'samples'], 'tables with rollups')
  const xor = seen.verified.reduce((sum, { key }) => sum ^ BigInt(`0x${key.slice(0, 16)}`), 0n)
  assert.equal(seen.idChecksum, xor.toString(), 'checksum over the ids of samples.verified')
  return compared
}

/**
 * Everything that must hold after the faults, however they fell.
 * @throws AssertionError naming the first thing that does not
 */
export function checkPipeline(seen: Seen, asked: Asked): Compared {
  const samples = checkSamples(seen, asked)
  checkSettled(seen)
  checkTraining(seen, asked)
  const windows = checkWindows(seen)
  const rows = checkTables(seen)
  const giants = seen.rejected.filter(
    ({ value }) =>
      value.reason === 'too_long' && (value.sample.messages.at(-1)?.content.length ?? 0) >= 5_000_000
  )
  return {
    ...samples,
    generations: seen.generations.length,
    verified: seen.verified.length,
    rejected: seen.rejected.length,
    training: seen.training.length,
    human: seen.human.length,
    windows,
    rows,
    answers: seen.generations.filter(({ value }) => value.provenance.model_provider !== 'offline').length,
    giants: giants.length
  }
}

const middle = (list: readonly unknown[]): number => Math.floor(list.length / 2)
const lose = (list: unknown[]): void => void list.splice(middle(list), 1)
const double = (list: unknown[]): void => void list.splice(middle(list), 0, list[middle(list)])
const laneOf = (seen: Seen, topic: string): { -readonly [Name in keyof AuditRow]: AuditRow[Name] } =>
  seen.lanes.find(lane => lane.topic === topic)!

/** Bugs the audit must notice, by name: each breaks what was read in one place. */
export const plantedBugs: Readonly<Record<string, (seen: Seen) => void>> = {
  'a prompt is lost': seen => lose(seen.prompts),
  'a generation is lost': seen => lose(seen.generations),
  'a generation is emitted twice': seen => double(seen.generations),
  'a candidate is lost': seen => lose(seen.candidates),
  'a verified sample is lost': seen => lose(seen.verified),
  'a verified sample is emitted twice': seen => double(seen.verified),
  'a sample is verified and rejected': ({ verified, rejected }) => {
    rejected[0]!.key = verified[0]!.key
  },
  'a duplicate is not found': ({ verified }) => {
    verified[1]!.value.messages = verified[0]!.value.messages
  },
  'a rejection is lost': seen => lose(seen.rejected),
  'a call is settled twice': ({ journal }) => {
    journal.push(journal.find(({ value }) => value?.phase === 'settled')!)
  },
  'a call is never settled': ({ journal }) => {
    const at = journal.findIndex(({ value }) => value?.phase === 'settled')
    journal.splice(at, 1)
  },
  'a reader sees what was aborted': ({ readAlong }) => {
    readAlong.splice(3, 0, 'never committed')
  },
  'a human sample is lost': seen => lose(seen.human),
  'a training row is laid twice': seen => double(seen.training),
  'a reference text is laid down': ({ human, training }) => {
    training[0] = human.find(({ value }) => value.provenance.split === 'REFERENCE')!
  },
  'a prefix is below the floor': ({ training }) => {
    const at = training.findIndex(({ value }) => value.provenance.origin === 'SYNTHETIC')
    training.unshift(...training.splice(at, 1))
  },
  'a window is lost': ({ stats }) => {
    const at = stats.findIndex(({ value }) => value.stage === 'accepted' && value.source === '*')
    stats.splice(at, 1)
  },
  'a row is stored twice': seen => {
    laneOf(seen, 'generations').rows++
  },
  'a row is stored in place of another': seen => {
    const lane = laneOf(seen, 'candidates')
    lane.offsetSum = String(Number(lane.offsetSum) + 1)
  },
  'a stored record is lost': seen => {
    laneOf(seen, 'dead-letters').offsets--
  },
  'a partition is not stored': ({ lanes }) =>
    void lanes.splice(
      lanes.findIndex(({ topic }) => topic === 'runs'),
      1
    ),
  'a partition is stored that is nowhere': ({ lanes }) => void lanes.push({ ...lanes[0]!, slot: 99 }),
  'a rollup is short': seen => {
    const lane = laneOf(seen, 'samples.verified')
    lane.rollups = lane.rollups.map(rollup => ({ ...rollup, agrees: false }))
  },
  'rows hold other ids': seen => {
    seen.idChecksum = '1'
  }
}
