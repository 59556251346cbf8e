/** Watching a run until it has ended and everything of it is in ClickHouse. */
import type { Recipe } from '../../processors/recipe.ts'
import { EverseedError } from '../../schemas/errors.ts'
import { openReader } from '../clickhouse/open.ts'
import type { Deployment } from '../deployment.ts'
import { retryPolicy } from '../llm/retry.ts'
import { silentLog } from '../log.ts'
import { untilNone } from '../patience.ts'
import { untilQuiet } from '../quiet.ts'
import { listRuns } from '../runs.ts'
import { note, progress } from './output.ts'

/** Milliseconds in which something happens where nobody waits for a model. */
export const patienceMs = 5 * 60 * 1000

/** The same for a run: a model that answers nobody is waited for, and a call that fails is tried again. */
function runPatience({ sources, park_after }: Recipe): number {
  const waits = sources.some(({ provider }) => provider !== 'offline')
  return patienceMs + (waits ? park_after * 1000 + retryPolicy.elapsedMs : 0)
}

/** The error of a standstill. */
export const standstill = (what: string, ms: number): EverseedError =>
  new EverseedError(
    'TIMEOUT',
    `${what}, and nothing has moved for ${Math.round(ms / 1000)} seconds; see npx everseed status and the logs in the data folder`
  )

/** A line of the funnel, as far as progress goes. */
type Counts = Readonly<Record<'expected' | 'generated' | 'rejected' | 'verified' | 'parked' | 'dead', number>>

/** How far a run came, in samples. What failed and is tried again makes the whole larger; a duplicate is rejected too. */
export function progressOf(
  { expected = 0, verified = 0, rejected: turned = 0, parked = 0, dead = 0 }: Partial<Counts>,
  asked: number
): { settled: number; whole: number } {
  return { settled: verified + turned + parked + dead, whole: Math.max(asked, expected) }
}

/** More samples than a run settles. */
const plenty = 2 ** 50

/**
 * Live progress until a run has ended and everything of it is in ClickHouse.
 * @param asked samples that were asked for, as far as is known before ClickHouse knows
 * @throws EverseedError TIMEOUT when nothing moves any more
 */
export async function watchRun(
  deployment: Deployment,
  clickhouse: Parameters<typeof openReader>[0],
  { recipe, run, asked = 0, indent = '' }: { recipe: Recipe; run: string; asked?: number; indent?: string }
): Promise<void> {
  const reader = openReader(clickhouse, silentLog)
  const bar = progress(`${indent}samples`, asked)
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
    return plenty - settled
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
  note(`${indent}the run has ended; waiting for the last windows and rows …`)
  await untilQuiet(deployment, patienceMs)
}
