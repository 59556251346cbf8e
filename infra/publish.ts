/** Publishing: human documents and prompts from JSON lines, each once, into their slots. */
import { randomUUID } from 'node:crypto'
import type { Recipe } from '../processors/recipe.ts'
import { EverseedError } from '../schemas/errors.ts'
import { sha128, slotOf } from '../schemas/identity.ts'
import { human, prompts, type Topic } from '../schemas/topics.ts'
import type { Dataset, Document, Prompt, Run } from '../schemas/types.ts'
import { DecodeError, encodeChecked, EncodeError } from './codec.ts'
import type { Deployment } from './deployment.ts'
import { openTransactional, TransactionLost } from './kafka/producer.ts'
import { readRanges } from './kafka/reader.ts'
import type { OutRecord } from './kafka/record.ts'
import { recordBytes } from './kafka/waves.ts'
import { documentOf, promptOf, type Ready } from './lines.ts'
import { createParents, type Parents } from './parents.ts'

export { documentOf, promptOf } from './lines.ts'
export { closeRun } from './close.ts'
export { ensureDataset, findDataset } from './datasets.ts'
export { ensureRun, listRuns } from './runs.ts'

/** One line of input that cannot be published, and why. */
export type Rejected = { readonly line: number; readonly error: string; readonly text: string }
/** What publishing did. */
export type PublishReport = {
  readonly read: number
  readonly published: number
  readonly already: number
  readonly rejected: number
}

/** A line of input; `problem`: why its bytes are no text. */
export type Line = { readonly number: number; readonly text: string; readonly problem?: string }
/** Ids already in a topic's partition, of records that belong to the same dataset or run. */
async function idsIn(
  deployment: Deployment,
  topic: Topic,
  slot: number,
  belongs: (value: { dataset: string; run?: string }) => boolean
): Promise<Set<string>> {
  const { kafka, config, admin, codec } = deployment
  const ids = new Set<string>()
  await readRanges(kafka, config, [(await admin.ranges(topic.name))[slot]!], async records => {
    for (const { value, key } of records) {
      try {
        if (belongs((await codec.decode(topic, value)) as { dataset: string; run?: string }))
          ids.add(key?.toString() ?? '')
      } catch (error) {
        // What cannot be read is somebody else's garbage; the processors bury it.
        if (!(error instanceof DecodeError)) throw error
      }
    }
  })
  return ids
}

/** What publishing tells whoever asked for it. */
type Listener = { rejected(rejected: Rejected): void; progress?(report: PublishReport): void }

/** Milliseconds after which the broker ends what a killed publisher began; until then readers of the slot wait. */
const transactionMs = 15_000

/**
 * Publishes lines to a topic: each id once, however often the same lines are published. The transactional id is the
 * source's own: whoever publishes it again first ends what a killed or slower publisher of it began, and only then looks
 * at what is there.
 */
