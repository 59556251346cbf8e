/** What an answer has of its prompt: what derives from texts of unknown generation is of unknown generation. */
import type { Prompt } from '../../schemas/types.ts'
import type { Tables } from '../contract.ts'
import type { Texts } from '../ports.ts'

/** What a prompt itself is of: a person's word is of generation 0, a model's one past the model's own. */
function ownGeneration({ attempt, provenance }: Prompt, tables: Tables): number | null {
  const { origin, model_id, generation } = provenance
  // Of a prompt that is asked again it is that of the answer it repairs.
  if (generation !== null || attempt > 1) return generation
  if (origin !== 'SYNTHETIC') return 0
  const trained = tables.model(model_id ?? '')?.generation ?? null
  return trained === null ? null : 1 + trained
}

/**
 * The generation answers to a prompt have at least, null: unknown; or a parent that is not there, so that nobody can tell.
 * @param texts where parents are looked up
 */
export async function inheritedBy(
  prompt: Prompt,
  tables: Tables,
  texts: Texts
): Promise<{ readonly generation: number | null } | { readonly missing: string }> {
  const own = ownGeneration(prompt, tables)
  const { parent_ids } = prompt.provenance
  // Those of a prompt that is asked again were looked up when it was asked first.
  if (parent_ids.length === 0 || prompt.attempt > 1) return { generation: own }
  const found = await texts.generation(prompt.dataset, parent_ids)
  if ('missing' in found) return found
  return {
    generation: own === null || found.generation === null ? null : Math.max(own, found.generation)
  }
}
