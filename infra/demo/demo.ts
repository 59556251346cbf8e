/** The demo: the whole path on a bundled human corpus, without keys, with live progress and the tables at the end. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Recipe } from '../../processors/recipe.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { diversityTable, newestWindows } from '../cli/sql.ts'
import { note, objectsTable, print } from '../cli/output.ts'
import { patienceMs, standstill, watchRun } from '../cli/watch.ts'
import { openReader } from '../clickhouse/open.ts'
import { connect, type Deployment } from '../deployment.ts'
import { silentLog } from '../log.ts'
import { untilNone } from '../patience.ts'
import { allTopics } from '../processors.ts'
import { closeRun, ensureDataset, ensureRun, publishHuman, publishPrompts } from '../publish.ts'
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

const rejected = ({ name, error }: { name: string; error: string }): void => note(`${name}: ${error}`)

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
    await watchRun(deployment, up.config.clickhouse!, { recipe, run, asked: expected, indent: '  ' })
  } finally {
    await deployment.close()
  }
  await report(up, recipe)
}
