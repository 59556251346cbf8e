/** `everseed retract`: texts that leave all versions that are closed from now on. */
import { EverseedError } from '../../schemas/errors.ts'
import { control, datasets, retractions, training, versions } from '../../schemas/topics.ts'
import type { Ask } from '../clickhouse/lineage.ts'
import { findDataset } from '../datasets.ts'
import type { Deployment } from '../deployment.ts'
import { type Plan, planRetraction, retract as write, type Standing } from '../retract.ts'
import { resolveConfig, withDeployment } from './context.ts'
import { idOf, idsIn } from './ids.ts'
import { note, print, printJson, shown } from './output.ts'
import { withWarehouse } from './sql.ts'
import { reading } from './versions.ts'

type Options = {
  readonly file?: string
  readonly reason: string
  readonly by: string
  readonly descendants?: boolean
  readonly unseen?: boolean
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

export const few = (names: readonly string[], most = 10): string =>
  shown(names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : ''))

export function standingWords({ rows, human }: Standing): string {
  const share = rows === 0 ? '' : `, real share ${(human / rows).toFixed(3)}`
  return `${rows} rows, ${human} of them human${share}`
}

/** Says so where the floor holds only by rows that leave besides. */
export function showBroken({ before, after, floor }: Pick<Plan, 'before' | 'after' | 'floor'>): void {
  const displaced = after.displaced - before.displaced
  if (displaced > 0)
    print(
      `this breaks the floor of ${floor}: ${displaced} rows more leave, which had their places by human rows that are gone`
    )
}

function show(plan: Plan): void {
  const { dataset, entries, named, already, rows, before, after, versions: holding, prompts, models } = plan
  print(
    `${entries.length} texts of ${dataset}: ${named} named, ${entries.length - named} that descend from them; ${already} were retracted before`
  )
  print(`${rows} rows of training leave`)
  print(`the next version, before: ${standingWords(before)}`)
  print(`the next version, after:  ${standingWords(after)}`)
  showBroken(plan)
  if (holding.length > 0) print(`versions that hold some of them, and stay as they are: ${few(holding)}`)
  if (prompts && prompts.length > 0)
    print(`${prompts.length} prompts quote them or derive from them: ${few(prompts)}`)
  if (models && models.length > 0)
    print(`offline models that were fitted on some of them, and stay as they are: ${few(models)}`)
  if (plan.unseen === null)
    note('there is no ClickHouse: nobody looked whether these texts exist, or which prompts quote them')
}

async function run(
  deployment: Deployment,
  ask: Ask | undefined,
  name: string,
  ids: readonly string[],
  options: Options
): Promise<void> {
  await deployment.prepare([datasets, training, versions, retractions, control])
  const dataset = await findDataset(deployment, name)
  const plan = await reading(update =>
    planRetraction(deployment, ask, dataset, ids, options.descendants === true, update)
  )
  if (plan.unseen && plan.unseen.length > 0 && !options.unseen)
    throw new EverseedError(
      'UNKNOWN_NAME',
      `dataset ${name} has no text ${few(plan.unseen, 3)}: nothing was written. Check the ids (everseed lineage ID); --unseen retracts what is not there yet`
    )
  const doing = options.yes === true && plan.entries.length > 0
  if (!options.json) show(plan)
  let late: Plan['entries'] = []
  if (doing) {
    await write(deployment, plan, options.reason, options.by)
    if (plan.descendants) {
      // What was made of them while all this was read, and has not met the mixer since it knows.
      const again = await planRetraction(deployment, ask, dataset, ids, true)
      if (again.entries.length > 0) await write(deployment, again, options.reason, options.by)
      late = again.entries
    }
  }
  if (options.json) return printJson({ ...plan, entries: [...plan.entries, ...late], written: doing })
  if (late.length > 0) print(`${late.length} texts that were made of them meanwhile leave as well`)
  if (plan.entries.length === 0) return print('nothing to do')
  print(doing ? 'retracted' : 'nothing was written; --yes retracts them')
}

export async function retract(dataset: string, given: readonly string[], options: Options): Promise<void> {
  const listed = options.file === undefined ? [] : await idsIn(options.file)
  const ids = [...given, ...listed].map(id => idOf(id, dataset))
  if (ids.length === 0)
    throw new EverseedError('CONFIG_INVALID', 'no texts are named: give their ids, or --file with one a line')
  if (options.reason.trim() === '')
    throw new EverseedError('CONFIG_INVALID', '--reason is empty: say why these texts leave')
  const clickhouse = resolveConfig().clickhouse !== undefined
  await withDeployment(async deployment => {
    if (!clickhouse) return await run(deployment, undefined, dataset, ids, options)
    await withWarehouse(ask => run(deployment, ask, dataset, ids, options))
  })
}
