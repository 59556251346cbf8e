/**
 * A processor's memory in one slot. It is changed in place: later records see staged changes at once, a commit writes
 * what changed, and an aborted transaction drops the whole slot and restores it from its topic, so nothing is undone by hand.
 */
import type { StateTable } from '../../processors/contract.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { State } from '../../schemas/types.ts'
import type { Codec } from '../codec.ts'

/** One changed entry; an undefined value was forgotten. */
export type Change = { readonly table: string; readonly key: string; readonly value: unknown }

/** The tables of a processor and what changed in them since the last cut. */
export type Memory = {
  readonly tables: Readonly<Record<string, StateTable<unknown>>>
  /** Takes a restored entry in. */
  restore(table: string, key: string, value: unknown): void
  /** What changed since the last cut, each key once with its newest value. */
  cut(): Change[]
  /** A record begins: its changes can be undone until the next one begins. */
  begin(): void
  /** Takes back what was staged since the last `begin`. */
  undo(): void
  readonly changed: number
  /** Entries over all tables. */
  readonly size: number
}

/** An entry as it was before a change. */
type Before = {
  readonly map: Map<string, unknown>
  readonly changed: Set<string>
  readonly key: string
  readonly had: boolean
  readonly value: unknown
  readonly wasChanged: boolean
}

/**
 * @param names the declared tables
 */
export function createMemory(names: readonly string[]): Memory {
  const maps = new Map<string, Map<string, unknown>>(names.map(name => [name, new Map()]))
  const dirty = new Map<string, Set<string>>(names.map(name => [name, new Set()]))
  let befores: Before[] = []
  const mapOf = (name: string): Map<string, unknown> => maps.get(name)!

  const table = (name: string): StateTable<unknown> => {
    const map = mapOf(name)
    const changed = dirty.get(name)!
    const remember = (key: string): void => {
      const had = map.has(key)
      befores.push({ map, changed, key, had, value: map.get(key), wasChanged: changed.has(key) })
    }
    return {
      get: key => map.get(key),
      has: key => map.has(key),
      stage: (key, value) => {
        remember(key)
        map.set(key, value)
        changed.add(key)
      },
      forget: key => {
        if (!map.has(key)) return
        remember(key)
        map.delete(key)
        changed.add(key)
      },
      entries: () => map.entries(),
      get size() {
        return map.size
      }
    }
  }

  return {
    tables: Object.fromEntries(names.map(name => [name, table(name)])),
    restore(name, key, value) {
      // A table that is no longer declared is left in its topic and ignored.
      const map = maps.get(name)
      if (!map) return
      if (value === undefined) map.delete(key)
      else map.set(key, value)
    },
    cut() {
      const changes: Change[] = []
      for (const [name, keys] of dirty) {
        const map = mapOf(name)
        for (const key of keys) changes.push({ table: name, key, value: map.get(key) })
        keys.clear()
      }
      befores = []
      return changes
    },
    begin() {
      if (befores.length > 0) befores = []
    },
    undo() {
      for (const { map, changed, key, had, value, wasChanged } of befores.toReversed()) {
        if (had) map.set(key, value)
        else map.delete(key)
        if (!wasChanged) changed.delete(key)
      }
      befores = []
    },
    get changed() {
      let count = 0
      for (const keys of dirty.values()) count += keys.size
      return count
    },
    get size() {
      let count = 0
      for (const map of maps.values()) count += map.size
      return count
    }
  }
}

/**
 * Takes the records of a state topic in.
 * @param topic whose keys are table|key
 */
export function restoring(
  memory: Memory,
  codec: Codec,
  topic: Topic<State>
): (key: string, bytes: Buffer | null) => void | Promise<void> {
  return (key, bytes) => {
    const cut = key.indexOf('|')
    if (bytes === null) return memory.restore(key.slice(0, cut), key.slice(cut + 1), undefined)
    const see = ({ table, value }: State): void =>
      memory.restore(table, key.slice(cut + 1), JSON.parse(value))
    const state = codec.decode(topic, bytes)
    return state instanceof Promise ? state.then(see) : see(state)
  }
}
