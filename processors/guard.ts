/**
 * Watches runs: counts what is settled, ends what is complete, stops what is over budget or failing. What the mixer says
 * is missing it says to everybody.
 */
import {
  control,
  deadLetters,
  generations,
  prompts,
  promptsParked,
  runs,
  samplesRejected,
  samplesVerified
} from '../schemas/topics.ts'
import type { Control, Generation, Prompt, Run } from '../schemas/types.ts'
import { defineProcessor, memory, type Output } from './contract.ts'
import { createShortageWatch } from './guard/shortage.ts'
import type { Recipe } from './recipe.ts'

/** Samples of one attempt: asked for, begun (their generation was seen, or never will come), settled. */
export type Level = { readonly asked: number; readonly begun: number; readonly settled: number }

/**
 * The books of a run in a slot, in samples: every sample asked for is settled exactly once, as accepted, rejected,
 * dead or parked. Topics are read in no order among each other, so each attempt has a level of its own: the first one
 * is complete when the prompts were read, and a complete level says how many repairs the next one was asked for.
 */
export type Books = {
  readonly levels: Readonly<Record<string, Level>>
  readonly expected: number
  readonly accepted: number
  readonly rejected: number
  readonly dead: number
  readonly parked: number
  readonly costMicros: number
  readonly tokens: number
  /** Outcomes of the last calls, newest last: 0 fine, 1 failed. */
  readonly calls: string
  /** Stops that were said. */
  readonly stopped: readonly string[]
  readonly ended: boolean
}

const emptyLevel: Level = { asked: 0, begun: 0, settled: 0 }

const blank: Books = {
  levels: {},
  expected: 0,
  accepted: 0,
  rejected: 0,
  dead: 0,
  parked: 0,
  costMicros: 0,
  tokens: 0,
  calls: '',
  stopped: [],
  ended: false
}

/** How often a prompt was told and parked, and the samples it left open the last time. */
type Standing = { readonly told: number; readonly parked: number; readonly samples: number }

/** Prompts of ended runs forgotten per look around: what one transaction takes easily. */
const forgottenAtOnce = 2000

/** Several repairs may share an id and an attempt, one for each failed sample. */
function promptKey({ run, id, attempt, provenance }: Prompt): string {
  return attempt > 1 ? `${run}|${id}|${attempt}|${provenance.sample_index ?? 0}` : `${run}|${id}`
}

/** Samples that are parked now: a prompt told again after it was parked is open again, whichever of the two is read first. */
function parkedNow({ told, parked, samples }: Standing): number {
  return parked >= told ? samples : 0
}

/** Whether every sample asked for, repairs included, was begun or will never be, and is settled. */
export function isSettled({ levels }: Pick<Books, 'levels'>): boolean {
  return Object.values(levels).every(({ asked, begun, settled }) => begun === asked && settled === asked)
}

/** The stop a run's books call for: its state and its evidence. */
export function stopFor(books: Books, recipe: Recipe): { state: string; reason: string } | undefined {
  const { usd, tokens, error_rate, error_window } = recipe.budget
  if (usd !== undefined && books.costMicros >= usd * 1e6) {
    return { state: 'STOP_BUDGET', reason: `$${books.costMicros / 1e6} of $${usd} are spent` }
  }
  if (tokens !== undefined && books.tokens >= tokens) {
    return { state: 'STOP_BUDGET', reason: `${books.tokens} of ${tokens} tokens are used` }
  }
  const failed = books.calls.replaceAll('0', '').length
  if (books.calls.length >= error_window && failed > 0 && failed >= error_rate * error_window) {
    return {
      state: 'STOP_ERRORS',
      reason: `${failed} of the last ${error_window} calls failed; see samples.rejected, reason provider_error`
    }
  }
  return undefined
}

