/** When a deployment has nothing left to do: every record processed by everybody who reads it, and visible. */
import { setTimeout as sleep } from 'node:timers/promises'
import { EverseedError } from '../schemas/errors.ts'
import type { Deployment } from './deployment.ts'
import { allTopics, inputsOf, processorNames } from './processors.ts'

/**
 * Waits for a condition, looking again and again.
 * @param what is waited for, in words for the error
 * @param everyMs between two looks
 * @throws EverseedError TIMEOUT
 */
async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs: number,
  everyMs = 100
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new EverseedError(
        'TIMEOUT',
        `${what} did not happen in ${Math.round(timeoutMs / 1000)} seconds; see npx everseed status and the logs in the data folder`
      )
    }
    await sleep(everyMs)
  }
}

/** What every processor has read of what there is; undefined: one of them is behind. Said by the ends of all topics. */
async function endsOf({ admin }: Deployment): Promise<string | undefined> {
  const names = [...new Set(processorNames.flatMap(inputsOf))]
  const ranges = new Map(
    await Promise.all(names.map(async topic => [topic, await admin.ranges(topic)] as const))
  )
  for (const name of processorNames) {
    const lag = await admin.lagIn(
      name,
      inputsOf(name).flatMap(topic => ranges.get(topic)!)
    )
    if (lag > 0) return undefined
  }
  return JSON.stringify([...ranges.values()].map(list => list.map(({ to }) => to)))
}

/** The same, where everything that was committed is visible as well. */
async function quiet(deployment: Deployment): Promise<string | undefined> {
  if ((await endsOf(deployment)) === undefined) return undefined
  await deployment.admin.settled(allTopics.filter(({ kind }) => kind === 'data').map(({ name }) => name))
  return await endsOf(deployment)
}

/** Milliseconds in which every processor looks at the tables at least once. */
const tickMs = 1500

/**
 * Resolves when nothing is left to do. The last windows and the rest of the human data are written when a processor sees
 * that a run has ended, within a second: for longer than that nothing may come.
 * @throws EverseedError TIMEOUT
 */
export async function untilQuiet(deployment: Deployment, timeoutMs: number): Promise<void> {
  await until(
    'processing of the last records',
    async () => {
      const before = await quiet(deployment)
      if (before === undefined) return false
      await sleep(tickMs)
      return (await quiet(deployment)) === before
    },
    timeoutMs,
    300
  )
}
