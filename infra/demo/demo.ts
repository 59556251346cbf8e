/** The demo: the whole path on a bundled human corpus, without keys, with live progress and the tables at the end. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Recipe } from '../../processors/recipe.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { diversityTable, newestWindows } from '../cli/sql.ts'
import { note, objectsTable, print, progress } from '../cli/output.ts'
import { openReader } from '../clickhouse/open.ts'
import { connect, type Deployment } from '../deployment.ts'
import { retryPolicy } from '../llm/retry.ts'
import { silentLog } from '../log.ts'
import { untilNone } from '../patience.ts'
import { allTopics } from '../processors.ts'
import { closeRun, ensureDataset, ensureRun, listRuns, publishHuman, publishPrompts } from '../publish.ts'
import { untilQuiet } from '../quiet.ts'
import type { Up } from '../up.ts'

const topics = [
  'the treasury',
  'foreign affairs',
  'the defense of the country',
  'agriculture',
  'commerce',
  'the public lands',
  'labor',
  'schools and health',
  'justice',
  'transport'
]
const cells = [
  'treasury',
  'foreign-affairs',
  'defense',
  'agriculture',
  'commerce',
  'lands',
  'labor',
  'schools-and-health',
  'justice',
  'transport'
]
const angles = [
  'Report on the state of',
  'Propose a measure concerning',
  'Praise the progress of the past year in',
  'Warn of a danger to',
  'Compare this year with the last in',
  'Give figures on',
  'Ask for an appropriation for',
  'Recall the history of',
  'Describe the condition of the people concerned with',
  'Name what remains to be done for',
  'Answer the critics of our policy on',
  'Draw a lesson from abroad on'
]

/** The corpus as JSON lines. */
export function corpusLines(): string[] {
  try {
    return gunzipSync(readFileSync(join(import.meta.dirname, 'corpus.jsonl.gz')))
      .toString()
      .trimEnd()
      .split('\n')
  } catch (cause) {
    throw new EverseedError(
      'CORPUS_MISSING',
      `the bundled corpus could not be read: ${(cause as Error).message}; check the files of the package`,
      { cause }
    )
  }
}

/** The seed prompts as JSON lines: every angle on every topic. */
function promptLines(): string[] {
  return cells.flatMap((topic, index) =>
    angles.map(angle =>
      JSON.stringify({
        prompt: `${angle} ${topics[index]!}, in one passage of an annual address.`,
        topic,
        task: 'write',
        format: 'passage'
      })
    )
  )
}

/** Lines as they are published: with their numbers, from 1. */
export async function* numbered(lines: readonly string[]): AsyncGenerator<{ number: number; text: string }> {
  for (const [index, text] of lines.entries()) yield { number: index + 1, text }
}

const rejected = ({ line, error }: { line: number; error: string }): void => note(`line ${line}: ${error}`)

/** Milliseconds in which something happens where nobody waits for a model. */
const patienceMs = 5 * 60 * 1000

/** The same for a run: a model that answers nobody is waited for, and a call that fails is tried again. */
function runPatience({ sources, park_after }: Recipe): number {
  const waits = sources.some(({ provider }) => provider !== 'offline')
  return patienceMs + (waits ? park_after * 1000 + retryPolicy.elapsedMs : 0)
}

/** The error of a standstill. */
const standstill = (what: string, ms: number): EverseedError =>
  new EverseedError(
    'TIMEOUT',
    `${what}, and nothing has moved for ${Math.round(ms / 1000)} seconds; see npx everseed status and the logs in the data folder`
  )

/** Publishes what the demo needs; doing it twice changes nothing. */
async function publish(deployment: Deployment, recipe: Recipe): Promise<{ run: string; expected: number }> {
  const dataset = await ensureDataset(deployment, recipe)
  const corpus = corpusLines()
  const human = await publishHuman(deployment, dataset, numbered(corpus), 'everseed demo', { rejected })
  print(
    `  human    ${human.published} passages published, ${human.already} were there already (State of the Union addresses, public domain)`
  )
  await untilNone(() => deployment.admin.lag('admit', ['human']), {
    patienceMs,
    stalled: left => standstill(`${left} human documents were not taken in`, patienceMs)
  })
  const run = await ensureRun(deployment, recipe)
  const prompts = promptLines()
  const asked = await publishPrompts(deployment, run, recipe, numbered(prompts), 'everseed demo', {
    rejected
  })
  await closeRun(deployment, run.id)
  print(
    `  prompts  ${asked.published} seed prompts published, ${recipe.samples_per_prompt} samples each, from ${recipe.sources.length} sources`
  )
  return { run: run.id, expected: prompts.length * recipe.samples_per_prompt }
}

