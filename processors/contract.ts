/**
 * What a processor is. Everything before `create` is data: start-up validates it, the README's graph prints it,
 * topic creation uses it. `process` returns a verdict and sends nothing; the runner writes outputs, drops,
 * dead letters, state and consumed offsets in one transaction.
 */
import type { Tagger } from '../metrics/pos-compression-ratio.ts'
import { EverseedError } from '../schemas/errors.ts'
import type { Topic } from '../schemas/topics.ts'
import type { Control, Dataset, Model, PublisherKey, Retraction, Run } from '../schemas/types.ts'
import type { Journal, OfflineModels, Providers, Texts } from './ports.ts'
import type { MixSettings } from './mixing.ts'
import type { Recipe } from './recipe.ts'

/** A record as a processor sees it. `input` says which declared input it came from. */
export type InputRecord<Inputs extends TopicMap = TopicMap> = {
  [Name in keyof Inputs & string]: {
    readonly input: Name
    readonly offset: number
    readonly key: string
    readonly value: ValueOf<Inputs[Name]>
  }
}[keyof Inputs & string]

type TopicMap = Readonly<Record<string, Topic>>
type ValueOf<T extends Topic> = T extends Topic<infer Value> ? Value : never

/** A record to write. The runner puts it into the slot it is working on unless `slot` says otherwise. */
export type Output = {
  readonly to: string
  readonly key: string
  readonly value: object | null
  readonly slot?: number
}

/** Outputs to write, perhaps none. */
export type Emit = { readonly kind: 'emit'; readonly outputs: readonly Output[] }

/** What is known about a record once it was looked at. */
export type Verdict =
  | Emit
  /** Turned down for a declared reason; `outputs` usually holds the rejection. Counted by reason. */
  | { readonly kind: 'drop'; readonly reason: string; readonly outputs: readonly Output[] }
  /** Poison: the original bytes go to the dead letters. `settles`: samples of a run that will never come because of it. */
  | { readonly kind: 'reject'; readonly reason: string; readonly message: string; readonly settles: number }

/** Memory of a processor in one slot: reads see staged changes; they are kept on commit and forgotten on abort. */
export type StateTable<Value> = {
  get(key: string): Value | undefined
  has(key: string): boolean
  /** Values are replaced, never changed in place. */
  stage(key: string, value: Value): void
  forget(key: string): void
  entries(): IterableIterator<[string, Value]>
  readonly size: number
}

/** The tables everybody reads whole. */
export type Tables = {
  run(id: string): Run | undefined
  /** The run's recipe, parsed once. */
  recipe(run: string): Recipe | undefined
  dataset(name: string): Dataset | undefined
  /** What a dataset's rows are mixed of, parsed once; undefined: there is no such dataset, or it does not fit its schema. */
  mix(dataset: string): MixSettings | undefined
  /** A revision of a model; without one the newest. */
  model(id: string, revision?: string): Model | undefined
  /**
   * The word in force for a run: operator before guard before retract until it expires; wider scopes after narrower, and a warning after
   * words that say whether to go on.
   */
  control(run: string): Control | undefined
  /** The last word of an author about a scope, taken back or not. */
  word(scope: string, author: string): Control | undefined
  runs(): IterableIterator<Run>
  /** Grows whenever a table has changed. */
  changes(): number
  /** Why a text left the dataset; undefined: it did not. */
  retraction(dataset: string, id: string): Retraction | undefined
  /** A key human text may be signed with. */
  key(id: string): PublisherKey | undefined
}

