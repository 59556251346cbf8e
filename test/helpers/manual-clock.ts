/** A clock that stands still until it is told how far to go. */
import type { Clock } from '../../infra/llm/clock.ts'

/** A clock and the hand that moves it. */
export type ManualClock = Clock & {
  /** Moves time; every alarm on the way goes off at its own time, and what it set off has run before the next. */
  advance(ms: number): Promise<void>
  /** Milliseconds until each alarm that is set, soonest first. */
  alarms(): number[]
}

/** Lets everything that can run without time passing run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

/** @param start Unix time in milliseconds */
export function createManualClock(start = 1_700_000_000_000): ManualClock {
  let now = start
  const set = new Set<{ readonly at: number; readonly callback: () => void }>()
  const sorted = (): { readonly at: number; readonly callback: () => void }[] =>
    [...set].toSorted((a, b) => a.at - b.at)
  return {
    now: () => now,
    after(ms, callback) {
      const alarm = { at: now + Math.max(0, ms), callback }
      set.add(alarm)
      return () => set.delete(alarm)
    },
    alarms: () => sorted().map(alarm => alarm.at - now),
    async advance(ms) {
      const end = now + ms
      await settled()
      for (let [first] = sorted(); first && first.at <= end; [first] = sorted()) {
        now = first.at
        set.delete(first)
        first.callback()
        await settled()
      }
      now = end
    }
  }
}
