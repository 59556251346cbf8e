/** `everseed erase`: the words of texts leave everything there is. */
import { EverseedError } from '../../schemas/errors.ts'
import { textKey } from '../../schemas/identity.ts'
import { control, datasets, retractions } from '../../schemas/topics.ts'
import { createWarehouse, type Warehouse } from '../clickhouse/client.ts'
import type { Ask } from '../clickhouse/lineage.ts'
import { migrate } from '../clickhouse/migrate.ts'
import { ownerOf } from '../clickhouse/owner.ts'
import { findDataset } from '../datasets.ts'
import type { Deployment } from '../deployment.ts'
import { eraseGroup } from '../kafka/settings.ts'
import { type Erasure, erase as write, planErasure, type Proof } from '../erase/erase.ts'
import { shortest } from '../erase/wanted.ts'
import { allTopics } from '../processors.ts'
import { type Plan, planRetraction, warn } from '../retract.ts'
import { commandLog, resolveConfig, runningUp, withDeployment } from './context.ts'
import { note, print, printJson } from './output.ts'
import { idOf, idsIn } from './ids.ts'
import { few, showBroken, standingWords } from './retract.ts'
import { takingTurns } from './turns.ts'
import { interruptedExit, interruption } from './up.ts'
import { reading } from './versions.ts'

type Options = {
  readonly file?: string
  readonly reason: string
  readonly by: string
  readonly loseRepeated?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** What the next version of a dataset is before and after. */
function showStanding({ dataset, before, after, floor, models }: Plan): void {
  print(`the next version of ${dataset}, before: ${standingWords(before)}`)
  print(`the next version of ${dataset}, after:  ${standingWords(after)}`)
  showBroken({ before, after, floor })
  if (models && models.length > 0)
    print(
      `offline models that were fitted on some of them: ${few(models)}; restart generate, which keeps them in memory as they were`
    )
}

function show(plan: Erasure, leaving: readonly Plan[]): void {
  const { wanted, records, rows, others, versions, short, gone, dataset } = plan
  const places = Object.entries(records).map(([topic, count]) => `${count} of ${topic}`)
  const all = Object.values(records).reduce((sum, count) => sum + count, 0)
  print(
    `${wanted.length} texts of ${dataset}: ${all} records hold their words${all > 0 ? `, ${places.join(', ')}` : ''}`
  )
  print(`${rows} rows of training are theirs`)
  if (others.length > 0)
    print(
      `${others.length} other texts hold their words and go with them: ${few(others.map(one => (one.dataset === dataset ? one.id : textKey(one.dataset, one.id))))}`
    )
  for (const one of leaving) showStanding(one)
  if (versions.length > 0)
    print(`exports of these versions hold the words, delete them wherever they are: ${few(versions)}`)
  if (short.length > 0)
    note(`of fewer than ${shortest} characters, so only records that name them are found: ${few(short)}`)
  if (gone.length > 0) note(`nothing of these is left in the logs to be looked for: ${few(gone)}`)
}

function showProof({ wanted, short, gone }: Erasure, { records, bytes, clickhouse, files }: Proof): void {
  const unsearched = short.length + gone.length
  const what =
    unsearched === 0
      ? 'no words of them'
      : unsearched === wanted.length
        ? 'no record of them'
        : 'nothing of them'
  print(`${what} in ${records} records of ${allTopics.length} topics (${bytes} bytes)`)
  if (unsearched === wanted.length)
    return note('no words were looked for: those that are left are too few, or gone')
  if (clickhouse) print(`none in ${clickhouse.rows} rows of ${clickhouse.tables} tables of ClickHouse`)
  else note('there is no ClickHouse (EVERSEED_CLICKHOUSE_URL): no rows were looked through')
  if (files) print(`none in ${files.files} files of the data folder (${files.bytes} bytes)`)
  else note('no everseed up runs on this data folder: no files were looked through')
}

async function run(
  deployment: Deployment,
  warehouse: Warehouse | undefined,
  folder: string | undefined,
  name: string,
  ids: readonly string[],
  options: Options,
  signal: AbortSignal | undefined
): Promise<void> {
  await deployment.admin.requireTopics(allTopics)
  await deployment.registry.register(allTopics, deployment.config.prefix)
  await deployment.prepare([datasets, retractions, control])
  const dataset = await findDataset(deployment, name)
  const plan = await reading(
    update =>
      planErasure(deployment, dataset, ids, options.loseRepeated === true, records => {
        signal?.throwIfAborted()
        update(records)
      }),
    'records'
  )
  const { hits: _hits, wanted, ...told } = plan
  const ask: Ask | undefined = warehouse && ((sql, params = {}) => warehouse.rows(sql, { params }))
  const going = Map.groupBy([...wanted, ...plan.others], one => one.dataset)
  const leaving: Plan[] = []
  for (const [own, texts] of going) {
    const from = own === name ? dataset : await findDataset(deployment, own)
    leaving.push(
      await planRetraction(
        deployment,
        ask,
        from,
        texts.map(({ id }) => id),
        false
      )
    )
  }
  signal?.throwIfAborted()
  if (!options.json) show(plan, leaving)
  let proof: Proof | null = null
  if (options.yes === true) {
    for (const one of leaving) await warn(deployment, one)
    const { reason, by } = options
    proof = await write(deployment, warehouse, folder, plan, reason, by, what => note(what), signal)
  }
  if (options.json) {
    const standings = leaving.map(({ dataset: own, floor, before, after, models }) => ({
      dataset: own,
      floor,
      before,
      after,
      models
    }))
    return printJson({ ...told, texts: wanted.map(({ id }) => id), standings, proof })
  }
  if (!proof) return print('nothing was written; --yes erases them')
  showProof(plan, proof)
  print('erased')
}

export async function erase(dataset: string, given: readonly string[], options: Options): Promise<void> {
  const listed = options.file === undefined ? [] : await idsIn(options.file)
  const ids = [...given, ...listed].map(id => idOf(id, dataset))
  if (ids.length === 0)
    throw new EverseedError('CONFIG_INVALID', 'no texts are named: give their ids, or --file with one a line')
  if (options.reason.trim() === '')
    throw new EverseedError('CONFIG_INVALID', '--reason is empty: say why these texts are erased')
  const { clickhouse, dataDir } = resolveConfig()
  const folder = runningUp(dataDir) ? dataDir : undefined
  const warehouse = clickhouse && createWarehouse({ ...clickhouse, log: commandLog() })
  const signal = options.yes === true ? interruption().signal : undefined
  try {
    await withDeployment(async deployment => {
      const work = (): Promise<void> => run(deployment, warehouse, folder, dataset, ids, options, signal)
      if (options.yes !== true) return await work()
      const writing = async (): Promise<void> => {
        // The store of this version may never have opened it.
        if (warehouse && (await ownerOf(warehouse))) await migrate(warehouse, commandLog())
        await work()
      }
      await takingTurns(deployment, eraseGroup, 'erases texts, folds or rebuilds', writing, signal)
    })
  } catch (error) {
    if (signal?.aborted !== true || error !== signal.reason) throw error
    note(
      'interrupted: the topics have their settings back, and what is not erased yet is by the same command'
    )
    process.exitCode = interruptedExit
  } finally {
    await warehouse?.close()
  }
}
