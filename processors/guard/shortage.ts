/** What the mixer says is missing, said to everybody: a warning about the dataset, a stop for runs that may not let so many wait. */
import type { Control, Run } from '../../schemas/types.ts'
import type { Log, Tables } from '../contract.ts'

/** The stop a run's waiting samples call for. */
export type MixStop = { readonly run: string; readonly reason: string }

/** Looks at what the mixer says of a dataset. */
export type ShortageWatch = {
  /** The guard's word about a dataset, if it has to say something new. */
  wordOf(dataset: string): Control | undefined
  /** The runs of a dataset of which more samples wait than may. */
  stopsOf(dataset: string, runs: readonly Run[]): MixStop[]
}

/** Samples that wait as a word tells; 0 where it does not: anybody may write into the table. */
function waitingIn(evidence: string): number {
  try {
    const { waiting } = JSON.parse(evidence) as { waiting?: unknown }
    return typeof waiting === 'number' ? waiting : 0
  } catch {
    return 0
  }
}

/**
 * @param now Unix time in microseconds
 */
export function createShortageWatch(tables: Tables, now: () => number, log: Log): ShortageWatch {
  /** What was last said of a dataset: the table may not have heard yet. */
  const relayed = new Map<string, string>()

  return {
    wordOf(dataset) {
      const scope = `dataset:${dataset}`
      const word = tables.word(scope, 'mix')
      const mine = tables.word(scope, 'guard')
      if (!word || word.evidence === mine?.evidence || word.evidence === relayed.get(scope)) return undefined
      // Another word of the guard about the dataset is not the mixer's to take back.
      if (word.action === 'none' && mine?.state !== 'STOP_MIX') return undefined
      relayed.set(scope, word.evidence)
      // Generation goes on, and what it makes waits: human text may still come.
      if (word.action === 'warn') log.warn({ dataset, state: word.state }, word.reason)
      return { ...word, author: 'guard', created_at: now() }
    },

    stopsOf(dataset, runs) {
      const word = tables.word(`dataset:${dataset}`, 'mix')
      if (word?.action !== 'warn') return []
      const waiting = waitingIn(word.evidence)
      return runs.flatMap(({ id, state }) => {
        const most = tables.recipe(id)?.budget.waiting
        return most !== undefined && waiting > most && state !== 'ended'
          ? [{ run: id, reason: word.reason }]
          : []
      })
    }
  }
}
