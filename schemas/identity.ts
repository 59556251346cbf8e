/** Identities: what makes two texts the same text, two calls the same call, and which slot a record lives in. */
import { hash } from 'node:crypto'
import type { Message } from './types.ts'

/**
 * The first 128 bits of SHA-256, lower-case hex.
 * @param text hashed as UTF-8
 */
export function sha128(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32)
}

/**
 * The canonical form of a conversation: NFC, every message as a JSON array of its fields in a fixed order,
 * absent ones as null. Two conversations are the same when these strings are.
 */
export function canonicalContent(messages: readonly Message[]): string {
  return JSON.stringify(
    messages.map(({ role, content, tool_calls, tool_call_id, reasoning_content }) => [
      role,
      content.normalize('NFC'),
      tool_calls ?? null,
      tool_call_id ?? null,
      reasoning_content?.normalize('NFC') ?? null
    ])
  )
}

/** Hash of a conversation's canonical content, 32 hex digits. Also the id of a human sample. */
export function contentHash(messages: readonly Message[]): string {
  return sha128(canonicalContent(messages))
}

/**
 * The id of one call: not of its text, not of its seed, so a restart asks for the same thing again.
 * @param attempt 1 for the first answer
 * @param sampleIndex which of the samples of the prompt, from 0
 */
export function requestId(run: string, promptId: string, attempt: number, sampleIndex: number): string {
  return sha128(JSON.stringify([run, promptId, attempt, sampleIndex]))
}

/** The id of a synthetic sample. */
export function syntheticId(request: string, content: string): string {
  return sha128(`${request}:${content}`)
}

/**
 * The key of a text, or of a row of training, in a topic: no two records that stay have the same, so that one can be taken
 * out of the log by its key and nothing else is.
 * @param epoch which pass over the human texts a row belongs to
 */
export function textKey(dataset: string, id: string, epoch = 1): string {
  return epoch === 1 ? `${dataset}/${id}` : `${dataset}/${id}/${epoch}`
}

/** The key of a prompt: the samples of one prompt that fail are asked for again one by one. */
export function promptKey(prompt: {
  readonly run: string
  readonly id: string
  readonly attempt: number
  readonly provenance: { readonly sample_index: number | null }
}): string {
  const { run, id, attempt, provenance } = prompt
  return `${run}/${id}/${attempt}/${provenance.sample_index ?? 0}`
}

/**
 * The revision of a model behind an API, as a recipe describes it: recipes that say something else about the same
 * model name another revision.
 */
export function modelRevision(source: {
  readonly model: string
  readonly provider: string
  readonly family: string
  readonly trained_generation?: number | undefined
  readonly output_terms: string
}): string {
  const { model, provider, family, trained_generation, output_terms } = source
  return sha128(JSON.stringify([model, provider, family, trained_generation ?? 0, output_terms]))
}

/** A 32-bit number from a string, evenly spread. */
export function hash32(text: string): number {
  return Number.parseInt(hash('sha256', text, 'hex').slice(0, 8), 16)
}

/**
 * The slot, that is the partition of every data topic, a record lives in.
 * @param shards slots the dataset is spread over; an id picks one of them
 * @param partitions partitions of the data topics
 */
export function slotOf(dataset: string, id: string, shards: number, partitions: number): number {
  const shard = shards > 1 ? hash32(id) % shards : 0
  return (hash32(dataset) + shard) % partitions
}
