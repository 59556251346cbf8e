/** Families of texts for tests: what derives from what, as arbitrary graphs, and their closures by the plain definition. */
import fc from 'fast-check'

/** Text to the texts it derives from. */
export type Parents = ReadonlyMap<string, readonly string[]>

/** @param circles whether a text may descend from itself, as no honest record says */
export function families(circles: boolean): fc.Arbitrary<Parents> {
  return fc.integer({ min: 1, max: 25 }).chain(size =>
    fc
      .tuple(
        ...Array.from({ length: size }, (_, index) => {
          const most = circles ? size : index
          const parent = fc.integer({ min: 0, max: Math.max(0, most - 1) })
          return most === 0 ? fc.constant([]) : fc.uniqueArray(parent, { maxLength: 3 })
        })
      )
      .map(lists => new Map(lists.map((list, index) => [`t${index}`, list.map(one => `t${one}`)])))
  )
}

/** Whoever is reached from some texts by any number of steps, those texts themselves not counted. */
export function reached(
  from: readonly string[],
  next: (id: string) => readonly string[],
  steps = Number.POSITIVE_INFINITY
): string[] {
  const met = new Set(from)
  for (let step = 0, edge = [...from]; edge.length > 0 && step < steps; step++) {
    edge = edge.flatMap(next).filter((one, index, all) => !met.has(one) && all.indexOf(one) === index)
    for (const one of edge) met.add(one)
  }
  return [...met].filter(id => !from.includes(id)).toSorted()
}

/** The texts that derive from one at first hand. */
export function childrenIn(parents: Parents): (id: string) => string[] {
  return id => [...parents].filter(([, list]) => list.includes(id)).map(([child]) => child)
}
