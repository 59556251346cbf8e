/** Datasets: what training jobs consume. Their settings are fixed with the first recipe that names them. */
import { mixText, parseMix } from '../processors/mixing.ts'
import type { Recipe } from '../processors/recipe.ts'
import { EverseedError } from '../schemas/errors.ts'
import { datasets } from '../schemas/topics.ts'
import type { Dataset } from '../schemas/types.ts'
import { type Deployment, microseconds } from './deployment.ts'
import { changeAlone, readTable } from './tables.ts'

/** Settings of a dataset a recipe asks for. */
function datasetOf(recipe: Recipe): Dataset {
  const { floor, split, signing } = recipe.human
  return {
    name: recipe.dataset,
    shards: 1,
    split_seed: split.seed,
    split_reference: split.reference,
    split_audit: split.audit,
    floor,
    max_generation: recipe.mix.max_generation,
    mix: mixText(recipe.mix),
    signing,
    window: recipe.window,
    created_at: microseconds()
  }
}

/**
 * One deployment, one set of shares: a text falls into the same split in every dataset, so that what one holds back no other
 * trains on.
 * @throws EverseedError RUN_CONFLICT
 */
function requireSameSplit(wanted: Dataset, others: readonly Dataset[]): void {
  const words = ({ split_seed, split_reference, split_audit }: Dataset): string =>
    `seed ${split_seed}, reference ${split_reference}, audit ${split_audit}`
  const [other] = others
  // Datasets that were made before this was asked may differ.
  if (!other || others.some(one => words(one) === words(wanted))) return
  throw new EverseedError(
    'RUN_CONFLICT',
    `dataset ${wanted.name} would be split otherwise (${words(wanted)}) than ${other.name}, which is there already (${words(other)}): a text falls into the same split in every dataset of a deployment. Use those shares in the recipe (human.split), or another EVERSEED_PREFIX or --data-dir`
  )
}

/**
 * Makes sure the dataset is in the table. Of two that make it at once the first one's settings hold, and the other hears.
 * @throws EverseedError RUN_CONFLICT when it exists with other settings, which are fixed for good, or other datasets with other
 *   split shares; FENCED, KAFKA_UNREACHABLE
 */
export async function ensureDataset(deployment: Deployment, recipe: Recipe): Promise<Dataset> {
  const wanted = datasetOf(recipe)
  /** @throws EverseedError RUN_CONFLICT */
  const checked = (entry: Dataset): Dataset => {
    // What an entry leaves out is the default.
    const mix = parseMix(entry.mix)
    const found = mix ? { ...entry, mix: JSON.stringify(mix) } : entry
    const fixed = [
      'shards',
      'split_seed',
      'split_reference',
      'split_audit',
      'floor',
      'max_generation',
      'mix',
      'signing',
      'window'
    ] as const
    const different = fixed.filter(field => found[field] !== wanted[field])
    if (different.length === 0) return entry
    const list = different
      .map(field => `${field} is ${found[field]}, the recipe says ${wanted[field]}`)
      .join('; ')
    throw new EverseedError(
      'RUN_CONFLICT',
      `dataset ${recipe.dataset} exists with other settings (${list}); they are fixed: use them, or name another dataset`
    )
  }
  const existing = (await readTable(deployment, datasets)).get(recipe.dataset)
  if (existing) return checked(existing)
  // One lock for all: of two datasets made at once one has to take the shares of the other.
  const what = { lock: 'datasets', words: 'the table of datasets' }
  return await changeAlone<Dataset, Dataset>(deployment, datasets, what, async table => {
    const found = table.get(wanted.name)
    if (found) return { result: checked(found) }
    requireSameSplit(wanted, [...table.values()])
    return { result: wanted, entry: [wanted.name, wanted] }
  })
}

/** The dataset of that name. */
export async function findDataset(deployment: Deployment, name: string): Promise<Dataset> {
  const found = (await readTable(deployment, datasets)).get(name)
  if (!found)
    throw new EverseedError('UNKNOWN_NAME', `there is no dataset ${name}; publish with --recipe to make one`)
  return found
}
