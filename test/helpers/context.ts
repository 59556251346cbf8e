/**
 * Calls a processor's `create` directly: no runner, no codecs, no broker. Each record is one transaction that commits at
 * once, unless a test commits by hand. What a real restart loses is lost here too: the instance and everything staged.
 */
import assert from 'node:assert/strict'
import avsc from 'avsc'
import type {
  Context,
  InputRecord,
  Instance,
  Log,
  Output,
  Ports,
  Processor,
  StateTable,
  Tables,
  Verdict
} from '../../processors/contract.ts'
import { parseMix } from '../../processors/mixing.ts'
import { type Recipe, recipeSchema } from '../../processors/recipe.ts'
import { selfContained } from '../../schemas/load.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Control, Dataset, Model, PublisherKey, Retraction, Run } from '../../schemas/types.ts'

/** Contents of the tables; a test may change them at any time. */
export type FakeTables = {
  runs: Map<string, Run>
  datasets: Map<string, Dataset>
  models: Map<string, Model>
  controls: Map<string, Control>
  /** By dataset/id. */
  retractions: Map<string, Retraction>
  keys: Map<string, PublisherKey>
}

/** Empty tables. */
export function fakeTables(): FakeTables {
  return {
    runs: new Map(),
    datasets: new Map(),
    models: new Map(),
    controls: new Map(),
    retractions: new Map(),
    keys: new Map()
  }
}

/** The tables as a processor sees them. A run's recipe is parsed from its record. */
function tablesOf({ runs, datasets, models, controls, retractions, keys }: FakeTables): Tables {
  const recipes = new Map<string, Recipe>()
  let changes = 0
  return {
    run: id => runs.get(id),
    recipe: id => {
      const body = runs.get(id)?.recipe
      if (body === undefined) return undefined
      const parsed = recipes.get(body) ?? recipeSchema.parse(JSON.parse(body))
      recipes.set(body, parsed)
      return parsed
    },
    dataset: name => datasets.get(name),
    mix: name => parseMix(datasets.get(name)?.mix ?? ''),
    model: id => models.get(id),
    control: run => controls.get(run),
    word: (scope, author) => controls.get(`${scope}|${author}`),
    runs: () => runs.values(),
    // A test changes the maps at any time.
    changes: () => changes++,
    retraction: (dataset, id) => retractions.get(`${dataset}/${id}`),
    key: id => keys.get(id)
  }
}

/** A state table that stages: reads see staged changes, `commit` keeps them, `abort` forgets them. */
function fakeStateTable(committed = new Map<string, string>()): StateTable<unknown> & {
  commit(): void
  abort(): void
  /** Changes staged since the last commit. */
  readonly staged: number
} {
  const staged = new Map<string, string | undefined>()
  const get = (key: string): unknown => {
    const text = staged.has(key) ? staged.get(key) : committed.get(key)
    return text === undefined ? undefined : JSON.parse(text)
  }
  function* entries(): IterableIterator<[string, unknown]> {
    for (const key of new Set([...committed.keys(), ...staged.keys()])) {
      const value = get(key)
      if (value !== undefined) yield [key, value]
    }
  }
  return {
    get,
    has: key => get(key) !== undefined,
    // As text: state is JSON, and a value changed in place must not go unnoticed.
    stage: (key, value) => void staged.set(key, JSON.stringify(value)),
    forget: key => void staged.set(key, undefined),
    entries,
    get size() {
      return [...entries()].length
    },
    get staged() {
      return staged.size
    },
    commit() {
      for (const [key, text] of staged) {
        if (text === undefined) committed.delete(key)
        else committed.set(key, text)
      }
      staged.clear()
    },
    abort: () => staged.clear()
  }
}

const types = new Map<string, avsc.Type>()

/** Fails when a value would not fit the schema of its topic. */
function assertFits(topic: Topic, value: unknown): void {
  if (topic.record === null) return
  let type = types.get(topic.record)
  if (type === undefined) {
    type = avsc.Type.forSchema(selfContained(topic.record) as avsc.Schema)
    types.set(topic.record, type)
  }
  const wrong: string[] = []
  type.isValid(value, {
    errorHook: (path, found) => void wrong.push(`${path.join('.')} = ${JSON.stringify(found)}`)
  })
  assert.deepEqual(wrong, [], `${topic.name}: not a legal ${topic.record}`)
}

/** What a processor is tested with. */
export type HarnessOptions = {
  readonly tables?: FakeTables
  readonly slot?: number
  readonly partitions?: number
  readonly ports?: Partial<Ports>
  /** Silent by default. */
  readonly log?: Log
  /** Unix time in microseconds; stands still by default. */
  readonly now?: () => number
  /** Commit after every verdict; true by default. */
  readonly autoCommit?: boolean
}