async function publishLines(
  deployment: Deployment,
  topic: Topic,
  slotFor: (id: string) => number,
  owner: string,
  source: string | null,
  belongs: (value: { dataset: string; run?: string }) => boolean,
  lines: AsyncIterable<Line>,
  parse: (text: string, known: ReadonlySet<string>) => Ready & { value: Document | Prompt },
  parents: Parents,
  on: Listener
): Promise<PublishReport> {
  const { kafka, config } = deployment
  const lane = `publish.${topic.name}.${owner}.${sha128(source ?? randomUUID())}`
  const producer = await openTransactional(kafka, config, lane, transactionMs)
  const report = { read: 0, published: 0, already: 0, rejected: 0 }
  let batch: OutRecord[] = []
  let bytes = 0
  const send = async (): Promise<void> => {
    try {
      await producer.commit(batch)
    } catch (cause) {
      if (!(cause instanceof TransactionLost)) throw cause
      throw cause.fenced
        ? new EverseedError(
            'FENCED',
            source === null
              ? `${report.published} published, then the cluster gave up on this publisher, which was silent for more than ${transactionMs / 1000} s; publish the same lines again: what is there already is not published twice`
              : `${report.published} published, then another everseed publish of the same file took over; it publishes the rest`,
            { cause }
          )
        : new EverseedError(
            'KAFKA_UNREACHABLE',
            `${report.published} published, then the cluster was lost (${cause.message}); publish the same file again: what is there already is not published twice`,
            { cause }
          )
    }
    report.published += batch.length
    batch = []
    bytes = 0
    on.progress?.(report)
  }
  try {
    // Open transactions of others hide what was committed behind them; what is hidden would be published twice.
    await deployment.admin.settled([topic.name])
    const known = await idsIn(deployment, topic, slotFor(''), belongs)
    for await (const { number, text, problem } of lines) {
      if (text.trim() === '') continue
      report.read++
      try {
        if (problem !== undefined) throw new EverseedError('RECORD_INVALID', problem)
        const { id, value } = parse(text, known)
        if (known.has(id)) {
          report.already++
          continue
        }
        await parents.check(value.provenance)
        const encoded = encodeChecked(deployment.codec, topic, value)
        const record = { topic: topic.name, partition: slotFor(id), key: id, value: encoded }
        const size = recordBytes(record)
        if (size > topic.maxBytes) {
          throw new EverseedError(
            'RECORD_TOO_LARGE',
            `${size} bytes; ${topic.name} takes records up to ${topic.maxBytes} bytes: split the text`
          )
        }
        known.add(id)
        if (topic === human) parents.add(value)
        batch.push(record)
        bytes += size
      } catch (error) {
        // What is wrong with a line is known by its kind; anything else is a mistake of ours and must not pass for one.
        if (!(error instanceof EverseedError || error instanceof EncodeError)) throw error
        report.rejected++
        on.rejected({
          line: number,
          error: error.message,
          text: text.length > 2000 ? `${text.slice(0, 2000)}…` : text
        })
      }
      if (batch.length >= 500 || bytes > 1024 * 1024) await send()
    }
    if (batch.length > 0) await send()
  } finally {
    await producer.close()
  }
  // A commit answers before its records are visible; who counts what is in the topic now must find them.
  if (report.published > 0) await deployment.admin.settled([topic.name])
  return report
}

/**
 * Publishes human documents.
 * @param lines JSON lines: text or messages, origin, and what is known of the source
 * @param source what the lines are read from, for example a path; publishing it again takes over from who still does;
 * null: something nobody else can read, for example a pipe
 * @throws EverseedError FENCED, KAFKA_UNREACHABLE
 */
export async function publishHuman(
  deployment: Deployment,
  dataset: Dataset,
  lines: AsyncIterable<Line>,
  createdBy: string,
  on: Listener,
  source: string | null = ''
): Promise<PublishReport> {
  const { partitions } = deployment.config
  const slotFor = (id: string): number => slotOf(dataset.name, id, dataset.shards, partitions)
  return await publishLines(
    deployment,
    human,
    slotFor,
    dataset.name,
    source,
    value => value.dataset === dataset.name,
    lines,
    text => documentOf(text, dataset.name, createdBy),
    createParents(deployment, dataset.name),
    on
  )
}

/**
 * Publishes seed prompts of a run. Where the run's publishing was closed, what is new is rejected.
 * @param source see {@link publishHuman}
 * @throws EverseedError FENCED, KAFKA_UNREACHABLE
 */
export async function publishPrompts(
  deployment: Deployment,
  run: Run,
  recipe: Recipe,
  lines: AsyncIterable<Line>,
  createdBy: string,
  on: Listener,
  source: string | null = ''
): Promise<PublishReport> {
  const closed = run.state !== 'open'
  const parse = (text: string, known: ReadonlySet<string>): Ready & { value: Prompt } => {
    const ready = promptOf(text, run, recipe.samples_per_prompt, createdBy)
    if (closed && !known.has(ready.id)) {
      throw new EverseedError(
        'RUN_CONFLICT',
        `run ${run.id} takes no more prompts (it is ${run.state}); publish under a new run name`
      )
    }
    return ready
  }
  return await publishLines(
    deployment,
    prompts,
    () => run.slot,
    run.id,
    source,
    value => value.run === run.id,
    lines,
    parse,
    createParents(deployment, run.dataset),
    on
  )
}
