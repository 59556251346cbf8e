/**
 * The other half of the human reference: what windows, those of the band as well, are held against word by word. It is frozen
 * when the first band is taken, and stays as it is: values of one dataset can be compared for ever.
 */
import {
  type DocumentBeside,
  besideReference,
  documentBeside,
  documentsBeside
} from '../../metrics/beside-reference.ts'
import { clusterHits } from '../../metrics/cluster-hits.ts'
import type { Clusters } from '../../metrics/clusters.ts'
import { type HashedReference, createHashedReference } from '../../metrics/hashed-reference.ts'
import type { Hashes } from '../../metrics/hashes.ts'
import { type ReferenceKey, type WindowKey, referenceKeys } from '../../metrics/keys.ts'
import type { Panel } from '../../metrics/panel.ts'
import { type Measured, undefinedBecause } from '../../metrics/result.ts'
import type { ClusterHits } from '../../schemas/types.ts'
import { type HumanDocument, type Reservoir, createReservoir } from '../reservoir.ts'

/** Windows' worth of text a reference is made of at most: its language model takes about 70 bytes a token, and looking words
 * up in it is waiting for memory. */
const referenceWindows = 20

/** Everything a window is measured by. */
export type WindowValues = Readonly<Record<WindowKey, Measured>>

/** A dataset's vocabulary half. */
export type ReferenceMemory = {
  /** Tokens of a window. */
  readonly budget: number
  /** What it will be made of; empty afterwards. */
  reservoir: Reservoir
  frozen: HashedReference | undefined
}

/**
 * An empty memory.
 * @param budget tokens of a window
 */
export function createReferenceMemory(budget: number): ReferenceMemory {
  return { budget, reservoir: createReservoir(budget, referenceWindows), frozen: undefined }
}

/** Takes a document in, unless the reference is frozen. */
export function rememberReference(memory: ReferenceMemory, document: HumanDocument): void {
  if (memory.frozen) return
  memory.reservoir.add(document)
}

/** Whether it is not frozen and there is text for it: a window's worth, of which its rare words are not all chance. */
export function canFreeze({ frozen, reservoir, budget }: ReferenceMemory): boolean {
  return frozen === undefined && reservoir.tokens >= budget
}

/**
 * Freezes it, once and for all. What it is depends on the documents seen, not on their order.
 * @param clusters it was frozen with before: a text that was erased since would make others
 */
export function freeze(memory: ReferenceMemory, clusters?: Clusters): void {
  const texts = memory.reservoir.documents.map(({ text }) => text)
  memory.frozen = createHashedReference(texts, clusters)
  memory.reservoir = createReservoir(0)
}

const none = Object.fromEntries(
  referenceKeys.map(key => [key, undefinedBecause('no human reference yet')])
) as Record<ReferenceKey, Measured>

/** What a document adds to its windows, once for all of them; undefined before there is a reference. */
export function besideIn(memory: ReferenceMemory | undefined, words: Hashes): DocumentBeside | undefined {
  return memory?.frozen && documentBeside(words, memory.frozen)
}

/** What a window is. */
type Window = {
  readonly values: WindowValues
  /** The human cluster of each of its documents; empty before there is a reference. */
  readonly nearest: readonly number[]
}

/** Documents named as examples of a cluster at most. */
const mostExamples = 3

/**
 * Documents per human cluster, for the record of a window.
 * @param ids of the documents, where they are to be named
 */
export function clustersHit(
  nearest: readonly number[],
  clusters: Pick<Clusters, 'count'> | undefined,
  ids: readonly string[] = []
): ClusterHits[] {
  if (!clusters || nearest.length === 0) return []
  return clusterHits(nearest, clusters).map((documents, cluster) => ({
    documents,
    examples: ids.filter((_, at) => nearest[at] === cluster).slice(0, mostExamples)
  }))
}

/**
 * Everything a window is measured by: the panel, and what it is beside the reference there is at this moment.
 * @param documents of the window; taken again where some are missing, as of a window that began before the reference
 */
export function windowValues(
  panel: Panel,
  { frozen }: ReferenceMemory,
  documents: readonly DocumentBeside[] = []
): Window {
  if (!frozen) return { values: { ...panel.values(), ...none }, nearest: [] }
  const known = documents.length === panel.documents ? documents : documentsBeside(panel.words, frozen)
  return {
    values: { ...panel.values(), ...besideReference(panel, frozen, known) },
    nearest: known.map(({ cluster }) => cluster)
  }
}
