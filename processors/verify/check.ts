/** What a shape check is. Each looks at one answer, in the order of what it costs. */
import type { Recipe } from '../recipe.ts'
import type { Cell } from '../../schemas/types.ts'

/** Why answers are turned down. */
export const reasons = [
  'empty',
  'too_short',
  'too_long',
  'truncated',
  'content_filter',
  'refusal',
  'not_refused',
  'repetition',
  'wrong_script',
  'wrong_language'
] as const

export type Reason = (typeof reasons)[number]

/** An answer under check. */
export type Answer = {
  readonly text: string
  readonly cell: Cell
  /** stop, length, content_filter, …; empty when unknown. */
  readonly finishReason: string
  readonly checks: Recipe['checks']
}

/** What a check found. */
export type Finding = {
  readonly score: number | null
  /** What was seen, in one sentence. */
  readonly reasoning: string
  /** Set when the answer is turned down. */
  readonly failure?: {
    readonly reason: Reason
    /** What the model is told before it tries again; null where another try would not help. */
    readonly feedback: string | null
  }
}

/** A check: pure and quick. */
export type Check = {
  readonly name: string
  /** Raised when the same answer may be judged differently. */
  readonly version: string
  /** The finding, or undefined when the recipe does not ask for this check. */
  find(answer: Answer): Finding | undefined
}
