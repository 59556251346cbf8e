/** Waiting for something that takes as long as it takes, as long as it goes on. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Time, so that tests need none. */
export type Clock = { now(): number; sleep(ms: number): Promise<unknown> }
const machine: Clock = { now: () => performance.now(), sleep }

/**
 * Resolves when nothing is missing any more. It does not matter how long that takes while it gets less.
 * @param missing how much is
 * @param options `patienceMs`: milliseconds it may stand still; `stalled`: the error after that; `waiting`: called once,
 * when there is something to wait for; `everyMs`: between two looks
 * @throws what `stalled` made
 */
export async function untilNone(
  missing: () => Promise<number>,
  options: {
    readonly patienceMs: number
    readonly stalled: (missing: number) => Error
    readonly waiting?: (missing: number) => void
    readonly everyMs?: number
    readonly clock?: Clock
  }
): Promise<void> {
  const { patienceMs, stalled, waiting, everyMs = 100, clock = machine } = options
  let least = Infinity
  let deadline = 0
  for (;;) {
    const left = await missing()
    if (left <= 0) return
    if (least === Infinity) waiting?.(left)
    if (left < least) {
      least = left
      deadline = clock.now() + patienceMs
    } else if (clock.now() > deadline) throw stalled(left)
    await clock.sleep(everyMs)
  }
}
