/** The composition root: the one place that knows every processor. */
import type { Processor } from '../processors/contract.ts'
import type { Sink } from '../processors/sink.ts'
import { EverseedError } from '../schemas/errors.ts'
import {
  candidates,
  deadLetters,
  generations,
  human,
  journal,
  prompts,
  promptsParked,
  samplesHuman,
  samplesRejected,
  samplesVerified,
  stateTopic,
  topics,
  type Topic
} from '../schemas/topics.ts'

/** What is known of a processor without loading it, which would take a short command longer than its work. */
type Entry = {
  /** Topics it reads; a test compares them with what it declares. */
  readonly inputs: readonly Topic[]
  /** It has a memory. */
  readonly remembers: boolean
  load(): Promise<Processor>
}

/** Every processor but the store, in the order of the flow. */
const entries: Readonly<Record<string, Entry>> = {
  admit: {
    inputs: [human, samplesVerified],
    remembers: true,
    load: async () => (await import('../processors/admit.ts')).admit
  },
  generate: {
    inputs: [prompts],
    remembers: false,
    load: async () => (await import('../processors/generate.ts')).generate
  },
  deduplicate: {
    inputs: [generations, samplesRejected, samplesHuman],
    remembers: true,
    load: async () => (await import('../processors/deduplicate.ts')).deduplicate
  },
  verify: {
    inputs: [candidates],
    remembers: false,
    load: async () => (await import('../processors/verify.ts')).verify
  },
  measure: {
    inputs: [generations, samplesVerified, samplesHuman],
    remembers: true,
    load: async () => (await import('../processors/measure.ts')).measure
  },
  guard: {
    inputs: [prompts, generations, samplesVerified, samplesRejected, promptsParked, deadLetters],
    remembers: true,
    load: async () => (await import('../processors/guard.ts')).guard
  },
  mix: {
    inputs: [samplesHuman, samplesVerified],
    remembers: true,
    load: async () => (await import('../processors/mix.ts')).mix
  }
}

/** What writes everything into ClickHouse is no processor: its output is no topic. */
export const storeName = 'store'
/** All but what only its processor understands. */
const stored = topics.filter(topic => topic !== journal)

/** Names of everything `everseed run` can run. */
export const processorNames: readonly string[] = [...Object.keys(entries), storeName]

/** Every processor but the store, in the order of the flow. */
export async function loadProcessors(): Promise<Processor[]> {
  return await Promise.all(Object.values(entries).map(async ({ load }) => await load()))
}

/** Every topic of a deployment, the processors' memories included. */
export const allTopics: readonly Topic[] = [
  ...topics,
  ...Object.entries(entries)
    .filter(([, { remembers }]) => remembers)
    .map(([name]) => stateTopic(name))
]

/**
 * What is known of a processor.
 * @throws EverseedError UNKNOWN_NAME
 */
function entryOf(name: string): Entry {
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined
  if (entry) return entry
  throw new EverseedError(
    'UNKNOWN_NAME',
    `there is no processor ${name}; there are ${processorNames.join(', ')}`
  )
}

/** Topics each processor reads, by processor name: what its lag is counted over. */
export function inputsOf(name: string): string[] {
  const inputs = name === storeName ? stored : entryOf(name).inputs
  return inputs.map(topic => topic.name)
}

const processed = new Set(Object.keys(entries).flatMap(inputsOf))
/** Topics only the store reads: nobody else would bury what in them cannot be read. */
export const readByStoreOnly: ReadonlySet<string> = new Set(
  inputsOf(storeName).filter(name => !processed.has(name))
)

/**
 * A processor by name.
 * @throws EverseedError UNKNOWN_NAME
 */
export async function findProcessor(name: string): Promise<Processor> {
  return await entryOf(name).load()
}

/** What writes everything into ClickHouse. */
export async function loadStore(): Promise<Sink> {
  return (await import('../processors/store.ts')).store
}
