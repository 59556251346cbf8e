/** Publishing: human documents and prompts, each once, into their slots. */
import { randomUUID } from 'node:crypto'
import type { Recipe } from '../processors/recipe.ts'
import { EverseedError } from '../schemas/errors.ts'
import { contentHash, promptKey, sha128, slotOf, textKey } from '../schemas/identity.ts'
import { human, prompts, type Topic } from '../schemas/topics.ts'
import type { Dataset, Document, Prompt, Run } from '../schemas/types.ts'
import { encodeChecked, EncodeError, ifReadable } from './codec.ts'
import type { Deployment } from './deployment.ts'
import { openTransactional, TransactionLost } from './kafka/producer.ts'
import { readRanges } from './kafka/reader.ts'
import type { OutRecord } from './kafka/record.ts'
import { recordBytes } from './kafka/waves.ts'
import { legible, shownRow } from './formats/shapes.ts'
import { type Defaults, documentOf, type Line, placeOf, promptOf, type Ready } from './lines.ts'
import { createParents, type Parents } from './parents.ts'
import { retractionsOf } from './retractions.ts'
import type { Signer } from './signer.ts'

export { documentOf, type Line, promptOf } from './lines.ts'
export { closeRun } from './close.ts'
export { ensureDataset, findDataset } from './datasets.ts'
export { ensureRun, listRuns } from './runs.ts'

/** One line, row or file of the input that cannot be published, and why. */
export type Rejected = {
  /** What it is called. */
  readonly name: string
  /** The same as data: `line`, `row` or `file`. */
  readonly place: Readonly<Record<string, unknown>>
  readonly error: string
  readonly text: string
}
/** What publishing did. */
export type PublishReport = {
  readonly read: number
  readonly published: number
  readonly already: number
  readonly rejected: number
  /**
   * Documents, of those published or there already, whose text came before under another id or on another line: one text
   * is one sample.
   */
  readonly duplicates: number
  /** Documents, of those there already, that were published as of another origin or with another signature, and stay so. */
  readonly otherwise: number
}

/** What is there already: hashes of the contents by id, null where nothing is known of it, and the first id of each content. */
type Held = {
  readonly ids: Map<string, string | null>
  readonly contents: Map<string, string>
  /** What is said of their origin, by id, where it is not what most say. */
  readonly claims: Map<string, string>
}

/** What is said of who wrote a document. */
const claimOf = ({ provenance: { origin, signed_by } }: Pick<Document, 'provenance'>): string =>
  `${origin} ${signed_by ?? ''}`
const usual = 'HUMAN_AUTHORED '

/** What a topic's partition holds of the same dataset or run. */
async function heldIn(
  deployment: Deployment,
  topic: Topic,
  slot: number,
  belongs: (value: { dataset: string; run?: string }) => boolean
): Promise<Held> {
  const { kafka, config, admin, codec } = deployment
  const held: Held = { ids: new Map(), contents: new Map(), claims: new Map() }
  await readRanges(kafka, config, [(await admin.ranges(topic.name))[slot]!], async records => {
    for (const { value } of records) {
      // What cannot be read is somebody else's garbage; the processors bury it.
      const decoded = (await ifReadable(() => codec.decode(topic, value))) as Document | undefined
      if (!decoded || !belongs(decoded)) continue
      const { id } = decoded
      // Of prompts the id says enough.
      if (topic !== human) held.ids.set(id, held.ids.get(id) ?? null)
      else hold(held, id, contentHash(decoded.messages), claimOf(decoded))
    }
  })
  return held
}

const keyOf = (value: Document | Prompt): string =>
  'run' in value ? promptKey(value) : textKey(value.dataset, value.id)

function hold({ ids, contents, claims }: Held, id: string, content: string, claim: string): void {
  if (claim !== usual && !ids.has(id)) claims.set(id, claim)
  // One string in memory for both where the id is the hash.
  const hash = id === content ? id : content
  ids.set(id, hash)
  if (!contents.has(hash)) contents.set(hash, id)
}

/** What publishing tells whoever asked for it. */
type Listener = {
  rejected(rejected: Rejected): void
  /** Rejected lines are told whole; otherwise their beginning is. */
  readonly whole?: boolean
  progress?(report: PublishReport): void
}

/** Characters of a rejected line that are told where it can be found in its file. */
const shownCharacters = 2000

/** Milliseconds after which the broker ends what a killed publisher began; until then readers of the slot wait. */
const transactionMs = 15_000

