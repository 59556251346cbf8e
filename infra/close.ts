/** Closing a run: no more prompts come, so that it can end. */
import { EverseedError } from '../schemas/errors.ts'
import { prompts } from '../schemas/topics.ts'
import type { Run } from '../schemas/types.ts'
import { ifReadable } from './codec.ts'
import type { Deployment } from './deployment.ts'
import { readRanges } from './kafka/reader.ts'
import { untilNone } from './patience.ts'
import { changeRun, listRuns } from './runs.ts'

/** The processor that moves prompts to their slot. */
const mover = prompts.forwardedBy!

/** Milliseconds the moving of prompts may stand still before closing gives up. */
const forwardMs = 120_000

/**
 * Per slot that is not the run's own, the offset after its last prompt of the run: publishers of other libraries hash keys
 * their own way, and what lies there is not in the run's slot yet.
 */
async function strayed(deployment: Deployment, { id, slot }: Run): Promise<Map<number, number>> {
  const { kafka, config, admin, codec } = deployment
  await admin.settled([prompts.name])
  // In this order: what is moved in between is counted as not moved, and waited for.
  const moved = (await admin.committed(mover, [prompts.name])).get(prompts.name)
  const ranges = (await admin.ranges(prompts.name))
    .filter(({ partition }) => partition !== slot)
    .map(range => ({ ...range, from: Math.max(range.from, moved?.get(range.partition)?.offset ?? 0) }))
  const ends = new Map<number, number>()
  await readRanges(kafka, config, ranges, async records => {
    for (const { partition, offset, value } of records) {
      // What nobody can read is nobody's prompt; it is buried where it lies.
      const prompt = await ifReadable(() => codec.decode(prompts, value))
      if (prompt?.run === id) ends.set(partition, offset + 1)
    }
  })
  return ends
}

/** Resolves when every prompt of a run that lies in another slot was moved to its own. */
async function forwarded(deployment: Deployment, run: Run, patienceMs: number): Promise<void> {
  const ends = await strayed(deployment, run)
  if (ends.size === 0) return
  const left = async (): Promise<number> => {
    const moved = (await deployment.admin.committed(mover, [prompts.name])).get(prompts.name)
    return [...ends].reduce(
      (sum, [partition, end]) => sum + Math.max(0, end - (moved?.get(partition)?.offset ?? 0)),
      0
    )
  }
  await untilNone(left, {
    patienceMs,
    stalled: count =>
      new EverseedError(
        'TIMEOUT',
        `run ${run.id} stays open: prompts of it lie outside its slot, and ${mover} has ${count} records to go until it has moved them: is it running? (everseed status) Then: everseed publish close ${run.id}`
      )
  })
}

/**
 * Closes a run's publishing: it ends when everything asked for is settled. Closing twice does nothing.
 * @param patienceMs milliseconds the moving of prompts from other slots may stand still
 * @throws EverseedError UNKNOWN_NAME, TIMEOUT
 */
export async function closeRun(deployment: Deployment, id: string, patienceMs = forwardMs): Promise<Run> {
  const unknown = (): EverseedError => new EverseedError('UNKNOWN_NAME', `there is no run ${id}`)
  const found = (await listRuns(deployment)).get(id)
  if (!found) throw unknown()
  if (found.state !== 'open') return found
  await forwarded(deployment, found, patienceMs)
  return await changeRun(deployment, id, async run => {
    if (!run) throw unknown()
    if (run.state !== 'open') return run
    await deployment.admin.settled([prompts.name])
    const ends = await deployment.admin.offsets(prompts.name)
    return {
      ...run,
      state: 'draining',
      revision: run.revision + 1,
      prompts_to: ends.map(({ high }) => high)
    }
  })
}
