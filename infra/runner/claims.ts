/** What a record says of itself, held against what is known: its run, its call, the generation of its model. */
import type { Tables } from '../../processors/contract.ts'
import type { Source } from '../../processors/recipe.ts'
import { modelRevision, requestId } from '../../schemas/identity.ts'
import { generations, samplesHuman, type Topic } from '../../schemas/topics.ts'
import type { Generation, Model, Provenance } from '../../schemas/types.ts'

const revisions = new WeakMap<Source, string>()

/** The revision of its model a source of a recipe calls. */
function revisionOf(source: Source): string {
  let revision = revisions.get(source)
  if (revision === undefined) revisions.set(source, (revision = modelRevision(source)))
  return revision
}

/** The entries a text may have been written under: those of the run's sources, else the newest of its model. */
function modelsOf(tables: Tables, run: string, id: string, asked: boolean): Model[] {
  if (asked) return [tables.model(id)].filter(model => model !== undefined)
  const sources = tables.recipe(run)?.sources.filter(({ model }) => model === id) ?? []
  return sources.map(source => tables.model(id, revisionOf(source))).filter(model => model !== undefined)
}

/**
 * A model's text is at least one generation past its model, and of unknown generation where the model's is. What it derives
 * from may only raise the number, so a lower one is a lie.
 * @param asked whether it is a prompt, which somebody's model wrote before the run
 */
function generationProblem(
  tables: Tables,
  run: string,
  { origin, model_id, generation }: Provenance,
  asked: boolean
): string {
  if (origin !== 'SYNTHETIC' || generation === null || model_id === null) return ''
  const models = modelsOf(tables, run, model_id, asked)
  if (models.length === 0) return ''
  const known = models.flatMap(model => (model.generation === null ? [] : [model.generation]))
  if (known.length === 0)
    return `generation_claimed: generation ${generation} of a text of ${model_id}, whose own generation is unknown: leave it null`
  const least = 1 + Math.min(...known)
  return generation >= least
    ? ''
    : `generation_claimed: generation ${generation} of a text of ${model_id}, which writes generation ${least} or later. It is computed, never declared`
}

/** Whether an answer is by a model its run asks: what another one wrote comes by its own run, where it is known. */
function modelProblem(tables: Tables, run: string, { origin, model_id }: Provenance): string {
  if (origin !== 'SYNTHETIC') return ''
  const sources = tables.recipe(run)?.sources
  if (!sources || sources.some(({ model }) => model === model_id)) return ''
  return `foreign_model: run ${run} does not ask ${model_id ?? '(no model)'}: its recipe names ${sources.map(({ model }) => model).join(', ')}`
}

/** Whether a call is the one its run, prompt, attempt and sample name. */
function callProblem({ id, run, request_id, provenance }: Generation): string {
  const { prompt_id, attempt, sample_index } = provenance
  const own = requestId(run, prompt_id ?? '', attempt, sample_index ?? 0)
  return request_id === own
    ? ''
    : `foreign_request: answer ${id} carries request ${request_id}, which is not that of run ${run}, prompt ${prompt_id ?? '(none)'}, attempt ${attempt}, sample ${sample_index ?? 0} (${own}): it belongs to another run or prompt`
}

/**
 * What in a record contradicts what is known, as `reason: words`; empty when nothing does.
 * @param subject the prompt, answer or sample the record is, or is about; its run and dataset are in the tables
 */
export function claimProblem(
  topic: Topic,
  subject: Readonly<Record<string, unknown>>,
  tables: Tables
): string {
  const { dataset, run } = subject
  if (typeof run !== 'string' || typeof dataset !== 'string') return ''
  if (topic.name === samplesHuman.name)
    return run === '' ? '' : `foreign_run: a human text is of no run, not of ${run}`
  if (run === '') return 'unknown_run: it names no run'
  const known = tables.run(run)
  if (!known) return ''
  if (known.dataset !== dataset)
    return `foreign_run: run ${run} writes into dataset ${known.dataset}, not into ${dataset}`
  if (topic.name === generations.name) {
    const wrong = callProblem(subject as unknown as Generation)
    if (wrong !== '') return wrong
  }
  const { provenance, attempt } = subject as { provenance?: Provenance; attempt?: number }
  const asked = topic.record === 'Prompt' || topic.record === 'ParkedPrompt'
  // Both say that it is asked again; who raises one of them alone wants to be believed.
  if (asked && provenance && attempt !== undefined && attempt !== provenance.attempt)
    return `provenance: attempt ${provenance.attempt} of the provenance is not the prompt's, ${attempt}`
  // A prompt that is asked again has the number of the answer it repairs.
  if (!provenance || (asked && (attempt ?? 1) > 1)) return ''
  const foreign = asked ? '' : modelProblem(tables, run, provenance)
  return foreign === '' ? generationProblem(tables, run, provenance, asked) : foreign
}
