/** The registry of models: what each was trained on, and so which generation its texts are of. */
import { EverseedError } from '../schemas/errors.ts'
import { sha128 } from '../schemas/identity.ts'
import { models } from '../schemas/topics.ts'
import type { Model, Version } from '../schemas/types.ts'
import { type Deployment, microseconds } from './deployment.ts'
import { changeAlone, readTable } from './tables.ts'
import { findVersion, listVersions, manifestOf, nameOf } from './versions/versions.ts'

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
  return registeredIn(await readTable(deployment, models))
}

function registeredIn(table: ReadonlyMap<string, Model>): Map<string, Model> {
  const found = new Map<string, Model>()
  for (const model of table.values()) {
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
 * How a model would descend from itself: by its bases, and by versions that hold texts of models. Names alone tell: a model
 * that was trained anew is another one, and has a name of its own.
 * @param of what it was made of
 * @param versions by name
 * @param offline ids of offline models, which carry a fingerprint behind their name
 * @returns the way up to itself in words; undefined: there is none
 */
export function circleOf(
  id: string,
  of: Pick<Model, 'base' | 'trained_on'>,
  known: ReadonlyMap<string, Pick<Model, 'base' | 'trained_on'>>,
  versions: ReadonlyMap<string, Version>,
  offline: ReadonlySet<string>
): string | undefined {
  const nameOfModel = (model: string): string =>
    offline.has(model) ? model.slice(0, model.lastIndexOf('@')) : model
  const seen = new Set<string>()
  const next = [{ of, way: '' }]
  for (let made = next.pop(); made; made = next.pop()) {
    const { base, trained_on } = made.of
    const steps = base === null ? [] : [{ model: base, step: `its base ${base}` }]
    for (const name of trained_on) {
      const version = versions.get(name)
      for (const model of Object.keys(version ? manifestOf(version).models : {}))
        steps.push({ model, step: `${name}, which holds texts of ${model}` })
    }
    for (const { model, step } of steps) {
      const way = made.way === '' ? step : `${made.way}, by ${step}`
      const name = nameOfModel(model)
      if (name === id || model === id) return way
      if (seen.has(name)) continue
      seen.add(name)
      const entry = known.get(name)
      if (entry) next.push({ of: entry, way })
    }
  }
  return undefined
}

/** What an earlier entry of a model says it was made of and a later one leaves out, in words. */
function forgotten(
  before: Pick<Model, 'base' | 'trained_on' | 'generation'>,
  after: Pick<Model, 'base' | 'trained_on' | 'generation'>
): string | undefined {
  const version = before.trained_on.find(name => !after.trained_on.includes(name))
  if (version !== undefined) return `trained on ${version}`
  if (before.base !== null && before.base !== after.base) return `fine-tuned from ${before.base}`
  // Unknown is deeper than any.
  const falls =
    before.generation !== null && after.generation !== null && after.generation < before.generation
  return falls ? `of texts up to generation ${before.generation}` : undefined
}

/** An entry of the registry, and whether it is new. */
export type Registration = { readonly model: Model; readonly created: boolean }

/**
 * Registers a model. Its generation is that of the newest text it ever saw: in the versions it was trained on, or by its
 * base. Of a model that names neither it is unknown.
 * @throws EverseedError UNKNOWN_NAME for a version or base that is not there; MODEL_CYCLE for a model that would descend
 *   from itself; PROVENANCE_INVALID for one that was registered as made of more; FENCED, KAFKA_UNREACHABLE
 */
export async function addModel(deployment: Deployment, declared: Declared): Promise<Registration> {
  const { id, provider, family, trainedOn, base, outputTerms } = declared
  // One lock for all: two models that name each other at the same time would be a circle.
  const what = { lock: 'models', words: 'the registry of models' }
  return await changeAlone<Model, Registration>(deployment, models, what, async table => {
    const known = registeredIn(table)
    const generations: (number | null)[] = []
    if (base !== null && base !== id) {
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
      if (!names.includes(nameOf(version))) names.push(nameOf(version))
      generations.push(newestGeneration(version))
    }
    names.sort()
    const all = await listVersions(deployment)
    const versions = new Map(all.map(one => [nameOf(one), one]))
    const offline = new Set([...table.values()].flatMap(one => (one.offline ? [one.id] : [])))
    const way = circleOf(id, { base, trained_on: names }, known, versions, offline)
    if (way !== undefined)
      throw new EverseedError(
        'MODEL_CYCLE',
        `${id} would descend from itself, by ${way}: give the newly trained model a name of its own`
      )
    const generation = newest(generations)
    const before = known.get(id)
    const lost = before && forgotten(before, { base, trained_on: names, generation })
    if (lost !== undefined)
      throw new EverseedError(
        'PROVENANCE_INVALID',
        `${id} is registered as ${lost}, and what a model was made of is never taken back: say it as well, or give a newly trained model a name of its own (everseed models list)`
      )
    const revision = sha128(
      JSON.stringify(['registered', id, provider, family, names, base, generation, outputTerms])
    )
    if (before?.revision === revision) return { result: { model: before, created: false } }
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
    return { result: { model, created: true }, entry: [`${id}@${revision}`, model] }
  })
}
