/**
 * The other half of the human reference: what windows, those of the band as well, are held against word by word. It is frozen
 * when the first band is taken, and stays as it is: values of one dataset can be compared for ever.
 */
import {
  type DocumentBeside,
  besideReference,
  documentBeside,
  documentsBeside,
  glanceBesideReference
} from '../../metrics/beside-reference.ts'
import { clusterHits } from '../../metrics/cluster-hits.ts'
import type { Clusters } from '../../metrics/clusters.ts'
import { type HashedReference, createHashedReference } from '../../metrics/hashed-reference.ts'
import type { Hashes } from '../../metrics/hashes.ts'
import { type ReferenceKey, type WindowKey, glanceReferenceKeys, referenceKeys } from '../../metrics/keys.ts'
import type { Panel } from '../../metrics/panel.ts'
import { type Measured, undefinedBecause } from '../../metrics/result.ts'
import type { ClusterHits } from '../../schemas/types.ts'
import type { ReferenceText } from '../split.ts'
import type { SeedWords } from './seed-words.ts'
import { type HumanDocument, type Reservoir, createReservoir, referenceWindows } from '../reservoir.ts'

/** Tokens of it whose parts of speech are told, where a recipe asks for them. */
const sampledTokens = 40_000

/** What a window was measured by; what was not asked for is absent. */
export type WindowValues = Readonly<Partial<Record<WindowKey, Measured>>>

/** A dataset's vocabulary half. */
export type ReferenceMemory = {
  /** Tokens of a window. */
  readonly budget: number
  /** What it will be made of; empty afterwards. */
  reservoir: Reservoir
  frozen: HashedReference | undefined
  /** Of what it was made of, the texts that parts of speech are told of. */
  sample: readonly ReferenceText[]
}

/**
 * An empty memory.
 * @param budget tokens of a window
 */
export function createReferenceMemory(budget: number): ReferenceMemory {
  return { budget, reservoir: createReservoir(budget, referenceWindows), frozen: undefined, sample: [] }
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
  memory.sample = openingOf(memory.reservoir.documents, sampledTokens)
  memory.reservoir = createReservoir(0)
}

/** Texts from the first on, until they have that many tokens. */
function openingOf(documents: readonly HumanDocument[], tokens: number): ReferenceText[] {
  let left = tokens
  return documents.flatMap(({ text, tokens: own }) => {
    if (left <= 0) return []
    left -= own
    return [text]
  })
}

const none = Object.fromEntries(
  [...referenceKeys, 'novel_type_share'].map(key => [key, undefinedBecause('no human reference yet')])
) as Record<ReferenceKey | 'novel_type_share', Measured>

const noneAtAGlance = Object.fromEntries(
  [...glanceReferenceKeys, 'novel_type_share' as const].map(key => [key, none[key]])
)

/** What a document adds to its windows, once for all of them; undefined before there is a reference. */
export function besideIn(memory: ReferenceMemory | undefined, words: Hashes): DocumentBeside | undefined {
  return memory?.frozen && documentBeside(words, memory.frozen)
}

/** What a window is. */
type Window = {
  readonly values: WindowValues
  /** Its documents beside the reference; none before there is one. */
  readonly beside: readonly DocumentBeside[]
}

/** Documents named as examples of a cluster at most. */
const mostExamples = 3

/**
 * Documents per human cluster, for the record of a window.
 * @param beside the window's documents
 * @param ids of the documents, where they are to be named
 */
export function clustersHit(
  beside: readonly DocumentBeside[],
  clusters: Pick<Clusters, 'count'> | undefined,
  ids: readonly string[] = []
): ClusterHits[] {
  if (!clusters || beside.length === 0) return []
  const nearest = beside.map(({ cluster }) => cluster)
  return clusterHits(nearest, clusters).map((documents, cluster) => ({
    documents,
    examples: ids.filter((_, at) => nearest[at] === cluster).slice(0, mostExamples)
  }))
}

/** How closely a window is looked at, and what is known of its documents. */
export type Looking = {
  /** What its documents are beside the reference; taken again where some are missing, as of a window that began before it. */
  readonly documents?: readonly DocumentBeside[] | undefined
  /** Only at what moves early, by models only at the documents of the sample. */
  readonly atAGlance?: boolean
}

/**
 * What a window is measured by: the panel, and what it is beside the reference and the generators' words there are at this
 * moment.
 */
export function windowValues(
  panel: Panel,
  { frozen }: ReferenceMemory,
  seeds: SeedWords,
  { documents = [], atAGlance = false }: Looking = {}
): Window {
  const own = atAGlance ? panel.glance() : panel.values()
  if (!frozen) return { values: { ...own, ...(atAGlance ? noneAtAGlance : none) }, beside: [] }
  const { looked, words } = panel
  const known = documents.length === looked.length ? documents : documentsBeside(words, frozen, looked)
  return {
    values: {
      ...own,
      ...(atAGlance
        ? glanceBesideReference(panel.types, frozen, known)
        : {
            ...besideReference(panel.types, frozen, known),
            embedding_frechet: frozen.frechet(panel)
          }),
      novel_type_share: seeds.novelTypeShare(panel.types)
    },
    beside: known
  }
}
