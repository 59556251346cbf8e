/** The tree of a text: up to the people and models it comes from, down to what was made of it. */
import {
  type Ask,
  madeOf,
  type ModelEntry,
  modelsOf,
  type Relation,
  type Text,
  textRelations,
  textsOf
} from './clickhouse/lineage.ts'

/** What one text is tied to in one way: how many others, and those that are followed. */
export type Tie = { readonly relation: Relation; readonly count: number; readonly ids: readonly string[] }

/** One text in a tree, and what hangs on it. */
export type Branch = {
  /** What it has to do with the one it hangs on, or that with it; absent at the root. */
  readonly relation?: Relation
  readonly id: string
  /** It stands elsewhere in the tree, with its branches; so circles end. */
  readonly again?: true
  /** Nothing was asked below it: the tree is as deep or as large as it may be. */
  readonly cut?: true
  /** Others of a relation that are not shown. */
  readonly more?: Readonly<Partial<Record<Relation, number>>>
  readonly branches: readonly Branch[]
}

/** How much of a lineage is looked at. */
export type Bounds = {
  /** Steps from the text. */
  readonly depth: number
  /** Others of one relation shown at each text. */
  readonly fan: number
  /** Texts over all. */
  readonly texts: number
}

/**
 * Follows ties from a text, step by step, each text once.
 * @param tiesOf the ties of texts; who has none may be missing
 */
export async function follow(
  start: string,
  { depth, texts }: Pick<Bounds, 'depth' | 'texts'>,
  tiesOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, readonly Tie[]>>
): Promise<Map<string, readonly Tie[]>> {
  const known = new Map<string, readonly Tie[]>()
  const met = new Set([start])
  let edge = [start]
  for (let step = 0; step < depth && edge.length > 0; step++) {
    const found = await tiesOf(edge)
    const next: string[] = []
    for (const id of edge) {
      const ties = found.get(id) ?? []
      known.set(id, ties)
      for (const other of ties.flatMap(({ ids }) => ids)) {
        if (met.has(other) || met.size >= texts) continue
        met.add(other)
        next.push(other)
      }
    }
    edge = next
  }
  return known
}

/** The tree that ties make: each text once with its branches, nearer to the root before farther. */
export function treeOf(start: string, ties: ReadonlyMap<string, readonly Tie[]>): Branch {
  type Growing = {
    relation?: Relation
    id: string
    again?: true
    cut?: true
    more?: object
    branches: Growing[]
  }
  const root: Growing = { id: start, branches: [] }
  const placed = new Set([start])
  // Breadth first, so that a text stands where it is nearest.
  const queue = [root]
  for (let one = queue.shift(); one; one = queue.shift()) {
    const own = ties.get(one.id)
    if (!own) {
      one.cut = true
      continue
    }
    const more: Partial<Record<Relation, number>> = {}
    for (const { relation, count, ids } of own) {
      for (const id of ids) {
        const branch: Growing = { relation, id, branches: [] }
        one.branches.push(branch)
        if (placed.has(id)) branch.again = true
        else {
          placed.add(id)
          queue.push(branch)
        }
      }
      if (count > ids.length) more[relation] = count - ids.length
    }
    if (Object.keys(more).length > 0) one.more = more
  }
  return root
}

/** The lineage of a text of a dataset. */
export type Lineage = {
  readonly text: Text
  /** What it was made of. */
  readonly up?: Branch
  /** What was made of it. */
  readonly down?: Branch
  /** Everything that is named above and below, by id; who is not here has no record. */
  readonly texts: ReadonlyMap<string, Text>
  /** The models that wrote any of them, and their bases. */
  readonly models: ReadonlyMap<string, ModelEntry>
}

/** Looks up models and whatever they were fine-tuned from. */
export async function withBases(ask: Ask, ids: Iterable<string>): Promise<Map<string, ModelEntry>> {
  const found = new Map<string, ModelEntry>()
  const asked = new Set<string>()
  let wanted = [...new Set(ids)].filter(id => id !== '')
  while (wanted.length > 0) {
    for (const id of wanted) asked.add(id)
    for (const [id, model] of await modelsOf(ask, wanted)) found.set(id, model)
    const bases = Array.from(found.values(), ({ base }) => base)
    wanted = [...new Set(bases)].filter(id => id !== '' && !asked.has(id))
  }
  return found
}

/**
 * Reads the lineage of a text.
 * @param ways `up`: what it was made of; `down`: what was made of it
 */
export async function lineageOf(
  ask: Ask,
  text: Text,
  ways: { readonly up: boolean; readonly down: boolean },
  bounds: Bounds
): Promise<Lineage> {
  const { id: start, dataset } = text
  const { fan } = bounds
  const texts = new Map([[start, text]])
  const learn = async (ids: readonly string[]): Promise<void> => {
    const unknown = ids.filter(id => !texts.has(id))
    for (const one of await textsOf(ask, unknown, dataset)) texts.set(one.id, one)
  }
  const parentsOf = async (ids: readonly string[]): Promise<Map<string, Tie[]>> => {
    await learn(ids)
    const ties = (one: Text): Tie[] =>
      textRelations.flatMap(relation => {
        const all = one[relation]
        return all.length > 0 ? [{ relation, count: all.length, ids: all.slice(0, fan) }] : []
      })
    return new Map(ids.map(id => [id, texts.has(id) ? ties(texts.get(id)!) : []]))
  }
  const childrenOf = async (ids: readonly string[]): Promise<Map<string, Tie[]>> => {
    const made = await madeOf(ask, dataset, ids, fan)
    return new Map(
      [...Map.groupBy(made, ({ node }) => node)].map(([node, own]) => [
        node,
        textRelations.flatMap(relation => own.filter(one => one.relation === relation))
      ])
    )
  }
  const up = ways.up ? treeOf(start, await follow(start, bounds, parentsOf)) : undefined
  const down = ways.down ? treeOf(start, await follow(start, bounds, childrenOf)) : undefined
  const named = new Set<string>()
  const queue = [up, down].filter(one => one !== undefined)
  for (let one = queue.shift(); one; one = queue.shift()) {
    named.add(one.id)
    queue.push(...one.branches)
  }
  await learn([...named])
  const models = await withBases(
    ask,
    Array.from(texts.values(), ({ model }) => model)
  )
  return { text, ...(up && { up }), ...(down && { down }), texts, models }
}
