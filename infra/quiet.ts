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

/** Whether every record is processed by everybody who reads it, and everything that was committed is visible. */
async function isQuiet({ admin }: Deployment): Promise<boolean> {
  const noLag = async (): Promise<boolean> =>
    (await Promise.all(processorNames.map(name => admin.lag(name, inputsOf(name))))).every(lag => lag === 0)
  if (!(await noLag())) return false
  await admin.settled(allTopics.filter(({ kind }) => kind === 'data').map(({ name }) => name))
  return await noLag()
}

/** Milliseconds in which every processor looks at the tables at least once. */
const tickMs = 1500

/**
 * Resolves when nothing is left to do. The last windows and the rest of the human data are written when a processor sees
 * that a run has ended, within a second: quiet has to hold for longer than that.
 * @throws EverseedError TIMEOUT
 */
export async function untilQuiet(deployment: Deployment, timeoutMs: number): Promise<void> {
  let since = Infinity
  await until(
    'processing of the last records',
    async () => {
      if (!(await isQuiet(deployment))) since = Infinity
      else since = Math.min(since, Date.now())
      return Date.now() - since > tickMs
    },
    timeoutMs,
    300
  )
}
