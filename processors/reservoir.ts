/**
 * The human documents a band is taken from: the band half of the reference split, a seeded shuffle of it, cut off where
 * it holds enough. Which documents are kept depends on what has arrived, never on the order it arrived in.
 */
import { sha128 } from '../schemas/identity.ts'
import type { ReferenceText } from './split.ts'

/** Windows' worth of text that is kept. */
export const keptWindows = 40
/** Windows' worth of text that the other half of a reference is made of at most: its language model takes about 70 bytes a
 * token, and looking words up in it is waiting for memory. */
export const referenceWindows = 20
/** Fewer windows than this say nothing about their spread. */
export const minimumWindows = 5

/** A human document in memory. */
export type HumanDocument<Text extends string = ReferenceText> = {
  readonly id: string
  readonly offset: number
  readonly topic: string
  /** Fields of its cell, where windows are taken of groups of cells. */
  readonly cell?: { readonly task: string; readonly topic: string; readonly format: string }
  readonly text: Text
  readonly tokens: number
  /** Its place in the shuffle, 32 hex digits. */
  readonly rank: string
}

/**
 * The half of the reference split a document is in: `band` for the windows every value is compared with, `vocabulary`
 * for what looks into the texts (tail types, novel types, perplexity), so that no text is compared with itself.
 */
export function referenceHalf(id: string): 'band' | 'vocabulary' {
  return Number.parseInt(sha128(`reference-half:${id}`).slice(0, 8), 16) % 2 === 0 ? 'band' : 'vocabulary'
}

/** Place of a document in the shuffle: a hash of its id and a fixed seed. */
export function shuffleRank(id: string): string {
  return sha128(`band-shuffle:1:${id}`)
}

/** Documents by rank, with at most the tokens of its windows and one document. */
export type Reservoir<Text extends string = ReferenceText> = {
  /** Offers a document; false when others of lower rank fill the reservoir. */
  add(document: HumanDocument<Text>): boolean
  /** Lowest rank first. */
  readonly documents: readonly HumanDocument<Text>[]
  readonly tokens: number
}

/**
 * An empty reservoir. Adding is logarithmic in comparisons.
 * @param budget tokens of a window
 * @param windows how many windows' worth of text it keeps
 */
export function createReservoir<Text extends string = ReferenceText>(
  budget: number,
  windows = keptWindows
): Reservoir<Text> {
  const capacity = budget * windows
  const documents: HumanDocument<Text>[] = []
  let tokens = 0

  function place(rank: string): number {
    let low = 0
    let high = documents.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (documents[middle]!.rank < rank) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    documents,
    get tokens() {
      return tokens
    },
    add(document) {
      const at = place(document.rank)
      if (at === documents.length && tokens >= capacity) return false
      documents.splice(at, 0, document)
      tokens += document.tokens
      // The last one goes as soon as those before it are enough: what stays is the shortest sufficient prefix.
      while (documents.length > 0 && tokens - documents.at(-1)!.tokens >= capacity) {
        tokens -= documents.pop()!.tokens
      }
      return true
    }
  }
}

/**
 * Spreads topics evenly: in every stretch of the result each topic has about its share of the whole. Within its topic a
 * document keeps its rank; where in its interval it lands is drawn from its hash, so that rare topics do not all meet
 * in the middle.
 */
export function stratified<Text extends string>(
  documents: readonly HumanDocument<Text>[]
): HumanDocument<Text>[] {
  // By hand: Node 20, which `everseed measure` runs on, has no Map.groupBy.
  const topics = new Map<string, HumanDocument<Text>[]>()
  for (const document of documents) {
    const ofTopic = topics.get(document.topic)
    if (ofTopic === undefined) topics.set(document.topic, [document])
    else ofTopic.push(document)
  }
  const placed: { at: number; document: HumanDocument<Text> }[] = []
  for (const ofTopic of topics.values()) {
    for (const [index, document] of ofTopic.entries()) {
      // Other digits than those it was ranked by decide.
      const jitter = Number.parseInt(document.rank.slice(-8), 16) / 2 ** 32
      placed.push({ at: (index + jitter) / ofTopic.length, document })
    }
  }
  return placed
    .toSorted((a, b) => a.at - b.at || (a.document.rank < b.document.rank ? -1 : 1))
    .map(({ document }) => document)
}

/**
 * How many more documents of the reference a band needs, estimated from the documents' mean length; 0 where its windows
 * are enough.
 * @param reservoir the documents of the band half
 * @param budget tokens of a window
 * @param windows how many windows the documents filled
 * @param length tokens per document where there is no human text to take it from
 */
export function missingDocuments(
  { documents, tokens }: { readonly documents: readonly unknown[]; readonly tokens: number },
  budget: number,
  windows: number,
  length: number
): number {
  if (windows >= minimumWindows) return 0
  const typical = tokens > 0 ? tokens / documents.length : length
  const missing = Math.max(minimumWindows * budget - tokens, typical)
  // Half of the reference is set aside for what looks into the texts.
  return 2 * Math.ceil(missing / Math.max(typical, 1))
}
