/** `everseed publish`. */
import { closeSync, existsSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { EverseedError } from '../../schemas/errors.ts'
import { human as humanTopic } from '../../schemas/topics.ts'
import type { Dataset } from '../../schemas/types.ts'
import type { Deployment } from '../deployment.ts'
import { mixWarnings } from '../mixes.ts'
import { allTopics } from '../processors.ts'
import {
  closeRun,
  ensureDataset,
  ensureRun,
  findDataset,
  publishHuman,
  publishPrompts,
  type PublishReport,
  type Rejected
} from '../publish.ts'
import { untilNone } from '../patience.ts'
import { readRecipe } from '../recipe.ts'
import { openSigner } from '../keys.ts'
import type { Defaults } from '../lines.ts'
import { clickhouseOf, linesOf, reasonOf, withDeployment } from './context.ts'
import { type Format, formatOf, inputOf } from './input.ts'
import { note, print, printJson, progress } from './output.ts'

/** Rejected lines shown one by one; all of them are in the file. */
const shownRejects = 20

/** Where rejected lines go: beside the file, or the folder; those of a pipe into a file of their own each time. */
function rejectName(path: string): string {
  if (path === '-') {
    let name = 'stdin.rejects.jsonl'
    for (let number = 2; existsSync(name); number++) name = `stdin-${number}.rejects.jsonl`
    return name
  }
  const plain = path.replace(/\/+$/, '')
  return `${['', '.', '..'].includes(basename(plain)) ? resolve(path) : plain}.rejects.jsonl`
}

/** Rejected lines, one JSON object each: line, row or file, error, text. */
function rejectFile(path: string): { write(rejected: Rejected): void; close(): string | null } {
  const name = rejectName(path)
  const unwritable = (cause: unknown): EverseedError =>
    new EverseedError(
      'FILE_UNWRITABLE',
      `rejected lines go to ${name}, which cannot be written: ${reasonOf(cause)}; publish from a folder you may write to, or pipe the file in with -`,
      { cause }
    )
  try {
    rmSync(name, { force: true })
  } catch (cause) {
    throw unwritable(cause)
  }
  let file: number | undefined
  let count = 0
  return {
    write({ name: called, place, error, text }) {
      try {
        file ??= openSync(name, 'w', 0o600)
        writeSync(file, `${JSON.stringify({ ...place, error, text })}\n`)
      } catch (cause) {
        throw unwritable(cause)
      }
      count++
      if (count <= shownRejects) note(`${called}: ${error}`)
      else if (count === shownRejects + 1) note(`and more; every rejected line is in ${name}`)
    },
    close() {
      if (file === undefined) return null
      closeSync(file)
      return name
    }
  }
}

/** What a publisher is known by: the same file under another name is the same source; a pipe is nobody else's. */
function sourceOf(path: string): string | null {
  try {
    return path === '-' ? null : realpathSync(path)
  } catch {
    return path
  }
}

async function publishing(
  path: string,
  of: 'documents' | 'prompts',
  json: boolean,
  work: (on: {
    rejected(rejected: Rejected): void
    readonly whole: boolean
    progress(report: PublishReport): void
  }) => Promise<PublishReport>
): Promise<PublishReport> {
  const rejects = rejectFile(path)
  const bar = progress('published')
  const started = performance.now()
  let report: PublishReport
  let file: string | null
  try {
    report = await work({
      rejected: line => rejects.write(line),
      whole: path === '-',
      progress: ({ published, read }) =>
        bar.update(published, `${Math.round(read / ((performance.now() - started) / 1000))} lines/s`)
    })
  } finally {
    bar.stop()
    file = rejects.close()
  }
  const { duplicates, otherwise, ...counts } = report
  if (json) printJson({ ...(of === 'documents' ? report : counts), rejects: file })
  else {
    const repeated =
      duplicates === 0 ? '' : `; with a text that came before: ${duplicates} (one text is one sample)`
    print(
      `${report.published} published, ${report.already} were there already, ${report.rejected} rejected${file ? ` (see ${file})` : ''}${repeated}`
    )
    if (otherwise > 0)
      note(
        `${otherwise} of those that were there were published as of another origin or signature, and stay what they were: a text is taken in once`
      )
  }
  if (report.rejected > 0) process.exitCode = 2
  return report
}

/** Options of `publish human`. */
type HumanOptions = {
  readonly recipe?: string
  readonly dataset?: string
  readonly format?: Format
  readonly origin?: string
  readonly license?: string
  readonly author?: string
  readonly source?: string
  readonly topic?: string
  readonly task?: string
  readonly signWith?: string
  readonly key?: string
  readonly by: string
  readonly json?: boolean
}

/** What is said of all documents by options. */
function defaultsOf({ origin, license, author, source, topic, task }: HumanOptions): Defaults {
  const said = { origin, license, author, source_uri: source, topic, task }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}

export async function human(path: string, options: HumanOptions): Promise<void> {
  const { dataset: name, signWith, key } = options
  if ((options.recipe === undefined) === (name === undefined)) {
    throw new EverseedError(
      'CONFIG_INVALID',
      name === undefined
        ? 'say where the documents belong: --recipe FILE makes the dataset when it is new, --dataset NAME names one that exists'
        : `--recipe names a dataset too: leave out one of --recipe and --dataset ${name}`
    )
  }
  if ((signWith === undefined) !== (key === undefined)) {
    throw new EverseedError(
      'CONFIG_INVALID',
      'signing needs --sign-with ID, the name of a listed key, and --key FILE, its private half'
    )
  }
  const format = formatOf(path, options.format)
  if (format === 'text' && options.origin === undefined) {
    throw new EverseedError(
      'CONFIG_INVALID',
      'text files do not say who wrote them: give --origin HUMAN_AUTHORED or UNKNOWN (or --format jsonl where they hold JSON lines)'
    )
  }
  const recipe = options.recipe === undefined ? undefined : readRecipe(options.recipe)
  await withDeployment(async deployment => {
    await deployment.prepare(allTopics)
    const dataset = recipe ? await ensureDataset(deployment, recipe) : await findDataset(deployment, name!)
    warn(dataset)
    const signer = signWith === undefined ? undefined : await openSigner(deployment, signWith, key!)
    if (dataset.signing && !signer)
      note(
        `dataset ${dataset.name} takes only signed text for human: what is published without --sign-with stays of unknown origin`
      )
    await publishing(path, 'documents', options.json ?? false, on =>
      publishHuman(
        deployment,
        dataset,
        inputOf(path, format, options.source),
        options.by,
        on,
        sourceOf(path),
        { defaults: defaultsOf(options), ...(signer && { signer }) }
      )
    )
  })
}

/** What whoever publishes to a dataset must know of its mix. */
function warn(dataset: Dataset): void {
  for (const warning of mixWarnings(dataset)) note(`warning: dataset ${dataset.name}: ${warning}`)
}

/** Milliseconds admit may stand still while offline models wait for what was published, to be fitted on it. */
const admitMs = 120_000

/** Resolves when admit has taken in every document that was published by now. */
export async function admitted(deployment: Deployment): Promise<void> {
  const { admin } = deployment
  const published = await admin.ranges(humanTopic.name)
  await untilNone(() => admin.lagIn('admit', published), {
    patienceMs: admitMs,
    waiting: () => note('waiting for admit to take the human documents in …'),
    stalled: lag =>
      new EverseedError('TIMEOUT', `${lag} human documents wait for admit: is it running? (everseed status)`)
  })
}

export async function prompts(
  path: string,
  options: { recipe: string; keepOpen?: boolean; wait?: boolean; by: string; json?: boolean }
): Promise<void> {
  if (options.keepOpen && options.wait)
    throw new EverseedError(
      'CONFIG_INVALID',
      'a run that is left open (--keep-open) never ends by itself: leave out --wait, or --keep-open'
    )
  const recipe = readRecipe(options.recipe)
  await withDeployment(async (deployment, config) => {
    const clickhouse = options.wait ? clickhouseOf(config) : undefined
    await deployment.prepare(allTopics)
    if (recipe.sources.some(source => source.provider === 'offline')) await admitted(deployment)
    const run = await ensureRun(deployment, recipe, note)
    warn(await findDataset(deployment, run.dataset))
    const { rejected } = await publishing(path, 'prompts', options.json ?? false, on =>
      publishPrompts(deployment, run, recipe, linesOf(path), options.by, on, sourceOf(path))
    )
    if (options.keepOpen) return
    if (rejected > 0 && run.state === 'open') {
      note(
        `run ${run.id} stays open: correct the rejected lines and publish again, or end it without them: everseed publish close ${run.id}`
      )
      return
    }
    const { state } = await closeRun(deployment, run.id)
    if (!options.json) note(closed(run.id, state))
    if (!clickhouse) return
    const { watchRun } = await import('./watch.ts')
    await watchRun(deployment, clickhouse, { recipe, run: run.id })
  })
}

/** What has become of a run whose publishing was closed. */
function closed(id: string, state: string): string {
  return state === 'ended'
    ? `run ${id} has ended`
    : `run ${id} takes no more prompts and ends when every sample is settled`
}

export async function close(id: string): Promise<void> {
  const run = await withDeployment(async deployment => {
    await deployment.prepare(allTopics)
    return await closeRun(deployment, id)
  })
  print(closed(run.id, run.state))
}
