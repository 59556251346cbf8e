/** The budgets of the runs in a slot: what a call can cost is set aside before it, so that nothing is ever overspent. */
import type { Journal } from '../ports.ts'
import type { Recipe } from '../recipe.ts'

/** Money, millionths of a US dollar, and tokens. */
export type Charge = { readonly micros: number; readonly tokens: number }

export const nothing: Charge = { micros: 0, tokens: 0 }

export function plus(one: Charge, other: Charge): Charge {
  return { micros: one.micros + other.micros, tokens: one.tokens + other.tokens }
}

export function times(count: number, { micros, tokens }: Charge): Charge {
  return { micros: count * micros, tokens: count * tokens }
}

/** A sample whose call may not be made now; the message says why, for whoever has to do something about it. */
export class Stopped extends Error {}

/** A call that is to be made. */
export type Claim = {
  readonly id: string
  readonly run: string
  readonly limits: Recipe['budget']
  /** The most it can cost, its retries included. */
  readonly worst: Charge
  /** What calls of this id that were begun before may have cost: it stays set aside, whatever comes of this one. */
  readonly lost: Charge
}

/** Ends a reserve; what is kept stays set aside until the call is settled. */
export type Release = (kept: Charge) => void

/** Budgets at work. */
export type Budget = {
  /**
   * Sets the worst case of a call aside, in order of asking. While only reserves of calls under way stand in its way it
   * waits for them; who waits holds nothing, so there is always one that ends.
   * @throws Stopped when it could not be afforded even if every call under way cost nothing; the signal's reason when
   * aborted
   */
  reserve(claim: Claim): Promise<Release>
}

type Waiting = { readonly decided: () => boolean; readonly reject: (reason: Error) => void }
type Book = { live: Charge; readonly waiting: Waiting[] }

/**
 * @param journal knows what is spent and set aside
 * @param signal ends all waiting
 */
export function createBudget(journal: Pick<Journal, 'reserve' | 'spent'>, signal: AbortSignal): Budget {
  const books = new Map<string, Book>()
  const bookOf = (run: string): Book => {
    let book = books.get(run)
    if (!book) books.set(run, (book = { live: nothing, waiting: [] }))
    return book
  }

  /** Whether a call can be afforded whatever those under way cost. @throws Stopped when it cannot, whatever they cost */
  const affordable = ({ run, limits: { usd, tokens }, worst }: Claim, live: Charge): boolean => {
    const spent = journal.spent(run)
    const money = spent.costMicros + spent.reservedMicros
    if (usd !== undefined && money - live.micros + worst.micros > usd * 1e6) {
      throw new Stopped(
        `STOP_BUDGET: the next answer, retries included, may cost up to $${worst.micros / 1e6}; $${(money - live.micros) / 1e6} of $${usd} are spent`
      )
    }
    const used = spent.tokens + spent.reservedTokens
    if (tokens !== undefined && used - live.tokens + worst.tokens > tokens) {
      throw new Stopped(
        `STOP_BUDGET: the next answer, retries included, may take up to ${worst.tokens} tokens; ${used - live.tokens} of ${tokens} are used`
      )
    }
    const enough = usd === undefined || money + worst.micros <= usd * 1e6
    return enough && (tokens === undefined || used + worst.tokens <= tokens)
  }

  const pump = ({ waiting }: Book): void => {
    for (let [head] = waiting; head?.decided(); [head] = waiting) waiting.shift()
  }

  signal.addEventListener('abort', () => {
    for (const { waiting } of books.values())
      for (const { reject } of waiting.splice(0)) reject(signal.reason as Error)
  })

  return {
    reserve(claim) {
      const { id, run, worst, lost } = claim
      const book = bookOf(run)
      const set = ({ micros, tokens }: Charge): void =>
        journal.reserve({ requestId: id, run, reservedMicros: micros, reservedTokens: tokens })
      if (signal.aborted) return Promise.reject(signal.reason as Error)
      return new Promise((resolve, reject) => {
        const release: Release = kept => {
          set(kept)
          book.live = plus(book.live, times(-1, worst))
          pump(book)
        }
        const decided = (): boolean => {
          try {
            if (!affordable(claim, book.live)) return false
          } catch (error) {
            reject(error)
            return true
          }
          set(plus(lost, worst))
          book.live = plus(book.live, worst)
          resolve(release)
          return true
        }
        // A try that came to nothing may have left more behind than was lost.
        set(lost)
        book.waiting.push({ decided, reject })
        pump(book)
      })
    }
  }
}
