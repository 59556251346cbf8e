/** The registry of models: what each was trained on, and so which generation its texts are of. */
import { EverseedError } from '../schemas/errors.ts'
import { sha128 } from '../schemas/identity.ts'
import { models } from '../schemas/topics.ts'
import type { Model, Version } from '../schemas/types.ts'
import { type Deployment, microseconds } from './deployment.ts'
import { readTable, writeTable } from './tables.ts'
import { findVersion, manifestOf, nameOf } from './versions/versions.ts'

/** What somebody says of a model. Its generation is not among it: it follows. */
export type Declared = {
  readonly id: string
  readonly provider: string
  readonly family: string
  /** Versions it was trained on, `dataset@version`. */
  readonly trainedOn: readonly string[]
  /** Model it was fine-tuned from. */
  readonly base: string | null
  readonly outputTerms: 'allowed' | 'forbidden' | 'unknown'
}

/** Models somebody registered, newest revision of each; what recipes say of others is not among them. */
export async function registeredModels(deployment: Deployment): Promise<Map<string, Model>> {
  const found = new Map<string, Model>()
  for (const model of (await readTable(deployment, models)).values()) {
    const before = found.get(model.id)
    // What is said again is an entry that was there: the time tells which word is the last.
    if (model.registered && !(before && before.created_at > model.created_at)) found.set(model.id, model)
  }
  return found
}

/** Generation of the newest text in a version; null where one is of unknown generation. */
export function newestGeneration(version: Version): number | null {
  const numbers = Object.keys(manifestOf(version).generations)
  return numbers.includes('unknown') ? null : Math.max(0, ...numbers.map(Number))
}

/** The largest of some generations; null where one is unknown or there are none. */
function newest(generations: readonly (number | null)[]): number | null {
  let most: number | null = null
  for (const one of generations) {
    if (one === null) return null
    most = Math.max(most ?? 0, one)
  }
  return most
}

/**
 * Registers a model. Its generation is that of the newest text it ever saw: in the versions it was trained on, or by its
 * base. Of a model that names neither it is unknown.
 * @returns the entry, and whether it is new
 * @throws EverseedError UNKNOWN_NAME for a version or base that is not there; MODEL_CYCLE for a model trained on its own
 *   texts under its own name
 */
export async function addModel(
  deployment: Deployment,
  declared: Declared
): Promise<{ model: Model; created: boolean }> {
  const { id, provider, family, trainedOn, base, outputTerms } = declared
  const cycle = (message: string): EverseedError =>
    new EverseedError('MODEL_CYCLE', `${message}: give the newly trained model a name of its own`)
  if (base === id) throw cycle(`${id} is named as its own base`)
  const known = await registeredModels(deployment)
  const generations: (number | null)[] = []
  if (base !== null) {
    const found = known.get(base)
    if (!found) {
      throw new EverseedError(
        'UNKNOWN_NAME',
        `base ${base} is not registered: register it first with everseed models add ${base}, without --trained-on when what it was trained on is unknown`
      )
    }
    generations.push(found.generation)
  }
  const names: string[] = []
  for (const name of trainedOn) {
    const version = await findVersion(deployment, name)
    if (Object.hasOwn(manifestOf(version).models, id))
      throw cycle(`${nameOf(version)} holds texts of ${id} itself`)
    names.push(nameOf(version))
    generations.push(newestGeneration(version))
  }
  names.sort()
  const generation = newest(generations)
  const revision = sha128(
    JSON.stringify(['registered', id, provider, family, names, base, generation, outputTerms])
  )
  const before = known.get(id)
  if (before?.revision === revision) return { model: before, created: false }
  const model: Model = {
    id,
    revision,
    provider,
    family,
    base,
    trained_on: names,
    generation,
    output_terms: outputTerms,
    offline: null,
    registered: true,
    created_at: microseconds()
  }
  await writeTable(deployment, models, [[`${id}@${revision}`, model]])
  await deployment.admin.settled([models.name])
  return { model, created: true }
}
