/** Notices silence: a consumer that hangs says nothing, so what it no longer says has to be counted. */

/** Milliseconds between looks. */
const lookMs = 1000

/** Counts the time since the last sign of life. */
export type Pulse = {
  /** A sign of life; the first one starts the count. */
  beat(): void
  stop(): void
}

/**
 * Looks are counted, not clocks read: a machine that slept, or an event loop that was busy, made nobody else silent.
 * @param limitMs silence that is too long
 * @param silent told once, with the milliseconds of silence
 */
export function createPulse(limitMs: number, silent: (silentMs: number) => void): Pulse {
  let silentMs = 0
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => clearInterval(timer)
  const look = (): void => {
    silentMs += lookMs
    if (silentMs <= limitMs) return
    stop()
    silent(silentMs)
  }
  return {
    beat() {
      silentMs = 0
      timer ??= setInterval(look, lookMs).unref()
    },
    stop
  }
}