/** Structured log of a processor. */
export type Log = {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Ports a processor may ask for by name in `needs`. */
export type Ports = {
  journal: Journal
  providers: Providers
  offline: OfflineModels
  texts: Texts
  /** The packaged tagger, loaded when it is first asked for. */
  tagger: () => Tagger
}

/** What `create` is handed. One instance per slot; it dies with the slot's ownership or with an aborted transaction. */
export type Context<
  Inputs extends TopicMap,
  Outputs extends TopicMap,
  Drops extends string,
  State extends Readonly<Record<string, unknown>>,
  Needs extends keyof Ports
> = {
  readonly slot: number
  readonly partitions: number
  readonly tables: Tables
  readonly state: { readonly [Name in keyof State]: StateTable<State[Name]> }
  readonly log: Log
  /** Unix time in microseconds. */
  readonly now: () => number
  /** Offset after the last record processed of an input. */
  readonly position: (input: keyof Inputs & string) => number
  readonly ports: Pick<Ports, Needs>
  /**
   * Shows `replay` the records of [from, to) of an input once more, in order: what memory has no room for is read when its
   * time comes. Only of what was processed; rejects when reading failed.
   */
  readonly reread: (input: keyof Inputs & string, from: number, to: number) => Promise<void>
  /** Asks for a `tick` as soon as what was said is on its way: there is more to say than one transaction takes. */
  readonly soon: () => void
  /** Aborted when the slot is lost or the process drains: nothing more is begun. */
  readonly signal: AbortSignal
  /** Aborted when the slot is lost: what is under way is of no use any more. In a drain it may end. */
  readonly lost: AbortSignal
  /** An output record, typed by the topic it goes to. */
  readonly out: <Name extends keyof Outputs & string>(
    to: Name,
    key: string,
    value: ValueOf<Outputs[Name]> | null,
    slot?: number
  ) => Output
  readonly emit: (...outputs: readonly Output[]) => Emit
  readonly drop: (reason: Drops, ...outputs: readonly Output[]) => Verdict
  readonly reject: (reason: string, message: string, settles?: number) => Verdict
}

/** A processor at work on one slot. */
export type Instance<Inputs extends TopicMap = TopicMap> = {
  /**
   * Looks at one record. Throwing means the world failed: the runner retries, then stops with offsets uncommitted.
   * Throwing the signal's reason leaves the record undone, for the next owner.
   */
  process(record: InputRecord<Inputs>): Verdict | Promise<Verdict>
  /** Offsets to read again from before the committed ones, to rebuild memory that is not in state. */
  replayFrom?(): Partial<Record<keyof Inputs & string, number>>
  /** A record that was processed before, after `replayFrom` or `reread` asked for it. Emits nothing. */
  replay?(record: InputRecord<Inputs>): void
  /** Called after a table changed and about once a second, between records: there is none to drop or reject. */
  tick?(): Emit | undefined
}

/** A processor as data, with the types of its parts. */
export type ProcessorDefinition<
  Inputs extends TopicMap,
  Outputs extends TopicMap,
  Drops extends string,
  State extends Readonly<Record<string, unknown>>,
  Needs extends keyof Ports
> = {
  readonly name: string
  /** One line for the README and the help. */
  readonly doc: string
  readonly inputs: Inputs
  readonly outputs: Outputs
  /** The closed set of reasons it turns records down for. */
  readonly drops: readonly Drops[]
  /** Names of its state tables; use `memory<Value>()` for each. */
  readonly state: { readonly [Name in keyof State]: Memory<State[Name]> }
  readonly needs?: readonly Needs[]
  /**
   * Records of one slot worked on at once; above 1 only without state, and per-key order is kept. The runner gives a
   * record worked on alone a deadline; above 1 the ports that are waited for must have theirs.
   */
  readonly concurrency?: number
  /** Samples of a run that will never come when what a record became cannot be written; absent: none. */
  readonly settles?: (record: InputRecord<Inputs>) => number
  readonly create: (context: Context<Inputs, Outputs, Drops, State, Needs>) => Instance<Inputs>
}

/** Marks the value type of a state table. */
export type Memory<Value> = { readonly value?: Value }

/** Declares a state table of JSON values. */
export function memory<Value>(): Memory<Value> {
  return {}
}

/** Any processor, its types forgotten: what the runner works with. */
export type Processor = Omit<
  ProcessorDefinition<TopicMap, TopicMap, string, Readonly<Record<string, unknown>>, keyof Ports>,
  'create' | 'settles'
> & {
  readonly settles?: (record: InputRecord) => number
  readonly create: (
    context: Context<TopicMap, TopicMap, string, Readonly<Record<string, unknown>>, keyof Ports>
  ) => Instance
}

/**
 * Declares a processor.
 * @throws EverseedError PROCESSOR_INVALID when the declaration contradicts itself
 */
export function defineProcessor<
  Inputs extends TopicMap,
  // oxlint-disable-next-line typescript/no-generated-empty-object-type -- none unless declared
  Outputs extends TopicMap = Record<never, Topic>,
  const Drops extends string = never,
  // oxlint-disable-next-line typescript/no-generated-empty-object-type -- none unless declared
  State extends Readonly<Record<string, unknown>> = Record<never, unknown>,
  Needs extends keyof Ports = never
>(definition: ProcessorDefinition<Inputs, Outputs, Drops, State, Needs>): Processor {
  const { name, inputs, state, concurrency = 1, drops } = definition
  const fail = (message: string): never => {
    throw new EverseedError('PROCESSOR_INVALID', `processor ${name}: ${message}`)
  }
  if (!/^[a-z]+$/.test(name)) fail('a name is lower-case letters')
  if (Object.keys(inputs).length === 0) fail('it reads nothing; declare at least one input')
  if (concurrency > 1 && Object.keys(state).length > 0) {
    fail('it declares state and concurrency; state needs strict order, so set concurrency to 1')
  }
  if (new Set(drops).size < drops.length) fail('a drop reason is declared twice')
  for (const topic of Object.values(inputs)) {
    if (topic.kind !== 'data')
      fail(`input ${topic.name} is a ${topic.kind} topic; only data topics are streamed`)
  }
  const processor = definition as unknown as Processor
  if (concurrency === 1) return processor
  return {
    ...processor,
    create(context) {
      const instance = processor.create(context)
      if (instance.tick)
        fail('it has a tick and concurrency; no time is between records, so set concurrency to 1')
      return instance
    }
  }
}
