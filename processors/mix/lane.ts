/** A dataset's waiting samples in a slot, in lines of those that are alike, and what of them goes next. */
import type { Row } from '../split.ts'
import { behind, type Class, holdsFloor, type Input, obstacle, type Plan, type Tally } from './plan.ts'
import { isOver, type Quota } from './quota.ts'
import { firstOf, type Queue, type Queues } from './waiting.ts'

/** Samples of one class. `next`: those before it are being laid. */
export type Line = { readonly of: Class; readonly queue: Queue<Input>; next: number }

/** A pass over the human texts that were laid down before, and the offset it goes on at; epoch 1: none has begun. */
export type Pass = { readonly epoch: number; readonly next: number }

/** What is remembered of a dataset in a slot. Waiting samples are read again from there, so they are stored once. */
export type Laid = Tally & {
  /** Per class of which any wait: how many, and the offset of the first of them or of one before it. */
  readonly waiting: Readonly<Record<string, { readonly count: number; readonly from: number }>>
  readonly quotas: readonly Quota[]
  readonly pass: Pass
}

/** A row that may be laid next: of a line, or one that is repeated. */
export type Choice = {
  readonly of: Class
  readonly line: Line | undefined
  readonly sample: Row
  readonly bytes: number
}

/** What goes next, or why nothing does: samples are still to be read again, or only a text that is repeated would help. */
export type Next = Choice | 'starved' | 'repeat' | 'none'

export type Lane = {
  readonly plan: Plan
  readonly lines: ReadonlyMap<string, Line>
  /** Human texts that are laid once more. */
  readonly again: Queue<Input>
  /** Looks around in a row that found samples waiting for what is missing. */
  blocked: number
  lineOf(of: Class): Line
  /** @param rest whether nothing of any run is still to come */
  pick(laid: Tally & Pick<Laid, 'quotas'>, rest: () => boolean): Next
  /** Goes on with the pass, or begins the next one: null where the recipe allows no more. */
  repeat(pass: Pass, end: number): Pass | null
  /** Samples that wait though nothing more is to come that they would be kept for, by class. */
  waitingOf(laid: Laid, rest: () => boolean): Map<Class, number>
  /** Takes the rows that were laid off the lines and says what still waits. */
  settle(waiting: Laid['waiting']): Laid['waiting']
}

/** Nothing was laid down, and nothing waits. */
export function nothingLaid({ groups }: Plan): Laid {
  return {
    rows: 0,
    real: 0,
    counts: groups.map(() => 0),
    waiting: {},
    quotas: [],
    pass: { epoch: 1, next: 0 }
  }
}

/** The order of kinds that may go next with equal right: human text is spent last. */
const order = { verified: 0, other: 1, real: 2 } as const

/** An empty lane. */
export function createLane(plan: Plan, queues: Queues<Input>): Lane {
  const lines = new Map<string, Line>()
  const again = queues.queue('human')
  const headOf = ({ queue, next }: Line) => queue.held[next]

  return {
    plan,
    lines,
    again,
    blocked: 0,
    lineOf(of) {
      let line = lines.get(of.key)
      if (!line) {
        line = { of, queue: queues.queue(of.kind === 'verified' ? 'verified' : 'human'), next: 0 }
        lines.set(of.key, line)
      }
      return line
    },

    pick(tally, rest) {
      let guests = false
      let others = false
      for (const line of lines.values()) {
        const { kind } = line.of
        if (kind === 'verified') guests ||= headOf(line) !== undefined || line.queue.beyond !== null
        else if (kind === 'other') others ||= headOf(line) !== undefined || line.queue.beyond !== null
      }
      const resting = (plan.pool || others || !guests) && (plan.pool || rest())
      let best: Line | undefined
      let need = -Infinity
      let starved = false
      let fresh = false
      for (const line of lines.values()) {
        const { of, queue } = line
        if (of.kind === 'real' ? !guests && !resting : of.kind === 'other' && !resting) continue
        const head = headOf(line)
        if (!head) {
          if (queue.beyond !== null) starved = true
          continue
        }
        if (of.kind === 'real') fresh = true
        if (obstacle(plan, tally, of) !== undefined) continue
        const own = plan.slack === 0 ? 0 : -behind(plan, tally, of)
        const before =
          best && (own - need || order[best.of.kind] - order[of.kind] || headOf(best)!.offset - head.offset)
        if (before === undefined || before > 0) {
          best = line
          need = own
        }
      }
      // Whoever is not in sight may be the one whose turn it is.
      if (starved) return 'starved'
      if (best) return { of: best.of, line: best, ...headOf(best)! }
      const short = guests && !fresh && tally.real > 0 && !holdsFloor(plan, tally, 'verified')
      if (!short || plan.settings.epochs === 1) return 'none'
      for (;;) {
        const [head] = again.held
        if (!head) return 'repeat'
        if (isOver(tally.quotas, plan.quotasOf(head.sample), 'human', Infinity)) queues.take(again, 1)
        else {
          const of = plan.classOf('human', head.sample)
          return obstacle(plan, tally, of) === undefined ? { of, line: undefined, ...head } : 'none'
        }
      }
    },

    repeat({ epoch, next }, end) {
      // Whatever of a pass was read and is not held was laid.
      const at = again.beyond === null && epoch > 1 ? Math.max(next, again.last + 1) : next
      if (epoch > 1 && at < end) return { epoch, next: at }
      return epoch < plan.settings.epochs ? { epoch: epoch + 1, next: 0 } : null
    },

    waitingOf({ waiting }, rest) {
      const found = new Map<Class, number>()
      let guests = false
      for (const [key, { count }] of Object.entries(waiting)) {
        const of = plan.classNamed(key)
        if (count === 0 || of.kind === 'other') continue
        guests ||= of.kind === 'verified'
        found.set(of, count)
      }
      return guests || (found.size > 0 && (plan.pool || rest())) ? found : new Map()
    },

    settle(waiting) {
      let changed = waiting
      for (const line of lines.values()) {
        const { of, queue, next } = line
        if (next > 0) queues.take(queue, next)
        line.next = 0
        const before = waiting[of.key]
        const from = firstOf(queue)
        if (!before || (next === 0 && before.from === from)) continue
        // What was read again and is not wanted any more was counted: the count says at least whether any waits.
        const { [of.key]: _, ...others } = changed
        changed =
          from === null ? others : { ...others, [of.key]: { count: Math.max(1, before.count - next), from } }
      }
      return changed
    }
  }
}
