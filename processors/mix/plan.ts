/**
 * Which of the rows that wait goes next, so that every prefix keeps what the dataset promises. Pure: of the rows laid
 * down and the first rows that wait, never of time or chance.
 */
import { hash32 } from '../../schemas/identity.ts'
import type { Dataset, Sample } from '../../schemas/types.ts'
import type { Row } from '../split.ts'
import { floorOf, isOf, isReal, type MixSettings, type Rule } from '../mixing.ts'

/** Kinds of waiting samples: real ones pay for the places of the others. */
export type Kind = 'real' | 'other' | 'verified'
export type Input = 'human' | 'verified'

/** Rows that are alike to every rule: of a kind, and in the same groups. */
export type Class = { readonly key: string; readonly kind: Kind; readonly groups: readonly number[] }

/** Rows of a prefix: all of them, real ones, and those in each group. */
export type Tally = { readonly rows: number; readonly real: number; readonly counts: readonly number[] }

/** A group of rows with a smallest or a largest share. */
type Group = { readonly rule: Rule; readonly least: number | undefined; readonly most: number | undefined }

/** A dataset's promises, ready to be asked. */
export type Plan = {
  readonly settings: MixSettings
  readonly floor: number
  /** Everything is laid down as it comes: nothing waits for guests to be interleaved with. */
  readonly pool: boolean
  readonly groups: readonly Group[]
  /** Rows all groups together may be behind their smallest shares; 0: no group has one. */
  readonly slack: number
  classOf(input: Input, sample: Sample): Class
  /** The class of that key, as state remembers it. */
  classNamed(key: string): Class
  /** Quotas in rows. */
  readonly quotas: readonly number[]
  /** Numbers of those a sample counts for. */
  quotasOf(sample: Sample): number[]
}

/** Why a sample never enters training, by what it is and nothing else. */
export type Unwanted =
  'not_seed' | 'forbidden_terms' | 'too_deep' | 'unknown_generation' | 'no_human_text' | 'thinned'

/** A dataset's plan. */
export function planOf(dataset: Pick<Dataset, 'floor'>, settings: MixSettings): Plan {
  const { min_share, quota, strategy } = settings
  const groups: Group[] = [
    ...min_share.map(rule => ({ rule, least: rule.share, most: undefined })),
    ...quota.flatMap(rule => (rule.share === undefined ? [] : [{ rule, least: undefined, most: rule.share }]))
  ]
  const limits = quota.flatMap(rule => (rule.rows === undefined ? [] : [{ rule, rows: rule.rows }]))
  const classes = new Map<string, Class>()
  const classNamed = (key: string): Class => {
    let found = classes.get(key)
    if (!found) {
      const [kind, list] = key.split('|')
      const numbers = list === undefined || list === '' ? [] : list.split(',').map(Number)
      classes.set(key, (found = { key, kind: kind as Kind, groups: numbers }))
    }
    return found
  }
  return {
    settings,
    floor: floorOf(dataset, settings),
    pool: strategy !== 'accumulate',
    groups,
    slack: min_share.length === 0 ? 0 : min_share.length + 2,
    quotas: limits.map(({ rows }) => rows),
    classNamed,
    classOf(input, sample) {
      const kind = input === 'verified' ? 'verified' : isReal(sample, settings) ? 'real' : 'other'
      if (groups.length === 0) return classNamed(kind)
      let list = ''
      for (const [number, { rule }] of groups.entries())
        if (isOf(rule, sample)) list += list === '' ? number : `,${number}`
      return classNamed(`${kind}|${list}`)
    },
    quotasOf(sample) {
      const numbers: number[] = []
      for (const [number, { rule }] of limits.entries()) if (isOf(rule, sample)) numbers.push(number)
      return numbers
    }
  }
}

/** Why a sample never enters training, if so. */
export function unwanted(
  { settings: { strategy, weights } }: Plan,
  deepest: number,
  input: Input,
  { id, provenance: { output_terms, generation } }: Row
): Unwanted | undefined {
  if (input === 'human' && strategy === 'replace') return 'no_human_text'
  if (output_terms === 'forbidden') return 'forbidden_terms'
  if (generation === null) return 'unknown_generation'
  if (generation > deepest) return 'too_deep'
  const weight = input === 'verified' ? weights[generation] : undefined
  // The same texts whatever restarts, and more of them under a larger weight.
  return weight !== undefined && hash32(`weight:${id}`) >= weight * 2 ** 32 ? 'thinned' : undefined
}

/** Whether one more row may follow without real ones before it. */
export function holdsFloor({ floor }: Plan, { rows, real }: Tally, kind: Kind): boolean {
  return (kind === 'real' ? real + 1 : real) >= floor * (rows + 1)
}

/** Room for what floating point makes of equal sums. */
const rounding = 1e-9

/** Rows all groups together are behind their smallest shares in a prefix, once one more row of a class, if any, is laid. */
export function behind(plan: Plan, { rows, counts }: Tally, of?: Class): number {
  let sum = 0
  for (const [number, { least }] of plan.groups.entries()) {
    if (least === undefined) continue
    const deficit = of
      ? least * (rows + 1) - counts[number]! - (of.groups.includes(number) ? 1 : 0)
      : least * rows - counts[number]!
    if (deficit > 0) sum += deficit
  }
  return sum
}

/**
 * What keeps a row of a class from being laid next: the floor, or a group; undefined: nothing.
 *
 * Smallest shares are kept together: what all groups are behind never grows past `slack` rows. Where several are behind
 * each row of one of them takes at least as much off that as it adds for the others, so none blocks the other for good,
 * as long as the shares and the floor leave room for all. So that real rows, which must come in between, find room as
 * well, others stop one row earlier: behind what real rows are ahead of the floor.
 */
export function obstacle(plan: Plan, tally: Tally, of: Class): 'floor' | number | undefined {
  if (!holdsFloor(plan, tally, of.kind)) return 'floor'
  const { floor, groups, slack } = plan
  const { rows, real, counts } = tally
  for (const number of of.groups) {
    const { most } = groups[number]!
    if (most !== undefined && counts[number]! + 1 > most * (rows + 1)) return number
  }
  if (slack === 0) return undefined
  const [before, after] = [behind(plan, tally), behind(plan, tally, of)]
  const ahead = real - floor * rows
  const aheadAfter = ahead - floor + (of.kind === 'real' ? 1 : 0)
  const holds =
    (after <= slack || after <= before + rounding) &&
    (after - aheadAfter <= slack - 1 || after - aheadAfter <= before - ahead + rounding)
  return holds ? undefined : furthestBehind(plan, tally, of)
}

/** The group that is furthest behind its smallest share, of those a class is none of. */
function furthestBehind({ groups }: Plan, { rows, counts }: Tally, of: Class): number {
  let furthest = 0
  let most = -Infinity
  for (const [number, { least }] of groups.entries()) {
    if (least === undefined || of.groups.includes(number)) continue
    const deficit = least * (rows + 1) - counts[number]!
    if (deficit > most) [furthest, most] = [number, deficit]
  }
  return furthest
}

/** A prefix with one more row. */
export function withRow({ rows, real, counts }: Tally, { kind, groups }: Class): Tally {
  return {
    rows: rows + 1,
    real: kind === 'real' ? real + 1 : real,
    counts:
      groups.length === 0
        ? counts
        : counts.map((count, index) => (groups.includes(index) ? count + 1 : count))
  }
}