/** A line of the funnel, as far as progress goes. */
type Counts = Readonly<Record<'expected' | 'generated' | 'rejected' | 'verified' | 'parked' | 'dead', number>>

/** How far a run came, in samples. What failed and is tried again makes the whole larger; a duplicate is rejected too. */
export function progressOf(
  { expected = 0, verified = 0, rejected: turned = 0, parked = 0, dead = 0 }: Partial<Counts>,
  asked: number
): { settled: number; whole: number } {
  return { settled: verified + turned + parked + dead, whole: Math.max(asked, expected) }
}

/** Live progress until the run has ended and everything of it is in ClickHouse. */
async function watch(
  up: Up,
  deployment: Deployment,
  recipe: Recipe,
  run: string,
  asked: number
): Promise<void> {
  const reader = openReader(up.config.clickhouse!, silentLog)
  const bar = progress('  samples', asked)
  const patience = runPatience(recipe)
  let open = asked
  const left = async (): Promise<number> => {
    const [row = {}] = (await reader.rows('SELECT * FROM funnel WHERE run = {run:String}', {
      run
    })) as Partial<Counts>[]
    const { settled, whole } = progressOf(row, asked)
    bar.update(settled, `settled; generated ${row.generated ?? 0}, verified ${row.verified ?? 0}`, whole)
    open = whole - settled
    if ((await listRuns(deployment)).get(run)?.state === 'ended') return 0
    // A sample that is tried again leaves as many open as before, and is progress all the same.
    return Math.max(1, asked * recipe.attempts - settled + 1)
  }
  try {
    await untilNone(left, {
      patienceMs: patience,
      everyMs: 300,
      stalled: () => standstill(`${open} samples of run ${run} are not settled`, patience)
    })
  } finally {
    bar.stop()
    await reader.close()
  }
  note('  the run has ended; waiting for the last windows and rows …')
  await untilQuiet(deployment, patienceMs)
}

/** Reasons that are shown: of a budget that is used up every prompt has its own. */
const reasonsShown = 10

/** Why samples were never asked for, if some were not. */
async function reportParked(reader: ReturnType<typeof openReader>, run: string): Promise<void> {
  const reasons = await reader.rows(
    'SELECT reason, sum(unsettled) AS samples FROM parked FINAL WHERE run = {run:String} GROUP BY reason ORDER BY samples DESC, reason',
    { run }
  )
  if (reasons.length === 0) return
  print('\nParked: samples that were never asked for, and why')
  print(objectsTable(reasons.slice(0, reasonsShown), true))
  if (reasons.length > reasonsShown) print(`… and ${reasons.length - reasonsShown} more reasons`)
}

/** The tables at the end: funnel, diversity against human, achieved real share. */
async function report(up: Up, recipe: Recipe): Promise<void> {
  const reader = openReader(up.config.clickhouse!, silentLog)
  try {
    print('\nFunnel: what became of every sample')
    print(
      objectsTable(
        await reader.rows(`SELECT * FROM funnel WHERE run = {run:String}`, { run: recipe.run }),
        true
      )
    )
    print(
      `\nDiversity against human text, newest window of ${recipe.window} tokens; in brackets the distance from human in standard deviations`
    )
    const glance = [
      'types',
      'missing_mass',
      'distinct_1_inter',
      'distinct_2_inter',
      'distinct_3_inter',
      'entropy_1',
      'length_mean'
    ]
    print(diversityTable(await reader.rows(newestWindows, { run: recipe.run, stage: '', glance }), true))
    print('\nReal share of the training stream, over the whole and at its lowest prefix')
    print(
      objectsTable(
        await reader.rows('SELECT * FROM mix_ratio WHERE dataset = {dataset:String}', {
          dataset: recipe.dataset
        }),
        true
      )
    )
    await reportParked(reader, recipe.run)
  } finally {
    await reader.close()
  }
}

/**
 * Runs the demo on a stack that is up.
 * @param recipe what to generate with
 */
export async function runDemo(up: Up, recipe: Recipe): Promise<void> {
  const deployment = await connect(up.config, silentLog, 'everseed-demo')
  try {
    await deployment.prepare(allTopics)
    const { run, expected } = await publish(deployment, recipe)
    await watch(up, deployment, recipe, run, expected)
  } finally {
    await deployment.close()
  }
  await report(up, recipe)
}