/** A processor at work on one slot. */
export type Harness = {
  /** Looks at the next record of an input; it gets the next offset, or the one given. */
  process(input: string, value: { readonly id?: string }, offset?: number): Promise<Verdict>
  /** Time passes. The verdict, if there is one, is committed. */
  tick(): Verdict | undefined
  commit(): void
  /** The transaction fails: what was staged and consumed since the last commit is gone; a new instance takes over. */
  abort(): void
  /** The process dies and another takes over: `abort` of what is not committed, then replay. */
  restart(): void
  /** A record is taken out of the log of an input: who reads it again does not find it. */
  erase(input: string, offset: number): void
  /** Committed outputs, oldest first. */
  readonly outputs: readonly Output[]
  /** Values committed to one output. */
  values<Value>(to: string): Value[]
  /** Offset after the last processed record of an input. */
  position(input: string): number
  /** Committed entries of a state table. */
  state(table: string): Record<string, unknown>
  /** Records handed to `replay` so far. */
  readonly replayed: number
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** @param processor the processor under test */
export function createHarness(processor: Processor, options: HarnessOptions = {}): Harness {
  const { slot = 0, partitions = 4, now = () => 1_700_000_000_000_000, autoCommit = true } = options
  const tables = tablesOf(options.tables ?? fakeTables())
  const committedState = new Map(Object.keys(processor.state).map(name => [name, new Map<string, string>()]))
  const log = new Map<string, InputRecord[]>()
  const committed = new Map<string, number>()
  let positions = new Map<string, number>()
  let state: Record<string, ReturnType<typeof fakeStateTable>>
  let instance: Instance
  const written: Output[] = []
  let uncommitted: Output[] = []
  let replayed = 0

  const out = (to: string, key: string, value: unknown, toSlot?: number): Output => {
    const topic = processor.outputs[to]
    assert.ok(topic, `${processor.name} declares no output ${to}`)
    if (value !== null) assertFits(topic, value)
    return { to, key, value: value as object | null, ...(toSlot !== undefined && { slot: toSlot }) }
  }

  function open(): void {
    state = Object.fromEntries([...committedState].map(([name, entries]) => [name, fakeStateTable(entries)]))
    positions = new Map(committed)
    uncommitted = []
    const context: Context<
      Record<string, Topic>,
      Record<string, Topic>,
      string,
      Record<string, unknown>,
      never
    > = {
      slot,
      partitions,
      tables,
      state,
      log: options.log ?? silent,
      now,
      position: input => positions.get(input) ?? 0,
      ports: options.ports ?? {},
      reread: async (input, from, to) => {
        for (const record of log.get(input) ?? []) {
          if (record.offset < from || record.offset >= to) continue
          // As from a broker: whatever else is due comes in between.
          await new Promise(resolve => setImmediate(resolve))
          replayed += 1
          instance.replay?.(record)
        }
      },
      soon: () => {},
      signal: new AbortController().signal,
      lost: new AbortController().signal,
      out,
      emit: (...outputs) => ({ kind: 'emit', outputs }),
      drop: (reason, ...outputs) => {
        assert.ok(processor.drops.includes(reason), `${processor.name} declares no drop reason ${reason}`)
        return { kind: 'drop', reason, outputs }
      },
      reject: (reason, message, settles = 0) => ({ kind: 'reject', reason, message, settles })
    }
    instance = processor.create(context as never)
    const from = instance.replayFrom?.() ?? {}
    for (const [input, start] of Object.entries(from)) {
      for (const record of log.get(input) ?? []) {
        if (record.offset < (start ?? Infinity) || record.offset >= (committed.get(input) ?? 0)) continue
        instance.replay?.(record)
        replayed += 1
      }
    }
  }

  function commit(): void {
    for (const table of Object.values(state)) table.commit()
    for (const [input, position] of positions) committed.set(input, position)
    written.push(...uncommitted)
    uncommitted = []
  }

  function take(verdict: Verdict): void {
    if (verdict.kind !== 'reject') uncommitted.push(...verdict.outputs)
    if (autoCommit) commit()
  }

  open()
  return {
    erase(input, offset) {
      log.set(
        input,
        (log.get(input) ?? []).filter(held => held.offset !== offset)
      )
    },

    async process(input, value, offset = positions.get(input) ?? 0) {
      const topic = processor.inputs[input]
      assert.ok(topic, `${processor.name} declares no input ${input}`)
      const record = { input, offset, key: value.id ?? '', value } as InputRecord
      const records = log.get(input) ?? []
      log.set(input, [...records.filter(held => held.offset !== offset), record])
      const verdict = await instance.process(record)
      positions.set(input, offset + 1)
      take(verdict)
      return verdict
    },
    tick() {
      const verdict = instance.tick?.()
      if (verdict !== undefined) take(verdict)
      else if (autoCommit) commit()
      return verdict
    },
    commit,
    abort: open,
    restart: open,
    get outputs() {
      return written
    },
    values: <Value>(to: string) =>
      written.filter(output => output.to === to).map(output => output.value as Value),
    position: input => positions.get(input) ?? 0,
    state: table =>
      Object.fromEntries(
        [...(committedState.get(table) ?? [])].map(([key, text]) => [key, JSON.parse(text)])
      ),
    get replayed() {
      return replayed
    }
  }
}