/**
 * Of a named document that is there already the text is the same, or it is another document and must not be passed over.
 * @throws EverseedError RECORD_INVALID
 */
function checkSame({ ids, contents }: Held, id: string, content: string | undefined): void {
  const before = ids.get(id)
  if (content === undefined || before === null || before === content || contents.has(content)) return
  throw new EverseedError(
    'RECORD_INVALID',
    `id ${id} is that of another text, which is published already: give this one an id of its own`
  )
}

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
  parse: (line: Line, ids: ReadonlyMap<string, unknown>) => Ready & { value: Document | Prompt },
  parents: Parents,
  on: Listener
): Promise<PublishReport> {
  const { kafka, config } = deployment
  const lane = `publish.${topic.name}.${owner}.${sha128(source ?? randomUUID())}`
  const producer = await openTransactional(kafka, config, lane, transactionMs)
  const report = { read: 0, published: 0, already: 0, rejected: 0, duplicates: 0, otherwise: 0 }
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
    const held = await heldIn(deployment, topic, slotFor(''), belongs)
    /** Contents of this input. */
    const seen = new Set<string>()
    for await (const line of lines) {
      const { text, columns, problem } = line
      if (text.trim() === '' && columns === undefined && problem === undefined) continue
      report.read++
      try {
        if (problem !== undefined) throw new EverseedError('RECORD_INVALID', problem)
        const { id, value, content } = parse(line, held.ids)
        const repeats =
          content !== undefined && (seen.has(content) || (held.contents.get(content) ?? id) !== id)
        if (held.ids.has(id)) {
          checkSame(held, id, content)
          report.already++
          // The string that is held already, not one more of them.
          const before = held.ids.get(id)
          if (content !== undefined) seen.add(before === content ? before : content)
          if (repeats) report.duplicates++
          if (content !== undefined && claimOf(value) !== (held.claims.get(id) ?? usual)) report.otherwise++
          continue
        }
        await parents.check(value.provenance, topic === prompts)
        const encoded = encodeChecked(deployment.codec, topic, value)
        const record = { topic: topic.name, partition: slotFor(id), key: keyOf(value), value: encoded }
        const size = recordBytes(record)
        if (size > topic.maxBytes) {
          throw new EverseedError(
            'RECORD_TOO_LARGE',
            `${size} bytes; ${topic.name} takes records up to ${topic.maxBytes} bytes: split the text`
          )
        }
        if (content === undefined) held.ids.set(id, null)
        else {
          hold(held, id, content, claimOf(value))
          seen.add(content)
        }
        if (repeats) report.duplicates++
        if (topic === human) parents.add(value)
        batch.push(record)
        bytes += size
      } catch (cause) {
        const error = legible(cause)
        // What is wrong with a line is known by its kind; anything else is a mistake of ours and must not pass for one.
        if (!(error instanceof EverseedError || error instanceof EncodeError)) throw error
        report.rejected++
        const shown = columns === undefined ? text : shownRow(columns)
        on.rejected({
          ...placeOf(line),
          error: error.message,
          // What came through a pipe is nowhere else.
          text: shown.length > shownCharacters && !on.whole ? `${shown.slice(0, shownCharacters)}…` : shown
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
 * @param lines JSON lines or rows: text or messages, origin, and what is known of the source
 * @param options `defaults` hold where a line does not say it itself; `signer` vouches for all of them
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
  source: string | null = '',
  { defaults = {}, signer }: { readonly defaults?: Defaults; readonly signer?: Signer } = {}
): Promise<PublishReport> {
  const { partitions } = deployment.config
  const gone = await retractionsOf(deployment, dataset.name)
  const slotFor = (id: string): number => slotOf(dataset.name, id, dataset.shards, partitions)
  return await publishLines(
    deployment,
    human,
    slotFor,
    dataset.name,
    source,
    value => value.dataset === dataset.name,
    lines,
    ({ text, columns }) => {
      const ready = documentOf(columns ?? text, dataset.name, createdBy, defaults)
      const left = gone.get(ready.content ?? '')
      if (left?.kind === 'ERASED')
        throw new EverseedError(
          'RECORD_INVALID',
          `this text was erased (${left.reason}): it is not published again`
        )
      return signer ? { ...ready, value: signer.signed(ready.value) } : ready
    },
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
  const parse = ({ text }: Line, ids: ReadonlyMap<string, unknown>): Ready & { value: Prompt } => {
    const ready = promptOf(text, run, recipe.samples_per_prompt, createdBy)
    if (closed && !ids.has(ready.id)) {
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
