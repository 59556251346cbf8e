import type { Prompt, Sample } from '../../schemas/types.ts'

/**
 * The prompt a failed answer came from, asked again: same id, next attempt, the error as feedback, for this one sample.
 *
 * Its text is the original's, but who wrote that is not in the sample: origin is UNKNOWN. The generation number
 * cannot be lowered by failing: it is unknown where the sample's was, and that of the sample where it has parents.
 * @param sample the failed answer; it has a prompt id
 * @param feedback what the model is told
 * @param now Unix time in microseconds
 */
export function retryPrompt(sample: Sample, promptId: string, feedback: string, now: number): Prompt {
  const { provenance, dataset, run, cell, messages } = sample
  const { finish_reason: _finish, samples: _samples, ...metadata } = sample.metadata
  const { parent_ids, quoted_ids, attempt, recipe } = provenance
  const generation = parent_ids.length > 0 || provenance.generation === null ? provenance.generation : 0
  return {
    id: promptId,
    dataset,
    run,
    cell,
    messages: messages.slice(
      0,
      messages.findLastIndex(message => message.role === 'assistant')
    ),
    samples: 1,
    attempt: attempt + 1,
    feedback,
    provenance: {
      origin: 'UNKNOWN',
      model_id: null,
      model_provider: null,
      model_family: null,
      temperature: null,
      top_p: null,
      top_k: null,
      seed: null,
      max_tokens: null,
      generation,
      parent_ids,
      edit_distance: null,
      repairs: [...provenance.repairs, sample.id],
      quoted_ids,
      prompt_id: promptId,
      attempt: attempt + 1,
      // Several samples of one prompt may fail: the index keeps their calls apart.
      sample_index: provenance.sample_index ?? 0,
      created_by: 'verify',
      source_uri: null,
      license: null,
      author: null,
      signed_by: null,
      output_terms: null,
      split: null,
      recipe,
      created_at: now
    },
    metadata
  }
}
