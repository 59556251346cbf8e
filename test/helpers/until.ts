/** Waiting in tests: for a condition, never for a time. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'

type Condition = () => boolean | Promise<boolean>

/**
 * Resolves when a condition holds. What happens in this process is met within a few turns of the event loop; what another
 * one does is looked at less often, and the dearer a look the seldomer: looking takes time from what is waited for.
 * @param what is waited for, for the error; by default the condition as it is written
 * @param timeoutMs a minute by default
 * @throws Error when it does not hold in time
 */
export async function until(
  ...given: [holds: Condition] | [what: string, holds: Condition, timeoutMs?: number]
): Promise<void> {
  const [what, holds, timeoutMs = 60_000] = given.length === 1 ? [String(given[0]), given[0]] : given
  const deadline = performance.now() + timeoutMs
  for (let looks = 0; ; looks++) {
    const began = performance.now()
    if (await holds()) return
    const took = performance.now() - began
    if (began > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    if (looks < 100 && took < 1) await turn()
    else await sleep(Math.min(500, Math.max(looks < 200 && took < 1 ? 1 : 20, 2 * took)))
  }
}
