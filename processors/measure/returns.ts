/** Windows that were forgotten for want of room: their texts are read once more when their time comes. */
import type { ModelInput } from './scope.ts'

/** Reads windows again, one call after the other. */
export type Returns = {
  /** Whether one is under way: what is read again now is of the windows it brings back, and of no others. */
  readonly busy: boolean
  /** Whether a window is being brought back. */
  wants(key: string): boolean
  /** Resolves when what was asked for is read, or could not be. */
  idle(): Promise<void>
  /** Resolves when everything asked for before, and this, was read; rejects when this could not be. */
  read(input: ModelInput, keys: readonly string[], from: number, to: number): Promise<void>
}

/**
 * @param reread shows records of an input again
 * @param close forgets a window: half of one is none
 */
export function createReturns(
  reread: (input: ModelInput, from: number, to: number) => Promise<void>,
  close: (key: string) => void
): Returns {
  let wanted: ReadonlySet<string> = new Set()
  let waiting = 0
  let last: Promise<void> = Promise.resolve()
  return {
    get busy() {
      return waiting > 0
    },
    wants: key => wanted.has(key),
    idle: () => last,
    read(input, keys, from, to) {
      waiting += 1
      const run = async (): Promise<void> => {
        wanted = new Set(keys)
        try {
          await reread(input, from, to)
        } catch (error) {
          for (const key of keys) close(key)
          throw error
        } finally {
          wanted = new Set()
          waiting -= 1
        }
      }
      const result = last.then(run)
      last = result.catch(() => undefined)
      return result
    }
  }
}
