/** Runs, and the models their recipes name. */
import type { Recipe, Source } from '../processors/recipe.ts'
import { EverseedError } from '../schemas/errors.ts'
import { modelRevision, sha128, slotOf } from '../schemas/identity.ts'
import { models, runs, samplesHuman } from '../schemas/topics.ts'
import type { Model, Run } from '../schemas/types.ts'
import { ensureDataset } from './datasets.ts'
import { type Deployment, microseconds } from './deployment.ts'
import { registeredModels } from './models.ts'
import { fingerprint } from './recipe.ts'
import { retractedBefore } from './retractions.ts'
import { changeEntry, readTable, writeTable } from './tables.ts'

/**
 * Changes a run's entry, alone with it from reading to writing.
 * @param change the entry as it should be, or as it is: then nothing is written
 * @throws EverseedError FENCED, KAFKA_UNREACHABLE; what `change` throws
 */
export function changeRun(
  deployment: Deployment,
  id: string,
  change: (found: Run | undefined) => Run | Promise<Run>
): Promise<Run> {
  return changeEntry(deployment, runs, 'run', id, change)
}

/**
 * The offline models of a recipe, fitted on what the dataset's seed split holds now.
 * @param retracted ids that left the dataset before `at`: a model without them is another model
 * @param at Unix time in microseconds
 */
function offlineModels(
  recipe: Recipe,
  slot: number,
  to: number,
  retracted: ReadonlySet<string>,
  at: number
): Model[] {
  const without = retracted.size > 0 ? [[...retracted].toSorted()] : []
  return recipe.sources
    .filter(source => source.provider === 'offline')
    .map(source => {
      const offline = {
        dataset: recipe.dataset,
        slot,
        to,
        order: source.order,
        smoothing: source.smoothing,
        share: source.sees
      }
      const revision = sha128(JSON.stringify([source.model, offline, ...without]))
      return {
        id: `${source.model}@${revision.slice(0, 8)}`,
        revision,
        provider: 'offline',
        family: source.family,
        base: null,
        trained_on: [],
        generation: 0,
        output_terms: 'allowed',
        offline,
        registered: false,
        created_at: at
      }
    })
}

/**
 * The source as the run uses it. What the registry knows of its model holds; what it does not know, the recipe assumes.
 * @throws EverseedError RECIPE_INVALID when the two disagree, or nobody says anything
 */
function withGeneration(source: Source, registered: Model | undefined): Source {
  const { name, model, family, trained_generation: assumed } = source
  if (!registered) return { ...source, trained_generation: assumed ?? 0 }
  const refuse = (message: string): EverseedError =>
    new EverseedError('RECIPE_INVALID', `source ${name}: ${message} (everseed models list)`)
  if (family !== registered.family)
    throw refuse(`family is ${family}, and model ${model} is registered as of family ${registered.family}`)
  const { generation } = registered
  if (generation !== null && assumed !== undefined && assumed !== generation) {
    throw refuse(
      `trained_generation is ${assumed}, and by its training data model ${model} is of ${generation}: leave it out`
    )
  }
  const known = generation ?? assumed
  if (known === undefined)
    throw refuse(
      `what model ${model} was trained on is unknown: say which generation to assume, trained_generation`
    )
  return { ...source, trained_generation: known }
}

/** What a recipe assumes of models nobody registered, and does not say itself; a line each. */
function assumptionsOf({ sources }: Recipe, registry: ReadonlyMap<string, Model>): string[] {
  const blind = sources.filter(
    ({ provider, model, trained_generation: said }) =>
      provider !== 'offline' && said === undefined && !registry.has(model)
  )
  return [...new Set(blind.map(({ model }) => model))].map(
    model =>
      `what model ${model} was trained on is unknown, it is not registered: assumed is human text alone, so that what it writes is of generation 1; everseed models add ${model} registers it, trained_generation assumes another`
  )
}

/**
 * Registers a run, or finds the one of the same recipe.
 * @param assumed told what is assumed of models nobody registered, when the run is made
 * @throws EverseedError RUN_CONFLICT when the name is taken by another recipe
 */
export async function ensureRun(
  deployment: Deployment,
  recipe: Recipe,
  assumed: (words: string) => void = () => {}
): Promise<Run> {
  const dataset = await ensureDataset(deployment, recipe)
  const print = fingerprint(recipe)
  /** @throws EverseedError RUN_CONFLICT */
  const checked = (found: Run): Run => {
    if (found.fingerprint === print) return found
    throw new EverseedError(
      'RUN_CONFLICT',
      `run ${recipe.run} exists with another recipe (${found.fingerprint.slice(0, 8)}, this one is ${print.slice(0, 8)}); a changed recipe is a new run: give it a new name`
    )
  }
  const existing = (await readTable(deployment, runs)).get(recipe.run)
  if (existing) return checked(existing)
  const slot = slotOf(dataset.name, '', dataset.shards, deployment.config.partitions)
  const offline = recipe.sources.some(source => source.provider === 'offline')
  await deployment.admin.settled([samplesHuman.name])
  const { high } = (await deployment.admin.offsets(samplesHuman.name))[slot]!
  if (offline && high === 0) {
    throw new EverseedError(
      'PROVIDER_UNCONFIGURED',
      `offline sources are fitted on human text and dataset ${dataset.name} has none yet: publish human documents first, and let admit take them in`
    )
  }
  const at = microseconds()
  const retracted = offline ? await retractedBefore(deployment, dataset.name, at) : new Set<string>()
  const fitted = offlineModels(recipe, slot, high, retracted, at)
  const registry = await registeredModels(deployment)
  let next = 0
  const sources = recipe.sources.map(source =>
    source.provider === 'offline'
      ? { ...source, model: fitted[next++]!.id }
      : withGeneration(source, registry.get(source.model))
  )
  const api: Model[] = sources
    .filter(source => source.provider !== 'offline')
    .map(source => ({
      id: source.model,
      revision: modelRevision(source),
      provider: source.provider,
      family: source.family,
      base: registry.get(source.model)?.base ?? null,
      trained_on: registry.get(source.model)?.trained_on ?? [],
      generation: source.trained_generation ?? 0,
      output_terms: source.output_terms,
      offline: null,
      registered: false,
      created_at: microseconds()
    }))
  await writeTable(
    deployment,
    models,
    [...fitted, ...api].map(model => [`${model.id}@${model.revision}`, model] as const)
  )
  const run: Run = {
    id: recipe.run,
    dataset: recipe.dataset,
    recipe: JSON.stringify({ ...recipe, sources }),
    fingerprint: print,
    state: 'open',
    revision: 1,
    prompts_to: [],
    until: {},
    slot,
    created_at: microseconds()
  }
  for (const words of assumptionsOf(recipe, registry)) assumed(words)
  return await changeRun(deployment, run.id, found => (found ? checked(found) : run))
}

/** The runs there are, by id. */
export function listRuns(deployment: Deployment): Promise<Map<string, Run>> {
  return readTable(deployment, runs)
}