export const guard = defineProcessor({
  name: 'guard',
  doc: 'ends complete runs; stops a run that is over budget or whose calls fail; says what the mix lacks',
  inputs: {
    prompts,
    generations,
    verified: samplesVerified,
    rejected: samplesRejected,
    parked: promptsParked,
    dead: deadLetters
  },
  outputs: { control, runs },
  drops: [],
  state: {
    books: memory<Books>(),
    /** Prompts seen of runs that have not ended, by run, id, attempt and, for repairs, sample. */
    prompts: memory<Standing>()
  },
  create: ({ slot, state, tables, position, now, log, out, emit }) => {
    const booksOf = (run: string): Books => state.books.get(run) ?? blank
    /** Revision of the last word this instance wrote about the end of a run. */
    const said = new Map<string, number>()
    const shortage = createShortageWatch(tables, now, log)
    const runOf = (key: string): string => key.slice(0, key.indexOf('|'))
    /** Prompts of ended runs, to be forgotten little by little. */
    const over: string[] = []
    for (const [key] of state.prompts.entries()) if (booksOf(runOf(key)).ended) over.push(key)
    const change = (run: string, books: Partial<Books>): void =>
      state.books.stage(run, { ...booksOf(run), ...books })
    /** Adds to what is known of an attempt. */
    const count = (run: string, attempt: number, more: Partial<Level>): void => {
      const { levels } = booksOf(run)
      const { asked, begun, settled } = levels[attempt] ?? emptyLevel
      const level = {
        asked: asked + (more.asked ?? 0),
        begun: begun + (more.begun ?? 0),
        settled: settled + (more.settled ?? 0)
      }
      change(run, { levels: { ...levels, [attempt]: level } })
    }

    const standingOf = (prompt: Prompt): Standing =>
      state.prompts.get(promptKey(prompt)) ?? { told: 0, parked: 0, samples: 0 }
    /** Notes that a prompt was told or parked, and what that changes in the books. An ended run's are closed. */
    const stand = (prompt: Prompt, next: (before: Standing) => Standing): void => {
      if (booksOf(prompt.run).ended) return
      const before = standingOf(prompt)
      const after = next(before)
      state.prompts.stage(promptKey(prompt), after)
      const more = parkedNow(after) - parkedNow(before)
      if (more === 0) return
      count(prompt.run, prompt.attempt, { begun: more, settled: more })
      change(prompt.run, { parked: booksOf(prompt.run).parked + more })
    }

    const word = (run: string, stop: { state: string; reason: string }, evidence: object): Control => ({
      scope: `run:${run}`,
      author: 'guard',
      action: 'stop',
      state: stop.state,
      reason: stop.reason,
      evidence: JSON.stringify(evidence),
      temperature_delta: null,
      expires_at: null,
      created_at: now()
    })

    /** Says a stop once. */
    const stopIfDue = (run: string, stop: { state: string; reason: string } | undefined): Output[] => {
      const books = booksOf(run)
      if (!stop || books.stopped.includes(stop.state)) return []
      change(run, { stopped: [...books.stopped, stop.state] })
      log.warn({ run, state: stop.state }, `run ${run} is stopped: ${stop.reason}`)
      const { expected, accepted, rejected, costMicros, tokens } = books
      return [
        out(
          'control',
          `run:${run}|guard`,
          word(run, stop, { expected, accepted, rejected, costMicros, tokens })
        )
      ]
    }

    const onGeneration = ({ run, error, usage, provenance }: Generation): Output[] => {
      const recipe = tables.recipe(run)
      const books = booksOf(run)
      const keep = recipe?.budget.error_window ?? 100
      count(run, provenance.attempt, { begun: 1 })
      change(run, {
        costMicros: books.costMicros + usage.cost_micros,
        tokens: books.tokens + usage.input_tokens + usage.output_tokens,
        calls: (books.calls + (error === '' ? '0' : '1')).slice(-keep)
      })
      return recipe ? stopIfDue(run, stopFor(booksOf(run), recipe)) : []
    }

    const ending = (run: Run): Output => {
      const revision = run.revision + 1
      said.set(run.id, revision)
      const until: Record<string, number> = {
        [generations.name]: position('generations'),
        [samplesVerified.name]: position('verified'),
        [samplesRejected.name]: position('rejected')
      }
      return out('runs', run.id, { ...run, state: 'ended', revision, until, slot })
    }

    /** A run ends when publishing is closed, all its prompts were seen, and every sample asked for is settled. */
    const endOf = (run: Run): Output[] => {
      if (run.state !== 'draining') return []
      const books = booksOf(run.id)
      // Somebody closed a run that had ended: the table must not go back on it.
      if (books.ended) return run.revision < (said.get(run.id) ?? 0) ? [] : [ending(run)]
      if (position('prompts') < (run.prompts_to[slot] ?? 0) || !isSettled(books)) return []
      change(run.id, { ended: true })
      for (const [key] of state.prompts.entries()) if (runOf(key) === run.id) over.push(key)
      log.info({ run: run.id, ...books, calls: undefined, levels: undefined }, `run ${run.id} has ended`)
      return [ending(run)]
    }

    /** Passes on what the mixer says of the datasets of some runs. */
    const shortages = (own: readonly Run[]): Output[] =>
      [...new Set(own.map(({ dataset }) => dataset))].flatMap(dataset => {
        const news = shortage.wordOf(dataset)
        const stops = shortage.stopsOf(
          dataset,
          own.filter(run => run.dataset === dataset)
        )
        return [
          ...(news ? [out('control', `${news.scope}|guard`, news)] : []),
          ...stops.flatMap(({ run, reason }) => stopIfDue(run, { state: 'STOP_MIX', reason }))
        ]
      })

    const forget = (): void => {
      for (const key of over.splice(-forgottenAtOnce)) state.prompts.forget(key)
    }

    /** Whether this slot is where the run's samples are: the one slot of its dataset. */
    const homeOf = (run: Run): boolean => run.slot === slot

    return {
      process(record) {
        switch (record.input) {
          case 'prompts': {
            const prompt = record.value
            const { run, attempt, samples } = prompt
            // A repair is counted with the rejection that asked for it.
            if (attempt === 1 && standingOf(prompt).told === 0 && !booksOf(run).ended) {
              count(run, 1, { asked: samples })
              change(run, { expected: booksOf(run).expected + samples })
            }
            stand(prompt, ({ told, ...rest }) => ({ ...rest, told: told + 1 }))
            return emit()
          }
          case 'generations':
            return emit(...onGeneration(record.value))
          case 'verified': {
            const { run, provenance } = record.value
            count(run, provenance.attempt, { settled: 1 })
            change(run, { accepted: booksOf(run).accepted + 1 })
            return emit()
          }
          case 'rejected': {
            const { sample, retried } = record.value
            const { run, provenance } = sample
            const { rejected, expected } = booksOf(run)
            count(run, provenance.attempt, { settled: 1 })
            if (retried) count(run, provenance.attempt + 1, { asked: 1 })
            change(run, { rejected: rejected + 1, expected: expected + (retried ? 1 : 0) })
            return emit()
          }
          case 'parked': {
            const { prompt, samples, reason } = record.value
            stand(prompt, ({ told, parked }) => ({ told, parked: parked + 1, samples }))
            return emit(
              ...(reason.startsWith('STOP_BUDGET')
                ? stopIfDue(prompt.run, { state: 'STOP_BUDGET', reason })
                : [])
            )
          }
          case 'dead': {
            // A letter that is given back takes its word back: its notice settles as many fewer.
            const { headers } = record.value
            const settles = Number(headers['x-settles']?.toString() ?? 0)
            const run = headers['x-run']?.toString() ?? ''
            if (settles === 0 || run === '') return emit()
            const attempt = Number(headers['x-sample-attempt']?.toString() ?? 1)
            const begun = headers['x-processor']?.toString() === 'generate' ? settles : 0
            count(run, attempt, { begun, settled: settles })
            change(run, { dead: booksOf(run).dead + settles })
            return emit()
          }
        }
      },
      tick() {
        forget()
        const own = [...tables.runs()].filter(homeOf)
        return emit(...shortages(own), ...own.flatMap(endOf))
      }
    }
  }
})
