/** The record of an answer, its provenance in full. */
import { contentHash, modelRevision, syntheticId } from '../../schemas/identity.ts'
import type { Generation, Message } from '../../schemas/types.ts'
import type { Tables } from '../contract.ts'
import type { Order } from './order.ts'
import type { Outcome } from './outcome.ts'

/**
 * @param index of the sample among its prompt's
 * @param inherited generation of what the prompt was made from; null: unknown
 * @param at Unix time in microseconds
 */
export function generationOf(
  { prompt, source, id }: Order,
  index: number,
  outcome: Outcome,
  inherited: number | null,
  tables: Tables,
  at: number
): Generation {
  const { draw: drawn, completion, error } = outcome
  const { reply, reasoning_content, raw, finish_reason, usage, latency_ms } = completion
  const sent = completion.sent ?? {
    temperature: drawn.temperature,
    top_p: source.top_p ?? null,
    seed: drawn.seed
  }
  const answer: Message = {
    role: 'assistant',
    content: reply,
    tool_calls: null,
    tool_call_id: null,
    reasoning_content
  }
  const content_hash = contentHash([...prompt.messages, answer])
  const { parent_ids, repairs, quoted_ids } = prompt.provenance
  // What another run's recipe says about the same model does not count here.
  const model = tables.model(drawn.model, modelRevision(source)) ?? tables.model(drawn.model)
  const trained = model === undefined ? (source.trained_generation ?? 0) : model.generation
  // What such a model writes is of unknown generation too.
  const unknown = inherited === null || trained === null
  return {
    id: syntheticId(id, content_hash),
    request_id: id,
    content_hash,
    dataset: prompt.dataset,
    run: prompt.run,
    cell: prompt.cell,
    prompt: prompt.messages,
    samples: prompt.samples,
    reply,
    reasoning_content,
    raw,
    finish_reason,
    error,
    usage,
    log_probability: completion.log_probability ?? null,
    latency_ms,
    provenance: {
      origin: 'SYNTHETIC',
      model_id: drawn.model,
      model_provider: source.provider,
      model_family: source.family,
      ...sent,
      top_k: null,
      max_tokens: source.max_tokens,
      generation: unknown ? null : Math.max(1 + trained, inherited),
      parent_ids,
      edit_distance: null,
      repairs,
      quoted_ids,
      prompt_id: prompt.id,
      attempt: prompt.attempt,
      sample_index: index,
      created_by: `source:${source.name}`,
      source_uri: null,
      license: null,
      author: null,
      signed_by: null,
      output_terms: source.output_terms,
      split: null,
      recipe: tables.run(prompt.run)!.fingerprint,
      created_at: at
    },
    metadata: { source: source.name }
  }
}
