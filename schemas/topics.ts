/** The topic table: every topic of the pipeline as data. Topic creation, the README and the codecs read it. */
import type {
  Control,
  Dataset,
  DiversityStat,
  Document,
  Generation,
  JournalEntry,
  Model,
  ParkedPrompt,
  Prompt,
  PublisherKey,
  Rejection,
  Retraction,
  Run,
  Sample,
  State,
  Version
} from './types.ts'

/** Names of the records topics carry, and their TypeScript types. */
export type Records = {
  Control: Control
  Dataset: Dataset
  DiversityStat: DiversityStat
  Document: Document
  Generation: Generation
  JournalEntry: JournalEntry
  Model: Model
  ParkedPrompt: ParkedPrompt
  Prompt: Prompt
  PublisherKey: PublisherKey
  Rejection: Rejection
  Retraction: Retraction
  Run: Run
  Sample: Sample
  State: State
  Version: Version
}

/** What a topic of original bytes carries. */
export type RawValue = {
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer>>
  /** Unix time in milliseconds. */
  readonly timestamp: number
}

/** A topic: what it carries and how it is kept. */
export type Topic<Value = unknown> = {
  /** Name without the deployment's prefix. */
  readonly name: string
  /** Record it carries, or null for original bytes. */
  readonly record: keyof Records | null
  /** What the key is. */
  readonly key: string
  /** Who writes it: the processors that declare it as an output, which a test compares, and others by their role. */
  readonly writers: readonly string[]
  /** data: P partitions, one per slot; table: one partition, compacted, read whole by everybody; state: P partitions, compacted. */
  readonly kind: 'data' | 'table' | 'state'
  readonly cleanup: 'delete' | 'compact'
  /** Milliseconds; -1 keeps forever. */
  readonly retentionMs: number
  /** Largest record, bytes. */
  readonly maxBytes: number
  readonly doc: string
  /** The processor that moves a record found outside its slot there; absent: its writers know the slots. */
  readonly forwardedBy?: string
  /** Phantom: the type of the values; never set. */
  readonly value?: Value
}

const MiB = 1024 * 1024
const day = 24 * 60 * 60 * 1000
const forever = -1

function data<Name extends keyof Records>(
  name: string,
  record: Name,
  key: string,
  writers: readonly string[],
  doc: string,
  options: { retentionMs?: number; maxBytes?: number; forwardedBy?: string } = {}
): Topic<Records[Name]> {
  const topic = { retentionMs: forever, maxBytes: 8 * MiB, ...options }
  return { name, record, key, writers, kind: 'data', cleanup: 'delete', doc, ...topic }
}

function table<Name extends keyof Records>(
  name: string,
  record: Name,
  key: string,
  writers: readonly string[],
  doc: string
): Topic<Records[Name]> {
  return {
    name,
    record,
    key,
    writers,
    kind: 'table',
    cleanup: 'compact',
    retentionMs: forever,
    maxBytes: 8 * MiB,
    doc
  }
}

export const prompts = data(
  'prompts',
  'Prompt',
  'run/id/attempt/index',
  ['publishers', 'verify'],
  'what models are asked',
  { forwardedBy: 'generate' }
)
export const promptsParked = data(
  'prompts.parked',
  'ParkedPrompt',
  'run/id/attempt/index',
  ['generate'],
  'prompts not asked: of a stopped run, a source without a key, a provider that answers nobody'
)
export const generations = data(
  'generations',
  'Generation',
  'sample id',
  ['generate'],
  'raw replies, whole; replay never pays again',
  { maxBytes: 10 * MiB }
)
export const candidates = data('candidates', 'Sample', 'sample id', ['deduplicate'], 'novel answers')
export const samplesVerified = data(
  'samples.verified',
  'Sample',
  'sample id',
  ['verify'],
  'answers that passed every check'
)
export const samplesRejected = data(
  'samples.rejected',
  'Rejection',
  'sample id',
  ['deduplicate', 'verify'],
  'answers turned down: check, version, reason, what they hit',
  { maxBytes: 10 * MiB }
)
export const human = data('human', 'Document', 'dataset/id', ['publishers'], 'human documents as published', {
  retentionMs: 365 * day,
  forwardedBy: 'admit'
})
export const samplesHuman = data(
  'samples.human',
  'Sample',
  'dataset/id',
  ['admit'],
  'human documents with their split; append-only'
)
export const diversityStats = data(
  'diversity.stats',
  'DiversityStat',
  'scope + window',
  ['measure'],
  'metric windows beside the human band'
)
export const training = data(
  'training',
  'Sample',
  'dataset/id, and /epoch after the first',
  ['mix'],
  'the stream training jobs subscribe to'
)
export const versions = data(
  'versions',
  'Version',
  'dataset@version',
  ['operator'],
  'closed versions; the first record of a key wins'
)
export const deadLetters: Topic<RawValue> = {
  name: 'dead-letters',
  record: null,
  key: 'processor, and where the record lies',
  writers: ['every processor', 'operator'],
  kind: 'data',
  cleanup: 'delete',
  retentionMs: 30 * day,
  maxBytes: 10 * MiB,
  doc: 'original bytes and headers of what could not be processed'
}
export const control = table(
  'control',
  'Control',
  'scope|author',
  ['guard', 'mix', 'operator'],
  'words about scopes: stop, warn, continue'
)
export const models = table('models', 'Model', 'id@revision', ['operator'], 'models that may generate')
export const datasets = table(
  'datasets',
  'Dataset',
  'name',
  ['operator'],
  'datasets and their fixed settings'
)
export const runs = table(
  'runs',
  'Run',
  'run id',
  ['operator', 'guard'],
  'campaigns, their recipes and lives'
)
export const retractions = table(
  'retractions',
  'Retraction',
  'dataset/id',
  ['operator', 'mix'],
  'texts that leave: versions closed later do not hold them'
)
export const keys = table('keys', 'PublisherKey', 'key id', ['operator'], 'keys human text is signed with')
export const journal: Topic<JournalEntry> = {
  name: 'journal',
  record: 'JournalEntry',
  key: 'request id',
  writers: ['generate'],
  kind: 'state',
  cleanup: 'compact',
  retentionMs: forever,
  maxBytes: 10 * MiB,
  doc: 'intent, result, settled of each paid call'
}

/**
 * The memory of a processor.
 * @param processor processor name
 */
export function stateTopic(processor: string): Topic<State> {
  return {
    name: `state.${processor}`,
    record: 'State',
    key: 'table|key',
    writers: [processor],
    kind: 'state',
    cleanup: 'compact',
    retentionMs: forever,
    maxBytes: 8 * MiB,
    doc: `the memory of ${processor}`
  }
}

/** Every topic but the state topics, in the order of the flow. */
export const topics: readonly Topic[] = [
  human,
  samplesHuman,
  prompts,
  promptsParked,
  generations,
  candidates,
  samplesVerified,
  samplesRejected,
  diversityStats,
  training,
  versions,
  deadLetters,
  control,
  models,
  datasets,
  runs,
  retractions,
  keys,
  journal
]

/** Tables every processor reads whole, by name. */
export const tables = { control, models, datasets, runs, retractions, keys } as const
