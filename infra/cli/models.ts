/** `everseed models`: which generation a model's texts are of follows from what it was trained on. */
import { name as named } from '../../processors/recipe.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { models as modelsTopic, versions } from '../../schemas/topics.ts'
import type { Model } from '../../schemas/types.ts'
import { addModel, registeredModels } from '../models.ts'
import { withDeployment, withReader } from './context.ts'
import { note, print, printJson, table } from './output.ts'

type AddOptions = {
  readonly provider: string
  readonly family: string
  readonly trainedOn?: string
  readonly base?: string
  readonly terms: 'allowed' | 'forbidden' | 'unknown'
  readonly json?: boolean
}

/** What is said of a model's generation, for people. */
const words = ({ generation }: Pick<Model, 'generation'>): string =>
  generation === null
    ? 'what it was trained on is unknown: the recipe says which generation to assume (trained_generation)'
    : `the newest text it was trained on is of generation ${generation}, its own texts will be of generation ${generation + 1}`

export async function add(id: string, options: AddOptions): Promise<void> {
  const { provider, family, trainedOn, base, terms, json } = options
  const versionNames = trainedOn?.split(',').map(name => name.trim()) ?? []
  for (const [what, name] of [
    ['the model', id],
    ['--family', family],
    ['--base', base ?? 'none'],
    ...versionNames.map(one => ['--trained-on', one] as const)
  ] as const)
    if (name.trim() === '') throw new EverseedError('CONFIG_INVALID', `${what} has no name: give it one`)
  const wrong = named.safeParse(family).error?.issues[0]?.message
  if (wrong !== undefined)
    throw new EverseedError('CONFIG_INVALID', `--family ${family}: no recipe can name it: ${wrong}`)
  const { model, created } = await withDeployment(async deployment => {
    await deployment.prepare([modelsTopic, versions])
    return await addModel(deployment, {
      id,
      provider,
      family,
      trainedOn: versionNames,
      base: base ?? null,
      outputTerms: terms
    })
  })
  if (json) return printJson({ created, ...model })
  print(`${id} ${created ? 'is registered' : 'is registered like this already'}: ${words(model)}`)
}

export async function list({ json }: { json?: boolean }): Promise<void> {
  const found = await withReader(async deployment => {
    await deployment.admin.requireTopics([modelsTopic])
    return [...(await registeredModels(deployment)).values()]
  })
  if (json) return printJson(found)
  if (found.length === 0) return note('no models are registered; everseed models add --help says how')
  const head = ['model', 'provider', 'family', 'base', 'trained_on', 'generation', 'output_terms', 'revision']
  print(
    table(
      head,
      found.map(model => [
        model.id,
        model.provider,
        model.family,
        model.base,
        model.trained_on.join(','),
        model.generation ?? 'unknown',
        model.output_terms,
        model.revision.slice(0, 8)
      ])
    )
  )
}
